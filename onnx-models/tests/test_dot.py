"""Dot: what it starts from, and what it may and may not change."""

import torch

from morse_models.diffusion import alphas_cumprod, coefficients
from morse_models.dot import LEAST_SIGMA, Dot, DotConfig
from morse_models.export import example_inputs
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
        residual = dot(x_i, now.float(), x_s, then.float(), z_s, labels, features)
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
def test_times_between_whole_ones_lie_between(models):
    _, dot = models
    angles = dot.angles(torch.tensor([500.0, 500.25, 501.0]))
    torch.testing.assert_close(angles[1], angles[0] + 0.25 * (angles[2] - angles[0]))


def test_training_leaves_dash_alone(models):
    dash, dot = models
    with torch.no_grad():
        of_dash, inputs = example_inputs(dash, dot, 2, 0)
        features = dash(*of_dash.values())[1]
    dot(*[*inputs.values()][:-1], features).square().mean().backward()
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
