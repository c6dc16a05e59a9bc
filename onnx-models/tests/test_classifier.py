"""The classifier's gradient is what autograd says, and the exported graphs agree."""

import numpy as np
import onnxruntime
import torch

from morse_models.classifier import Classifier, ClassifierConfig, FeatureGraph, GradientGraph
from morse_models.diffusion import alphas_cumprod
from morse_models.export import to_onnx


def trained_like() -> Classifier:
    """A classifier whose normalisations and time embeddings aren't trivial."""
    torch.manual_seed(1)
    model = Classifier(ClassifierConfig(widths=(8, 8, 16, 16), features=8, labels=5))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    for layer in model.layers:
        torch.nn.init.normal_(layer.embed.weight, 0, 0.1)
    return model.eval()


def test_gradient_is_that_of_autograd() -> None:
    model = trained_like()
    sample = torch.randn(4, 3, 16, 16, requires_grad=True)
    timestep = torch.tensor([0.0, 250.0, 500.0, 999.0])
    labels = torch.tensor([0, 4, 2, 5])
    log_p = torch.log_softmax(model(sample, timestep), dim=1)
    known = torch.arange(3)
    (expected,) = torch.autograd.grad(log_p[known, labels[:3]].sum(), sample)
    with torch.no_grad():
        actual = GradientGraph(model)(sample, timestep, labels)
    scale = expected.abs().max()
    assert scale > 1e-6
    share = (alphas_cumprod()[timestep.long()].sqrt() / 0.5).square().clamp(max=1).float()
    assert share[1] == 1 and 0 < share[3] < 1e-6, "less where there is hardly any signal"
    expected = expected * share[:, None, None, None]
    torch.testing.assert_close(actual[:3], expected[:3], rtol=1e-4, atol=float(scale) * 1e-5)
    assert torch.equal(actual[3], torch.zeros_like(actual[3])), "the null label has no gradient"


def test_exported_graphs_agree() -> None:
    model = trained_like()
    inputs = {
        "sample": torch.randn(3, 3, 16, 16),
        "timestep": torch.tensor([3.0, 400.0, 800.0]),
        "class_labels": torch.tensor([1, 5, 3]),
    }
    for module, given, outputs in (
        (GradientGraph(model), inputs, ["gradient"]),
        (FeatureGraph(model), {"sample": inputs["sample"]}, ["features", "logits"]),
    ):
        graph = to_onnx(module, given, outputs)
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        found = session.run(outputs, {k: v.numpy() for k, v in given.items()})
        with torch.no_grad():
            expected = module(*given.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-3, atol=1e-5)
