"""Export of a whole diffusers folder to ONNX, Dash and Dot on one external-data file.

Tensors are written to the shared file as they are met, each distinct content once, so that neither
memory nor protobuf's limit of 2 GiB bounds the size of the weights.
"""

from __future__ import annotations

import hashlib
import shutil
import warnings
from pathlib import Path

import onnx_ir as ir
import torch
from torch import Tensor, nn

from .dot import LatentDot
from .folder import DashFolder

OPSET = 20
ALIGNMENT = 64
SMALLEST = 256
"""Tensors of fewer bytes stay in the graph: shapes, axes, scalars."""
SHARED = "weights.bin"


class SharedFile:
    """An external-data file that several graphs refer to."""

    def __init__(self, path: Path):
        self.path = path
        self.offsets: dict[bytes, int] = {}
        self.stream = path.open("wb")

    def add(self, tensor: ir.TensorProtocol) -> ir.ExternalTensor:
        """Writes a tensor unless its bytes are there already."""
        content = tensor.tobytes()
        key = hashlib.sha256(content).digest()
        if key not in self.offsets:
            self.stream.write(bytes(-self.stream.tell() % ALIGNMENT))
            self.offsets[key] = self.stream.tell()
            self.stream.write(content)
        return ir.ExternalTensor(
            self.path.name, self.offsets[key], len(content), tensor.dtype,
            shape=tensor.shape, name=tensor.name, base_dir=str(self.path.parent),
        )

    def close(self) -> None:
        """Ends the file."""
        self.stream.close()


class Named(nn.Module):
    """A module whose positional inputs become keyword arguments of a function."""

    def __init__(self, owner: nn.Module, names: list[str], function):
        super().__init__()
        self.owner, self.names, self.function = owner, names, function

    def forward(self, inputs: tuple[Tensor, ...]):
        """Calls the function with the owner and the inputs by name."""
        return self.function(self.owner, dict(zip(self.names, inputs)))


def to_graph(
    owner: nn.Module, function, inputs: dict[str, Tensor], free: dict[str, tuple[int, ...]],
    outputs: list[str], file: SharedFile, path: Path,
) -> None:
    """Exports one graph.

    Args:
        owner: holds the weights.
        function: takes the owner and the inputs by name, gives tensors.
        inputs: examples; a batch of one would be taken for a constant.
        free: axes that stay open, by input.
        outputs: names.
        file: where large tensors go; in the folder of ``path``.
        path: the .onnx file.
    """
    names = list(inputs)
    any_size = torch.export.Dim.DYNAMIC
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Named(owner, names, function).eval(), (tuple(inputs.values()),),
            input_names=names, output_names=outputs, opset_version=OPSET, dynamo=True,
            dynamic_shapes=(tuple({a: any_size for a in free.get(n, ())} for n in names),),
            verbose=False, external_data=False,
        )
    model = program.model
    for value in model.graph.initializers.values():
        value.metadata_props.clear()
        if value.const_value is not None and value.const_value.nbytes >= SMALLEST:
            value.const_value = file.add(value.const_value)
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None
    file.stream.flush()
    path.parent.mkdir(parents=True, exist_ok=True)
    ir.save(model, path)


def example_side(unet: nn.Module, dot: LatentDot | None) -> int:
    """A side at which the deepest level still has 2x2 positions: a 1 would be taken for a constant."""
    levels = len(unet.config.down_block_types)
    return max(16, 2**levels * (2**dot.config.stages if dot is not None else 1))


