"""Sampling times and steps against numbers computed with diffusers 0.42."""

import torch

from morse_models.sampling import ddim_step, grid, sample, trailing


def test_trailing_times():
    assert trailing(6) == [999, 832, 666, 499, 332, 166]
    assert trailing(20)[:3] == [999, 949, 899] and trailing(20)[-1] == 49


def test_ddim_clips_nothing():
    x, v = torch.tensor([0.5, 3.0]), torch.tensor([-0.2, -1.5])
    bar, after = torch.tensor(0.64), torch.tensor(0.81)
    start = torch.tensor([0.8 * 0.5 + 0.6 * 0.2, 0.8 * 3.0 + 0.6 * 1.5])
    epsilon = 0.8 * v + 0.6 * x
    expected = 0.9 * start + (1 - 0.81) ** 0.5 * epsilon
    torch.testing.assert_close(ddim_step(x, v, bar, after), expected)


def test_guidance_of_equal_halves_changes_nothing(models, config):
    dash, dot = models
    noise = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    null = torch.full((2,), config.labels)
    plain = sample(dash, dot, noise, null, 2, 1)
    guided = sample(dash, dot, noise, null, 2, 1, guidance=3.0)
    torch.testing.assert_close(plain, guided, rtol=0, atol=1e-3)


def test_every_step_is_seen_and_dot_runs_between(models):
    dash, dot = models
    noise = torch.randn(1, 3, 16, 16)
    calls, seen = [], []
    hooks = [m.register_forward_hook(lambda m, *_: calls.append(type(m).__name__))
             for m in models]
    sample(dash, dot, noise, torch.tensor([0]), 2, 2, seen=seen.append)
    for hook in hooks:
        hook.remove()
    assert calls == ["Dash", "Dot", "Dot"] * 2
    assert len(seen) == 7 and torch.equal(seen[0], noise)


def test_grid_places_pictures_row_by_row():
    pictures = torch.linspace(-1, 1, 3)[:, None, None, None].expand(3, 3, 2, 2)
    sheet = grid(pictures, 2)
    assert sheet.size == (4, 4)
    assert sheet.getpixel((0, 0)) == (0, 0, 0)
    assert sheet.getpixel((0, 2)) == (255, 255, 255)
