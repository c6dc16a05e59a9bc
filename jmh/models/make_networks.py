"""Makes networks of other kinds for the comparison with ONNX Runtime, with random weights.

    python jmh/models/make_networks.py     # writes jmh/models/out/networks/NAME.onnx

Needs torch, transformers and onnx. Pictures are 224x224, texts have 64 or 128 tokens, two of each; the
shapes are fixed. Speed does not depend on the weights.
"""

import argparse
import pathlib

import torch
import transformers as t

PICTURES = {"pixel_values": torch.zeros(2, 3, 224, 224)}
TOKENS = {"input_ids": torch.zeros(2, 64, dtype=torch.int64)}
MASKED = {
    "input_ids": torch.zeros(2, 128, dtype=torch.int64),
    "attention_mask": torch.ones(2, 128, dtype=torch.int64),
}
NETWORKS = {
    "resnet18": (
        PICTURES,
        lambda: t.ResNetModel(
            t.ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic")
        ),
    ),
    "mobilenet_v2": (PICTURES, lambda: t.MobileNetV2Model(t.MobileNetV2Config())),
    "convnext": (
        PICTURES,
        lambda: t.ConvNextModel(
            t.ConvNextConfig(depths=[2, 2, 2, 2], hidden_sizes=[48, 96, 192, 384])
        ),
    ),
    "vit": (
        PICTURES,
        lambda: t.ViTModel(
            t.ViTConfig(
                hidden_size=384, num_hidden_layers=4, num_attention_heads=6, intermediate_size=1536
            )
        ),
    ),
    "swin": (
        PICTURES,
        lambda: t.SwinModel(t.SwinConfig(depths=[2, 2, 2], num_heads=[3, 6, 12], embed_dim=48)),
    ),
    "segformer": (
        PICTURES,
        lambda: t.SegformerForSemanticSegmentation(t.SegformerConfig()),
    ),
    "bert": (
        MASKED,
        lambda: t.BertModel(
            t.BertConfig(
                hidden_size=384, num_hidden_layers=4, num_attention_heads=6, intermediate_size=1536
            )
        ),
    ),
    "t5_encoder": (
        TOKENS,
        lambda: t.T5EncoderModel(
            t.T5Config(d_model=384, d_ff=1024, num_layers=4, num_heads=6, d_kv=64)
        ),
    ),
}


class First(torch.nn.Module):
    """A network that returns its first output alone."""

    def __init__(self, network, names):
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, *inputs):
        return self.network(**dict(zip(self.names, inputs, strict=True)), return_dict=False)[0]


def make(name, folder):
    """Exports one network."""
    torch.manual_seed(0)
    inputs, network = NETWORKS[name]
    torch.onnx.export(
        First(network(), list(inputs)).eval(),
        tuple(inputs.values()),
        str(folder / f"{name}.onnx"),
        input_names=list(inputs),
        output_names=["y"],
        opset_version=17,
        dynamo=False,
    )


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    here = pathlib.Path(__file__).parent
    parser.add_argument("--out", type=pathlib.Path, default=here / "out" / "networks")
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(NETWORKS)}")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names or NETWORKS:
        if name not in NETWORKS:
            parser.error(f"unknown network {name!r}: {', '.join(NETWORKS)}")
        make(name, args.out)
        print(args.out / f"{name}.onnx", flush=True)


if __name__ == "__main__":
    main()
