"""Export to a model directory: two graphs and one file of fp16 weights that both refer to."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .diffusion import STEPS
from .dot import Dot, DotConfig
from .unet import Dash, UNetConfig

OPSET = 21
WEIGHTS = "weights.bin"
INLINE = 128
"""Initializers of fewer elements stay in the graph."""
ALIGNMENT = 64

SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": STEPS,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "timestep_spacing": "trailing",
    "steps_offset": 0,
    "set_alpha_to_one": True,
}


def load(
    dash_path: Path, dot_path: Path | None, config: UNetConfig = UNetConfig()
) -> tuple[Dash, Dot]:
    """Averaged weights of checkpoints, rounded as they will be stored; an absent Dot is untrained."""
    dash = Dash(config)
    dash.load_state_dict(torch.load(dash_path, weights_only=True)["ema"])
    dot = Dot(dash, DotConfig())
    if dot_path is not None:
        for p, value in zip(dot.own_parameters(), torch.load(dot_path, weights_only=True)["ema"]):
            p.data.copy_(value)
    return round_weights(dash), round_weights(dot)


def round_weights(model: nn.Module) -> nn.Module:
    """Rounds parameters to fp16 values, still stored as fp32; returns the model for inference."""
    for p in model.parameters():
        p.data.copy_(p.data.half().float())
    return model.eval().requires_grad_(False)


class _DashGraph(nn.Module):
    def __init__(self, dash: Dash):
        super().__init__()
        self.dash = dash

    def forward(self, sample, timestep, class_labels):
        return self.dash(sample, timestep, class_labels)


class _DotGraph(nn.Module):
    def __init__(self, dot: Dot):
        super().__init__()
        self.dot = dot

    def forward(
        self, sample, timestep, dash_sample, dash_timestep, dash_output, class_labels, dash_features
    ):
        return self.dot(
            sample, timestep, dash_sample, dash_timestep, dash_output, class_labels, dash_features
        )


def trace(model: nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str]) -> onnx.ModelProto:
    """Runs PyTorch's exporter with a dynamic batch."""
    shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
    program = torch.onnx.export(
        model,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=outputs,
        opset_version=OPSET,
        dynamic_shapes=shapes,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        program.save(f"{folder}/model.onnx")
        return onnx.load(f"{folder}/model.onnx")


def example(config: UNetConfig, batch: int = 2) -> dict[str, torch.Tensor]:
    """Inputs of Dot, of which the first two and the labels are Dash's."""
    picture = (batch, config.channels, config.size, config.size)
    side = config.size // config.patch
    return {
        "sample": torch.randn(picture),
        "timestep": torch.randint(0, STEPS // 2, (batch,)),
        "dash_sample": torch.randn(picture),
        "dash_timestep": torch.randint(STEPS // 2, STEPS, (batch,)),
        "dash_output": torch.randn(picture),
        "class_labels": torch.randint(0, config.labels + 1, (batch,)),
        "dash_features": torch.randn(batch, config.widths[0], side, side),
    }


def trace_both(dash: Dash, dot: Dot) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Both graphs with their weights inside."""
    inputs = example(dash.config)
    dash_inputs = {k: inputs[k] for k in ("sample", "timestep", "class_labels")}
    return (
        trace(_DashGraph(dash), dash_inputs, ["out_sample", "dash_features"]),
        trace(_DotGraph(dot), inputs, ["residual"]),
    )


class SharedWeights:
    """One file in which every distinct tensor stands once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.offsets: dict[bytes, int] = {}

    def add(self, content: bytes) -> int:
        """Returns the offset of some bytes, stored now or before."""
        if content not in self.offsets:
            self.data.extend(bytes(-len(self.data) % ALIGNMENT))
            self.offsets[content] = len(self.data)
            self.data.extend(content)
        return self.offsets[content]

    def move(self, model: onnx.ModelProto, keep: float = 1e-3) -> None:
        """Moves a graph's weights into the file as fp16, each behind a Cast to fp32.

        Tensors that fp16 would change by more than ``keep`` (tables, not weights) stay inside.
        """
        casts, kept = [], []
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            half = values.astype(np.float16) if values.dtype == np.float32 else None
            exact = half is not None and np.array_equal(half.astype(np.float32), values)
            if not exact or values.size < INLINE:
                kept.append(tensor)
                continue
            content = half.tobytes()
            moved = TensorProto(
                name=tensor.name + ".fp16",
                data_type=TensorProto.FLOAT16,
                dims=tensor.dims,
                data_location=TensorProto.EXTERNAL,
            )
            place = {"location": WEIGHTS, "offset": self.add(content), "length": len(content)}
            for key, value in place.items():
                moved.external_data.add(key=key, value=str(value))
            casts.append(
                helper.make_node("Cast", [moved.name], [tensor.name], tensor.name + ".cast",
                                 to=TensorProto.FLOAT)
            )
            kept.append(moved)
        nodes = [*casts, *model.graph.node]
        del model.graph.initializer[:], model.graph.node[:]
        model.graph.initializer.extend(kept)
        model.graph.node.extend(nodes)


def strip(model: onnx.ModelProto) -> None:
    """Removes what exporters add for themselves: metadata, doc strings, inferred shapes."""
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    model.producer_name, model.producer_version = "morse_models", ""


def write(folder: Path, dash: Dash, dot: Dot, labels: list[str]) -> dict[str, int]:
    """Writes a model directory, all but its card.

    Returns:
        sizes in bytes by file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = SharedWeights()
    for name, model in zip(("dash.onnx", "dot.onnx"), trace_both(dash, dot)):
        strip(model)
        weights.move(model)
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    (folder / WEIGHTS).write_bytes(weights.data)
    (folder / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    for name in ("dash.onnx", "dot.onnx"):
        onnx.checker.check_model(str(folder / name))
    return {p.name: p.stat().st_size for p in sorted(folder.iterdir())}


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models export``."""
    from . import data

    parser = argparse.ArgumentParser(prog="morse_models export", description=__doc__)
    parser.add_argument("--dash", type=Path, default=Path("runs/dash.pt"))
    parser.add_argument("--dot", type=Path, help="checkpoint of Dot; untrained without")
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("shipped/emoji32"))
    args = parser.parse_args(argv)
    names = data.load(args.data)[2]
    dash, dot = load(args.dash, args.dot, UNetConfig(labels=len(names)))
    for name, size in write(args.out, dash, dot, names).items():
        print(f"{size:>10} {name}")
