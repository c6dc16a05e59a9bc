"""Writes and reads back a model directory: dash.onnx, dot.onnx and what belongs to them.

The weights are rounded to fp16 first, so that the graphs and the PyTorch modules agree to float32
rounding. Every parameter lies in the shared file, and a table in the graph's metadata says where:
a shipped directory is a checkpoint that training can go on from.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .checkpoints import dot_config, load_models, unet_config
from .diffusion import STEPS
from .dot import Dot
from .unet import Dash
from .weights import WeightFile, externalize

OPSET = 23
WEIGHTS = "weights.bin"
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.02,
    "beta_schedule": "squaredcos_cap_v2",
    "beta_start": 0.0001,
    "clip_sample": False,
    "num_train_timesteps": STEPS,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "timestep_spacing": "trailing",
    "variance_type": "fixed_small",
}


class DashGraph(nn.Module):
    """Dash with the input names of diffusers, and what Dot observes of its step."""

    def __init__(self, dash: Dash, dot: Dot):
        super().__init__()
        self.dash, self.dot = dash, dot

    def forward(
        self, sample: Tensor, timestep: Tensor, class_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`Dash` and :meth:`Dot.observe`."""
        output, features = self.dash(sample, timestep, class_labels)
        return output, self.dot.observe(sample, output, features)


