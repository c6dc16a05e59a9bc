"""Golden vectors of a shipped model, computed by PyTorch in float32, for the engine's tests."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .dot import Dot
from .export import example_inputs, read_back
from .sampling import sample
from .unet import Dash

GOLDEN = Path("../tests/src/test/resources/golden")
BATCHES = (1, 3)
DASH_STEPS, DOT_STEPS = 3, 1
GUIDANCE = 2.0
LABEL = 0
"""Label of the guided trajectory; the other one has the null label."""

README = f"""# Golden vectors of the shipped model

Written by `python -m morse_models golden` with PyTorch in float32; the same shipped weights.

- `b1/`, `b3/`: one batch each. `sample`, `timestep`, `class_labels` are Dash's inputs,
  `out_sample` and `dash_features` what it answers. Dot gets these as `dash_sample`, `dash_timestep`,
  `dash_output`, `dash_features` and `class_labels`, with `dot_sample` and `dot_timestep` as its own
  `sample` and `timestep`, and the `previous_...` as they are; it answers `residual`.
- `trajectory/`: DDIM, {DASH_STEPS} steps of Dash each followed by {DOT_STEPS} of Dot, from `noise`:
  `unguided` with the null label, `guided` with label {LABEL} and guidance {GUIDANCE};
  [steps + 1, N, C, H, W], the noise first.
"""


def batch_arrays(dash: Dash, dot: Dot, batch: int) -> dict[str, Tensor]:
    """Inputs and answers of both models at one batch."""
    of_dash, of_dot = example_inputs(dash, dot, batch, 100 + batch)
    return {
        **of_dash,
        "out_sample": of_dot["dash_output"],
        "dash_features": of_dot["dash_features"],
        "dot_sample": of_dot["sample"],
        "dot_timestep": of_dot["timestep"],
        **{name: value for name, value in of_dot.items() if name.startswith("previous_")},
        "residual": dot.correct(*of_dot.values()),
    }


def trajectories(dash: Dash, dot: torch.nn.Module) -> dict[str, Tensor]:
    """Two pictures drawn without and with guidance, every sample kept."""
    config = dash.config
    noise = torch.randn(
        (2, config.channels, config.size, config.size), generator=torch.Generator().manual_seed(7)
    )
    arrays = {"noise": noise}
    for name, label, guidance in (("unguided", config.labels, 1.0), ("guided", LABEL, GUIDANCE)):
        seen: list[Tensor] = []
        sample(
            dash, dot, noise, torch.full((2,), label), DASH_STEPS, DOT_STEPS, guidance, seen.append
        )
        arrays[name] = torch.stack(seen)
    return arrays


@torch.inference_mode()
def write(model: Path, out: Path) -> None:
    """Writes every array as one .npy file."""
    dash, dot = read_back(model)
    folders = {f"b{n}": batch_arrays(dash, dot, n) for n in BATCHES}
    folders["trajectory"] = trajectories(dash, dot)
    for folder, arrays in folders.items():
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(out / folder / f"{name}.npy", array.contiguous().numpy())
    (out / "README.md").write_text(README, encoding="utf-8")


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models golden``."""
    parser = argparse.ArgumentParser(prog="morse_models golden", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("shipped/emoji32"))
    parser.add_argument("--out", type=Path, help=f"default: {GOLDEN} and the model's name")
    args = parser.parse_args(argv)
    out = args.out or GOLDEN / args.model.name
    write(args.model, out)
    print(f"golden vectors of {args.model} in {out}")
