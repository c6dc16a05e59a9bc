"""The noise schedule and what follows from it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

STEPS = 1000
"""Training times 0 .. 999."""


def alphas_cumprod() -> Tensor:
    """Cosine schedule as diffusers' ``squaredcos_cap_v2`` (Nichol and Dhariwal 2021, eq. 17)."""

    def bar(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - bar((i + 1) / STEPS) / bar(i / STEPS), 0.999) for i in range(STEPS)]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float32), dim=0)


def coefficients(timestep: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """alpha = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar) at int64 [N], as [N, 1, 1, 1]."""
    bar = table[timestep][:, None, None, None]
    return bar.sqrt(), (1 - bar).sqrt()


def ancestral(
    x: Tensor, start: Tensor, epsilon: Tensor, levels: tuple[Tensor, Tensor],
    following: tuple[Tensor, Tensor], eta: Tensor | float,
) -> Tensor:
    """A step of DDIM (Song et al. 2021, equations 12 and 16); eta = 1 is ancestral sampling.

    Args:
        x: where the step begins, for the shape of its noise.
        start: x_0, [N, C, H, W].
        epsilon: the noise, likewise.
        levels: alpha and sigma where the step begins.
        following: alpha and sigma where it ends.
        eta: how much of the noise is fresh, 0 .. 1; a number or [N, 1, 1, 1].
    """
    (a, s), (b, r) = levels, following
    deviation = eta * (r / s) * (1 - (a / b).square()).clamp(min=0).sqrt()
    direction = (r.square() - deviation.square()).clamp(min=0).sqrt()
    return b * start + direction * epsilon + deviation * torch.randn_like(x)
