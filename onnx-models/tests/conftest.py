"""Tiny networks, so that everything takes seconds."""

import numpy as np
import pytest
import torch

from morse_models.checkpoints import save_model
from morse_models.dot import Dot, DotConfig
from morse_models.unet import Dash, UNetConfig

LABELS = ["round", "square"]


@pytest.fixture
def config() -> UNetConfig:
    return UNetConfig(
        size=16, widths=(16, 24), blocks=(1, 1), attention=(False, True), heads=2,
        labels=len(LABELS), embedding=32,
    )


def randomize(module: torch.nn.Module, seed: int) -> None:
    """No parameter stays at the zeros or ones it starts with."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn(p.shape, generator=random) * 0.1)


@pytest.fixture
def models(config) -> tuple[Dash, Dot]:
    """Dash and Dot with nothing left at its initial zero."""
    torch.manual_seed(1)
    dash = Dash(config).eval()
    randomize(dash, 2)
    dot = Dot(dash, DotConfig(width=16, rank=4, condition=8)).eval()
    randomize(dot, 3)
    return dash, dot


def save_pair(folder, dash, dot):
    """Writes both as checkpoints."""
    for name, model in (("dash", dash), ("dot", dot)):
        save_model(folder / f"{name}.pt", model)


@pytest.fixture
def data_file(tmp_path, config):
    """A training set of random pictures."""
    random = np.random.default_rng(0)
    path = tmp_path / "data.npz"
    np.savez(
        path,
        pictures=random.integers(0, 256, (12, 3, config.size, config.size), np.uint8),
        labels=np.arange(12) % 2,
        names=LABELS,
        mirror=np.arange(12) < 6,
    )
    return path
