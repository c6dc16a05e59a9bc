"""A small classifier of noisy pictures, its gradient, and what a clean one sees.

Guidance needs the gradient of log p(label | x_t, t) with respect to x_t (Dhariwal and Nichol 2021,
arXiv 2105.05233, algorithm 2). ONNX has no differentiation, so the backward pass is written out as
a graph of its own: with batch normalisation folded into the convolutions, every layer's derivative is
one of its own kind (convolution with turned weights, SiLU's derivative, upsampling for pooling).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .diffusion import STEPS, alphas_cumprod
from .unet import timestep_embedding

SIGNAL = 0.5
"""Below this share of the signal, alpha, a gradient counts the less the less signal there is. The true
one vanishes with alpha, that of a trained network does not, and guidance moves x_0 by sigma^2 / alpha
times it: 20,000 times at the last training time of a cosine schedule."""


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of a classifier.

    Attributes:
        channels: colour channels of a picture.
        patch: side of a patch, the first convolution's position.
        widths: channels of the four convolutions; the last three are followed by 2x2 averages,
            but for the last one, which is averaged over all positions.
        embedding: width of the time embedding.
        features: width of the layer before the labels.
        labels: number of labels; the null label after them has no gradient.
    """

    channels: int = 3
    patch: int = 2
    widths: tuple[int, ...] = (48, 64, 96, 128)
    embedding: int = 64
    features: int = 64
    labels: int = 9


class Layer(nn.Module):
    """3x3 convolution, batch normalisation, scale and shift by time, SiLU."""

    def __init__(self, inputs: int, outputs: int, embedding: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        self.embed = nn.Linear(embedding, 2 * outputs)
        nn.init.zeros_(self.embed.weight)
        nn.init.zeros_(self.embed.bias)

    def modulation(self, emb: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, each [N, outputs, 1, 1]."""
        scale, shift = self.embed(emb)[:, :, None, None].chunk(2, dim=1)
        return 1 + scale, shift

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [N, inputs, H, W], emb [N, embedding] -> [N, outputs, H, W]."""
        scale, shift = self.modulation(emb)
        return F.silu(self.norm(self.conv(x)) * scale + shift)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of convolution and normalisation in one."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor[:, None, None, None]
        return weight, (self.conv.bias - self.norm.running_mean) * factor + self.norm.bias


class Classifier(nn.Module):
    """Logits of the labels of a noisy picture at a time."""

    def __init__(self, config: ClassifierConfig = ClassifierConfig()):
        super().__init__()
        self.config = config
        sizes = (config.channels * config.patch**2, *config.widths)
        self.layers = nn.ModuleList(
            Layer(i, o, config.embedding) for i, o in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.neck = nn.Linear(config.widths[-1], config.features)
        self.head = nn.Linear(config.features, config.labels)

    def embed(self, timestep: Tensor) -> Tensor:
        """[N] -> [N, embedding]."""
        return timestep_embedding(timestep, self.config.embedding)

    def features(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """sample [N, C, H, W] -> what the last layer before the labels says, [N, features]."""
        h, emb = F.pixel_unshuffle(sample, self.config.patch), self.embed(timestep)
        for i, layer in enumerate(self.layers):
            h = layer(h, emb)
            if 0 < i < len(self.layers) - 1:
                h = F.avg_pool2d(h, 2)
        return self.neck(h.mean(dim=(2, 3)))

    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """sample [N, C, H, W], timestep [N] -> logits [N, labels]."""
        return self.head(F.silu(self.features(sample, timestep)))


def silu_slope(x: Tensor) -> Tensor:
    """Derivative of SiLU."""
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


class GradientGraph(nn.Module):
    """The gradient of log p(label | sample, timestep) with respect to the sample, less where there is
    hardly any signal; see SIGNAL."""

    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model.eval()
        folded = [layer.folded() for layer in model.layers]
        self.weights = nn.ParameterList(nn.Parameter(w.detach().clone()) for w, _ in folded)
        self.biases = nn.ParameterList(nn.Parameter(b.detach().clone()) for _, b in folded)
        labels = model.config.labels
        share = (alphas_cumprod().sqrt() / SIGNAL).square().clamp(max=1)
        self.register_buffer("share", share.float()[:, None])
        self.register_buffer("targets", torch.eye(labels + 1)[:, :labels].contiguous())

    def forward(self, sample: Tensor, timestep: Tensor, class_labels: Tensor) -> Tensor:
        """sample [N, C, H, W], timestep [N], class_labels int64 [N] -> [N, C, H, W]."""
        m = self.model
        emb = m.embed(timestep)
        h, kept = F.pixel_unshuffle(sample, m.config.patch), []
        for i, layer in enumerate(m.layers):
            scale, shift = layer.modulation(emb)
            h = F.conv2d(h, self.weights[i], self.biases[i], padding=1) * scale + shift
            kept.append((h, scale))
            h = F.silu(h)
            if 0 < i < len(m.layers) - 1:
                h = F.avg_pool2d(h, 2)
        neck = m.neck(h.mean(dim=(2, 3)))
        p = torch.softmax(m.head(F.silu(neck)), dim=1)
        target = self.targets[class_labels]
        g = target - p * target.sum(dim=1, keepdim=True)
        g = (g @ m.head.weight) * silu_slope(neck)
        g = (g @ m.neck.weight)[:, :, None, None] / (h.shape[2] * h.shape[3])
        for i in reversed(range(len(m.layers))):
            if 0 < i < len(m.layers) - 1:
                g = F.interpolate(g, scale_factor=2, mode="nearest") / 4
            pre, scale = kept[i]
            g = g * silu_slope(pre) * scale
            turned = self.weights[i].flip(2, 3).transpose(0, 1)
            g = F.conv2d(g, turned, padding=1)
        share = F.embedding(timestep.long().clamp(0, STEPS - 1), self.share)
        return F.pixel_shuffle(g, m.config.patch) * share[:, :, None, None]


class FeatureGraph(nn.Module):
    """Features and logits of clean pictures."""

    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model.eval()

    def forward(self, sample: Tensor) -> tuple[Tensor, Tensor]:
        """sample [N, C, H, W] -> features [N, features], logits [N, labels]."""
        features = self.model.features(sample, torch.zeros_like(sample[:, 0, 0, 0]))
        return features, self.model.head(F.silu(features))
