"""Dot: Dash's trunk at a quarter of each side, wrapped in light stages of its own.

What Dot learns is what changes between Dash's step s and the present step i beyond the exact
rotation of v; see :func:`rotation`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .diffusion import alphas_cumprod
from .unet import Dash, ResidualBlock


@dataclass(frozen=True)
class DotConfig:
    """Sizes of what Dot adds to Dash's trunk.

    Attributes:
        patch: side of the patches that the stem sees; the trunk works on half their resolution.
        width: channels of Dot's own stages.
        rank: rank of the LoRA branch beside the first convolution of every residual block.
    """

    patch: int = 4
    width: int = 64
    rank: int = 16


class LoraConv(nn.Module):
    """A frozen convolution with a low-rank branch beside it (Hu et al. 2021), never merged."""

    def __init__(self, base: nn.Conv2d, rank: int):
        super().__init__()
        self.base = base
        self.lora_down = nn.Conv2d(base.in_channels, rank, 1, bias=False)
        self.lora_up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W]."""
        return self.base(x) + self.lora_up(self.lora_down(x))


def rotation(
    x_s: Tensor, v_s: Tensor, s: tuple[Tensor, Tensor], i: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Carries an estimate v from one time to another while x_0 and epsilon stay the same.

    With alpha = cos(phi), sigma = sin(phi): v = cos(phi) epsilon - sin(phi) x_0, so that a change
    of time turns (x, v) by the angle between (Salimans and Ho 2022, appendix D).

    Args:
        x_s: sample at Dash's step, [N, C, H, W].
        v_s: Dash's estimate there.
        s: (alpha, sigma) at Dash's step, each [N, 1, 1, 1].
        i: (alpha, sigma) at the present step.

    Returns:
        v and x at the present step if nothing but the time had changed.
    """
    (a, b), (c, d) = s, i
    cos, sin = a * c + b * d, b * c - a * d
    return cos * v_s + sin * x_s, cos * x_s - sin * v_s


class Dot(nn.Module):
    """residual = Dot(x_i, t_i, x_s, t_s, z_s, label, features): what z_s lacks at step i."""

    def __init__(self, dash: Dash, config: DotConfig = DotConfig()):
        super().__init__()
        self.config = config
        base = dash.config
        width, emb = config.width, base.embedding
        pixels = 4 * base.channels * config.patch**2
        fold = config.patch // base.patch
        self.fold = fold
        self.embedding = copy.deepcopy(dash.embedding).requires_grad_(False)
        self.trunk = copy.deepcopy(dash.trunk).requires_grad_(False)
        for blocks in [*self.trunk.down, *self.trunk.up, [self.trunk.middle]]:
            for block in blocks:
                block.conv1 = LoraConv(block.conv1, config.rank)
        self.past = nn.Linear(emb, emb)
        self.stem = nn.Conv2d(pixels, width, 1)
        self.observe = nn.Conv2d(base.widths[0] * fold**2, width, 1)
        self.block_in = ResidualBlock(width, width, emb)
        self.down = nn.Conv2d(width, base.widths[0], 3, 2, 1)
        self.norm_up = nn.GroupNorm(8, base.widths[0])
        self.up = nn.Conv2d(base.widths[0], 4 * width, 1)
        self.block_out = ResidualBlock(width, width, emb)
        self.norm_out = nn.GroupNorm(8, width)
        self.out = nn.Conv2d(width, base.channels * config.patch**2, 3, padding=1)
        self.mix = nn.Linear(emb, 3)
        for layer in (self.past, self.out, self.mix):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        table = alphas_cumprod()
        self.register_buffer("alpha", table.sqrt(), persistent=False)
        self.register_buffer("sigma", (1 - table).sqrt(), persistent=False)

    def own_parameters(self) -> list[nn.Parameter]:
        """What is trained: everything but Dash's weights."""
        return [p for p in self.parameters() if p.requires_grad]

    def times(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha, sigma), each [N, 1, 1, 1], at int64 [N]."""
        return self.alpha[t][:, None, None, None], self.sigma[t][:, None, None, None]

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        dash_sample: Tensor,
        dash_timestep: Tensor,
        dash_output: Tensor,
        labels: Tensor,
        dash_features: Tensor,
    ) -> Tensor:
        """Estimates the residual to Dash's raw estimate.

        Args:
            sample: x_i, [N, C, H, W].
            timestep: t_i, int64 [N].
            dash_sample: x_s.
            dash_timestep: t_s, int64 [N].
            dash_output: z_s = v at s.
            labels: int64 [N].
            dash_features: Dash's last feature map at s, [N, widths[0], H / 2, W / 2].

        Returns:
            residual [N, C, H, W]; z_s + residual is the estimate of v at i.
        """
        s, i = self.times(dash_timestep), self.times(timestep)
        turned, expected = rotation(dash_sample, dash_output, s, i)
        gap = s[1] * i[0] - s[0] * i[1]
        drift = sample - expected
        now = self.embedding.time(timestep) + self.embedding.label(labels)
        past = self.past(F.silu(self.embedding.time(dash_timestep)))
        emb = F.silu(now + past)
        seen = torch.cat([sample, dash_sample, dash_output, drift], dim=1)
        h = self.stem(F.pixel_unshuffle(seen, self.config.patch))
        h = h + self.observe(F.pixel_unshuffle(dash_features, self.fold))
        h = skip = self.block_in(h, emb)
        h = self.trunk(self.down(h), emb)
        h = F.pixel_shuffle(self.up(F.silu(self.norm_up(h))), 2) + skip
        h = self.out(F.silu(self.norm_out(self.block_out(h, emb))))
        m = self.mix(emb)[:, :, None, None]
        learned = F.pixel_shuffle(h, self.config.patch)
        learned = learned + m[:, :1] * turned + m[:, 1:2] * expected
        return turned - dash_output + gap * learned + m[:, 2:] * drift
