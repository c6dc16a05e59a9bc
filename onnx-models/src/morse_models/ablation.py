"""What each part of Dot is worth: variants trained alike and compared on the same pairs.

Every variant starts from nothing, sees the same number of pairs of the same kinds, and is judged by
how much of the energy of what Dash changes between two times its error is: on pairs of noised data,
and on the states of whole runs of a Dot that none of the variants is (the one in ``--models``).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from . import train_dot, trajectories
from .checkpoints import load, load_models, save
from .diffusion import alphas_cumprod
from .dot import Dot, DotConfig
from .export import example_inputs
from .loop import add_options, prepare
from .pairs import Pairs
from .train_dash import Batches
from .unet import Dash

FULL = "as shipped"


def variants(base: DotConfig, levels: int) -> dict[str, tuple[DotConfig, dict]]:
    """Name -> sizes of Dot, and options of the training that differ."""

    def dot(**changes: object) -> tuple[DotConfig, dict]:
        return replace(base, **changes), {}

    out = {
        FULL: dot(),
        "without x_s, z_s and features": dot(observations=(), rotation=False),
        "without x_s and z_s": dot(observations=("dash_features",), rotation=False),
        "without Dash's features": dot(observations=("dash_sample", "dash_output", "previous")),
        "without the step before": dot(observations=("dash_sample", "dash_output", "dash_features")),
        "without starting from Dash's x_0": dot(rotation=False),
        "without sharing, own trunk": dot(shared=False),
        "rank 0": dot(rank=0),
        "rank 8": dot(rank=8),
        "rank 64": dot(rank=64),
        "half the width": dot(width=base.width // 2),
        "without whole runs": (base, {"on_policy": 0.0}),
        "gaps up to 100": (base, {"longest": 100}),
    }
    for m in range(1, levels + 1):
        out[f"{m} of {levels} levels of Dash"] = dot(levels=m)
    return {k: v for k, v in out.items() if k == FULL or v != (base, {})}


def held_pairs(dash: Dash, dot: Dot, batches: Batches, table: Tensor, bf16: bool) -> dict:
    """The pairs that judge: {kind: list of Pairs}."""
    torch.manual_seed(777)
    data = [p for _ in range(4) for p in train_dot.observe(dash, dot, *batches.next(), table, bf16)]
    runs = []
    for schedule in ((5, 1, "ddim"), (5, 2, "dpmpp"), (8, 2, "ddpm"), (5, 4, "ddim")):
        x, labels = (t[:16] for t in batches.next())
        runs += trajectories.observe(dash, dot, x, labels, table, bf16, schedule)
    return {"data": data, "runs": runs}


@torch.no_grad()
def share(dot: Dot, pairs: list[Pairs], table: Tensor, bf16: bool) -> float:
    """Energy of the error over the energy of what Dash changes its x_0 by."""
    sums = sum(train_dot.loss(dot, p, table, bf16)[1].sum(dim=1) for p in pairs)
    return float(sums[0] / sums[1])


@torch.no_grad()
def operations(dash: Dash, dot: Dot) -> float:
    """Operations of one step of Dot on one picture, in millions; both on the CPU."""
    _, inputs = example_inputs(dash, dot, 1, 0)
    with FlopCounterMode(display=False) as counter:
        dot.correct(*inputs.values())
    return counter.get_total_flops() / 1e6


def judge(name: str, config: DotConfig, changes: dict, args: argparse.Namespace) -> dict:
    """Trains one variant and says how it does."""
    begin = time.time()
    options = argparse.Namespace(**{**vars(args), **changes, "minutes": 1e9})
    options.out = args.out / "".join(c if c.isalnum() else "-" for c in name)
    dash, given = load_models(args.models)
    if not (options.out / "dot.pt").exists():
        save(options.out / "dash.pt", **load(args.models / "dash.pt"))
    train_dot.train(options, config, fresh=True)
    own_dash, dot = load_models(options.out)
    work = operations(own_dash, dot)
    device = prepare(options)
    batches = Batches(args.data, args.batch, 777, device)
    # Dot holds its Dash without owning it: moving the one doesn't move the other.
    for module in (dash, given, own_dash, dot):
        module.to(device)
    table = alphas_cumprod().to(device)
    pairs = held_pairs(dash, given, batches, table, args.bf16)
    own = sum(p.numel() for p in dot.parameters())
    return {
        "variant": name,
        "own parameters (M)": round(own / 1e6, 3),
        "MFLOP": round(work, 1),
        **{f"error, {k}": round(share(dot, p, table, args.bf16), 4)
           for k, p in pairs.items()},
        "minutes": round((time.time() - begin) / 60, 1),
    }


def table_of(rows: list[dict]) -> str:
    """A Markdown table."""
    names = list(rows[0])
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(str(row[n]) for n in names) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models ablation``."""
    parser = argparse.ArgumentParser(prog="morse_models ablation", description=__doc__)
    add_options(parser, rate=1e-3, ema=0.995)
    train_dot.add_pair_options(parser)
    parser.add_argument("--models", type=Path, required=True, help="folder of dash.pt and dot.pt")
    parser.add_argument("--only", help="variants whose names contain this")
    args = parser.parse_args(argv)
    if args.seed is None:
        args.seed = 1
    dash, dot = load_models(args.models)
    path = args.out / "ablation.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for name, (config, changes) in variants(dot.config, len(dash.config.widths)).items():
        if any(row["variant"] == name for row in rows) or (args.only and args.only not in name):
            continue
        rows.append(judge(name, config, changes, args))
        args.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(table_of(rows), flush=True)
    (args.out / "ablation.md").write_text(table_of(rows), encoding="utf-8")
