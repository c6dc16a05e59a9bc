"""Training and export of the two classifiers of a model directory.

``classifier_grad.onnx`` guides; it has seen noisy pictures. ``evaluation/classifier.onnx`` judges;
it has seen clean ones only and shares no weight with the first, so that guidance isn't judged by
what guided. ``evaluation/data_features.npy`` holds its features of the training pictures, and
``evaluation/data_labels.npy`` their labels.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional as F

from . import checkpoints, data
from .classifier import Classifier, ClassifierConfig, FeatureGraph, GradientGraph
from .diffusion import STEPS, alphas_cumprod, coefficients
from .export import round_to_half, to_onnx
from .weights import WeightFile, externalize

HELD_OUT = 10
"""Every tenth picture is kept out of training and states the accuracy."""
SHIFT = 2
"""Largest shift of a picture in training, in pixels."""
SMOOTHING = 0.1
DECAY = 0.995
"""Of the averaged weights."""


class Pictures:
    """Training and held-out pictures in [-1, 1] with their labels."""

    def __init__(self, path: Path):
        pictures, labels, self.names, mirror = data.load(path)
        self.x = torch.from_numpy(pictures).float().div_(127.5).sub_(1)
        self.y, self.mirror = torch.from_numpy(labels), torch.from_numpy(mirror)
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(0))
        self.held, self.kept = order[:: HELD_OUT], order[torch.arange(len(order)) % HELD_OUT > 0]

    def sizes(self) -> ClassifierConfig:
        """A classifier of these pictures; its first convolution has 16x16 positions from 32x32 on."""
        channels, size = self.x.shape[1:3]
        return ClassifierConfig(
            channels=channels, patch=data.patch(size), labels=len(self.names)
        )

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Random training pictures, mirrored and shifted at random."""
        index = self.kept[torch.randint(len(self.kept), (count,))]
        x, y = self.x[index], self.y[index]
        flip = self.mirror[index] & (torch.rand(count) < 0.5)
        x[flip] = x[flip].flip(-1)
        padded = F.pad(x, (SHIFT,) * 4, value=1.0)
        dx, dy = torch.randint(2 * SHIFT + 1, (2,)).tolist()
        size = x.shape[-1]
        return padded[:, :, dy : dy + size, dx : dx + size], y


def noised(x: Tensor, t: Tensor, table: Tensor) -> Tensor:
    """The pictures at times t, int64 [N]."""
    a, s = coefficients(t, table)
    return a * x + s * torch.randn_like(x)


@torch.inference_mode()
def accuracy(model: Classifier, pictures: Pictures, t: int | None, table: Tensor) -> float:
    """Share of held-out pictures that get their label at time t; None for clean ones."""
    model.eval()
    x, y = pictures.x[pictures.held], pictures.y[pictures.held]
    times = torch.full((len(x),), t or 0)
    if t is not None:
        torch.manual_seed(1)
        x = noised(x, times, table)
    return float((model(x, times.float()).argmax(1) == y).float().mean())


def train(pictures: Pictures, noisy: bool, args: argparse.Namespace) -> Classifier:
    """Trains one classifier and returns its averaged weights."""
    torch.manual_seed(2 if noisy else 3)
    model = Classifier(pictures.sizes())
    ema = Classifier(model.config)
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps)
    table, begin = alphas_cumprod(), time.monotonic()
    model.train()
    for step in range(args.steps):
        x, y = pictures.batch(args.batch)
        t = torch.zeros(len(x), dtype=torch.int64)
        if noisy:
            # More of the times at which a label can be seen.
            t = (torch.rand(len(x)) ** 1.5 * STEPS).long()
            x = noised(x, t, table)
        loss = F.cross_entropy(model(x, t.float()), y, label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            pairs = zip(ema.state_dict().values(), model.state_dict().values(), strict=True)
            for mean, now in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - DECAY)
        if step % 100 == 99:
            seconds = time.monotonic() - begin
            kind = "noisy" if noisy else "clean"
            print(f"{kind} {step + 1}: loss {loss:.3f}, {seconds:.0f} s", flush=True)
    return ema.eval()


def write(noisy: Classifier, clean: Classifier, pictures: Pictures, out: Path) -> None:
    """Rounds the weights to fp16 and writes both graphs and the features of the data."""
    judge = out / "evaluation"
    judge.mkdir(parents=True, exist_ok=True)
    size = pictures.x.shape[-1]
    sample = torch.randn(2, noisy.config.channels, size, size)
    inputs = {
        "sample": sample,
        "timestep": torch.tensor([10.0, 500.0]),
        "class_labels": torch.tensor([0, noisy.config.labels]),
    }
    gradient, features = GradientGraph(noisy), FeatureGraph(clean)
    for model in (gradient, features):
        round_to_half(model)
    table = alphas_cumprod()
    about = {
        "guide": {str(t): accuracy(noisy, pictures, t, table) for t in (0, 250, 500, 750)},
        "judge": accuracy(clean, pictures, None, table),
        "held_out": len(pictures.held),
    }
    for folder, name, module, given, outputs in (
        (out, "classifier_grad", gradient, inputs, ["gradient"]),
        (judge, "classifier", features, {"sample": sample}, ["features", "logits"]),
    ):
        weights = WeightFile(f"{name}.bin")
        graph = to_onnx(module, given, outputs)
        externalize(graph, weights)
        del graph.metadata_props[:]
        graph.producer_name, graph.producer_version = "morse_models", ""
        entry = {"config": asdict(noisy.config), "held_out_accuracy": about}
        onnx.helper.set_model_props(graph, {k: json.dumps(v) for k, v in entry.items()})
        weights.write(folder)
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(folder / f"{name}.onnx"))
    with torch.inference_mode():
        seen = torch.cat([features(x)[0] for x in pictures.x.split(256)])
    np.save(judge / "data_features.npy", seen.numpy())
    np.save(judge / "data_labels.npy", pictures.y.numpy().astype(np.int64))
    (judge / "classifier.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(about))


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train-classifier``."""
    parser = argparse.ArgumentParser(prog="morse_models train-classifier", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/emoji32.npz"))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints lie")
    parser.add_argument("--out", type=Path, default=Path("shipped/emoji32"))
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    pictures, models = Pictures(args.data), []
    for noisy, name in ((True, "classifier_noisy.pt"), (False, "classifier_clean.pt")):
        path = args.runs / name
        if path.exists():
            model = Classifier(pictures.sizes())
            model.load_state_dict(checkpoints.load(path)["ema"])
        else:
            model = train(pictures, noisy, args)
            checkpoints.save(path, ema=model.state_dict())
        models.append(model)
    write(*models, pictures, args.out)
