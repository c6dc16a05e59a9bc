"""Checkpoints of training, and models read back from a shipped directory."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from .dot import Dot, DotConfig
from .unet import Dash, UNetConfig


def save(path: Path, **state: object) -> None:
    """Writes a checkpoint so that an interruption leaves the former one intact."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def save_model(path: Path, model: Dash | Dot) -> None:
    """Writes a model as :func:`load_models` reads it: averaged weights and sizes, no training."""
    save(path, ema=model.state_dict(), config=asdict(model.config))


def load(path: Path) -> dict:
    """Reads what :func:`save` wrote."""
    return torch.load(path, map_location="cpu", weights_only=True)


def unet_config(state: dict) -> UNetConfig:
    """The sizes that a checkpoint was trained with; the defaults if it doesn't say."""
    return UNetConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in state.items()})


def dot_config(state: dict) -> DotConfig:
    """As :func:`unet_config`, of Dot."""
    return DotConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in state.items()})


def load_models(directory: Path) -> tuple[Dash, Dot]:
    """Reads the averaged weights of Dash and Dot, ready to run.

    Args:
        directory: holds ``dash.pt`` and perhaps ``dot.pt``, or is a shipped model directory.

    Returns:
        Dash and Dot; without a checkpoint of Dot one that only turns Dash's estimate.
    """
    if (directory / "dash.onnx").exists():
        from .export import read_back

        return read_back(directory)
    state = load(directory / "dash.pt")
    dash = Dash(unet_config(state.get("config", {}))).eval()
    dash.load_state_dict(state["ema"])
    path = directory / "dot.pt"
    if not path.exists():
        return dash, Dot(dash).eval()
    state = load(path)
    dot = Dot(dash, dot_config(state["config"])).eval()
    dot.load_state_dict(state["ema"])
    return dash, dot
