"""Training of Dot: the paper's regression on pairs of times, with Dot's own step in the loop."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from . import trajectories
from .checkpoints import load, load_models, save_model
from .diffusion import STEPS, alphas_cumprod, ancestral, coefficients
from .dot import Dot, DotConfig
from .loop import Loop, add_options, prepare
from .pairs import Observed, Pairs, Replay, estimate, residual
from .train_dash import Batches, check
from .unet import Dash

STRIDES = (7.0, 180.0)
"""Training times between two steps of a schedule: 140 down to 6 steps a run."""
LONGEST = 480
"""Largest distance between Dash's step and a step of Dot."""
TOP = 0.3
"""How often a pair begins where every schedule does, at the last training time: what a run of few
steps gets wrong there decides which picture it ends in."""
ALONE = 0.1
"""How often a pair begins elsewhere without a step of Dash before it, as a run from a given picture
does."""
STOCHASTIC = 0.1
"""How often the jump is ancestral (eta = 1) instead of deterministic. The engine draws no noise
before Dot unless it is told to."""
LEAST_ENERGY = 5e-4
"""Changes of x_0 below this energy count like changes of this energy."""
BINS = 5
"""Bins of gap and of time in the log."""


def draw_times(n: int, longest: int = LONGEST) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """t_p >= t_s > t_1 > t_2, int64 [n]: two steps of Dash and the two that follow in some schedule.

    Where t_p is t_s there was no step of Dash before.
    """
    low, high = (torch.tensor(b).log() for b in STRIDES)
    stride = (low + (high - low) * torch.rand(n)).exp().round().long()
    room = STEPS - 1 - 2 * stride
    then = 2 * stride + (torch.rand(n) * room).round().long()
    then = torch.where(torch.rand(n) < TOP, torch.full_like(then, STEPS - 1), then)
    # Some pairs skip a step, as the second and third step of Dot after one of Dash do.
    first = (then - stride * torch.randint(1, 3, (n,))).clamp(min=0)
    first = torch.maximum(first, then - longest)
    second = torch.maximum((first - stride).clamp(min=0), then - longest)
    # The gap before is of the order of the gap that follows.
    before = (then - second).float() * torch.exp(0.7 * torch.randn(n))
    before = (then + torch.maximum(before.long(), stride)).clamp(max=STEPS - 1)
    return torch.where(torch.rand(n) < ALONE, then, before), then, first, second


def jump(x: Tensor, v: Tensor, t: Tensor, t_next: Tensor, table: Tensor) -> Tensor:
    """One step of a sampler: DDIM for most pictures, ancestral for the others (eq. 12, eta = 1)."""
    (a, s), following = coefficients(t, table), coefficients(t_next, table)
    eta = (torch.rand_like(a) < STOCHASTIC).float()
    return ancestral(x, a * x - s * v, s * x + a * v, (a, s), following, eta)


@torch.no_grad()
def observe(
    dash: torch.nn.Module, dot: torch.nn.Module, x: Tensor, y: Tensor, table: Tensor, bf16: bool,
    longest: int = LONGEST,
) -> Iterator[Pairs]:
    """Yields steps of Dot, per picture: one in the place of a second step of Dash, one behind that
    step, and the one behind Dot's own step."""
    before, then, first, second = (t.to(x.device) for t in draw_times(len(x), longest))
    a, s = coefficients(before, table)
    x_p = a * x + s * torch.randn_like(x)
    z_p, features = estimate(dash, x_p, before, y, bf16)
    seen = Observed.after(None, x_p, before, z_p, y, features)

    def dot_says(x: Tensor, t: Tensor) -> Tensor:
        return seen.dash_output + residual(dot, (x, t, *seen.tensors()), bf16)

    # Half way between the steps of Dash Dot speaks, as it does in a run.
    middle = (before + then) // 2
    x_s = jump(x_p, z_p, before, middle, table)
    x_s = jump(x_s, dot_says(x_s, middle), middle, then, table)
    x_s = torch.where((before > then)[:, None, None, None], x_s, x_p)
    z_s, features = estimate(dash, x_s, then, y, bf16)
    yield Pairs(*seen.tensors(), x_s, then, z_s)
    seen = Observed.after(seen, x_s, then, z_s, y, features)
    x_first = jump(x_s, z_s, then, first, table)
    yield Pairs(*seen.tensors(), x_first, first, estimate(dash, x_first, first, y, bf16)[0])
    x_second = jump(x_first, dot_says(x_first, first), first, second, table)
    yield Pairs(*seen.tensors(), x_second, second, estimate(dash, x_second, second, y, bf16)[0])


