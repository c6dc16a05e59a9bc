"""Training of Dot: the paper's regression on pairs of times, with Dot's own steps in the loop."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor

from .diffusion import STEPS, alphas_cumprod, coefficients, ddim_jump
from .dot import Dot, DotConfig, rotation
from .train_dash import Batches, save
from .unet import Dash, UNetConfig

GAPS = (10, 220)
"""Distances between Dash's step and a step of Dot, in training times."""
GROUPS = 5
"""Bins of gap and time in the log."""


def load_dash(path: Path, config: UNetConfig) -> Dash:
    """Dash with the averaged weights of a checkpoint, frozen."""
    dash = Dash(config)
    dash.load_state_dict(torch.load(path, weights_only=True)["ema"])
    return dash.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def draw_times(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """t_s > t_1 > t_2, int64 [n]: a step of Dash and the two steps that follow it."""
    gap = torch.randint(*GAPS, (n,))
    s = (torch.rand(n) * (STEPS - 1 - gap) + gap).round().long()
    # Half of the runs begin where schedules do.
    top = torch.rand(n) < 0.15
    s[top] = STEPS - 1
    second = torch.randint(*GAPS, (n,))
    first = s - gap
    return s, first, (first - second).clamp(min=0)


def pair_loss(error: Tensor, change: Tensor, table: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error weighted as Dash's own loss, and its share of the energy of the change.

    Args:
        error: estimate minus Dash's own estimate at t, [N, C, H, W].
        change: what Dash changed beyond the exact rotation, [N, C, H, W].
        table: alpha_bar.
        t: int64 [N].

    Returns:
        a scalar to minimise and error energy over change energy per picture, [N].
    """
    e = error.square().mean(dim=(1, 2, 3))
    energy = change.square().mean(dim=(1, 2, 3))
    # The typical energy differs by orders of magnitude over time; its root keeps both ends in view.
    weight = (energy + 1e-3).rsqrt()
    return (weight * e).mean(), (e / (energy + 1e-6)).detach()


def steps(dash: Dash, dot: Dot, x: Tensor, y: Tensor, table: Tensor, bf16: bool):
    """Losses of two Dot steps after one of Dash: one directly behind it, one behind the first.

    Yields:
        (loss, share per picture, gap, time) of each.
    """

    def estimate(sample: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            z, features = dash(sample.contiguous(memory_format=torch.channels_last), t, y)
        return z.float(), features

    s, first, second = draw_times(len(x))
    a, b = coefficients(s, table)
    x_s = a * x + b * torch.randn_like(x)
    z_s, features = estimate(x_s, s)
    x_i, before, z_before = x_s, s, z_s
    for t in (first, second):
        x_i = ddim_jump(x_i, z_before, before, t, table)
        target, _ = estimate(x_i, t)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            residual = dot(x_i, t, x_s, s, z_s, y, features.detach()).float()
        turned, _ = rotation(x_s, z_s, coefficients(s, table), coefficients(t, table))
        loss, share = pair_loss(z_s + residual - target, target - turned, table, t)
        yield loss, share, s - t, t
        before, z_before = t, (z_s + residual).detach()


class Log:
    """Means of the error's share of the change, by gap and by time."""

    def __init__(self) -> None:
        self.sums = torch.zeros(2, GROUPS)
        self.counts = torch.zeros(2, GROUPS)

    def add(self, share: Tensor, gap: Tensor, t: Tensor) -> None:
        """Counts one batch."""
        for row, index in enumerate((gap * GROUPS // (2 * GAPS[1]), t * GROUPS // STEPS)):
            index = index.clamp(0, GROUPS - 1)
            self.sums[row].index_add_(0, index, share.clamp(max=4))
            self.counts[row].index_add_(0, index, torch.ones_like(share))

    def line(self) -> str:
        """Text of both rows; starts again."""
        mean = self.sums / self.counts.clamp(min=1)
        self.sums.zero_(), self.counts.zero_()
        gap, t = ([f"{v:.2f}" for v in row] for row in mean.tolist())
        return f"by gap {' '.join(gap)} by time {' '.join(t)}"


def train(args: argparse.Namespace) -> None:
    """Runs until the wanted number of steps or minutes, whichever comes first."""
    torch.manual_seed(int(time.time()))
    torch.set_num_threads(args.threads)
    batches = Batches(args.data, args.batch, int(time.time()))
    dash = load_dash(args.dash, UNetConfig(labels=len(batches.names)))
    dot = Dot(dash, DotConfig()).to(memory_format=torch.channels_last)
    own = dot.own_parameters()
    average = [p.detach().clone() for p in own]
    optimizer = torch.optim.AdamW(own, args.rate, betas=(0.9, 0.99), weight_decay=0.01)
    step, table, path = 0, alphas_cumprod(), args.out / "dot.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        step, average = state["step"], state["ema"]
        for p, value in zip(own, state["model"]):
            p.data.copy_(value)
        print(f"resumed at step {step}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    model = torch.compile(dash) if args.compile else dash
    start, first, mean, log = time.time(), step, None, Log()
    end = start + 60 * args.minutes

    def keep() -> None:
        save(path, model=[p.detach() for p in own], ema=average,
             optimizer=optimizer.state_dict(), step=step)

    while step < args.steps and time.time() < end:
        left = min((args.steps - step) / args.steps, (end - time.time()) / (60 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 200) * min(1, left / 0.4 + 0.02)
        x, y = batches.next()
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for loss, share, gap, t in steps(model, dot, x, y, table, args.bf16):
            loss.backward()
            total += loss.item() / 2
            log.add(share, gap, t)
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimizer.step()
        step += 1
        decay = min(0.999, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, [p.detach() for p in own], 1 - decay)
        mean = total if mean is None else 0.98 * mean + 0.02 * total
        if step % 100 == 0:
            speed = (step - first) * args.batch / (time.time() - start)
            print(f"step {step} loss {mean:.4f} {log.line()} {speed:.1f} pictures/s", flush=True)
        if step % 250 == 0:
            keep()
    keep()
    print(f"stopped at step {step}", flush=True)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-dot``."""
    parser = argparse.ArgumentParser(prog="morse_models train-dot", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--dash", type=Path, default=Path("runs/dash.pt"))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="use torch.compile for Dash")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast, for CPUs that have it")
    train(parser.parse_args(argv))
