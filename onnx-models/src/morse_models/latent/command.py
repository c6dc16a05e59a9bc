"""Command line of ``python -m morse_models dot`` and of ``export --from``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from .dot import LatentDot, LatentDotConfig, load_dot, save_dot
from .export import write_folder
from .folder import UNETS, cache, open_folder
from .train import train


def init(args: argparse.Namespace) -> None:
    """Builds an untrained Dot around a U-Net and writes its checkpoint."""
    folder = open_folder(args.source, UNETS)
    config = LatentDotConfig(
        stages=args.stages, width=args.width, rank=args.rank, prediction=folder.prediction
    )
    dot = LatentDot(folder.unet, folder.alphas_cumprod, config)
    save_dot(args.checkpoint, dot)
    own = sum(p.numel() for p in dot.own_parameters())
    shared = sum(p.numel() for p in folder.unet.parameters())
    print(f"{args.checkpoint}: {own / 1e6:.1f} M own parameters, {dot.trunk.branches} branches of "
          f"rank {args.rank} beside Dash's {shared / 1e6:.1f} M")


def make_cache(args: argparse.Namespace) -> None:
    """Encodes a folder of pictures once."""
    count = cache(open_folder(args.source, UNETS), args.pictures, args.cache, args.size, args.masks)
    print(f"{count} pictures in {args.cache}")


def run_training(args: argparse.Namespace) -> None:
    """Trains, or tries everything on a tiny random model."""
    if args.dry_run:
        dry_run()
        return
    missing = [n for n in ("source", "checkpoint", "cache") if getattr(args, n) is None]
    if missing:
        sys.exit("dot train needs --" + " --".join(missing).replace("source", "from"))
    train(open_folder(args.source, UNETS), args)


def run_export(args: argparse.Namespace) -> None:
    """Writes a folder that the engine draws from."""
    folder = open_folder(args.source) if args.dot is None else open_folder(args.source, UNETS)
    dot = None
    if args.dot is not None:
        dot = load_dot(args.dot, folder.unet, folder.alphas_cumprod)
    write_folder(folder, dot, args.out, args.dtype == "fp16")
    size = sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file())
    print(f"{size / 2**20:.1f} MiB in {args.out}")


def dry_run() -> None:
    """Every step of the guide on a tiny random Stable Diffusion, on the CPU, in a minute."""
    from .tiny import tiny_pictures, tiny_stable_diffusion

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        tiny_stable_diffusion(root / "model")
        tiny_pictures(root / "pictures", 6)
        base = ["--from", str(root / "model"), "--checkpoint", str(root / "dot.pt")]
        main(["init", *base, "--width", "16", "--rank", "2"])
        main(["cache", "--from", str(root / "model"), "--pictures", str(root / "pictures"),
              "--cache", str(root / "cache.pt"), "--size", "32"])
        more = ["--cache", str(root / "cache.pt"), "--batch", "2", "--log", "2"]
        main(["train", *base, *more, "--steps", "2", "--gradient-checkpointing"])
        main(["train", *base, *more, "--steps", "4"])
        export(["--from", str(root / "model"), "--dot", str(root / "dot.pt"),
                "--out", str(root / "out")])
    print("the dry run is through: nothing was kept")


def export(argv: list[str]) -> None:
    """``python -m morse_models export --from DIR [--dot CHECKPOINT] --out DIR``."""
    parser = argparse.ArgumentParser(prog="morse_models export --from", description=run_export.__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True,
                        help="diffusers folder with PyTorch weights")
    parser.add_argument("--dot", type=Path, help="checkpoint of Dot; without it Dash alone")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtype", choices=("fp32", "fp16"), default="fp32")
    run_export(parser.parse_args(argv))


def main(argv: list[str]) -> None:
    """``python -m morse_models dot {init,cache,train} ...``."""
    parser = argparse.ArgumentParser(prog="morse_models dot", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    first = commands.add_parser("init", help="build an untrained Dot around a U-Net")
    first.add_argument("--from", dest="source", type=Path, required=True)
    first.add_argument("--checkpoint", type=Path, required=True)
    first.add_argument("--stages", type=int, default=2, help="halvings before the trunk")
    first.add_argument("--width", type=int, default=256, help="channels of the stem")
    first.add_argument("--rank", type=int, default=64, help="rank of the branches")
    first.set_defaults(run=init)

    second = commands.add_parser("cache", help="encode pictures and captions once")
    second.add_argument("--from", dest="source", type=Path, required=True)
    second.add_argument("--pictures", type=Path, required=True)
    second.add_argument("--cache", type=Path, required=True)
    second.add_argument("--size", type=int, default=512)
    second.add_argument("--masks", type=int, default=4, help="masks per picture for an inpainting "
                        "U-Net")
    second.set_defaults(run=make_cache)

    third = commands.add_parser("train", help="train or go on training")
    third.add_argument("--from", dest="source", type=Path)
    third.add_argument("--checkpoint", type=Path)
    third.add_argument("--cache", type=Path)
    third.add_argument("--batch", type=int, default=16)
    third.add_argument("--steps", type=int, default=100_000)
    third.add_argument("--rate", type=float, default=2e-4)
    third.add_argument("--ema", type=float, default=0.9995)
    third.add_argument("--log", type=int, default=50, help="steps between lines")
    third.add_argument("--save", type=int, default=500, help="steps between checkpoints")
    third.add_argument("--logs", type=Path, help="folder of TensorBoard logs; needs tensorboard")
    third.add_argument("--bf16", action="store_true")
    third.add_argument("--gradient-checkpointing", action="store_true")
    third.add_argument("--dry-run", action="store_true", help="try all on a tiny random model")
    third.set_defaults(run=run_training)

    args = parser.parse_args(argv)
    args.run(args)
