"""Training of Dash: v prediction with min-SNR weights, resumable."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch.nn import functional as F

from . import data
from .checkpoints import load, load_models, save, unet_config
from .diffusion import STEPS, alphas_cumprod, coefficients
from .unet import Dash, UNetConfig

NULL_SHARE = 0.1
"""How often the label is replaced by the null label, for classifier-free guidance."""
MIN_SNR = 5.0
"""Weight of Hang et al. 2023: min(SNR, 5) / (SNR + 1) for v prediction."""


class Batches:
    """Endless random batches of pictures in [-1, 1], some of them mirrored."""

    def __init__(self, path: Path, batch: int, seed: int):
        pictures, labels, self.names, mirror = data.load(path)
        self.pictures = torch.from_numpy(pictures).float().div_(127.5).sub_(1)
        self.labels, self.mirror = torch.from_numpy(labels), torch.from_numpy(mirror)
        self.batch = batch
        self.random = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns float32 [B, 3, H, W] and int64 [B] with some labels replaced by the null label."""
        index = torch.randint(len(self.pictures), (self.batch,), generator=self.random)
        x, y = self.pictures[index], self.labels[index].clone()
        flip = self.mirror[index] & (torch.rand(self.batch, generator=self.random) < 0.5)
        x[flip] = x[flip].flip(-1)
        y[torch.rand(self.batch, generator=self.random) < NULL_SHARE] = len(self.names)
        return x, y


def loss(
    model: Dash, x: torch.Tensor, y: torch.Tensor, table: torch.Tensor, bf16: bool = False
) -> torch.Tensor:
    """Weighted squared error of v on one batch (Salimans and Ho 2022; Hang et al. 2023)."""
    n = len(x)
    t = ((torch.rand(1) + torch.arange(n) / n) % 1 * STEPS).long().clamp_(max=STEPS - 1)
    t = t[torch.randperm(n)]
    a, s = coefficients(t, table)
    noise = torch.randn_like(x)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        estimate, _ = model(
            (a * x + s * noise).contiguous(memory_format=torch.channels_last), t, y
        )
    estimate = estimate.float()
    snr = (a / s).square().flatten()
    weight = snr.clamp(max=MIN_SNR) / (snr + 1)
    error = (estimate - (a * noise - s * x)).square().mean(dim=(1, 2, 3))
    return (weight * error).mean() / weight.mean()


def update_ema(ema: Dash, model: Dash, decay: float) -> None:
    """Moves the averaged weights towards the current ones."""
    with torch.no_grad():
        torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)


def train(args: argparse.Namespace) -> None:
    """Runs until the wanted number of steps or minutes, whichever comes first."""
    torch.manual_seed(int(time.time()))
    torch.set_num_threads(args.threads)
    batches = Batches(args.data, args.batch, int(time.time()))
    step, table = 0, alphas_cumprod()
    path = args.out / "dash.pt"
    state = load(path) if path.exists() else None
    start_from = load_models(args.start)[0] if args.start and state is None else None
    if state is not None and "config" in state:
        config = unet_config(state["config"])
    elif start_from is not None:
        config = start_from.config
    else:
        config = UNetConfig(labels=len(batches.names))
    model = Dash(config).to(memory_format=torch.channels_last)
    if start_from is not None:
        model.load_state_dict(start_from.state_dict())
    ema = Dash(config)
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(
        model.parameters(), args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    if state is not None:
        model.load_state_dict(state.get("model", state["ema"]))
        ema.load_state_dict(state["ema"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        step = state.get("step", 0)
        print(f"resumed at step {step}", flush=True)
    run = torch.compile(model) if args.compile else model
    start, first, mean = time.time(), step, None
    end = start + 60 * args.minutes
    def keep() -> None:
        save(path, model=model.state_dict(), ema=ema.state_dict(),
             optimizer=optimizer.state_dict(), step=step, config=asdict(config))

    while step < args.steps and time.time() < end:
        left = min((args.steps - step) / args.steps, (end - time.time()) / (60 * args.minutes))
        rate = args.rate * min(1, (step + 1) / 300) * min(1, left / 0.3 + 0.02)
        for group in optimizer.param_groups:
            group["lr"] = rate
        x, y = batches.next()
        value = loss(run, x, y, table, args.bf16)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        update_ema(ema, model, min(args.ema, (1 + step) / (10 + step)))
        mean = value.item() if mean is None else 0.98 * mean + 0.02 * value.item()
        if step % 50 == 0:
            speed = (step - first) * args.batch / (time.time() - start)
            print(f"step {step} loss {mean:.4f} rate {rate:.2e} {speed:.1f} pictures/s", flush=True)
        if step % 250 == 0:
            keep()
    keep()
    print(f"stopped at step {step}", flush=True)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-dash``."""
    parser = argparse.ArgumentParser(prog="morse_models train-dash", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--start", type=Path, help="shipped model to start from if --out is empty")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast, for CPUs that have it")
    train(parser.parse_args(argv))