def example(folder: DashFolder, kind: torch.dtype, side: int) -> dict[str, Tensor]:
    """Inputs of Dash for two pictures."""
    config = folder.unet.config
    if folder.prediction == "flow":
        return {
            "hidden_states": torch.randn(2, config.in_channels, 16, 24, dtype=kind),
            "timestep": torch.tensor([500.0, 300.0]),
            "encoder_hidden_states": torch.randn(2, 77 + 256, config.joint_attention_dim, dtype=kind),
            "pooled_projections": torch.randn(2, config.pooled_projection_dim, dtype=kind),
        }
    if folder.part == "transformer":
        # Positions fix the size.
        square = (config.sample_size, config.sample_size)
        return {
            "hidden_states": torch.randn(2, config.in_channels, *square, dtype=kind),
            "timestep": torch.tensor([500.0, 300.0]),
            "class_labels": torch.tensor([0, 1]),
        }
    inputs = {
        "sample": torch.randn(2, config.in_channels, side, side, dtype=kind),
        "timestep": torch.tensor([500.0, 300.0]),
    }
    if folder.text:
        inputs["encoder_hidden_states"] = torch.randn(
            2, 77, config.cross_attention_dim, dtype=kind
        )
    if folder.xl:
        ids = folder.time_ids(64.0)
        width = config.projection_class_embeddings_input_dim
        width -= len(ids) * config.addition_time_embed_dim
        inputs["text_embeds"] = torch.randn(2, width, dtype=kind)
        inputs["time_ids"] = torch.tensor([ids] * 2, dtype=kind)
    if getattr(config, "time_cond_proj_dim", None):
        inputs["timestep_cond"] = torch.randn(2, config.time_cond_proj_dim, dtype=kind)
    if getattr(folder.unet, "class_embedding", None) is not None:
        inputs["class_labels"] = torch.tensor([0, 1])
    return inputs


def dash_call(unet: nn.Module, given: dict[str, Tensor]) -> Tensor:
    """Dash by the names of its graph's inputs."""
    added = {k: given.pop(k) for k in ("text_embeds", "time_ids") if k in given}
    if added:
        given["added_cond_kwargs"] = added
    return unet(**given, return_dict=False)[0]


def write_unets(folder: DashFolder, dot: LatentDot | None, out: Path, half: bool) -> None:
    """Writes model.onnx and dot.onnx on weights.bin into unet/, or transformer/.

    Args:
        folder: Dash.
        dot: Dot around the same parameters; None for Dash alone.
        out: the folder to write.
        half: fp16 weights and activations instead of float32.
    """
    kind = torch.float16 if half else torch.float32
    part = out / folder.part
    part.mkdir(parents=True, exist_ok=True)
    file = SharedFile(part / SHARED)
    unet = folder.part == "unet"
    inputs = example(folder, kind, example_side(folder.unet, dot) if unet else 0)
    free = {n: (0,) for n in inputs}
    if unet:
        free["sample"] = (0, 2, 3)
    elif folder.prediction == "flow":
        free["hidden_states"] = (0, 2, 3)
    folder.unet.to(kind)
    to_graph(folder.unet, dash_call, inputs, free, ["out_sample"], file, part / "model.onnx")
    if dot is not None:
        dot.to(kind).eval()
        rest = {k: v for k, v in inputs.items() if k not in ("sample", "timestep")}
        own = inputs["sample"][:, : folder.unet.config.out_channels]
        given = {
            "sample": inputs["sample"], "timestep": inputs["timestep"],
            "dash_sample": torch.randn_like(own),
            "dash_timestep": inputs["timestep"] + 100,
            "dash_output": torch.randn_like(own), **rest,
        }
        free |= {n: (0, 2, 3) for n in ("dash_sample", "dash_output")} | {"dash_timestep": (0,)}
        to_graph(dot, lambda d, g: d(**g), given, free, ["residual"], file, part / "dot.onnx")
    file.close()
    (part / "config.json").write_text(folder.unet.to_json_string())


