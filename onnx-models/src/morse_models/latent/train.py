"""Training of Dot around a frozen Dash: the paper's regression on pairs of times.

Runs on one GPU where there is one; bf16, gradient checkpointing; resumes where it was stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints import load
from ..loop import Board
from ..train_dot import draw_times, jump
from .dot import LatentDot, load_dot, save_dot
from .folder import DashFolder

EMPTY = 0.1
"""How often a text is replaced by the empty one: both halves of guidance are Dot's work."""


def conditions_of(folder: DashFolder, data: dict, index: Tensor, device: str) -> dict[str, Tensor]:
    """Dash's further inputs for some pictures of a cache, some texts emptied."""
    if not folder.text:
        return {}
    empty = torch.rand(len(index)) < EMPTY
    out = {}
    for name, rows in data["conditions"].items():
        rows = rows[index].float()
        rows[empty] = data["empty"][name].float()
        out[name] = rows.to(device)
    if folder.xl:
        side = float(data["size"])
        out["time_ids"] = torch.tensor([folder.time_ids(side)], device=device).repeat(len(index), 1)
    return out


def beside_of(folder: DashFolder, data: dict, index: Tensor, device: str) -> Tensor:
    """What stands beside the samples of some pictures, one of their masks each: [N, C, H, W].

    Raises:
        ValueError: if the cache was made for a Dash that takes something else.
    """
    rows = data.get("beside")
    held = 0 if rows is None else rows.shape[2]
    if held != folder.beside:
        raise ValueError(f"the cache holds {held} channels beside the latents, and Dash takes "
                         f"{folder.beside}: make it again with 'dot cache --from {folder.path}'")
    if rows is None:
        return torch.empty(len(index), 0, *data["latents"].shape[2:], device=device)
    which = torch.randint(rows.shape[1], (len(index),))
    return rows[index, which].float().to(device)


def call_dash(folder: DashFolder, x: Tensor, t: Tensor, conditions: dict[str, Tensor]) -> Tensor:
    """Dash's raw estimate, float32."""
    given = dict(conditions)
    added = {k: given.pop(k) for k in ("text_embeds", "time_ids") if k in given}
    if added:
        given["added_cond_kwargs"] = added
    return folder.unet(x, t, return_dict=False, **given)[0].float()


def as_v(prediction: str, x: Tensor, z: Tensor, t: Tensor, table: Tensor) -> Tensor:
    """The v that an estimate stands for: v = alpha epsilon - sigma x_0."""
    bar = table[t][:, None, None, None]
    a, s = bar.sqrt(), (1 - bar).sqrt()
    if prediction == "epsilon":
        return (z - s * x) / a
    if prediction == "sample":
        return (a * x - z) / s
    return z


def pairs(
    folder: DashFolder, dot: LatentDot, x_0: Tensor, beside: Tensor,
    conditions: dict[str, Tensor], table: Tensor,
) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
    """Yields Dot's inputs and Dash's own estimate there: one step behind Dash, then one behind Dot.

    The second pair lies where Morse itself comes to, which is not where Dash would have gone.
    ``beside`` is what stands behind the channels of every sample, [N, 0 or more, H, W].
    """
    kind = folder.prediction
    _, then, first, second = (t.to(x_0.device) for t in draw_times(len(x_0)))
    bar = table[then][:, None, None, None]
    x_s = bar.sqrt() * x_0 + (1 - bar).sqrt() * torch.randn_like(x_0)
    with torch.no_grad():
        z_s = call_dash(folder, torch.cat([x_s, beside], dim=1), then, conditions)
        x = jump(x_s, as_v(kind, x_s, z_s, then, table), then, first, table)
        wide = torch.cat([x, beside], dim=1)
        target = call_dash(folder, wide, first, conditions)
    yield (wide, first, x_s, then, z_s), target
    with torch.no_grad():
        z = z_s + dot(wide, first, x_s, then, z_s, **conditions).float()
        x = jump(x, as_v(kind, x, z, first, table), first, second, table)
        wide = torch.cat([x, beside], dim=1)
        target = call_dash(folder, wide, second, conditions)
    yield (wide, second, x_s, then, z_s), target


def loss(dot: LatentDot, seen: tuple[Tensor, ...], target: Tensor, conditions: dict) -> Tensor:
    """Squared error, each picture divided by the root of what Dash changed there."""
    residual = dot(*seen, **conditions).float()
    z_s = seen[-1]
    error = (z_s + residual - target).square().mean(dim=(1, 2, 3))
    energy = (target - z_s).square().mean(dim=(1, 2, 3))
    return (error / (energy + 1e-3).sqrt()).mean()


def train(folder: DashFolder, args: argparse.Namespace) -> float:
    """Runs until the wanted number of steps; returns the running mean of the loss."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = torch.load(args.cache, map_location="cpu", weights_only=True)
    dot = load_dot(args.checkpoint, folder.unet, folder.alphas_cumprod)
    state = load(args.checkpoint)
    folder.unet.to(device)
    dot.to(device).train()
    if args.gradient_checkpointing:
        dot.trunk.unet.enable_gradient_checkpointing()
    table = folder.alphas_cumprod.to(device)
    own = dot.own_parameters()
    optimizer = torch.optim.AdamW(own, args.rate, betas=(0.9, 0.99), weight_decay=0.01)
    ema = {n: p.clone() for n, p in dot.own_state().items()}
    step = state.get("step", 0)
    if "optimizer" in state:
        optimizer.load_state_dict(state["optimizer"])
        dot.load_own({n: p.to(device) for n, p in state["model"].items()})
        ema = {n: p.to(device) for n, p in state["own"].items()}
        print(f"resumed at step {step}", flush=True)
    board = Board(args.logs)
    autocast = (
        torch.autocast(device, torch.bfloat16) if args.bf16 else contextlib.nullcontext()
    )
    begin, mean = time.time(), None

    def keep() -> None:
        # What is exported is the average; training goes on from the latest.
        save_dot(args.checkpoint, dot, ema, model=dot.own_state(), step=step,
                 optimizer=optimizer.state_dict())

    while step < args.steps:
        rate = args.rate * min(1, (step + 1) / 500) * min(1, (args.steps - step) / args.steps / 0.3)
        for group in optimizer.param_groups:
            group["lr"] = rate
        index = torch.randint(len(data["latents"]), (args.batch,))
        x_0 = data["latents"][index].float().to(device)
        conditions = conditions_of(folder, data, index, device)
        beside = beside_of(folder, data, index, device)
        with autocast:
            for seen, target in pairs(folder, dot, x_0, beside, conditions, table):
                value = loss(dot, seen, target, conditions) / 2
                value.backward()
                mean = 2 * value.item() if mean is None else 0.99 * mean + 0.02 * value.item()
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        with torch.no_grad():
            decay = min(args.ema, (1 + step) / (10 + step))
            for name, value in dot.own_state().items():
                ema[name].lerp_(value, 1 - decay)
        if step % args.log == 0 or step == args.steps:
            speed = args.log * args.batch / (time.time() - begin)
            begin = time.time()
            print(f"step {step} loss {mean:.4f} {speed:.1f} pictures/s", flush=True)
            board.add(step, {"loss": mean, "rate": rate, "pictures/s": speed})
        if step % args.save == 0:
            keep()
    keep()
    return mean if mean is not None else float("nan")
