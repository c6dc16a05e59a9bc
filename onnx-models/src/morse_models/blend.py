"""Weights on the straight line between two checkpoints of one training.

A network that is trained on keeps its place in the loss landscape: every point between what it was and
what it became is a network that works, and often a better one than either end (Wortsman et al. 2022,
2109.01903, section 2). Where there are few pictures, a Dash that is trained on draws more clearly, and
knows more of them by heart; between the two there is a choice.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .checkpoints import load_models, save_model
from .dot import Dot
from .unet import Dash


def blend(first: Dash | Dot, second: Dash | Dot, share: float) -> None:
    """Moves ``first`` ``share`` of the way (0 to 1) to ``second``.

    Raises:
        ValueError: if they differ in their sizes.
    """
    if first.config != second.config:
        raise ValueError(f"they differ in their sizes: {first.config}, {second.config}")
    to = second.state_dict()
    first.load_state_dict({k: v.lerp(to[k], share) for k, v in first.state_dict().items()})


def holds(folder: Path, name: str) -> bool:
    """Whether a folder of checkpoints, or a shipped model, holds a model."""
    return any((folder / f"{name}.{ending}").exists() for ending in ("pt", "onnx"))


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
        if not holds(folder, "dash"):
            parser.error(f"'{folder}' holds neither dash.pt nor dash.onnx")
    mixed = {}
    for name, first, second in zip(("dash", "dot"), *map(load_models, folders)):
        # Beside a Dash alone there is no Dot that was trained.
        if all(holds(folder, name) for folder in folders):
            try:
                blend(first, second, args.share)
            except ValueError as error:
                parser.error(f"{name} of '{args.first}' and '{args.second}': {error}")
            mixed[name] = first
    for name, model in mixed.items():
        save_model(args.out / f"{name}.pt", model)
