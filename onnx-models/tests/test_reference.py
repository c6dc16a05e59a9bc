"""The page of PyTorch against the golden runs that hold the engine."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from morse_models.reference import ddim, ddpm, morse, probability_flow

GOLDEN = Path(__file__).parents[2] / "tests/src/test/resources/samplers.zip"
NULL = 2
ARCHIVE = zipfile.ZipFile(GOLDEN)
CASES = json.loads(ARCHIVE.read("cases.json"))
KEYS = {
    "num_train_timesteps",
    "beta_schedule",
    "prediction_type",
    "timestep_spacing",
    "clip_sample",
    "clip_sample_range",
}


def usable(case: dict) -> bool:
    """Cases of the samplers on the page, with the configuration keys that it reads."""
    config = case["scheduler_config"]
    known = set(config) <= KEYS and config["beta_schedule"] == "linear"
    plain = case["rescale"] == 0 and case["classifier"] == 0
    return case["sampler"] in ("ddim", "ddpm", "ode") and known and plain


NAMES = [name for name, case in CASES.items() if usable(case)]


def array(name: str) -> np.ndarray:
    return np.load(io.BytesIO(ARCHIVE.read(name)))


def model(name: str, output: str):
    session = onnxruntime.InferenceSession(ARCHIVE.read(name))
    names = [i.name for i in session.get_inputs()]

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        feeds = {n: v.numpy() for n, v in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run([output], feeds)[0])

    return run


def times(config: dict, n: int) -> list[int]:
    spacing = config.get("timestep_spacing", "leading")
    if spacing == "leading":
        return (np.arange(n) * (1000 // n))[::-1].tolist()
    if spacing == "linspace":
        return np.linspace(0, 999, n).round()[::-1].astype(int).tolist()
    return (np.round(np.arange(1000, 0, -1000 / n)) - 1).astype(int).tolist()


def test_there_are_cases() -> None:
    assert len(NAMES) > 60
    assert {CASES[n]["sampler"] for n in NAMES} == {"ddim", "ddpm", "ode"}
    assert any(CASES[n]["guidance"] > 1 for n in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_golden_run(name: str) -> None:
    case = CASES[name]
    config, schedule = case["scheduler_config"], case["schedule"]
    n, kind = len(schedule), config["prediction_type"]
    betas = torch.linspace(0.0001, 0.02, 1000)
    bars = torch.cumprod(1 - betas, 0).double()
    clip = config.get("clip_sample_range", 1.0) if config.get("clip_sample", True) else float("inf")
    if case["sampler"] == "ddim":
        steps = ddim(kind, bars, times(config, n), 1000 // n, clip, case["eta"])
    elif case["sampler"] == "ddpm":
        steps = ddpm(kind, bars, times(config, n), clip)
    else:
        steps = probability_flow(kind, n)
    noise = torch.from_numpy(array("noise.npy"))
    label = {"first": 0, "second": 1}.get(case.get("label"), NULL)
    samples = morse(
        model("dash.onnx", "out_sample"),
        model("dot.onnx", "residual"),
        noise,
        schedule,
        steps,
        torch.full((len(noise),), label),
        NULL,
        case["guidance"],
        torch.from_numpy(array("step_noise.npy")),
        every=case["fresh_noise"] == "every",
    )
    actual = torch.stack(samples).numpy()
    at = case["at"]
    expected = array("trajectories.npy")[at : at + actual.size].reshape(actual.shape)
    error = np.sqrt(np.mean((actual - expected) ** 2) / np.mean(expected**2))
    assert error < 1e-5, error
