"""On-policy pairs: what Dot sees, and what Dash would say, where Morse itself arrives.

A trajectory that Dot has bent is not where noised data lies. Dot is therefore trained on states of
whole runs too: schedules, samplers and labels as they are served, Dot's own estimates in the loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .diffusion import ancestral
from .pairs import Pairs, estimate, residual
from .sampling import CLIP, trailing

DASH_STEPS = (2, 24)
"""Fewest and most steps of Dash in a run; drawn evenly on a logarithmic scale."""
DOT_STEPS = (1, 8)
"""Fewest and most steps of Dot after each step of Dash, likewise."""
LONGEST_RUN = 60
"""Most steps in all: a run fills a part of the pairs that are held, not all of them."""
GUIDED, GUIDANCE = 0.3, 2.0
"""How often a run is guided, and the weight of classifier-free guidance then."""
SAMPLERS = ("ddim", "ddpm", "ddpm", "dpmpp")
"""DDIM with eta = 0; ancestral, eta = 1; DPM-Solver++ of order 2, multistep. What fresh noise does
is the hardest to tell, so ancestral runs are made twice as often."""


class Update:
    """One sampler's step from t to t_next (t_next = -1: to the picture) on a v estimate."""

    def __init__(self, sampler: str, table: Tensor):
        self.sampler, self.table = sampler, table
        self.former: tuple[Tensor, float] | None = None

    def level(self, t: int) -> tuple[Tensor, Tensor]:
        """alpha and sigma."""
        if t < 0:
            return torch.ones(()), torch.zeros(())
        return self.table[t].sqrt(), (1 - self.table[t]).sqrt()

    def __call__(self, x: Tensor, v: Tensor, t: int, t_next: int) -> Tensor:
        """[N, C, H, W] each -> x at t_next."""
        (a, s), (b, r) = self.level(t), self.level(t_next)
        start, epsilon = (a * x - s * v).clamp(-CLIP, CLIP), s * x + a * v
        if t_next < 0:
            return start
        if self.sampler == "dpmpp":
            # Lu et al. 2022, algorithm 2, in half-log-SNR.
            now, then = float(torch.log(a / s)), float(torch.log(b / r))
            direction = start
            if self.former is not None:
                before, earlier = self.former
                ratio = (now - earlier) / (then - now)
                direction = start + (start - before) / (2 * ratio)
            self.former = (start, now)
            return r / s * x - b * (torch.exp(torch.tensor(now - then)) - 1) * direction
        if self.sampler == "ddpm":
            # Ho et al. 2020, equation 7, knows x and x_0 alone: its noise is that of the clipped x_0.
            return ancestral(x, start, (x - a * start) / s, (a, s), (b, r), 1.0)
        return ancestral(x, start, epsilon, (a, s), (b, r), 0.0)


def between(low: int, high: int) -> int:
    """A whole number of low .. high, evenly drawn on a logarithmic scale."""
    ends = torch.tensor([low - 0.4, high + 0.4]).log()
    return int((ends[0] + (ends[1] - ends[0]) * torch.rand(())).exp().round())


def draw_schedule() -> tuple[int, int, str]:
    """D, K and a sampler."""
    dash_steps, dot_steps = between(*DASH_STEPS), between(*DOT_STEPS)
    dot_steps = max(1, min(dot_steps, LONGEST_RUN // dash_steps - 1))
    return dash_steps, dot_steps, SAMPLERS[int(torch.randint(len(SAMPLERS), ()))]


@torch.no_grad()
def observe(
    dash: torch.nn.Module, dot: torch.nn.Module, x: Tensor, labels: Tensor, table: Tensor,
    bf16: bool, schedule: tuple[int, int, str] | None = None,
) -> Iterator[Pairs]:
    """Runs one schedule from fresh noise and yields every step of Dot as pairs.

    Args:
        x: pictures of which only the shape is used, [N, C, H, W]; N is even.
        labels: int64 [N]; in a guided run the first half is replaced by the null label.
        schedule: D, K and a sampler; drawn where it isn't given.
    """
    dash_steps, dot_steps, sampler = schedule or draw_schedule()
    times = trailing(dash_steps * (dot_steps + 1))
    guidance = GUIDANCE if schedule is None and torch.rand(()) < GUIDED else None
    update, x = Update(sampler, table), torch.randn_like(x)
    if guidance:
        half = len(x) // 2
        x, null = x[half:], getattr(dash, "_orig_mod", dash).config.labels
        labels = torch.cat([torch.full_like(labels[half:], null), labels[half:]])
    for i, t in enumerate(times):
        wide = torch.cat([x, x]) if guidance else x
        time = torch.full((len(wide),), t, device=x.device)
        truth, features = estimate(dash, wide, time, labels, bf16)
        if i % (dot_steps + 1) == 0:
            seen, z = (wide, time, truth, labels, features), truth
        else:
            yield Pairs(wide, time, *seen, truth)
            z = seen[2] + residual(dot, (wide, time, *seen), bf16)
        if guidance:
            without, given = z.chunk(2)
            z = without + guidance * (given - without)
        x = update(x, z, t, times[i + 1] if i + 1 < len(times) else -1)
