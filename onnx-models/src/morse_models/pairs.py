"""Pairs of steps that Dot is trained on, and a store that draws each of them several times."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass
class Observed:
    """The trajectory observation: what Dash left behind, in the order of Dot's arguments."""

    dash_sample: Tensor
    dash_timestep: Tensor
    dash_output: Tensor
    labels: Tensor
    dash_features: Tensor
    previous_sample: Tensor
    previous_timestep: Tensor
    previous_output: Tensor

    @classmethod
    def after(
        cls, former: Observed | None, x: Tensor, t: Tensor, z: Tensor, labels: Tensor,
        features: Tensor,
    ) -> Observed:
        """What is observed after a step of Dash; ``former`` was before it, None at the first."""
        before = (former.dash_sample, former.dash_timestep, former.dash_output) if former else None
        return cls(x, t, z, labels, features, *(before or (x, t, z)))

    def tensors(self) -> list[Tensor]:
        """All of them in order."""
        return [getattr(self, f.name) for f in fields(self)]


@dataclass
class Pairs(Observed):
    """What Dot sees at some steps, and what Dash says there; all tensors are [N, ...]."""

    sample: Tensor
    timestep: Tensor
    target: Tensor

    def tensors(self) -> list[Tensor]:
        """All of them in the order of Dot's arguments, then the target."""
        *observed, sample, timestep, target = super().tensors()
        return [sample, timestep, *observed, target]

    @classmethod
    def of(cls, tensors: list[Tensor]) -> Pairs:
        """What :meth:`tensors` gave."""
        sample, timestep, *observed, target = tensors
        return cls(*observed, sample, timestep, target)


class Replay:
    """Recent pairs, of which each is used several times: Dash costs ten times what Dot costs."""

    def __init__(self, capacity: int):
        self.capacity, self.size, self.next = capacity, 0, 0
        self.held: list[Tensor] = []

    def add(self, pairs: Pairs) -> None:
        """Puts pairs in the place of the oldest."""
        new = pairs.tensors()
        if not self.held:
            self.held = [
                torch.empty(self.capacity, *t.shape[1:], dtype=self.dtype(t), device=t.device)
                for t in new
            ]
        count = len(new[0])
        place = (torch.arange(count) + self.next) % self.capacity
        for held, t in zip(self.held, new):
            held[place] = t.to(held.dtype)
        self.next = (self.next + count) % self.capacity
        self.size = min(self.size + count, self.capacity)

    @staticmethod
    def dtype(t: Tensor) -> torch.dtype:
        """Feature maps, the largest part, are kept in half the bytes."""
        return torch.bfloat16 if t.dim() == 4 and t.shape[1] > 16 else t.dtype

    def draw(self, count: int) -> Pairs:
        """Random pairs."""
        index = torch.randint(self.size, (count,))
        return Pairs.of(
            [t[index].float() if t.is_floating_point() else t[index] for t in self.held]
        )


def estimate(
    dash: torch.nn.Module, x: Tensor, t: Tensor, labels: Tensor, bf16: bool
) -> tuple[Tensor, Tensor]:
    """Dash's two outputs, float32."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        z, features = dash(x.contiguous(memory_format=torch.channels_last), t, labels)
    return z.float(), features.float()


def residual(dot: torch.nn.Module, seen: tuple[Tensor, ...], bf16: bool) -> Tensor:
    """Dot's output, float32; ``seen`` has its arguments in order."""
    with torch.autocast(seen[0].device.type, torch.bfloat16, enabled=bf16):
        return dot(*seen).float()
