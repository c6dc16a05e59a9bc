"""Dot: the fast model that corrects Dash's latest estimate at the steps in between.

Two light stages bring the pictures down to a quarter of the side that Dash's trunk is used to; the
trunk is Dash's own, frozen, with low-rank branches beside some of its convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .diffusion import alphas_cumprod
from .unet import Dash, ResidualBlock, Trunk

RATIO = 2
"""Sides of Dash's patches that one of Dot's holds: the stem is pixel unshuffle and a 1x1 convolution
in one, and the light stages have a quarter of the positions of Dash's widest level."""

LEAST_SIGMA = 0.05
"""Below about this sigma Dash takes ever more of a drift for picture, and an error that is not
noise at all, as that of an Euler step, must not be blown up."""

LEAST_GAP = 1e-4
"""Keeps the share of a gap finite where there is no gap at all."""


@dataclass(frozen=True)
class DotConfig:
    """Sizes of what Dot owns.

    Attributes:
        width: channels of the light stages, at half the side of Dash's widest level.
        rank: rank of the low-rank branches; 0 for none.
        condition: hidden width of the embedding of the pair of times.
        levels: levels of Dash's trunk that Dot walks through. The lowest holds more than half of
            the weights, and sees a picture as one position there: reading them would be half of
            Dot's time.
        observations: what Dot sees of Dash's latest step, and ``previous``: of the one before it;
            fewer are for ablations.
        rotation: whether Dot starts from Dash's x_0; needs both x_s and z_s.
        shared: whether the trunk is Dash's; otherwise Dot trains one of its own, for ablations.
    """

    width: int = 64
    rank: int = 32
    condition: int = 128
    levels: int = 1
    observations: tuple[str, ...] = ("dash_sample", "dash_output", "dash_features", "previous")
    rotation: bool = True
    shared: bool = True

    @property
    def looks_back(self) -> bool:
        """Whether Dot sees two steps of Dash."""
        return "previous" in self.observations


class LowRank(nn.Module):
    """A frozen convolution with a trained low-rank branch (Hu et al. 2021), never merged.

    The branch sees one position at a time, whatever the convolution sees: that costs a ninth of the
    operations, and two products instead of a convolution and a product.
    """

    def __init__(self, base: nn.Conv2d, rank: int):
        super().__init__()
        self.base = [base]
        self.down = nn.Conv2d(base.in_channels, rank, 1, base.stride, bias=False)
        self.up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The same shapes as the convolution that it stands for."""
        base, low = self.base[0], self.down(x)
        # The bias rides on the branch, whose product takes it at no cost.
        low = F.conv2d(low, self.up.weight, base.bias)
        return F.conv2d(x, base.weight, None, base.stride, base.padding) + low


class LightBlock(nn.Module):
    """One normalised 3x3 convolution with a scale-shift embedding and a residual connection."""

    def __init__(self, width: int, embedding: int):
        super().__init__()
        self.embed = nn.Linear(embedding, 2 * width)
        self.norm = nn.GroupNorm(8, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [N, width, H, W], emb [N, embedding] (already activated) -> [N, width, H, W]."""
        scale, shift = self.embed(emb)[:, :, None, None].chunk(2, dim=1)
        return x + self.conv(F.silu(self.norm(x) * (1 + scale) + shift))


