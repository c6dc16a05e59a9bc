"""Weights on the straight line between two checkpoints of one training.

A network that is trained on keeps its place in the loss landscape: every point between what it was and
what it became is a network that works, and often a better one than either end (Wortsman et al. 2022,
2109.01903, section 2). Where there are few pictures, a Dash that is trained on draws more clearly, and
knows more of them by heart; between the two there is a choice.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from torch import nn

from .checkpoints import load_models, save


def between(first: nn.Module, second: nn.Module, share: float) -> dict:
    """The state at ``share`` of the way from ``first`` (0) to ``second`` (1).

    Raises:
        ValueError: if they differ in their sizes.
    """
    if first.config != second.config:
        raise ValueError(f"they differ in their sizes: {first.config}, {second.config}")
    to = second.state_dict()
    return {name: value.lerp(to[name], share) for name, value in first.state_dict().items()}


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models blend``."""
    parser = argparse.ArgumentParser(prog="morse_models blend", description=__doc__)
    for end in ("--first", "--second"):
        parser.add_argument(end, type=Path, required=True,
                            help="folder of checkpoints, or a shipped model")
    parser.add_argument("--share", type=float, default=0.5,
                        help="of the way from the first to the second; default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints written")
    args = parser.parse_args(argv)
    if not 0 <= args.share <= 1:
        parser.error(f"--share {args.share}: give a number of 0 to 1")
    for name in ("dash.pt", "dot.pt"):
        if (args.out / name).exists():
            parser.error(f"--out {args.out}: it holds a {name}; give another folder")
    folders = (args.first, args.second)
    for folder in folders:
        if not (folder / "dash.pt").exists() and not (folder / "dash.onnx").exists():
            parser.error(f"'{folder}' holds neither dash.pt nor dash.onnx")
    ends, states = [load_models(folder) for folder in folders], {}
    for name, first, second in zip(("dash", "dot"), *ends):
        # Beside a Dash alone there is no Dot that was trained.
        if all((f / f"{name}.pt").exists() or (f / f"{name}.onnx").exists() for f in folders):
            try:
                states[name] = between(first, second, args.share)
            except ValueError as error:
                parser.error(f"{name} of '{args.first}' and '{args.second}': {error}")
    for model, (name, state) in zip(ends[0], states.items()):
        save(args.out / f"{name}.pt", ema=state, config=asdict(model.config))
