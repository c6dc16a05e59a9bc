"""Training of Dot: the paper's regression on pairs of times, with Dot's own step in the loop."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from .checkpoints import load, load_models, save
from .diffusion import STEPS, alphas_cumprod, coefficients
from .dot import Dot
from .train_dash import Batches
from .unet import Dash

STRIDES = (10.0, 180.0)
"""Training times between two steps of a schedule: 100 down to 6 steps a run."""
LONGEST = 320
"""Largest distance between Dash's step and a step of Dot."""
TOP = 0.12
"""How often a pair begins where every schedule does, at the last training time."""
STOCHASTIC = 0.25
"""How often the jump is ancestral (eta = 1) instead of deterministic."""
BINS = 5
"""Bins of gap and of time in the log."""


def draw_times(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """t_s > t_1 > t_2, int64 [n]: a step of Dash and the two that follow it in some schedule."""
    low, high = (torch.tensor(b).log() for b in STRIDES)
    stride = (low + (high - low) * torch.rand(n)).exp().round().long()
    room = STEPS - 1 - 2 * stride
    then = 2 * stride + (torch.rand(n) * room).round().long()
    then = torch.where(torch.rand(n) < TOP, torch.full_like(then, STEPS - 1), then)
    # Some pairs skip a step, as the second and third step of Dot after one of Dash do.
    first = (then - stride * torch.randint(1, 3, (n,))).clamp(min=0)
    first = torch.maximum(first, then - LONGEST)
    second = torch.maximum((first - stride).clamp(min=0), then - LONGEST)
    return then, first, second


def jump(x: Tensor, v: Tensor, t: Tensor, t_next: Tensor, table: Tensor) -> Tensor:
    """One step of a sampler: DDIM for most pictures, ancestral for the others (eq. 12, eta = 1)."""
    a, s = coefficients(t, table)
    b, r = coefficients(t_next, table)
    ratio = (a / b).square()
    deviation = (r / s) * (1 - ratio).clamp(min=0).sqrt()
    deviation = deviation * (torch.rand_like(a) < STOCHASTIC)
    start, epsilon = a * x - s * v, s * x + a * v
    direction = (r.square() - deviation.square()).clamp(min=0).sqrt()
    return b * start + direction * epsilon + deviation * torch.randn_like(x)


def rotated(x: Tensor, v: Tensor, t: Tensor, t_next: Tensor, table: Tensor) -> Tensor:
    """v at t_next if x_0 and epsilon stay what (x, v) at t say."""
    a, s = coefficients(t, table)
    b, r = coefficients(t_next, table)
    return (s * b - a * r) * x + (a * b + s * r) * v


@dataclass
class Pairs:
    """What Dot sees at some steps, and what Dash says there; all tensors are [N, ...]."""

    sample: Tensor
    timestep: Tensor
    dash_sample: Tensor
    dash_timestep: Tensor
    dash_output: Tensor
    labels: Tensor
    dash_features: Tensor
    target: Tensor

    def tensors(self) -> list[Tensor]:
        """All of them in the order of Dot's arguments, then the target."""
        return [getattr(self, f.name) for f in fields(self)]


class Replay:
    """Recent pairs, of which each is used several times: Dash costs ten times what Dot costs."""

    def __init__(self, capacity: int):
        self.capacity, self.size, self.next = capacity, 0, 0
        self.held: list[Tensor] = []

    def add(self, pairs: Pairs) -> None:
        """Puts pairs in the place of the oldest."""
        new = pairs.tensors()
        if not self.held:
            self.held = [
                torch.empty(self.capacity, *t.shape[1:], dtype=self.dtype(t)) for t in new
            ]
        count = len(new[0])
        place = (torch.arange(count) + self.next) % self.capacity
        for held, t in zip(self.held, new):
            held[place] = t.to(held.dtype)
        self.next = (self.next + count) % self.capacity
        self.size = min(self.size + count, self.capacity)

    @staticmethod
    def dtype(t: Tensor) -> torch.dtype:
        """Feature maps, the largest part, are kept in half the bytes."""
        return torch.bfloat16 if t.dim() == 4 and t.shape[1] > 16 else t.dtype

    def draw(self, count: int) -> Pairs:
        """Random pairs."""
        index = torch.randint(self.size, (count,))
        return Pairs(*(t[index].float() if t.is_floating_point() else t[index] for t in self.held))


@torch.no_grad()
def observe(
    dash: torch.nn.Module, dot: torch.nn.Module, x: Tensor, y: Tensor, table: Tensor, bf16: bool
) -> Iterator[Pairs]:
    """Yields a step of Dot behind one of Dash, and the one behind Dot's own step, per picture."""

    def estimate(sample: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            z, features = dash(sample.contiguous(memory_format=torch.channels_last), t, y)
        return z.float(), features.float()

    then, first, second = draw_times(len(x))
    a, s = coefficients(then, table)
    x_s = a * x + s * torch.randn_like(x)
    z_s, features = estimate(x_s, then)
    x_first = jump(x_s, z_s, then, first, table)
    yield Pairs(x_first, first, x_s, then, z_s, y, features, estimate(x_first, first)[0])
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        residual = dot(x_first, first, x_s, then, z_s, y, features)
    x_second = jump(x_first, z_s + residual.float(), first, second, table)
    yield Pairs(x_second, second, x_s, then, z_s, y, features, estimate(x_second, second)[0])


def loss(dot: torch.nn.Module, pairs: Pairs, table: Tensor, bf16: bool) -> tuple[Tensor, Tensor]:
    """Squared error of Dot's estimate, weighted.

    Returns:
        the loss, and [2, N]: the error's energy, and the energy of what Dash itself changes beyond
        the exact rotation.
    """
    *seen, target = pairs.tensors()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        residual = dot(*seen)
    z_s = pairs.dash_output
    error = (z_s + residual.float() - target).square().mean(dim=(1, 2, 3))
    turned = rotated(pairs.dash_sample, z_s, pairs.dash_timestep, pairs.timestep, table)
    energy = (target - turned).square().mean(dim=(1, 2, 3))
    # Divided by the root of the energy, so that neither pictures that hardly change nor the few
    # that change most have all the weight.
    weighted = (error / (energy + 2e-3).sqrt()).mean()
    return weighted, torch.stack([error.detach(), energy])


class Log:
    """The error's share of the energy of the change, by gap and by time."""

    def __init__(self) -> None:
        self.sums = torch.zeros(2, 2, BINS)

    def add(self, pair: Tensor, gap: Tensor, t: Tensor) -> None:
        """Counts one batch; pair is [2, N], error and energy."""
        for row, index in enumerate((gap * BINS // (LONGEST + 1), t * BINS // STEPS)):
            for which in range(2):
                self.sums[row, which].index_add_(0, index, pair[which])

    def line(self) -> str:
        """Text of both rows; starts again."""
        shares = self.sums[:, 0] / self.sums[:, 1].clamp(min=1e-9)
        self.sums.zero_()
        gap, t = (" ".join(f"{v:.2f}" for v in row) for row in shares.tolist())
        return f"by gap {gap} by time {t}"


def start(out: Path, shipped: Path | None) -> tuple[Dash, Dot]:
    """Dash of ``out``, or the shipped one where there is none; Dot of ``out`` or the shipped one."""
    path = out / "dash.pt"
    if shipped is None:
        return load_models(out)
    dash, dot = load_models(shipped)
    if not path.exists():
        save(path, ema=dash.state_dict(), config=asdict(dash.config))
    if (out / "dot.pt").exists():
        return load_models(out)
    dash.load_state_dict(load(path)["ema"])
    return dash, dot


def train(args: argparse.Namespace) -> None:
    """Runs until the wanted number of steps or minutes, whichever comes first."""
    torch.manual_seed(int(time.time()))
    torch.set_num_threads(args.threads)
    batches = Batches(args.data, args.batch, int(time.time()))
    path = args.out / "dot.pt"
    resumed = path.exists()
    dash, dot = start(args.out, args.start)
    ema = Dot(dash, dot.config)
    ema.load_state_dict(dot.state_dict())
    dash.to(memory_format=torch.channels_last)
    dot.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        dot.parameters(), args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    step, table = 0, alphas_cumprod()
    if resumed:
        state = load(path)
        dot.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        print(f"resumed at step {step}", flush=True)
    of_dash, of_dot = (torch.compile(m) if args.compile else m for m in (dash, dot))
    begin, first, mean, log = time.time(), step, None, Log()
    replay = Replay(args.replay)
    end = begin + 60 * args.minutes

    def keep() -> None:
        save(path, model=dot.state_dict(), ema=ema.state_dict(), step=step,
             optimizer=optimizer.state_dict(), config=asdict(dot.config))

    while step < args.steps and time.time() < end:
        left = min((args.steps - step) / args.steps, (end - time.time()) / (60 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1, (step - first + 1) / 100) * min(1, left / 0.4 + 0.02)
        if (step - first) % (2 * args.reuse) == 0:
            for fresh in observe(of_dash, of_dot, *batches.next(), table, args.bf16):
                replay.add(fresh)
        pairs = replay.draw(args.batch)
        optimizer.zero_grad(set_to_none=True)
        value, energies = loss(of_dot, pairs, table, args.bf16)
        value.backward()
        log.add(energies, pairs.dash_timestep - pairs.timestep, pairs.timestep)
        torch.nn.utils.clip_grad_norm_(dot.parameters(), 1.0)
        optimizer.step()
        step += 1
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), list(dot.parameters()), 1 - decay)
        mean = value.item() if mean is None else 0.98 * mean + 0.02 * value.item()
        if step % 100 == 0:
            speed = (step - first) * args.batch / (time.time() - begin)
            print(f"step {step} loss {mean:.4f} {log.line()} {speed:.1f} pictures/s", flush=True)
        if step % 200 == 0:
            keep()
    keep()
    print(f"stopped at step {step}", flush=True)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-dot``."""
    parser = argparse.ArgumentParser(prog="morse_models train-dot", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs"), help="holds dash.pt and dot.pt")
    parser.add_argument("--start", type=Path, help="shipped model, for what --out lacks")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--reuse", type=int, default=3, help="how often each pair is drawn")
    parser.add_argument("--replay", type=int, default=4096, help="pairs held to draw from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast, for CPUs that have it")
    train(parser.parse_args(argv))
