"""Reference of Morse sampling in PyTorch, and previews of checkpoints.

Times, order of operations and the handling of guidance are those of the engine: n = D * (K + 1)
steps, Dash at every (K + 1)-th of them, ``trailing`` spacing. As in diffusers' DDIMScheduler a step
leads 1000 / n times down, which isn't always the next time; below 0 alpha_bar is 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .diffusion import STEPS, alphas_cumprod
from .dot import Dot
from .pairs import Observed
from .unet import Dash


def trailing(steps: int) -> list[int]:
    """Descending timesteps of diffusers' ``trailing`` spacing (Lin et al. 2023, table 2)."""
    # Rounding may make one more, at 0.
    times = np.arange(STEPS, 0, -STEPS / steps)[:steps]
    return [int(t) for t in np.round(times) - 1]


def ddim_step(x: Tensor, v: Tensor, bar: Tensor, bar_next: Tensor) -> Tensor:
    """DDIM with eta = 0 (Song et al. 2021, equation 12) of a v estimate, as diffusers' DDIMScheduler
    without ``clip_sample``."""
    start = bar.sqrt() * x - (1 - bar).sqrt() * v
    epsilon = bar.sqrt() * v + (1 - bar).sqrt() * x
    return bar_next.sqrt() * start + (1 - bar_next).sqrt() * epsilon


@torch.inference_mode()
def sample(
    dash: Dash,
    dot: Dot | None,
    noise: Tensor,
    labels: Tensor,
    dash_steps: int,
    dot_steps: int = 0,
    guidance: float = 1.0,
    seen: Callable[[Tensor], None] = lambda x: None,
) -> Tensor:
    """Draws pictures with DDIM.

    Args:
        dash: the pre-trained model.
        dot: the fast model, or None if ``dot_steps`` is 0.
        noise: [N, C, H, W], the initial sample.
        labels: int64 [N].
        dash_steps: D, steps of Dash.
        dot_steps: K, steps of Dot after each step of Dash.
        guidance: weight of classifier-free guidance; 1 runs no unconditional half.
        seen: called with the noise and then with the sample after every step.

    Returns:
        [N, C, H, W] about -1 .. 1.
    """
    guided = guidance > 1
    if guided:
        labels = torch.cat([torch.full_like(labels, dash.config.labels), labels])
    bars = alphas_cumprod()
    times = trailing(dash_steps * (dot_steps + 1))
    x, one = noise, torch.ones(())
    observed: Observed | None = None
    seen(x)
    for i, t in enumerate(times):
        wide = torch.cat([x, x]) if guided else x
        time = torch.full((len(wide),), float(t))
        if i % (dot_steps + 1) == 0:
            z, features = dash(wide, time, labels)
            observed = Observed.after(observed, wide, time, z, labels, features)
        else:
            z = observed.dash_output + dot(wide, time, *observed.tensors())
        if guided:
            without, given = z.chunk(2)
            z = without + guidance * (given - without)
        following = t - STEPS // len(times)
        x = ddim_step(x, z, bars[t], bars[following] if following >= 0 else one)
        seen(x)
    return x


def grid(pictures: Tensor, columns: int) -> Image.Image:
    """Puts [N, C, H, W] of -1 .. 1, grey or RGB, side by side, row by row."""
    n, c, h, w = pictures.shape
    rows = -(-n // columns)
    sheet = torch.ones(rows * columns, c, h, w)
    sheet[:n] = pictures
    sheet = sheet.reshape(rows, columns, c, h, w).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * h, columns * w, c)
    if c == 1:
        sheet = sheet[..., 0]
    return Image.fromarray(((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().numpy())


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models preview``."""
    from .checkpoints import load_models

    parser = argparse.ArgumentParser(prog="morse_models preview", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="checkpoints or a shipped model")
    parser.add_argument("--out", type=Path, default=Path("preview.png"))
    parser.add_argument("--count", type=int, default=36)
    parser.add_argument("--columns", type=int, default=9, help="pictures per row, one label each")
    parser.add_argument("--dash", type=int, default=10)
    parser.add_argument("--dot", type=int, default=1)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=int, default=2)
    args = parser.parse_args(argv)
    dash, dot = load_models(args.models)
    random = torch.Generator().manual_seed(args.seed)
    shape = (args.count, dash.config.channels, dash.config.size, dash.config.size)
    noise = torch.randn(shape, generator=random)
    labels = torch.arange(args.count) % args.columns % (dash.config.labels + 1)
    pictures = sample(dash, dot, noise, labels, args.dash, args.dot, args.guidance)
    sheet = grid(pictures, args.columns)
    size = (sheet.width * args.scale, sheet.height * args.scale)
    sheet.resize(size, Image.Resampling.NEAREST).save(args.out)
    print(f"{args.count} pictures in {args.out}")