class DotGraph(nn.Module):
    """Dot with Dash's parameters as parameters of the graph."""

    def __init__(self, dash: Dash, dot: Dot):
        super().__init__()
        self.dash, self.dot = dash, dot

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        dash_sample: Tensor,
        dash_timestep: Tensor,
        dash_output: Tensor,
        class_labels: Tensor,
        dash_features: Tensor,
        previous_dash_sample: Tensor | None = None,
        previous_dash_timestep: Tensor | None = None,
        previous_dash_output: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`Dot.correct`."""
        return self.dot.correct(
            sample, timestep, dash_sample, dash_timestep, dash_output, class_labels, dash_features,
            previous_dash_sample, previous_dash_timestep, previous_dash_output,
        )


def round_to_half(*modules: nn.Module) -> None:
    """Rounds every parameter to the nearest fp16 value, in place."""
    with torch.no_grad():
        for module in modules:
            for parameter in module.parameters():
                parameter.copy_(parameter.half().float())


def example_inputs(dash: Dash, dot: Dot, batch: int, seed: int) -> tuple[dict, dict]:
    """Random inputs of Dash and of Dot, by name."""
    random = torch.Generator().manual_seed(seed)
    config = dash.config
    picture = (batch, config.channels, config.size, config.size)
    labels = torch.randint(config.labels + 1, (batch,), generator=random)
    then = torch.randint(100, STEPS, (batch,), generator=random).float()
    of_dash = {
        "sample": torch.randn(picture, generator=random),
        "timestep": then,
        "class_labels": labels,
    }
    output, features = DashGraph(dash, dot)(*of_dash.values())
    of_dot = {
        "sample": torch.randn(picture, generator=random),
        "timestep": then - torch.randint(10, 100, (batch,), generator=random).float(),
        "dash_sample": of_dash["sample"],
        "dash_timestep": then,
        "dash_output": output,
        "class_labels": labels,
        "dash_features": features,
    }
    if dot.config.looks_back:
        before = (then + torch.randint(10, 100, (batch,), generator=random)).clamp(max=STEPS - 1)
        former = torch.randn(picture, generator=random)
        of_dot["previous_dash_sample"] = former
        of_dot["previous_dash_timestep"] = before
        of_dot["previous_dash_output"] = dash(former, before, labels)[0]
    return of_dash, of_dot


def to_onnx(module: nn.Module, inputs: dict, outputs: list[str]) -> onnx.ModelProto:
    """Exports a module whose inputs all have the batch as their first and only free dimension."""
    batch = torch.export.Dim("N")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            verbose=False,
        )
    model = program.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer,
                 *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for node in model.graph.node:
        used = [a for a in node.attribute if not a.name.startswith("pkg.torch")]
        del node.attribute[:]
        node.attribute.extend(used)
    del model.graph.value_info[:]
    return model


def parameter_table(module: nn.Module, model: onnx.ModelProto, weights: WeightFile) -> dict:
    """Stores every parameter and says where: {name: [offset, transposed, shape]}.

    The exporter folds transpositions into weights: such a parameter is stored only as the graph
    has it.
    """
    stored = set(weights.offsets)
    probe = WeightFile("")
    table = {}
    for name, parameter in module.named_parameters():
        array = parameter.detach().numpy().astype(np.float16)
        candidates = [(array, False)] + ([(array.T, True)] if array.ndim == 2 else [])
        chosen = next((c for c in candidates if probe_key(probe, c[0]) in stored), candidates[0])
        offset, _ = weights.add(chosen[0])
        table[name] = [offset, chosen[1], list(array.shape)]
    return table


def probe_key(probe: WeightFile, array: np.ndarray) -> bytes:
    """The key under which a weight file holds an array."""
    probe.offsets.clear()
    probe.add(array)
    return next(iter(probe.offsets))


def write(dash: Dash, dot: Dot, directory: Path, labels: list[str], card: str) -> None:
    """Rounds the weights to fp16 and writes the whole directory."""
    directory.mkdir(parents=True, exist_ok=True)
    round_to_half(dash, dot)
    with torch.no_grad():
        of_dash, of_dot = example_inputs(dash, dot, 2, 0)
    weights = WeightFile(WEIGHTS)
    graphs = {
        "dash.onnx": (DashGraph(dash, dot), of_dash, ["out_sample", "dash_features"]),
        "dot.onnx": (DotGraph(dash, dot), of_dot, ["residual"]),
    }
    models = {}
    for name, (module, inputs, outputs) in graphs.items():
        models[name] = to_onnx(module, inputs, outputs)
        externalize(models[name], weights)
    config = {"dash": asdict(dash.config), "dot": asdict(dot.config)}
    table = parameter_table(DotGraph(dash, dot), models["dot.onnx"], weights)
    for model in models.values():
        del model.metadata_props[:]
        model.producer_name, model.producer_version = "morse_models", ""
    onnx.helper.set_model_props(
        models["dash.onnx"], {"config": json.dumps(config), "parameters": json.dumps(table)}
    )
    weights.write(directory)
    for name, model in models.items():
        (directory / name).write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(directory / name))
    text = json.dumps(SCHEDULER, indent=2) + "\n"
    (directory / "scheduler_config.json").write_text(text, encoding="utf-8")
    (directory / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (directory / "model_card.md").write_text(card, encoding="utf-8")


def read_back(directory: Path) -> tuple[Dash, Dot]:
    """Builds Dash and Dot from a directory that :func:`write` made."""
    model = onnx.load(str(directory / "dash.onnx"), load_external_data=False)
    entries = {p.key: json.loads(p.value) for p in model.metadata_props}
    dash = Dash(unet_config(entries["config"]["dash"])).eval()
    dot = Dot(dash, dot_config(entries["config"]["dot"])).eval()
    data = (directory / WEIGHTS).read_bytes()
    state = {}
    for name, (offset, transposed, shape) in entries["parameters"].items():
        count = int(np.prod(shape))
        array = np.frombuffer(data, np.float16, count, offset).astype(np.float32)
        array = array.reshape(shape[::-1]).T if transposed else array.reshape(shape)
        state[name] = torch.from_numpy(np.ascontiguousarray(array))
    DotGraph(dash, dot).load_state_dict(state)
    dash.requires_grad_(False)
    return dash, dot


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models export``; with --from that of a diffusers folder."""
    if any(a.split("=")[0] == "--from" for a in argv):
        from .latent.command import export as export_folder

        export_folder(argv)
        return
    parser = argparse.ArgumentParser(prog="morse_models export", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of dash.pt and dot.pt")
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--card", type=Path, required=True, help="the model card to ship")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    with np.load(args.data) as file:
        labels = [str(name) for name in file["names"]]
    dash, dot = load_models(args.models)
    write(dash, dot, args.out, labels, args.card.read_text(encoding="utf-8"))
    size = sum(f.stat().st_size for f in args.out.iterdir())
    print(f"{size / 2**20:.1f} MiB in {args.out}")
