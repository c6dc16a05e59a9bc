"""Morse in one page of PyTorch, for people who read Python (Li et al. 2025, arXiv 2506.18251).

    z = theta(x_s, t_s)                                 where the schedule says D (Dash)
    z = z_s + eta(x_s, x_i, z_s, t_s, t_i)              where it says K (Dot)
    x' = sampler(x_i, z, t_i, t_(i-1))

Dash and Dot are any functions; the sampler never knows which spoke. The engine does the same on
devices (java/engine, package morse); a test replays its golden runs with these functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(x, estimate, fresh noise) -> next x; without noise as the deterministic kin steps there."""


def start_and_noise(kind: str, x: Tensor, z: Tensor, bar: Tensor) -> tuple[Tensor, Tensor]:
    """x_0 and epsilon from a raw estimate z, where x = sqrt(bar) x_0 + sqrt(1 - bar) epsilon."""
    alpha, sigma = bar.sqrt(), (1 - bar).sqrt()
    if kind == "epsilon":
        return (x - sigma * z) / alpha, z
    if kind == "v_prediction":
        return alpha * x - sigma * z, alpha * z + sigma * x
    return z, (x - alpha * z) / sigma


def ddim(
    kind: str, bars: Tensor, times: list[int], gap: int, clip: float, eta: float
) -> Iterator[tuple[float, Step]]:
    """Song et al. 2021, equations 12 and 16; a step leads ``gap`` times down."""
    for t in times:
        bar, to = bars[t], bars[t - gap] if t >= gap else torch.ones((), dtype=bars.dtype)

        def step(x: Tensor, z: Tensor, noise: Tensor | None, bar=bar, to=to) -> Tensor:
            start, epsilon = start_and_noise(kind, x, z, bar)
            deviation = eta * ((1 - to) / (1 - bar) * (1 - bar / to)).sqrt() * (noise is not None)
            direction = (1 - to - deviation**2).clamp(min=0).sqrt()
            x = to.sqrt() * start.clamp(-clip, clip) + direction * epsilon
            return x if noise is None else x + deviation * noise

        yield float(t), step


def ddpm(kind: str, bars: Tensor, times: list[int], clip: float) -> Iterator[tuple[float, Step]]:
    """Ho et al. 2020, equation 7, with the small variance; DDIM of the clipped x_0 without noise."""
    for t, following in zip(times, [*times[1:], -1], strict=True):
        bar, to = bars[t], bars[following] if following >= 0 else torch.ones((), dtype=bars.dtype)

        def step(x: Tensor, z: Tensor, noise: Tensor | None, t=t, bar=bar, to=to) -> Tensor:
            start = start_and_noise(kind, x, z, bar)[0].clamp(-clip, clip)
            alpha, left = bar / to, (1 - to) / (1 - bar)
            if noise is None:
                return to.sqrt() * start + left.sqrt() * (x - bar.sqrt() * start)
            mean = to.sqrt() * (1 - alpha) / (1 - bar) * start + alpha.sqrt() * left * x
            return mean + (left * (1 - alpha)).clamp(min=1e-20).sqrt() * noise * (t > 0)

        yield float(t), step


def probability_flow(kind: str, steps: int) -> Iterator[tuple[float, Step]]:
    """Euler on the ODE of the VP-SDE (Song et al. 2021, arXiv 2011.13456, equation 13)."""
    for t in torch.linspace(1, 1e-3, steps):
        beta = 0.1 + float(t) * 19.9
        bar = torch.exp(-0.5 * t.double() ** 2 * 19.9 - t.double() * 0.1)

        def step(x: Tensor, z: Tensor, noise: Tensor | None, beta=beta, bar=bar) -> Tensor:
            score = -start_and_noise(kind, x, z, bar)[1] / (1 - bar).sqrt()
            return x + beta / 2 * (x + score) / steps

        yield float(t * 999), step


def morse(
    dash: Callable, dot: Callable, x: Tensor, schedule: str, steps: Iterator[tuple[float, Step]],
    labels: Tensor, null: int, guidance: float = 1.0, noise: Tensor | None = None,
    every: bool = False,
) -> list[Tensor]:
    """Runs a schedule such as DKKDKK and returns every sample, the first one first.

    Args:
        dash: (x, t, labels) -> raw estimate.
        dot: (x, t, x_s, t_s, z_s, labels) -> residual.
        x: [N, C, H, W], the initial sample.
        steps: what a sampler above yields, one per letter.
        labels: int64 [N]; ``null`` is the label of the unconditional half.
        noise: [steps, N, C, H, W] for stochastic samplers.
        every: whether all steps draw it, and not those alone that lead to a step of Dash.
    """
    guided = guidance > 1 and bool((labels != null).any())
    if guided:
        labels = torch.cat([torch.full_like(labels, null), labels])
    samples = [x]
    for i, (letter, (time, step)) in enumerate(zip(schedule, steps, strict=True)):
        seen = torch.cat([x, x]) if guided else x
        t = torch.full((len(seen),), time)
        if letter == "D":
            observed = (seen, t, dash(seen, t, labels))
            z = observed[2]
        else:
            z = observed[2] + dot(seen, t, *observed, labels)
        if guided:
            # z_s stays as it is: only the sampler gets the guided estimate.
            without, given = z.chunk(2)
            z = without + guidance * (given - without)
        draws = noise is not None and (every or schedule[i + 1 : i + 2] != "K")
        x = step(x.double(), z.double(), noise[i].double() if draws else None).float()
        samples.append(x)
    return samples
