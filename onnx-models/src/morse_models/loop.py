"""The loop that Dash and Dot share: AdamW, an average of the weights, checkpoints, logs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoints import load, save

FALL = 0.35
"""Last part of a training, over which the rate falls to a fiftieth."""


def add_options(parser: argparse.ArgumentParser, rate: float, ema: float) -> None:
    """Options of every training."""
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of checkpoints")
    parser.add_argument("--start", type=Path, help="shipped model, for what --out lacks")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100_000, help="ends at this step")
    parser.add_argument("--minutes", type=float, default=600.0, help="or after this time")
    parser.add_argument("--rate", type=float, default=rate, help="learning rate")
    parser.add_argument("--ema", type=float, default=ema, help="decay of the averaged weights")
    parser.add_argument("--seed", type=int, help="default: the time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", help="cpu or cuda; default: cuda where there is one")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--bf16", action="store_true", help="bf16 autocast, for CPUs that have it")
    parser.add_argument("--logs", type=Path, help="folder of TensorBoard logs; needs tensorboard")


def prepare(args: argparse.Namespace) -> torch.device:
    """Seeds, sets the threads, and says where to train."""
    if args.seed is None:
        args.seed = int(time.time())
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    return torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))


class Board:
    """TensorBoard scalars, or nothing."""

    def __init__(self, folder: Path | None):
        self.writer = None
        if folder is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise SystemExit(f"--logs needs TensorBoard: pip install tensorboard ({error})")
            self.writer = SummaryWriter(str(folder))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Writes scalars by name."""
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
            self.writer.flush()


class Loop:
    """One training, resumed from ``path`` if it is there.

    Args:
        model: trained in place.
        average: the same kind of module; holds the averaged weights.
        path: the checkpoint.
        args: see :func:`add_options`.
        config: sizes of the model, kept in the checkpoint.
        warm_up: steps over which the rate rises.
    """

    def __init__(
        self, model: nn.Module, average: nn.Module, path: Path, args: argparse.Namespace,
        config: dict, warm_up: int,
    ):
        self.model, self.average, self.path, self.args = model, average, path, args
        self.config, self.warm_up, self.step = config, warm_up, 0
        self.board = Board(args.logs)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        state = load(path) if path.exists() else {}
        if "model" in state:
            model.load_state_dict(state["model"])
            average.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
            print(f"resumed at step {self.step}", flush=True)

    def keep(self) -> None:
        """Writes the checkpoint."""
        save(self.path, model=self.model.state_dict(), ema=self.average.state_dict(),
             optimizer=self.optimizer.state_dict(), step=self.step, config=self.config)

    def run(
        self, loss: Callable[[int], Tensor], report: Callable[[], dict[str, float]] = dict
    ) -> None:
        """Trains until the wanted step or minute, whichever comes first.

        Args:
            loss: of the step that it is given, counted from the start of this run.
            report: further scalars of the steps since it was called last.
        """
        args, first, begin, mean = self.args, self.step, time.time(), None
        end = begin + 60 * args.minutes
        while self.step < args.steps and time.time() < end:
            left = min((args.steps - self.step) / max(args.steps - first, 1),
                       (end - time.time()) / (60 * args.minutes))
            done = self.step - first
            rate = args.rate * min(1, (done + 1) / self.warm_up) * min(1, left / FALL + 0.02)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            value = loss(done)
            value.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            decay = min(args.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.average.parameters()), list(self.model.parameters()), 1 - decay
                )
            mean = value.item() if mean is None else 0.98 * mean + 0.02 * value.item()
            if self.step % 100 == 0:
                speed = (self.step - first) * args.batch / (time.time() - begin)
                values = {"loss": mean, "rate": rate, "pictures/s": speed, **report()}
                text = " ".join(f"{name} {number:.4g}" for name, number in values.items())
                print(f"step {self.step} {text}", flush=True)
                self.board.add(self.step, values)
            if self.step % 250 == 0:
                self.keep()
        self.keep()
        print(f"stopped at step {self.step}", flush=True)
