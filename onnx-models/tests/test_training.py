"""Both trainings on random pictures: they start, stop, resume and start from a shipped model."""

import numpy as np
import torch
from conftest import LABELS

from morse_models import train_dash, train_dot
from morse_models.checkpoints import load, load_models
from morse_models.diffusion import STEPS, alphas_cumprod, coefficients
from morse_models.export import write


def dash_args(data_file, out, steps, *more):
    return ["--data", str(data_file), "--out", str(out), "--batch", "4", "--steps", str(steps),
            "--threads", "1", *more]


def test_dash_resumes_where_it_stopped(models, data_file, tmp_path, capsys):
    write(*models, tmp_path / "shipped", LABELS, "card")
    out = tmp_path / "runs"
    train_dash.main(dash_args(data_file, out, 2, "--start", str(tmp_path / "shipped")))
    state = load(out / "dash.pt")
    assert state["step"] == 2
    weight = models[0].state_dict()["conv_in.weight"]
    moved = (state["model"]["conv_in.weight"] - weight).abs().max()
    assert 0 < moved < 0.05, "began with the shipped weights and moved on"
    train_dash.main(dash_args(data_file, out, 3))
    assert "resumed at step 2" in capsys.readouterr().out
    assert load(out / "dash.pt")["step"] == 3


def test_dot_resumes_and_keeps_dash(models, data_file, tmp_path, capsys):
    out = tmp_path / "runs"
    write(*models, tmp_path / "shipped", LABELS, "card")
    train_dot.main(dash_args(data_file, out, 2, "--start", str(tmp_path / "shipped")))
    assert load(out / "dot.pt")["step"] == 2
    train_dot.main(dash_args(data_file, out, 4))
    assert "resumed at step 2" in capsys.readouterr().out
    dash, dot = load_models(out)
    for name, value in models[0].state_dict().items():
        assert torch.equal(dash.state_dict()[name], value), name
    assert load(out / "dot.pt")["step"] == 4
    assert not (out / "dot.part").exists()


def test_dot_learns_on_one_batch(models):
    torch.manual_seed(0)
    dash, dot = models
    dot.train()
    table = alphas_cumprod()
    x, y = torch.rand(4, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 2, 0])
    pairs = next(train_dot.observe(dash, dot, x, y, table, False))
    optimizer = torch.optim.Adam(dot.parameters(), 1e-2)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value, energies = train_dot.loss(dot, pairs, table, False)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert energies.shape == (2, 4)
    assert values[-1] < 0.5 * values[0]


def test_times_descend_and_stay_in_range():
    torch.manual_seed(0)
    before, then, first, second = train_dot.draw_times(10_000)
    assert then.max() == before.max() == STEPS - 1 and second.min() >= 0
    assert (before >= then).all()
    assert 0.15 < (before == then).float().mean() < 0.5, "some begin with this step of Dash"
    assert (then > first).all() and (first >= second).all()
    assert (then - second).max() <= train_dot.LONGEST
    assert ((first > second).float().mean() > 0.9).item()


def test_a_jump_keeps_the_variance():
    torch.manual_seed(0)
    table = alphas_cumprod()
    n = 64
    x_0, epsilon = torch.randn(n, 3, 16, 16), torch.randn(n, 3, 16, 16)
    t, t_next = torch.full((n,), 700), torch.full((n,), 500)
    (a, s), (b, r) = coefficients(t, table), coefficients(t_next, table)
    moved = train_dot.jump(a * x_0 + s * epsilon, a * epsilon - s * x_0, t, t_next, table)
    expected = b * x_0 + r * epsilon
    same = (moved - expected).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert 0.5 < same.float().mean() < 1, "deterministic for most"
    noise = (moved - b * x_0)[~same]
    torch.testing.assert_close(noise.var(), r.flatten()[0].square(), rtol=0.05, atol=0)


def test_replay_keeps_the_newest(models):
    replay = train_dot.Replay(4)

    def pairs(value):
        picture, row = torch.full((3, 3, 16, 16), value), torch.full((3,), value)
        features = torch.full((3, 24, 8, 8), value)
        observed = (picture, row, picture, row, features, picture, row, picture)
        return train_dot.Pairs(*observed, picture, row, picture)

    for value in (1.0, 2.0, 3.0):
        replay.add(pairs(value))
    drawn = replay.draw(200)
    assert set(np.unique(drawn.target.numpy())) == {2.0, 3.0}
    assert torch.equal(drawn.target[:, 0, 0, 0], drawn.dash_features[:, 0, 0, 0])