class Dot(nn.Module):
    """residual = Dot(x_i, t_i, x_s, t_s, z_s, label, features of Dash at t_s, x_p, t_p, z_p).

    The residual starts as what a v estimate becomes at t_i if x_0 stays what Dash said. With
    alpha = cos(phi) and sigma = sin(phi), x_s and z_s turned by their angles' difference are
    (Salimans and Ho 2022, appendix D)

        x = cos(phi_s - phi_i) x_s - sin(phi_s - phi_i) z_s
        v = sin(phi_s - phi_i) x_s + cos(phi_s - phi_i) z_s

    Where fresh noise or an earlier estimate of Dot has moved x_i off that x by a drift, the same x_0
    makes v + cot(phi_i) drift (less where sigma is small). Which share of the drift Dash would take
    for picture instead of noise is learned: one number per pair of times here, the rest by the
    network.

    x_0 doesn't stay what it was, but it goes on as it went: from the step of Dash before the latest
    one, p, to that by a trend. A solver of second order goes on with it all the way; here a share
    of it is learned, one number per three times and one per pixel,

        x_0 at t_i = x_0 at t_s + share rho trend,  rho = (phi_s - phi_i) / (phi_p - phi_i)
    """

    def __init__(self, dash: Dash, config: DotConfig = DotConfig()):
        super().__init__()
        self.config = config
        self.dash = [dash.requires_grad_(False)]
        unet, width = dash.config, config.width
        emb, trunk_width = unet.embedding, unet.widths[0]
        angles = torch.arccos(alphas_cumprod().double().sqrt())
        self.register_buffer("angle", angles.float()[:, None], persistent=False)
        slopes = torch.diff(angles, append=angles[-1:])
        self.register_buffer("slope", slopes.float()[:, None], persistent=False)
        back = config.looks_back
        self.condition1 = nn.Linear(8 if back else 4, config.condition)
        self.condition2 = nn.Linear(config.condition, emb)
        self.mix = nn.Linear(config.condition, 3 if back else 2)
        self.patch = RATIO * unet.patch
        self.stem = nn.Conv2d(2 * unet.channels, width, self.patch, self.patch)
        self.stem_of_dash = nn.Conv2d(
            2 * unet.channels, width, self.patch, self.patch, bias=False
        )
        self.features = nn.Conv2d(trunk_width, width, RATIO, RATIO, bias=False)
        self.stem_of_trend = nn.Conv2d(
            2 * unet.channels, width, self.patch, self.patch, bias=False
        ) if back else None
        self.before = LightBlock(width, emb)
        self.down = nn.Conv2d(width, trunk_width, 3, 2, 1)
        self.norm_up = nn.GroupNorm(8, trunk_width)
        self.up = nn.Conv2d(trunk_width, 4 * width, 1)
        self.after = ResidualBlock(width, width, emb)
        self.norm_out = nn.GroupNorm(8, width)
        self.out = nn.Conv2d(width, (unet.channels + back) * self.patch**2, 1)
        self.low_rank = nn.ModuleDict()
        for level in range(config.levels if config.rank > 0 else 0):
            # At the lowest level a picture is one position: nothing to adapt that is worth a step.
            if level + 1 < len(unet.widths):
                for side in ("down", "up"):
                    for i, block in enumerate(getattr(dash.trunk, side)[level]):
                        branch = LowRank(block.conv1, config.rank)
                        self.low_rank[f"{side}_{level}_{i}"] = branch
        bottom = unet.widths[config.levels - 1]
        self.bridge = nn.Conv2d(bottom, bottom, 1) if config.levels < len(unet.widths) else None
        self.own = None if config.shared else Trunk(unet)
        with torch.no_grad():
            # Gaps are small angles: so that they count as much as the times themselves.
            self.condition1.weight[:, 2].mul_(4)
            # Without effect before training, so that a Dot that does not look back may begin it.
            self.condition1.weight[:, 4:].zero_()
            if back:
                self.stem_of_trend.weight.zero_()
        for layer in (self.condition2, self.mix, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def angles(self, timestep: Tensor) -> Tensor:
        """phi with cos(phi) = sqrt(alpha_bar), same shape; a straight line between whole times."""
        whole = timestep.long()
        angle, slope = F.embedding(whole, self.angle), F.embedding(whole, self.slope)
        angle, slope = angle.squeeze(-1), slope.squeeze(-1)
        return angle + (timestep.float() - whole.float()) * slope

    def trunk(self, h: Tensor, emb: Tensor) -> Tensor:
        """Dash's trunk with the low-rank branches; [N, C, H, W] -> the same shape."""
        trunk = self.own or self.dash[0].trunk

        def block(module: ResidualBlock, name: str, h: Tensor) -> Tensor:
            branch = self.low_rank[name] if name in self.low_rank else module.conv1
            return module.with_conv1(h, emb, branch)

        return trunk.walk(h, block, self.config.levels, self.bridge)

    def observe(self, dash_sample: Tensor, dash_output: Tensor, dash_features: Tensor) -> Tensor:
        """What Dot keeps of Dash's latest step; computed once per step of Dash.

        Args:
            dash_sample: x_s, what Dash saw, [N, C, H, W].
            dash_output: z_s, Dash's v estimate there.
            dash_features: Dash's second output there, [N, widths[0], H / patch, W / patch].

        Returns:
            [N, width, H / (2 patch), W / (2 patch)], with Dash's patch.
        """
        seen = self.config.observations
        x_s = dash_sample if "dash_sample" in seen else torch.zeros_like(dash_sample)
        z_s = dash_output if "dash_output" in seen else torch.zeros_like(dash_output)
        h = self.stem_of_dash(torch.cat([x_s, z_s], dim=1))
        return h + self.features(dash_features) if "dash_features" in seen else h

    def correct(
        self,
        sample: Tensor,
        timestep: Tensor,
        dash_sample: Tensor,
        dash_timestep: Tensor,
        dash_output: Tensor,
        labels: Tensor,
        observed: Tensor,
        previous_sample: Tensor | None = None,
        previous_timestep: Tensor | None = None,
        previous_output: Tensor | None = None,
    ) -> Tensor:
        """As :meth:`forward`, with what :meth:`observe` says in the place of Dash's features."""
        dash, looks_back = self.dash[0], self.config.looks_back
        # What depends on steps of Dash alone is kept apart: an engine need not compute it again.
        phi, phi_s = (self.angles(t)[:, None] for t in (timestep, dash_timestep))
        gap = phi_s - phi
        sine, cosine = torch.sin(gap), torch.cos(gap)
        known = [phi, phi_s, sine, cosine]
        if looks_back:
            phi_p = self.angles(previous_timestep)[:, None]
            trend, moved = self.trend(
                phi_s, phi_p, dash_sample, dash_output, previous_sample, previous_output
            )
            observed = observed + self.stem_of_trend(torch.cat([trend, moved], dim=1))
            # Fresh noise in between tells that the sampler is a stochastic one.
            fresh = ((moved * moved).mean(dim=(1, 2, 3))[:, None] + 1e-6).sqrt()
            rho = gap / (phi_p - phi + LEAST_GAP)
            known += [phi_p, phi_p - phi_s, rho, fresh]
        hidden = F.silu(self.condition1(torch.cat(known, dim=1)))
        emb = dash.embedding.time(timestep) + dash.embedding.label(labels)
        emb = F.silu(emb + self.condition2(hidden))

        sin, cos = sine[:, :, None, None], cosine[:, :, None, None]
        if self.config.rotation:
            turned = sin * dash_sample + (cos - 1) * dash_output
            drift = sample - (cos * dash_sample - sin * dash_output)
        else:
            turned = drift = torch.zeros_like(sample)
        alpha, sigma = (f(phi)[:, :, None, None] for f in (torch.cos, torch.sin))
        h = self.before(self.stem(torch.cat([sample, drift], dim=1)) + observed, emb)
        low = self.trunk(self.down(h), emb)
        h = h + F.pixel_shuffle(self.up(F.silu(self.norm_up(low))), 2)
        h = self.out(F.silu(self.norm_out(self.after(h, emb))))
        h = F.pixel_shuffle(h, self.patch)
        scale, picture, *share = self.mix(hidden)[:, :, None, None].split(1, dim=1)
        divisor = torch.sqrt(sigma * sigma + LEAST_SIGMA**2)
        held = turned + (alpha - picture) / divisor * drift
        if looks_back:
            h, shares = h.split([sample.shape[1], 1], dim=1)
            shares = share[0] + shares
            held = held - rho[:, :, None, None] / divisor * shares * trend
        return held + (scale + sin) * h

    @staticmethod
    def trend(
        phi_s: Tensor, phi_p: Tensor, x_s: Tensor, z_s: Tensor, x_p: Tensor, z_p: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How Dash's x_0 changed from its step p to its step s, and what else moved x there.

        Args:
            phi_s, phi_p: angles of the two times, [N, 1].
            x_s, z_s, x_p, z_p: what Dash saw and said at either step, [N, C, H, W] each.
        """
        (a, s), (b, r) = (
            (torch.cos(phi)[:, :, None, None], torch.sin(phi)[:, :, None, None])
            for phi in (phi_s, phi_p)
        )
        x_0 = b * x_p - r * z_p
        # What x_p becomes at t_s if x_0 and the noise stay the same.
        held = a * x_0 + s * (r * x_p + b * z_p)
        return a * x_s - s * z_s - x_0, x_s - held

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        dash_sample: Tensor,
        dash_timestep: Tensor,
        dash_output: Tensor,
        labels: Tensor,
        dash_features: Tensor,
        previous_sample: Tensor | None = None,
        previous_timestep: Tensor | None = None,
        previous_output: Tensor | None = None,
    ) -> Tensor:
        """Estimates theta(x_i, t_i) - z_s.

        Args:
            sample: x_i, [N, C, H, W].
            timestep: t_i, [N], 0 .. 999.
            dash_sample: x_s, what Dash saw at its latest step.
            dash_timestep: t_s, [N], above t_i.
            dash_output: z_s, Dash's v estimate there.
            labels: int64 [N].
            dash_features: Dash's second output there, [N, widths[0], H / patch, W / patch].
            previous_sample, previous_timestep, previous_output: x_p, t_p and z_p, the same of
                Dash's step before the latest one; where there is none, those of the latest.
                A Dot that doesn't look back needs none.

        Returns:
            [N, C, H, W], to be added to z_s.
        """
        observed = self.observe(dash_sample, dash_output, dash_features)
        return self.correct(
            sample, timestep, dash_sample, dash_timestep, dash_output, labels, observed,
            previous_sample, previous_timestep, previous_output,
        )
