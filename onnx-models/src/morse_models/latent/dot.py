"""Dot around any U-Net of diffusers (Li, Fan and Yao 2025, arXiv 2506.18251, section 3.3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checkpoints import load, save
from .trunk import Trunk, is_own

PREDICTIONS = ("epsilon", "v_prediction", "sample")


@dataclass(frozen=True)
class LatentDotConfig:
    """Sizes of what Dot owns.

    Attributes:
        stages: halvings before the trunk (m of the paper): the trunk works on 1 / 4^stages of the
            pixels.
        width: channels of the stem.
        rank: rank of the low-rank branches.
        condition: hidden width of the embedding of the pair of times.
        prediction: what Dash estimates, as diffusers names it.
    """

    stages: int = 2
    width: int = 256
    rank: int = 64
    condition: int = 256
    prediction: str = "epsilon"


class TimedBlock(nn.Module):
    """A normalised 3x3 convolution with scale and shift from an embedding, and a residual."""

    def __init__(self, width: int, embedding: int):
        super().__init__()
        self.embed = nn.Linear(embedding, 2 * width)
        self.norm = nn.GroupNorm(min(32, width // 4), width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [N, width, H, W], emb [N, embedding] -> [N, width, H, W]."""
        scale, shift = self.embed(emb)[:, :, None, None].chunk(2, dim=1)
        return x + self.conv(F.silu(self.norm(x) * (1 + scale) + shift))


class LatentDot(nn.Module):
    """residual = eta(x_s, x_i, z_s, t_s, t_i) for a frozen Dash; 0 (or the exact rotation) untrained.

    Args:
        unet: Dash; its parameters are shared and frozen.
        alphas_cumprod: alpha_bar of the training times, [T].
        config: sizes.
    """

    def __init__(self, unet: nn.Module, alphas_cumprod: Tensor, config: LatentDotConfig):
        super().__init__()
        if config.prediction not in PREDICTIONS:
            raise ValueError(f"prediction '{config.prediction}' is not one of {PREDICTIONS}")
        taken, given = unet.config.in_channels, unet.config.out_channels
        if taken < given:
            raise ValueError(f"the U-Net takes {taken} channels and gives {given}: what it takes "
                             "beyond what it gives may stand beside the sample, not less")
        self.config = config
        self.trunk = Trunk(unet, config.rank)
        channels, width, inner = given, config.width, self.trunk.width
        embedding = unet.time_embedding.linear_2.out_features
        patch = 2**config.stages
        angles = torch.arccos(alphas_cumprod.double().sqrt())
        self.register_buffer("angle", angles.float()[:, None], persistent=False)
        slopes = torch.diff(angles, append=angles[-1:])
        self.register_buffer("slope", slopes.float()[:, None], persistent=False)
        self.condition1 = nn.Linear(4, config.condition)
        self.condition2 = nn.Linear(config.condition, embedding)
        # Pixel unshuffle and a 1x1 convolution in one: the new layers stay at low resolution.
        self.stem = nn.Conv2d(taken + 2 * channels, width, patch, patch)
        self.before = TimedBlock(width, embedding)
        self.enter = nn.Conv2d(width, inner, 3, padding=1)
        self.leave = nn.Conv2d(inner, width, 1)
        self.after = TimedBlock(width, embedding)
        self.norm_out = nn.GroupNorm(min(32, width // 4), width)
        self.out = nn.Conv2d(width, channels * patch**2, 3, padding=1)
        for layer in (self.condition2, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def angles(self, timestep: Tensor) -> Tensor:
        """phi with cos(phi) = sqrt(alpha_bar), of the same shape; linear between whole times."""
        whole = timestep.long()
        angle = F.embedding(whole, self.angle).squeeze(-1)
        slope = F.embedding(whole, self.slope).squeeze(-1)
        return angle + (timestep.to(angle.dtype) - whole.to(angle.dtype)) * slope

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        dash_sample: Tensor,
        dash_timestep: Tensor,
        dash_output: Tensor,
        **conditions: Tensor,
    ) -> Tensor:
        """Estimates theta(x_i, t_i) - z_s.

        Args:
            sample: x_i, [N, C, H, W]; sides divisible by 2^stages. Where Dash takes more channels
                than it gives (inpainting: the mask and the masked picture), so does this.
            timestep: t_i, [N].
            dash_sample: x_s, what Dash saw at its latest step; only as many channels as it gives.
            dash_timestep: t_s, [N].
            dash_output: z_s, what Dash said there.
            conditions: Dash's further inputs, by name.
        """
        kind = sample.dtype
        angles = self.angles(torch.stack([timestep, dash_timestep], dim=1))
        gap = angles[:, 1:] - angles[:, :1]
        pair = torch.cat([angles, 4 * gap, torch.cos(gap)], dim=1).to(kind)
        emb = self.trunk.embedding(sample, timestep, conditions)
        emb = emb + self.condition2(F.silu(self.condition1(pair)))
        light = F.silu(emb)

        h = self.stem(torch.cat([sample, dash_sample, dash_output], dim=1))
        h = self.before(h, light)
        inner = self.trunk(self.enter(h), emb, conditions.get("encoder_hidden_states"))
        h = self.after(h + self.leave(inner), light)
        h = F.pixel_shuffle(self.out(F.silu(self.norm_out(h))), 2**self.config.stages)
        if self.config.prediction == "v_prediction":
            # What v turns by if x_0 and epsilon stay as Dash saw them (Salimans and Ho 2022).
            sine, cosine = (f(gap).to(kind)[:, :, None, None] for f in (torch.sin, torch.cos))
            h = h + sine * dash_sample + (cosine - 1) * dash_output
        return h

    def own_state(self) -> dict[str, Tensor]:
        """Dot's own parameters by name, without Dash's."""
        return {n: p.detach() for n, p in self.named_parameters() if is_own(n)}

    def own_parameters(self) -> list[nn.Parameter]:
        """What training changes."""
        return [p for n, p in self.named_parameters() if is_own(n)]

    def load_own(self, state: dict[str, Tensor]) -> None:
        """Takes what :meth:`own_state` gave.

        Raises:
            ValueError: if names or shapes belong to another Dash or other sizes.
        """
        mine = dict(self.named_parameters())
        wanted = {n for n in mine if is_own(n)}
        if wanted != set(state):
            odd = sorted(wanted ^ set(state))[:3]
            raise ValueError(f"the checkpoint was made for another Dash or other sizes: {odd}")
        with torch.no_grad():
            for name, value in state.items():
                if mine[name].shape != value.shape:
                    raise ValueError(f"'{name}' is {tuple(value.shape)} in the checkpoint and "
                                     f"{tuple(mine[name].shape)} here")
                mine[name].copy_(value)


def save_dot(path: Path, dot: LatentDot, state: dict[str, Tensor] | None = None, **more) -> None:
    """Writes a checkpoint of Dot alone; Dash stays where it is."""
    save(path, latent_dot=asdict(dot.config), own=state or dot.own_state(), **more)


def load_dot(path: Path, unet: nn.Module, alphas_cumprod: Tensor) -> LatentDot:
    """Builds Dot around Dash from a checkpoint of :func:`save_dot`."""
    state = load(path)
    if "latent_dot" not in state:
        raise ValueError(f"'{path}' is no checkpoint of this Dot: make one with 'dot init'")
    dot = LatentDot(unet, alphas_cumprod, LatentDotConfig(**state["latent_dot"]))
    dot.load_own(state["own"])
    return dot
