"""Makes the U-Nets of the comparison with ONNX Runtime, with random weights.

    python jmh/models/make_unets.py     # writes jmh/models/out/{unet7,ddpm36}/model.onnx

Needs torch, diffusers and onnx. `unet7` has 6.8 M parameters and attention at two levels; `ddpm36`
is the configuration of google/ddpm-cifar10-32 (35.7 M). Speed does not depend on the weights.
"""

import argparse
import pathlib

import torch
from diffusers import UNet2DModel

CONFIGURATIONS = {
    "unet7": {
        "block_out_channels": (64, 128, 128),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 32,
    },
    "ddpm36": {
        "block_out_channels": (128, 256, 256, 256),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 256,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
    },
}


class Sample(torch.nn.Module):
    """A U-Net that returns its tensor alone."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep):
        return self.unet(sample, timestep, return_dict=False)[0]


def make(name, folder):
    """Exports one configuration with a dynamic batch."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=32, layers_per_block=2, norm_num_groups=32, **CONFIGURATIONS[name]
    ).eval()
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Sample(unet),
        (torch.randn(1, 3, 32, 32), torch.tensor([500])),
        str(folder / "model.onnx"),
        input_names=["sample", "timestep"],
        output_names=["out_sample"],
        opset_version=20,
        dynamic_axes={"sample": {0: "batch"}, "timestep": {0: "batch"}},
        dynamo=False,
    )
    print(f"{name}: {sum(p.numel() for p in unet.parameters()) / 1e6:.1f} M parameters")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CONFIGURATIONS))
    arguments = parser.parse_args()
    for chosen in arguments.names:
        make(chosen, pathlib.Path(__file__).parent / "out" / chosen)
