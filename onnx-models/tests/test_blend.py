"""Weights between two checkpoints."""

from dataclasses import replace

import pytest
import torch
from conftest import save_pair

from morse_models import blend
from morse_models.checkpoints import load_models
from morse_models.dot import Dot, DotConfig


@pytest.fixture
def ends(models, tmp_path):
    """Two folders; every weight of the second is 4 more than that of the first."""
    dash, dot = models
    save_pair(tmp_path / "first", dash, dot)
    with torch.no_grad():
        for model in (dash, dot):
            for value in model.parameters():
                value.add_(4)
    save_pair(tmp_path / "second", dash, dot)
    return ["--first", str(tmp_path / "first"), "--second", str(tmp_path / "second")]


def test_weights_lie_where_share_says(ends, tmp_path):
    blend.main([*ends, "--share", "0.25", "--out", str(tmp_path / "out")])
    for first, out in zip(load_models(tmp_path / "first"), load_models(tmp_path / "out")):
        was = first.state_dict()
        for name, value in out.state_dict().items():
            assert torch.allclose(value, was[name] + 1, atol=1e-5), name


def test_dash_alone(ends, tmp_path):
    (tmp_path / "first" / "dot.pt").unlink()
    blend.main([*ends, "--out", str(tmp_path / "out")])
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["dash.pt"]


def test_what_cannot_be_blended_is_said(ends, tmp_path, capsys):
    dash, dot = load_models(tmp_path / "second")
    other = Dot(dash, replace(dot.config, width=DotConfig.width // 2))
    save_pair(tmp_path / "second", dash, other)
    out = tmp_path / "out"
    for argv, said in (
        ([*ends, "--out", str(out)], "dot of"),
        ([*ends, "--share", "1.5", "--out", str(out)], "--share 1.5"),
        ([*ends, "--out", str(tmp_path / "first")], "it holds a dash.pt"),
        ([*ends[:3], str(tmp_path / "none"), "--out", str(out)], "neither dash.pt nor dash.onnx"),
    ):
        with pytest.raises(SystemExit):
            blend.main(argv)
        assert said in capsys.readouterr().err
