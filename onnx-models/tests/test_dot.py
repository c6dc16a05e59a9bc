"""Dot: what it starts from, and what it may and may not change."""

import torch

from morse_models.diffusion import alphas_cumprod, coefficients
from morse_models.dot import LEAST_SIGMA, Dot, DotConfig
from morse_models.export import example_inputs
from morse_models.pairs import Observed
from morse_models.unet import Dash


def fresh(config) -> tuple[Dash, Dot]:
    torch.manual_seed(0)
    dash = Dash(config).eval()
    return dash, Dot(dash, DotConfig(width=16, rank=4, condition=8)).eval()


@torch.no_grad()
def test_starts_as_what_the_same_picture_makes_of_the_sample(config):
    dash, dot = fresh(config)
    table = alphas_cumprod()
    x_0, epsilon = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 16, 16)
    then, now = torch.tensor([700, 300]), torch.tensor([600, 20])
    (a, s), (b, r) = coefficients(then, table), coefficients(now, table)
    x_s, z_s = a * x_0 + s * epsilon, a * epsilon - s * x_0
    features = torch.randn(2, config.widths[0], 8, 8)
    labels = torch.tensor([0, 2])
    # As a deterministic sampler moves it, and with half of the noise drawn afresh.
    for noise in (epsilon, 0.8 * epsilon + 0.6 * torch.randn_like(epsilon)):
        x_i, z_i = b * x_0 + r * noise, b * noise - r * x_0
        seen = Observed.after(None, x_s, then.float(), z_s, labels, features)
        residual = dot(x_i, now.float(), *seen.tensors())
        # What is drawn afresh counts less where there is hardly any noise.
        turned = b * epsilon - r * x_0
        wanted = turned + (z_i - turned) * r / (r.square() + LEAST_SIGMA**2).sqrt()
        torch.testing.assert_close(z_s + residual, wanted, rtol=0, atol=1e-4)


@torch.no_grad()
def test_residual_is_zero_without_a_gap(config):
    dash, dot = fresh(config)
    _, inputs = example_inputs(dash, dot, 2, 0)
    inputs["timestep"], inputs["sample"] = inputs["dash_timestep"], inputs["dash_sample"]
    assert dot.correct(*inputs.values()).abs().max() < 1e-6


@torch.no_grad()
def test_trend_is_what_changed_between_two_steps_of_dash():
    phi_s, phi_p = torch.tensor([[0.7], [0.3]]), torch.tensor([[1.1], [0.9]])
    (a, s), (b, r) = (tuple(f(phi)[:, :, None, None] for f in (torch.cos, torch.sin))
                      for phi in (phi_s, phi_p))
    former, change, epsilon, noise = (torch.randn(2, 3, 16, 16) for _ in range(4))
    latest = former + change
    x_p, z_p = b * former + r * epsilon, b * epsilon - r * former
    # Whatever moved x_s, Dash's estimate there means this x_0.
    x_s = a * former + s * epsilon + noise
    z_s = (a * x_s - latest) / s
    trend, moved = Dot.trend(phi_s, phi_p, x_s, z_s, x_p, z_p)
    torch.testing.assert_close(trend, change, rtol=0, atol=1e-4)
    torch.testing.assert_close(moved, noise, rtol=0, atol=1e-4)


@torch.no_grad()
def test_goes_on_with_the_trend_by_the_learned_share(config):
    dash, dot = fresh(config)
    table = alphas_cumprod()
    former, change, epsilon = (torch.randn(2, 3, 16, 16) for _ in range(3))
    times = [torch.tensor(t) for t in ([800, 500], [700, 400], [600, 250])]
    (b, r), (a, s), _ = (coefficients(t, table) for t in times)
    latest = former + change
    x_p, z_p = b * former + r * epsilon, b * epsilon - r * former
    x_s, z_s = a * former + s * epsilon, a * epsilon - s * former - change / s
    x_i = torch.randn(2, 3, 16, 16)
    features = torch.randn(2, config.widths[0], 8, 8)
    seen = Observed(
        x_s, times[1].float(), z_s, torch.tensor([0, 2]), features,
        x_p, times[0].float(), z_p,
    )
    before = dot(x_i, times[2].float(), *seen.tensors())
    dot.mix.bias[2] = 0.5
    after = dot(x_i, times[2].float(), *seen.tensors())
    now = coefficients(times[2], table)[1]
    phi = [dot.angles(t)[:, None, None, None] for t in times]
    share = 0.5 * (phi[1] - phi[2]) / (phi[0] - phi[2])
    wanted = -share * (latest - former) / (now.square() + LEAST_SIGMA**2).sqrt()
    torch.testing.assert_close(after - before, wanted, rtol=0, atol=2e-3)


def test_observes_two_steps_of_dash():
    steps = [[torch.full((2,), float(10 * i + k)) for k in range(5)] for i in range(3)]
    seen = None
    for i, step in enumerate(steps):
        seen = Observed.after(seen, *step)
        former = steps[max(i - 1, 0)]
        assert [float(t[0]) for t in seen.tensors()] == [float(t[0]) for t in step + former[:3]]


@torch.no_grad()
def test_times_between_whole_ones_lie_between(models):
    _, dot = models
    angles = dot.angles(torch.tensor([500.0, 500.25, 501.0]))
    torch.testing.assert_close(angles[1], angles[0] + 0.25 * (angles[2] - angles[0]))


def test_training_leaves_dash_alone(models):
    dash, dot = models
    with torch.no_grad():
        of_dash, inputs = example_inputs(dash, dot, 2, 0)
        inputs["dash_features"] = dash(*of_dash.values())[1]
    dot(*inputs.values()).square().mean().backward()
    assert all(p.grad is None for p in dash.parameters())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in dot.parameters())
    names = [name for name, _ in dot.named_parameters()]
    assert not any(name.startswith(("dash", "trunk")) for name in names)


def test_dot_takes_a_tenth_of_the_operations():
    from torch.utils.flop_counter import FlopCounterMode

    dash = Dash()
    dot = Dot(dash)
    with torch.no_grad(), FlopCounterMode(display=False) as of_dash:
        _, inputs = example_inputs(dash, dot, 1, 0)
    with torch.no_grad(), FlopCounterMode(display=False) as of_dot:
        dot.correct(*inputs.values())
    assert 9 * of_dot.get_total_flops() < of_dash.get_total_flops()
