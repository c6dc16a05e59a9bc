"""The exported directory against PyTorch, by ONNX Runtime."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import LABELS

from morse_models import golden
from morse_models.checkpoints import load_models
from morse_models.export import example_inputs, write
from morse_models.weights import WeightFile


@pytest.fixture
def directory(models, tmp_path):
    write(*models, tmp_path / "model", LABELS, "# A card\n")
    return tmp_path / "model"


def places(path) -> dict[str, tuple[int, int]]:
    model = onnx.load(str(path), load_external_data=False)
    entries = {t.name: {e.key: e.value for e in t.external_data} for t in model.graph.initializer}
    return {n: (int(e["offset"]), int(e["length"])) for n, e in entries.items() if e}


def run(path, inputs) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path)
    return session.run(None, {name: value.numpy() for name, value in inputs.items()})


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_runtime_agrees(models, directory, batch):
    dash, dot = models
    with torch.no_grad():
        of_dash, of_dot = example_inputs(dash, dot, batch, batch)
        expected = dot.correct(*of_dot.values())
    output, features = run(directory / "dash.onnx", of_dash)
    np.testing.assert_allclose(output, of_dot["dash_output"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(features, of_dot["dash_features"], rtol=0, atol=2e-5)
    (residual,) = run(directory / "dot.onnx", of_dot)
    np.testing.assert_allclose(residual, expected, rtol=0, atol=2e-5)


def test_names_of_inputs_and_outputs(directory):
    dash = onnx.load(str(directory / "dash.onnx"), load_external_data=False).graph
    dot = onnx.load(str(directory / "dot.onnx"), load_external_data=False).graph
    assert [i.name for i in dash.input] == ["sample", "timestep", "class_labels"]
    assert [o.name for o in dash.output] == ["out_sample", "dash_features"]
    assert [i.name for i in dot.input] == [
        "sample", "timestep", "dash_sample", "dash_timestep", "dash_output", "class_labels",
        "dash_features", "previous_dash_sample", "previous_dash_timestep", "previous_dash_output",
    ]
    assert [o.name for o in dot.output] == ["residual"]
    for value in (*dash.input, *dot.input, *dash.output, *dot.output):
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_param == "N" and all(d.dim_value > 0 for d in dims[1:])


def test_the_trunk_lies_in_the_file_once(models, directory):
    dash, dot = models
    of_dash, of_dot = places(directory / "dash.onnx"), places(directory / "dot.onnx")
    shared = sum(n for _, n in set(of_dash.values()) & set(of_dot.values()))
    walked = [*dash.trunk.down[: dot.config.levels], *dash.trunk.up[: dot.config.levels]]
    assert shared >= sum(2 * p.numel() for part in walked for p in part.parameters())
    every = sorted(set(of_dash.values()) | set(of_dot.values()))
    assert all(a + n <= b for (a, n), (b, _) in zip(every, every[1:])), "no overlap"
    own = sum(2 * p.numel() for m in models for p in m.parameters())
    assert (directory / "weights.bin").stat().st_size < 1.2 * own


def test_reads_back_what_it_wrote(models, directory):
    again = load_models(directory)
    for before, after in zip(models, again):
        state = after.state_dict()
        for name, value in before.state_dict().items():
            assert torch.equal(value, state[name]), name


def test_a_dot_that_does_not_look_back_takes_no_more(config, tmp_path):
    from morse_models.dot import Dot, DotConfig
    from morse_models.unet import Dash

    dash = Dash(config)
    config = DotConfig(width=16, rank=4, condition=8, observations=("dash_sample", "dash_output"))
    dot = Dot(dash, config)
    write(dash, dot, tmp_path, LABELS, "card")
    graph = onnx.load(str(tmp_path / "dot.onnx"), load_external_data=False).graph
    assert not [i.name for i in graph.input if i.name.startswith("previous")]
    assert load_models(tmp_path)[1].config == config


def test_untrained_dot_can_be_shipped_and_read_back(config, tmp_path):
    from morse_models.dot import Dot, DotConfig
    from morse_models.unet import Dash

    dash = Dash(config)
    dot = Dot(dash, DotConfig(width=16, rank=4, condition=8))
    write(dash, dot, tmp_path, LABELS, "card")
    _, again = load_models(tmp_path)
    for name, value in dot.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_scheduler_and_labels(directory):
    scheduler = json.loads((directory / "scheduler_config.json").read_text())
    assert scheduler["prediction_type"] == "v_prediction"
    assert scheduler["beta_schedule"] == "squaredcos_cap_v2"
    assert (directory / "labels.txt").read_text().split("\n") == [*LABELS, ""]


def test_golden_vectors_hold_in_onnx_runtime(directory, tmp_path):
    golden.write(directory, tmp_path / "golden")
    folder = tmp_path / "golden" / "b3"
    array = {f.stem: torch.from_numpy(np.load(f)) for f in folder.iterdir()}
    inputs = {
        "sample": array["dot_sample"],
        "timestep": array["dot_timestep"],
        "dash_sample": array["sample"],
        "dash_timestep": array["timestep"],
        "dash_output": array["out_sample"],
        "class_labels": array["class_labels"],
        "dash_features": array["dash_features"],
        **{name: value for name, value in array.items() if name.startswith("previous_")},
    }
    (residual,) = run(directory / "dot.onnx", inputs)
    np.testing.assert_allclose(residual, array["residual"], rtol=0, atol=2e-5)
    trajectory = np.load(tmp_path / "golden" / "trajectory" / "guided.npy")
    assert trajectory.shape == (7, 2, 3, 16, 16)


def test_equal_bytes_are_stored_once():
    weights = WeightFile("w")
    first = weights.add(np.arange(40, dtype=np.float16))
    assert weights.add(np.arange(40, dtype=np.float16).reshape(5, 8)) == first
    other, length = weights.add(np.arange(3, dtype=np.float16))
    assert other % 64 == 0 and length == 6 and other >= first[0] + first[1]