def loss(dot: torch.nn.Module, pairs: Pairs, table: Tensor, bf16: bool) -> tuple[Tensor, Tensor]:
    """Squared error of the x_0 that Dot's estimate means, weighted.

    An error of v counts as much as it moves x_0: sigma times. Otherwise the last steps, where v is
    the noise, would have most of the weight and hardly anything to decide.

    Returns:
        the loss, and [2, N]: the error's energy, and the energy of what Dash changes its x_0 by.
    """
    *seen, target = pairs.tensors()
    a, s = coefficients(pairs.timestep, table)
    b, r = coefficients(pairs.dash_timestep, table)
    wrong = s * (pairs.dash_output + residual(dot, tuple(seen), bf16) - target)
    change = a * pairs.sample - s * target - (b * pairs.dash_sample - r * pairs.dash_output)
    error, energy = (e.square().mean(dim=(1, 2, 3)) for e in (wrong, change))
    # Divided by the root of the energy, so that neither pictures that hardly change nor the few
    # that change most have all the weight.
    weighted = (error / (energy + LEAST_ENERGY).sqrt()).mean()
    return weighted, torch.stack([error.detach(), energy])


class Log:
    """The error's share of the energy of the change, by gap and by time."""

    def __init__(self) -> None:
        self.sums = torch.zeros(2, 2, BINS)

    def add(self, energies: Tensor, gap: Tensor, t: Tensor) -> None:
        """Counts one batch; energies is [2, N], error and energy."""
        energies = energies.cpu()
        for row, index in enumerate((gap * BINS // (LONGEST + 1), t * BINS // STEPS)):
            # Runs of the SDE may have larger gaps than noised data: they count as the largest.
            index = index.cpu().clamp(max=BINS - 1)
            for which in range(2):
                self.sums[row, which].index_add_(0, index, energies[which])

    def shares(self) -> dict[str, float]:
        """Shares by name; starts again."""
        shares = (self.sums[:, 0] / self.sums[:, 1].clamp(min=1e-9)).tolist()
        self.sums.zero_()
        widths = {"gap": (LONGEST + 1) // BINS, "t": STEPS // BINS}
        return {
            f"{name}<{(i + 1) * width}": round(share, 4)
            for (name, width), row in zip(widths.items(), shares)
            for i, share in enumerate(row)
        }


def start(out: Path, shipped: Path | None, config: DotConfig | None) -> tuple[Dash, Dot]:
    """Dash and Dot of ``out``; what isn't there comes from ``shipped``.

    Args:
        config: sizes of a Dot that isn't in ``out`` yet; parts of the shipped Dot that have the
            same name and shape are taken over; all parts, if it only observes more. Default: those
            of the shipped Dot.
    """
    if (out / "dot.pt").exists():
        return load_models(out)
    dash, dot = load_models(shipped if shipped is not None else out)
    if not (out / "dash.pt").exists():
        save_model(out / "dash.pt", dash)
    dash.load_state_dict(load(out / "dash.pt")["ema"])
    if config is None or config == dot.config:
        return dash, dot
    fresh = Dot(dash, config)
    # A Dot that observes more has further inputs and outputs behind those of one that doesn't.
    seen = dot.config.observations
    grown = replace(config, observations=seen) == dot.config and set(seen) < set(config.observations)
    state = fresh.state_dict()
    for name, value in dot.state_dict().items():
        if name in state and (grown or state[name].shape == value.shape):
            state[name][tuple(slice(size) for size in value.shape)] = value
    return dash, fresh


class Source:
    """Pairs to train on: half of them from noised data, half from whole runs of Morse."""

    def __init__(self, dash: Dash, dot: Dot, batches: Batches, args: argparse.Namespace):
        self.dash, self.dot, self.batches, self.args = dash, dot, batches, args
        self.table = alphas_cumprod().to(batches.device)
        self.replay = Replay(args.replay)
        self.tuned = trajectories.read_tuned(args.schedules) if args.schedules else None
        self.owed = 0.0

    def next(self) -> Pairs:
        """A batch; makes fresh pairs whenever those made have been drawn ``--reuse`` times."""
        while self.owed <= 0 or self.replay.size < self.args.batch:
            self.owed += self.args.reuse * self.fresh()
        self.owed -= self.args.batch
        return self.replay.draw(self.args.batch)

    def fresh(self) -> int:
        """Makes pairs of one kind or the other and says how many."""
        made, bf16 = 0, self.args.bf16
        x, labels = self.batches.next()
        if torch.rand(()) < self.args.on_policy:
            pairs = trajectories.observe(
                self.dash, self.dot, x, labels, self.table, bf16, tuned=self.tuned)
        else:
            pairs = observe(self.dash, self.dot, x, labels, self.table, bf16, self.args.longest)
        for fresh in pairs:
            self.replay.add(fresh)
            made += len(fresh.sample)
        return made


def train(
    args: argparse.Namespace, config: DotConfig | None = None, fresh: bool = False
) -> None:
    """Runs until the wanted number of steps or minutes, whichever comes first.

    Args:
        config: sizes of a Dot that isn't there yet; see :func:`start`.
        fresh: such a Dot takes nothing over from another one.
    """
    device = prepare(args)
    batches = Batches(args.data, args.batch, args.seed, device)
    dash, dot = start(args.out, args.start, config)
    check(dash.config, batches)
    if fresh and not (args.out / "dot.pt").exists():
        dot = Dot(dash, config or DotConfig())
    ema = Dot(dash, dot.config)
    ema.load_state_dict(dot.state_dict())
    dash.to(device, memory_format=torch.channels_last)
    dot.train().to(device, memory_format=torch.channels_last)
    ema.to(device)
    loop = Loop(dot, ema, args.out / "dot.pt", args, asdict(dot.config), warm_up=100)
    of_dash, of_dot = (torch.compile(m) if args.compile else m for m in (dash, dot))
    source, log = Source(of_dash, of_dot, batches, args), Log()

    def one(step: int) -> Tensor:
        pairs = source.next()
        value, energies = loss(of_dot, pairs, source.table, args.bf16)
        log.add(energies, pairs.dash_timestep - pairs.timestep, pairs.timestep)
        return value

    loop.run(one, log.shares)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-dot``."""
    parser = argparse.ArgumentParser(prog="morse_models train-dot", description=__doc__)
    add_options(parser, rate=1e-3, ema=0.998)
    add_pair_options(parser)
    parser.add_argument("--width", type=int, help="channels of the light stages of a Dot that isn't "
                        f"there yet, a multiple of 8; default: {DotConfig.width} or the shipped Dot's")
    args = parser.parse_args(argv)
    if args.width is not None and (args.width <= 0 or args.width % 8):
        parser.error(f"--width {args.width}: give a multiple of 8")
    train(args, DotConfig(width=args.width) if args.width else None)


def add_pair_options(parser: argparse.ArgumentParser) -> None:
    """Options of the pairs that Dot is trained on."""
    parser.add_argument("--reuse", type=int, default=3, help="how often each pair is drawn")
    parser.add_argument("--replay", type=int, default=6144, help="pairs held to draw from")
    parser.add_argument("--on-policy", type=float, default=0.15, help="how often fresh pairs are "
                        "a whole run of Morse, which brings ten times as many")
    parser.add_argument("--schedules", type=Path, help="morse_schedule.json that morse tune wrote: "
                        "half of the whole runs take schedules from it")
    parser.add_argument("--longest", type=int, default=LONGEST, help="largest gap, of 1000 times")
