"""On-policy pairs: what Dot sees, and what Dash would say, where Morse itself arrives.

A trajectory that Dot has bent is not where noised data lies. Dot is therefore trained on states of
whole runs too: schedules, samplers and labels as they are served, Dot's own estimates in the loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from .diffusion import ancestral
from .pairs import Observed, Pairs, estimate, residual
from .sampling import trailing

DASH_STEPS = (2, 32)
"""Fewest and most steps of Dash in a run; drawn evenly on a logarithmic scale."""
DOT_STEPS = (1, 12)
"""Fewest and most steps of Dot after each step of Dash, likewise."""
LONGEST_RUN = 72
"""Most steps in all: a run fills a part of the pairs that are held, not all of them."""
SHORTEST_EULER = 12
"""Fewest steps of Euler's method: a shorter run ends nowhere near a picture."""
GUIDED, GUIDANCE = 0.3, 2.0
"""How often a run is guided, and the weight of classifier-free guidance then."""
SAMPLERS = ("ddim", "ddpm", "dpmpp", "ode", "sde")
"""DDIM with eta = 0; ancestral, eta = 1; DPM-Solver++ of order 2, multistep; Euler on the
probability-flow ODE of the VP-SDE, and on the SDE."""
EULER = ("ode", "sde")
"""Those of Euler's method, over the times of the SDE."""
UNEVEN = 0.5
"""Spread of the steps of Dot behind each step of Dash, of their logarithm: as tuned schedules,
which ask Dash more often where its estimate changes fast, have few here and many there."""
EVERY = 0.15
"""How often a stochastic run draws noise before steps of Dot, too. The engine draws it before
steps of Dash alone, unless it is told otherwise: what fresh noise does is the hardest to tell."""


TUNED = 0.5
"""How often a run takes a schedule that ``morse tune`` found, where those are given."""
TUNED_AS = {"ddim": "ddim", "ddpm": "ddim", "dpmpp": "dpmpp", "ode": "ode", "sde": "ode"}
"""Whose tuned schedules a sampler is served with, as in the engine."""
MOST_PAIRS = 36
"""Steps of Dot that a run gives pairs of, about: of more some are left out."""


class Run:
    """A sampler's run on v estimates: the times at which a model is asked, and each step.

    Args:
        sampler: one of SAMPLERS.
        kinds: D for a step of Dash, K for one of Dot.
        table: alpha_bar of the training times.
        every: whether a stochastic sampler draws noise before steps of Dot.
    """

    def __init__(self, sampler: str, kinds: str, table: Tensor, every: bool = False):
        self.sampler, self.kinds, self.table, self.every = sampler, kinds, table, every
        self.former: tuple[Tensor, float] | None = None
        n = len(kinds)
        if sampler in EULER:
            t = torch.linspace(1, 1e-3, n).double()
            self.betas = ((0.1 + 19.9 * t) / n).tolist()
            bar = torch.exp(-0.5 * t**2 * 19.9 - 0.1 * t)
            # The training time whose signal-to-noise ratio is nearest to the SDE's.
            ratio, known = torch.logit(bar)[:, None], torch.logit(table.double().cpu())[None]
            self.times = (ratio - known).abs().argmin(dim=1).tolist()
        else:
            self.times = trailing(n)

    def level(self, i: int) -> tuple[Tensor, Tensor]:
        """alpha and sigma where step i begins; behind the last one those of the picture."""
        if i == len(self.kinds):
            return torch.ones(()), torch.zeros(())
        bar = self.table[self.times[i]]
        return bar.sqrt(), (1 - bar).sqrt()

    def draws(self, i: int) -> bool:
        """Whether step i of a stochastic sampler draws noise."""
        return self.every or self.kinds[i + 1 : i + 2] != "K"

    def step(self, i: int, x: Tensor, v: Tensor) -> Tensor:
        """Step i: [N, C, H, W] each -> the next x."""
        (a, s), (b, r) = self.level(i), self.level(i + 1)
        start, epsilon = a * x - s * v, s * x + a * v
        if self.sampler in EULER:
            # Song et al. 2021 (2011.13456), equation 46 with Euler's coefficients, and its ODE.
            beta, noisy = self.betas[i], self.sampler == "sde" and self.draws(i)
            drift = x + beta / 2 * x - beta * (1.0 if noisy else 0.5) * epsilon / s
            return drift + beta**0.5 * torch.randn_like(x) if noisy else drift
        if i + 1 == len(self.kinds):
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
        eta = 1.0 if self.sampler == "ddpm" and self.draws(i) else 0.0
        return ancestral(x, start, epsilon, (a, s), (b, r), eta)