def write_texts(folder: DashFolder, out: Path, half: bool) -> None:
    """Writes text_encoder/, text_encoder_2/ and their tokenizers."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    first = CLIPTextModelWithProjection if folder.prediction == "flow" else CLIPTextModel
    for suffix, kind in (("", first), ("_2", CLIPTextModelWithProjection)):
        source = folder.path / f"text_encoder{suffix}"
        if not source.exists():
            continue
        model = kind.from_pretrained(source).eval()
        model = model.half() if half else model
        projected = kind is CLIPTextModelWithProjection

        def run(m, given, projected=projected):
            o = m(given["input_ids"], output_hidden_states=True)
            pooled = o.text_embeds if projected else o.pooler_output
            return (o.last_hidden_state, pooled, *o.hidden_states)

        target = out / f"text_encoder{suffix}"
        target.mkdir(parents=True, exist_ok=True)
        file = SharedFile(target / SHARED)
        layers = model.config.num_hidden_layers
        names = ["last_hidden_state", "text_embeds" if projected else "pooler_output"]
        names += [f"hidden_states.{i}" for i in range(layers + 1)]
        ids = torch.zeros(2, 77, dtype=torch.int64)
        to_graph(model, run, {"input_ids": ids}, {"input_ids": (0,)}, names, file,
                 target / "model.onnx")
        file.close()
        (target / "config.json").write_text(model.config.to_json_string())
        shutil.copytree(folder.path / f"tokenizer{suffix}", out / f"tokenizer{suffix}",
                        dirs_exist_ok=True)


def write_t5(folder: DashFolder, out: Path, half: bool) -> None:
    """Writes text_encoder_3/ and tokenizer_3/ of a Stable Diffusion 3 that has them."""
    from transformers import T5EncoderModel

    source = folder.path / "text_encoder_3"
    if folder.prediction != "flow" or not source.exists():
        return
    # In fp16 transformers keeps the layers in fp32 whose sums would not fit.
    model = T5EncoderModel.from_pretrained(
        source, torch_dtype=torch.float16 if half else torch.float32).eval()
    target = out / "text_encoder_3"
    target.mkdir(parents=True, exist_ok=True)
    file = SharedFile(target / SHARED)
    to_graph(model, lambda m, given: m(given["input_ids"]).last_hidden_state,
             {"input_ids": torch.zeros(2, 256, dtype=torch.int64)}, {"input_ids": (0,)},
             ["last_hidden_state"], file, target / "model.onnx")
    file.close()
    (target / "config.json").write_text(model.config.to_json_string())
    shutil.copytree(folder.path / "tokenizer_3", out / "tokenizer_3", dirs_exist_ok=True)


def write_vae(folder: DashFolder, out: Path, half: bool) -> None:
    """Writes vae_decoder/ and vae_encoder/."""
    from diffusers import AutoencoderKL

    if not (folder.path / "vae").exists():
        return
    vae = AutoencoderKL.from_pretrained(folder.path / "vae").eval()
    # As in diffusers: SDXL's grows beyond what fp16 holds, unless it says that it was mended.
    fits = not (folder.xl and vae.config.force_upcast)
    kind = torch.float16 if half and fits else torch.float32
    vae.to(kind)

    def encode(v, given):
        moments = v.encoder(given["sample"])
        return moments if v.quant_conv is None else v.quant_conv(moments)

    parts = {
        "vae_decoder": ("latent_sample", lambda v, g: v.decode(g["latent_sample"]).sample,
                        vae.config.latent_channels, "sample"),
        "vae_encoder": ("sample", encode, 3, "latent_parameters"),
    }
    for name, (given, run, channels, output) in parts.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        file = SharedFile(out / name / SHARED)
        to_graph(vae, run, {given: torch.randn(2, channels, 32, 32, dtype=kind)},
                 {given: (0, 2, 3)}, [output], file, out / name / "model.onnx")
        file.close()
        (out / name / "config.json").write_text(vae.to_json_string())


def write_folder(folder: DashFolder, dot: LatentDot | None, out: Path, half: bool) -> None:
    """Writes everything that the engine needs to draw from a text."""
    write_unets(folder, dot, out, half)
    write_texts(folder, out, half)
    write_t5(folder, out, half)
    write_vae(folder, out, half)
    for name in ("scheduler/scheduler_config.json", "model_index.json"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        if (folder.path / name).exists():
            shutil.copyfile(folder.path / name, out / name)
