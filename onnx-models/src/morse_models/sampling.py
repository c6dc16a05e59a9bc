"""Morse in a few lines of PyTorch: the reference that the engine is compared with."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .diffusion import STEPS, alphas_cumprod
from .dot import Dot
from .export import load
from .unet import Dash


def trailing(steps: int) -> list[int]:
    """Descending times of diffusers' spacing "trailing"."""
    return [round(STEPS - i * STEPS / steps) - 1 for i in range(steps)]


def ddim_step(x: Tensor, v: Tensor, t: int, t_next: int, table: Tensor) -> Tensor:
    """Deterministic DDIM (Song et al. 2021, eq. 12) for a v estimate; below 0 means alpha_bar 1."""
    bar, bar_next = table[t], table[t_next] if t_next >= 0 else torch.tensor(1.0)
    start = bar.sqrt() * x - (1 - bar).sqrt() * v
    noise = (1 - bar).sqrt() * x + bar.sqrt() * v
    return bar_next.sqrt() * start + (1 - bar_next).sqrt() * noise


@torch.no_grad()
def sample(
    dash: Dash,
    dot: Dot | None,
    noise: Tensor,
    labels: Tensor,
    n_dash: int,
    n_dot: int = 0,
    guidance: float = 1.0,
) -> list[Tensor]:
    """Runs n_dash steps of Dash, each followed by n_dot steps of Dot.

    Args:
        dash: the pre-trained model.
        dot: the fast model; may be None if n_dot is 0.
        noise: initial sample, [N, C, H, W].
        labels: int64 [N].
        n_dash: steps of Dash.
        n_dot: steps of Dot after each.
        guidance: scale of classifier-free guidance; at most 1 for none.

    Returns:
        every sample from the noise to the picture.
    """
    table = alphas_cumprod()
    null = torch.full_like(labels, dash.config.labels)
    guided = guidance > 1 and bool((labels != null).any())
    y = torch.cat([null, labels]) if guided else labels
    steps = n_dash * (n_dot + 1)
    x, out = noise, [noise]
    for index, t in enumerate(trailing(steps)):
        rows = torch.cat([x, x]) if guided else x
        time = torch.full((len(rows),), t, dtype=torch.int64)
        if index % (n_dot + 1) == 0:
            x_s, t_s = rows, time
            z, features = dash(rows, time, y)
            z_s = z
        else:
            z = z_s + dot(rows, time, x_s, t_s, z_s, y, features)
        if guided:
            uncond, cond = z.chunk(2)
            z = uncond + guidance * (cond - uncond)
        x = ddim_step(x, z, t, t - STEPS // steps, table)
        out.append(x)
    return out


def grid(pictures: Tensor, columns: int, zoom: int = 2) -> Image.Image:
    """[N, 3, H, W] in [-1, 1] as one picture."""
    p = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(list(p[i : i + columns]), axis=1) for i in range(0, len(p), columns)]
    image = Image.fromarray(np.concatenate(rows, axis=0))
    return image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models preview``."""
    parser = argparse.ArgumentParser(prog="morse_models preview", description=__doc__)
    parser.add_argument("--dash-checkpoint", type=Path, required=True)
    parser.add_argument("--dot-checkpoint", type=Path)
    parser.add_argument("--dash", type=int, default=10)
    parser.add_argument("--dot", type=int, default=0)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--label", type=int)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("preview.png"))
    args = parser.parse_args(argv)
    dash, dot = load(args.dash_checkpoint, args.dot_checkpoint)
    noise = torch.randn(args.count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    label = dash.config.labels if args.label is None else args.label
    labels = torch.full((args.count,), label)
    last = sample(dash, dot, noise, labels, args.dash, args.dot, args.guidance)[-1]
    grid(last, 8).save(args.out)
