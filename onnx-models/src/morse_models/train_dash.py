"""Training of Dash: v prediction with min-SNR weights, resumable."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import torch
from torch.nn import functional as F

from . import data
from .checkpoints import load, load_models, unet_config
from .diffusion import STEPS, alphas_cumprod, coefficients
from .loop import Loop, add_options, prepare
from .unet import Dash, UNetConfig

NULL_SHARE = 0.25
"""How often the label is replaced by the null label: for classifier-free guidance, and because who asks
for no label gets pictures of that kind too."""
MIN_SNR = 5.0
"""Weight of Hang et al. 2023: min(SNR, 5) / (SNR + 1) for v prediction."""


class Batches:
    """Endless random batches of pictures in [-1, 1], some of them mirrored."""

    def __init__(self, path: Path, batch: int, seed: int, device: torch.device):
        pictures, labels, self.names, mirror = data.load(path)
        self.path, (self.channels, self.size, width) = path, pictures.shape[1:]
        if width != self.size:
            raise SystemExit(f"{path} holds pictures of {self.size}x{width}: give squares")
        self.pictures = torch.from_numpy(pictures).float().div_(127.5).sub_(1)
        self.labels, self.mirror = torch.from_numpy(labels), torch.from_numpy(mirror)
        self.batch, self.device = batch, device
        self.random = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns float32 [B, C, H, W] and int64 [B] with some labels replaced by the null label."""
        index = torch.randint(len(self.pictures), (self.batch,), generator=self.random)
        x, y = self.pictures[index], self.labels[index].clone()
        flip = self.mirror[index] & (torch.rand(self.batch, generator=self.random) < 0.5)
        x[flip] = x[flip].flip(-1)
        y[torch.rand(self.batch, generator=self.random) < NULL_SHARE] = len(self.names)
        return x.to(self.device), y.to(self.device)


def loss(
    model: Dash, x: torch.Tensor, y: torch.Tensor, table: torch.Tensor, bf16: bool = False
) -> torch.Tensor:
    """Weighted squared error of v on one batch (Salimans and Ho 2022; Hang et al. 2023)."""
    n = len(x)
    t = ((torch.rand(1) + torch.arange(n) / n) % 1 * STEPS).long().clamp_(max=STEPS - 1)
    t = t[torch.randperm(n)].to(x.device)
    a, s = coefficients(t, table)
    noise = torch.randn_like(x)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        estimate, _ = model(
            (a * x + s * noise).contiguous(memory_format=torch.channels_last), t, y
        )
    estimate = estimate.float()
    snr = (a / s).square().flatten()
    weight = snr.clamp(max=MIN_SNR) / (snr + 1)
    error = (estimate - (a * noise - s * x)).square().mean(dim=(1, 2, 3))
    return (weight * error).mean() / weight.mean()


def sizes(batches: Batches, widths: tuple[int, ...]) -> UNetConfig:
    """A network for the pictures at hand, whose widest level has 16x16 positions whatever their size;
    see :func:`data.patch`."""
    patch = data.patch(batches.size)
    # Dash halves the positions twice on its way down, and so does Dot before and in its trunk.
    if batches.size % (4 * patch):
        raise SystemExit(f"{batches.path} holds pictures of {batches.size} pixels a side: give a side "
                         f"that is a multiple of {4 * patch}")
    return UNetConfig(
        size=batches.size, channels=batches.channels, patch=patch, widths=widths,
        labels=len(batches.names),
    )


def check(config: UNetConfig, batches: Batches) -> None:
    """Refuses a data file whose pictures or labels are not those of a network."""
    given = (batches.channels, batches.size, len(batches.names))
    wanted = (config.channels, config.size, config.labels)
    if given != wanted:
        names = "{} channels of {} pixels a side with {} labels"
        raise SystemExit(f"{batches.path} holds {names.format(*given)}, the network was made for "
                         f"{names.format(*wanted)}: give the --data that it was trained on")


def train(args: argparse.Namespace) -> None:
    """Runs until the wanted number of steps or minutes, whichever comes first."""
    device = prepare(args)
    batches = Batches(args.data, args.batch, args.seed, device)
    path = args.out / "dash.pt"
    state = load(path) if path.exists() else {}
    given = load_models(args.start)[0] if args.start and not state else None
    if given is not None:
        config = given.config
    elif state:
        config = unet_config(state.get("config", {}))
    else:
        config = sizes(batches, args.widths)
    check(config, batches)
    model, ema = Dash(config), Dash(config)
    if given is not None:
        model.load_state_dict(given.state_dict())
    elif state:
        model.load_state_dict(state["ema"])
    ema.load_state_dict(model.state_dict())
    model.to(device, memory_format=torch.channels_last)
    ema.to(device)
    table = alphas_cumprod().to(device)
    loop = Loop(model, ema, path, args, asdict(config), warm_up=300)
    run = torch.compile(model) if args.compile else model
    loop.run(lambda step: loss(run, *batches.next(), table, args.bf16))


def widths(text: str) -> tuple[int, ...]:
    """Reads the channels of three levels, such as ``64,96,128``."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != len(UNetConfig.widths) or any(w <= 0 or w % 8 for w in found):
        raise argparse.ArgumentTypeError(f"{text!r} is not three multiples of 8 such as 64,96,128")
    return found


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-dash``."""
    parser = argparse.ArgumentParser(prog="morse_models train-dash", description=__doc__)
    add_options(parser, rate=8e-4, ema=0.999)
    parser.add_argument("--widths", type=widths, default=UNetConfig.widths, help="channels per level "
                        "of a network that isn't there yet, multiples of 8: 96,128,160")
    train(parser.parse_args(argv))