def between(low: int, high: int) -> int:
    """A whole number of low .. high, evenly drawn on a logarithmic scale."""
    ends = torch.tensor([low - 0.4, high + 0.4]).log()
    return int((ends[0] + (ends[1] - ends[0]) * torch.rand(())).exp().round())


def draw_schedule() -> tuple[int, int, str]:
    """D, K and a sampler."""
    sampler = SAMPLERS[int(torch.randint(len(SAMPLERS), ()))]
    dash_steps, dot_steps = between(*DASH_STEPS), between(*DOT_STEPS)
    if sampler in EULER:
        dot_steps = max(dot_steps, -(-SHORTEST_EULER // dash_steps) - 1)
    dot_steps = max(1, min(dot_steps, LONGEST_RUN // dash_steps - 1))
    return dash_steps, dot_steps, sampler


def read_tuned(path: Path) -> list[tuple[str, str]]:
    """Schedules of a morse_schedule.json, each with every sampler that is served with it.

    Those that ask Dash more often than :data:`DASH_STEPS`, or Dot never, are left out.

    Raises:
        ValueError: if none is left.
    """
    found = json.loads(path.read_text())["samplers"]
    out = []
    for sampler in SAMPLERS:
        kinds = {e["schedule"] for e in found.get(TUNED_AS[sampler], [])}
        out += [(sampler, k) for k in sorted(kinds) if "K" in k and k.count("D") <= DASH_STEPS[1]]
    if not out:
        raise ValueError(f"'{path}' holds no schedule that Dot can be trained on: run morse tune")
    return out


def uneven(dash_steps: int, dot_steps: int) -> str:
    """A schedule of so many steps of Dash, with about so many of Dot behind each."""
    runs = (dot_steps * torch.exp(UNEVEN * torch.randn(dash_steps))).round().long().tolist()
    # One step of Dot at least, so that there is something to learn from.
    runs[0] = max(1, runs[0])
    return "".join("D" + n * "K" for n in runs)


@torch.no_grad()
def observe(
    dash: torch.nn.Module, dot: torch.nn.Module, x: Tensor, labels: Tensor, table: Tensor,
    bf16: bool, schedule: tuple[int, int, str] | None = None,
    tuned: list[tuple[str, str]] | None = None,
) -> Iterator[Pairs]:
    """Runs one schedule from fresh noise and yields steps of Dot as pairs, all of a short run.

    Args:
        x: pictures of which only the shape is used, [N, C, H, W]; N is even.
        labels: int64 [N]; in a guided run the first half is replaced by the null label.
        schedule: D, K and a sampler; drawn where it isn't given.
        tuned: sampler and schedule of runs as they are served, see :func:`read_tuned`.
    """
    if schedule is None and tuned and torch.rand(()) < TUNED:
        sampler, kinds = tuned[int(torch.randint(len(tuned), ()))]
    else:
        dash_steps, dot_steps, sampler = schedule or draw_schedule()
        kinds = dash_steps * ("D" + dot_steps * "K") if schedule else uneven(dash_steps, dot_steps)
    kept = MOST_PAIRS / max(MOST_PAIRS, kinds.count("K"))
    every = schedule is None and bool(torch.rand(()) < EVERY)
    run = Run(sampler, kinds, table, every)
    guidance = GUIDANCE if schedule is None and torch.rand(()) < GUIDED else None
    x = torch.randn_like(x)
    if guidance:
        half = len(x) // 2
        x, null = x[half:], getattr(dash, "_orig_mod", dash).config.labels
        labels = torch.cat([torch.full_like(labels[half:], null), labels[half:]])
    seen: Observed | None = None
    for i, t in enumerate(run.times):
        wide = torch.cat([x, x]) if guidance else x
        time = torch.full((len(wide),), t, device=x.device)
        if run.kinds[i] == "D":
            z, features = estimate(dash, wide, time, labels, bf16)
            seen = Observed.after(seen, wide, time, z, labels, features)
        else:
            if kept == 1 or torch.rand(()) < kept:
                truth, _ = estimate(dash, wide, time, labels, bf16)
                yield Pairs(*seen.tensors(), wide, time, truth)
            z = seen.dash_output + residual(dot, (wide, time, *seen.tensors()), bf16)
        if guidance:
            without, given = z.chunk(2)
            z = without + guidance * (given - without)
        x = run.step(i, x, z)
