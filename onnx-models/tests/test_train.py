"""A training from one file, the table of ablations, and pairs of whole runs."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import save_pair
from test_training import dash_args

from morse_models import ablation, train, train_dash, train_dot, trajectories
from morse_models.checkpoints import load, load_models, save_model
from morse_models.diffusion import alphas_cumprod
from morse_models.dot import Dot
from morse_models.export import example_inputs
from morse_models.reference import probability_flow
from morse_models.sampling import ddim_step, trailing


def write_config(path, data_file, out, extra=""):
    common = f'data = "{data_file}"\nout = "{out}"\nbatch = 4\nthreads = 1\n'
    path.write_text(f"[dot]\nsteps = 2\n{common}[dash]\nsteps = 2\nema = 0.9\n{common}{extra}")
    return path


@pytest.mark.parametrize("name", ["emoji32", "letters64"])
def test_what_was_shipped_can_be_made_again(name, capsys):
    """Every option in the shipped files is one of its command, its value one that is taken."""
    path = Path(__file__).parents[1] / "configs" / f"{name}.toml"
    for stage, argv in train.read(path).items():
        module = importlib.import_module(f"morse_models.{train.STAGES[stage]}")
        with pytest.raises(SystemExit) as error:
            module.main([*argv, "--help"])
        said = capsys.readouterr().out.replace("[", " ").replace("]", " ").split()
        assert error.value.code == 0, stage
        assert {a for a in argv if a.startswith("--")} <= set(said), stage


def test_stages_run_in_order_and_resume(data_file, tmp_path, capsys):
    out = tmp_path / "runs"
    config = write_config(tmp_path / "c.toml", data_file, out)
    train.main(["--config", str(config)])
    text = capsys.readouterr().out
    assert text.index("[dash]") < text.index("[dot]")
    assert load(out / "dash.pt")["step"] == 2 and load(out / "dot.pt")["step"] == 2
    train.main(["--config", str(config)])
    assert capsys.readouterr().out.count("resumed at step 2") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("[dush]\n", "'dush' is none of the tables"), ("dash = 3\n", "'dash' is none"),
     ("[dash\n", "line 1"), ("", "no table")],
)
def test_a_wrong_file_is_named(tmp_path, text, said):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(SystemExit) as error:
        train.main(["--config", str(path)])
    assert "wrong.toml" in str(error.value) and said in str(error.value)


def test_an_unknown_option_names_the_table(data_file, tmp_path, capsys):
    path = write_config(tmp_path / "c.toml", data_file, tmp_path / "runs", "colour = 3\n")
    with pytest.raises(SystemExit):
        train.main(["--config", str(path)])
    said = capsys.readouterr().err
    assert "--colour" in said and "c.toml: table [dash] failed" in said


def test_logs_for_tensorboard(data_file, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = tmp_path / "logs"
    train_dash.main(dash_args(data_file, tmp_path / "runs", 100, "--logs", str(logs)))
    events = EventAccumulator(str(logs)).Reload()
    assert {"loss", "rate"} <= set(events.Tags()["scalars"])
    assert events.Scalars("loss")[0].step == 100


@torch.no_grad()
def test_whole_runs_are_those_of_the_sampler(models):
    dash, dot = models
    torch.manual_seed(3)
    x, labels = torch.zeros(2, 3, 16, 16), torch.tensor([0, 1])
    table = alphas_cumprod()
    seen = list(trajectories.observe(dash, dot, x, labels, table, False, (2, 2, "ddim")))
    times = trailing(6)
    assert [int(p.timestep[0]) for p in seen] == [times[i] for i in (1, 2, 4, 5)]
    assert [int(p.dash_timestep[0]) for p in seen] == [times[i] for i in (0, 0, 3, 3)]
    first, second = seen[:2]
    expected = dash(first.sample, first.timestep, labels)[0]
    torch.testing.assert_close(first.target, expected)
    v = first.dash_output + dot(*first.tensors()[:-1])
    moved = ddim_step(first.sample, v, table[times[1]], table[times[2]])
    torch.testing.assert_close(second.sample, moved, rtol=0, atol=1e-4)


@torch.no_grad()
def test_guided_runs_hold_both_halves(models, monkeypatch):
    dash, dot = models
    monkeypatch.setattr(trajectories, "GUIDED", 1.0)
    monkeypatch.setattr(trajectories, "draw_schedule", lambda: (2, 1, "dpmpp"))
    x, labels = torch.zeros(4, 3, 16, 16), torch.tensor([0, 1, 0, 1])
    pairs = next(trajectories.observe(dash, dot, x, labels, alphas_cumprod(), False))
    assert pairs.labels.tolist() == [2, 2, 0, 1]
    torch.testing.assert_close(pairs.sample[:2], pairs.sample[2:])
    assert (pairs.dash_output[:2] - pairs.dash_output[2:]).abs().max() > 0


@torch.no_grad()
def test_whole_runs_take_the_schedules_that_are_served(models, tmp_path, monkeypatch):
    dash, dot = models
    file = tmp_path / "morse_schedule.json"
    entries = [{"schedule": s} for s in ("DKDKK", "DD", 33 * "D" + "K")]
    file.write_text(json.dumps({"samplers": {"ddim": entries}}))
    tuned = trajectories.read_tuned(file)
    # Not those without Dot, nor those that are nearly all Dash.
    assert tuned == [("ddim", "DKDKK"), ("ddpm", "DKDKK")]
    monkeypatch.setattr(trajectories, "TUNED", 1.0)
    monkeypatch.setattr(trajectories, "GUIDED", 0.0)
    monkeypatch.setattr(trajectories, "MOST_PAIRS", 3)
    x, labels = torch.zeros(2, 3, 16, 16), torch.tensor([0, 1])
    seen = list(trajectories.observe(dash, dot, x, labels, alphas_cumprod(), False, tuned=tuned))
    assert [int(p.timestep[0]) for p in seen] == [trailing(5)[i] for i in (1, 3, 4)]
    torch.manual_seed(0)
    long = [("dpmpp", "D" + 60 * "K")]
    seen = list(trajectories.observe(dash, dot, x, labels, alphas_cumprod(), False, tuned=long))
    assert 0 < len(seen) < 15
    file.write_text('{"samplers": {"ddim": [{"schedule": "DD"}]}}')
    with pytest.raises(ValueError, match="no schedule that Dot can be trained on"):
        trajectories.read_tuned(file)


def test_ablations_make_one_table_and_resume(models, data_file, tmp_path, capsys):
    dash, dot = models
    save_pair(tmp_path, dash, dot)
    argv = ["--models", str(tmp_path), "--data", str(data_file), "--out", str(tmp_path / "out"),
            "--batch", "16", "--steps", "2", "--threads", "1", "--only", "without sharing"]
    ablation.main(argv)
    (row,) = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert row["variant"].startswith("without sharing")
    assert row["own parameters (M)"] * 1e6 > sum(p.numel() for p in dash.trunk.parameters()) - 500
    assert 0 < row["error, data"] and 0 < row["error, runs"]
    text = (tmp_path / "out" / "ablation.md").read_text()
    assert text.count("\n") == 3 and "| without sharing" in text
    capsys.readouterr()
    ablation.main(argv)
    assert "step" not in capsys.readouterr().out, "what is there isn't trained again"


def test_variants_differ_from_what_is_shipped(models):
    _, dot = models
    variants = ablation.variants(dot.config, 3)
    assert ablation.FULL in variants and len(variants) >= 12
    configs = list(variants.values())
    assert all(configs.count(c) == 1 for c in configs)


def test_a_dot_of_other_sizes_takes_over_what_fits(models, tmp_path):
    dash, dot = models
    save_model(tmp_path / "dash.pt", dash)
    save_pair(tmp_path / "given", dash, dot)
    config = replace(dot.config, rank=2)
    _, fresh = train_dot.start(tmp_path, tmp_path / "given", config)
    assert torch.equal(fresh.stem.weight, dot.stem.weight)
    assert fresh.low_rank["down_0_0"].down.weight.shape[0] == 2
    _, again = load_models(tmp_path / "given")
    assert again.config == dot.config


@torch.no_grad()
def test_a_dot_that_observes_more_begins_as_the_one_that_does_not(models, tmp_path):
    dash, dot = models
    seen = tuple(o for o in dot.config.observations if o != "previous")
    less = Dot(dash, replace(dot.config, observations=seen)).eval()
    for parameter in less.parameters():
        parameter.normal_(std=0.1)
    save_pair(tmp_path / "given", dash, less)
    _, grown = train_dot.start(tmp_path, tmp_path / "given", dot.config)
    assert grown.config.looks_back
    inputs = list(example_inputs(dash, dot, 2, 0)[1].values())
    torch.testing.assert_close(grown.eval().correct(*inputs), less.correct(*inputs[:7]))


def test_dpmpp_is_that_of_diffusers():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DPMSolverMultistepScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
        timestep_spacing="trailing", solver_order=2, lower_order_final=False,
    )
    times = trailing(10)
    scheduler.set_timesteps(10)
    assert scheduler.timesteps.tolist() == times
    torch.manual_seed(0)
    ours = theirs = 0.1 * torch.randn(2, 3, 8, 8)
    run = trajectories.Run("dpmpp", 10 * "D", alphas_cumprod())
    assert run.times == times
    for i, t in enumerate(times[:-1]):
        v = 0.1 * torch.randn(2, 3, 8, 8)
        ours = run.step(i, ours, v)
        theirs = scheduler.step(v, t, theirs).prev_sample
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_euler_steps_are_those_of_the_reference():
    torch.manual_seed(0)
    # The linear schedule is the SDE's own, but for its last time.
    bars = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000).double(), 0)
    run = trajectories.Run("ode", 6 * "DK", bars)
    x = torch.randn(2, 3, 8, 8).double()
    for i, (_, step) in zip(range(11), probability_flow("v_prediction", 12)):
        v = torch.randn(2, 3, 8, 8).double()
        torch.testing.assert_close(run.step(i, x, v), step(x, v, x), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("sampler", ["ddpm", "sde"])
def test_noise_is_drawn_before_dash_alone(sampler):
    torch.manual_seed(0)
    x, v = torch.randn(2, 3, 8, 8), 0.1 * torch.randn(2, 3, 8, 8)

    def draws(every):
        run = trajectories.Run(sampler, "DKKDKKDKKDKK", alphas_cumprod(), every)
        return [not torch.equal(run.step(i, x, v), run.step(i, x, v)) for i in range(11)]

    assert draws(False) == [i % 3 == 2 for i in range(11)]
    assert all(draws(True))


def test_a_step_without_noise_is_one_of_the_ode():
    torch.manual_seed(0)
    x, v = torch.randn(2, 3, 8, 8), 0.1 * torch.randn(2, 3, 8, 8)
    table, kinds = alphas_cumprod(), "DKKKKKKKKKKK"
    for stochastic, kin in (("ddpm", "ddim"), ("sde", "ode")):
        one, other = (trajectories.Run(s, kinds, table) for s in (stochastic, kin))
        for i in range(11):
            torch.testing.assert_close(one.step(i, x, v), other.step(i, x, v))
