"""Dash: a small class-conditional U-Net that predicts v.

Pictures enter as patches (pixel unshuffle), 2x2 for 32x32 pictures, so that the widest level works on
16x16 positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a Dash network.

    Attributes:
        size: height and width of a picture in pixels.
        channels: colour channels.
        patch: side of a patch; the first level has (size / patch)^2 positions.
        widths: channels per level.
        blocks: residual blocks per level on the way down; the way up has as many.
        attention: whether a level ends with self-attention.
        heads: attention heads.
        labels: number of labels; the null label of guidance comes after them.
        embedding: width of the time and label embedding.
    """

    size: int = 32
    channels: int = 3
    patch: int = 2
    widths: tuple[int, ...] = (96, 128, 160)
    blocks: tuple[int, ...] = (2, 1, 1)
    attention: tuple[bool, ...] = (False, True, True)
    heads: int = 4
    labels: int = 9
    embedding: int = 256


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """Sinusoidal embedding (Vaswani et al. 2017, section 3.5); [N] -> [N, dim], cosines first."""
    half = dim // 2
    rates = torch.exp(
        torch.arange(half, dtype=torch.float32, device=timesteps.device)
        * (-math.log(10000.0) / half)
    )
    angles = timesteps.float()[:, None] * rates[None, :]
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)


class ResidualBlock(nn.Module):
    """Two normalised 3x3 convolutions with a scale-shift embedding between them."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embedding, 2 * outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [N, inputs, H, W], emb [N, embedding] (already activated) -> [N, outputs, H, W]."""
        return self.with_conv1(x, emb, self.conv1)

    def with_conv1(self, x: Tensor, emb: Tensor, conv1: Callable[[Tensor], Tensor]) -> Tensor:
        """The same with something else in the place of the first convolution."""
        h = conv1(F.silu(self.norm1(x)))
        scale, shift = self.embed(emb)[:, :, None, None].chunk(2, dim=1)
        h = F.silu(self.norm2(h) * (1 + scale) + shift)
        return self.skip(x) + self.conv2(h)


class Attention(nn.Module):
    """Self-attention over positions with a residual connection."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, width, H, W] -> the same shape."""
        n, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)

        def split(t: Tensor) -> Tensor:
            return t.reshape(n, h * w, self.heads, c // self.heads).transpose(1, 2)

        y = F.scaled_dot_product_attention(split(q), split(k), split(v))
        y = self.out(y.transpose(1, 2).reshape(n, h * w, c))
        return x + y.transpose(1, 2).reshape(n, c, h, w)


class Upsample(nn.Module):
    """Nearest-neighbour doubling of each side, then a 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, 2H, 2W]."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Trunk(nn.Module):
    """The U-Net proper, on feature maps; what Dot shares with Dash."""

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        emb, widths = config.embedding, config.widths
        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        skips = []
        for level, width in enumerate(widths):
            self.down.append(
                nn.ModuleList(ResidualBlock(width, width, emb) for _ in range(config.blocks[level]))
            )
            skips.append(width)
            if level + 1 < len(widths):
                self.downsample.append(nn.Conv2d(width, widths[level + 1], 3, 2, 1))
        self.down_attention = nn.ModuleList(
            Attention(w, config.heads) if a else nn.Identity()
            for w, a in zip(widths, config.attention)
        )
        self.up_attention = nn.ModuleList(
            Attention(w, config.heads) if a else nn.Identity()
            for w, a in zip(widths, config.attention)
        )
        for level, width in enumerate(widths):
            blocks = [ResidualBlock(2 * width, width, emb)]
            blocks += [ResidualBlock(width, width, emb) for _ in range(config.blocks[level] - 1)]
            self.up.append(nn.ModuleList(blocks))
            if level > 0:
                self.upsample.append(Upsample(width, widths[level - 1]))
        self.middle = ResidualBlock(widths[-1], widths[-1], emb)

    def forward(self, h: Tensor, emb: Tensor) -> Tensor:
        """h [N, widths[0], H, W], emb [N, embedding] activated -> [N, widths[0], H, W]."""
        return self.walk(h, lambda block, _, x: block(x, emb))

    def walk(
        self,
        h: Tensor,
        run: Callable[[ResidualBlock, str, Tensor], Tensor],
        levels: int | None = None,
        bridge: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Runs the trunk with ``run(block, name, x)`` for each residual block.

        With fewer than all ``levels``, ``bridge`` stands for what lies below them: it turns the
        lowest level's output into what would come up from below, of the same shape.
        """
        skips = []
        levels = len(self.down) if levels is None else levels
        for level, blocks in enumerate(self.down[:levels]):
            for i, block in enumerate(blocks):
                h = run(block, f"down_{level}_{i}", h)
            h = self.down_attention[level](h)
            skips.append(h)
            if level + 1 < levels:
                h = self.downsample[level](h)
        h = run(self.middle, "middle", h) if levels == len(self.down) else bridge(h)
        for level in reversed(range(levels)):
            h = torch.cat([h, skips[level]], dim=1)
            for i, block in enumerate(self.up[level]):
                h = run(block, f"up_{level}_{i}", h)
            h = self.up_attention[level](h)
            if level > 0:
                h = self.upsample[level - 1](h)
        return h


class Embedding(nn.Module):
    """Time and label embedding, activated."""

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.width = config.widths[0]
        self.fc1 = nn.Linear(self.width, config.embedding)
        self.fc2 = nn.Linear(config.embedding, config.embedding)
        self.label = nn.Embedding(config.labels + 1, config.embedding)

    def time(self, timestep: Tensor) -> Tensor:
        """[N] -> [N, embedding], before the label is added and before the activation."""
        return self.fc2(F.silu(self.fc1(timestep_embedding(timestep, self.width))))

    def forward(self, timestep: Tensor, labels: Tensor) -> Tensor:
        """timestep [N], labels int64 [N] -> [N, embedding]."""
        return F.silu(self.time(timestep) + self.label(labels))


class Dash(nn.Module):
    """The diffusion model: v = Dash(x_t, t, label)."""

    def __init__(self, config: UNetConfig = UNetConfig()):
        super().__init__()
        self.config = config
        pixels = config.channels * config.patch**2
        self.embedding = Embedding(config)
        self.conv_in = nn.Conv2d(pixels, config.widths[0], 3, padding=1)
        self.trunk = Trunk(config)
        self.norm_out = nn.GroupNorm(8, config.widths[0])
        self.conv_out = nn.Conv2d(config.widths[0], pixels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, sample: Tensor, timestep: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Estimates v and hands over what Dot may look at.

        Args:
            sample: [N, C, H, W].
            timestep: [N], 0 .. 999.
            labels: int64 [N]; ``config.labels`` is the null label.

        Returns:
            v [N, C, H, W] and the last feature map [N, widths[0], H / patch, W / patch].
        """
        emb = self.embedding(timestep, labels)
        h = self.conv_in(F.pixel_unshuffle(sample, self.config.patch))
        features = F.silu(self.norm_out(self.trunk(h, emb)))
        return F.pixel_shuffle(self.conv_out(features), self.config.patch), features
