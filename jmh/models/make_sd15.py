"""Makes models of Stable Diffusion 1.5's sizes with random weights, for `jmh/run large`.

    python jmh/models/make_sd15.py --out DIR                 # all parts below
    python jmh/models/make_sd15.py --out DIR unet vae_decoder

    unet, unet_fp16    DIR/{unet,unet_fp16}/model.onnx: 859.5 M parameters, 3.4 and 1.7 GB
    vae_decoder        DIR/vae_decoder/model.onnx: 49.5 M parameters
    source             DIR/source: the same in diffusers' layout, for `morse_models export --from`

Needs torch, diffusers, transformers and onnx, and about 12 GB of memory. The graphs are what
Optimum writes: TorchScript, opset 20, one external-data file. Speed does not depend on the weights.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import onnx
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

PARTS = ("unet", "unet_fp16", "vae_decoder", "source")
TEXT = (77, 768)


def unet():
    """The configuration of runwayml/stable-diffusion-v1-5: diffusers' default, with its text width."""
    torch.manual_seed(0)
    return UNet2DConditionModel(sample_size=64, cross_attention_dim=TEXT[1], attention_head_dim=8).eval()


def vae():
    """The autoencoder of Stable Diffusion 1 and 2."""
    torch.manual_seed(1)
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()


class Noise(torch.nn.Module):
    """The U-Net as Optimum exports it."""

    def __init__(self, owner):
        super().__init__()
        self.owner = owner

    def forward(self, sample, timestep, text):
        return self.owner(sample, timestep, text, return_dict=False)[0]


class Picture(torch.nn.Module):
    """The decoding half of the autoencoder."""

    def __init__(self, owner):
        super().__init__()
        self.owner = owner

    def forward(self, latent):
        return self.owner.decode(latent, return_dict=False)[0]


def write(module, inputs, names, output, folder):
    """Exports with open batch, height and width into one .onnx and one file of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {0: "batch", 2: "height", 3: "width"}
    axes = {n: images if x.ndim == 4 else {0: "batch"} for n, x in zip(names, inputs)}
    # The exporter writes one file per tensor where the whole exceeds protobuf's 2 GiB.
    with tempfile.TemporaryDirectory(dir=folder) as pieces:
        path = pathlib.Path(pieces) / "model.onnx"
        with torch.no_grad():
            torch.onnx.export(
                module, inputs, str(path), input_names=names, output_names=[output],
                opset_version=20, dynamic_axes=axes, dynamo=False,
            )
        model = onnx.load(path)
    (folder / "model.onnx_data").unlink(missing_ok=True)
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.onnx_data")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{folder}: {size / 1e9:.2f} GB", flush=True)


def write_unet(folder, kind):
    """The U-Net in a type; traced small, which the graph does not remember."""
    inputs = (
        torch.randn(2, 4, 16, 16, dtype=kind), torch.tensor([500, 500]),
        torch.randn(2, *TEXT, dtype=kind),
    )
    names = ["sample", "timestep", "encoder_hidden_states"]
    write(Noise(unet().to(kind)), inputs, names, "out_sample", folder)


def write_source(folder):
    """A folder of diffusers: U-Net, autoencoder, text encoder and a vocabulary without merges."""
    from morse_models.latent.tiny import write_tokenizer
    from transformers import CLIPTextConfig, CLIPTextModel

    shutil.rmtree(folder, ignore_errors=True)
    size = write_tokenizer(folder / "tokenizer")
    unet().save_pretrained(folder / "unet")
    vae().save_pretrained(folder / "vae")
    CLIPTextModel(CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
        num_attention_heads=12, projection_dim=768, bos_token_id=size - 2, eos_token_id=size - 1,
        pad_token_id=size - 1,
    )).save_pretrained(folder / "text_encoder")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index))
    print(folder, flush=True)


def main():
    """Makes the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "out")
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if "unet" in args.parts:
        write_unet(args.out / "unet", torch.float32)
    if "unet_fp16" in args.parts:
        write_unet(args.out / "unet_fp16", torch.float16)
    if "vae_decoder" in args.parts:
        latent = torch.randn(1, 4, 16, 16)
        write(Picture(vae()), (latent,), ["latent_sample"], "sample", args.out / "vae_decoder")
    if "source" in args.parts:
        write_source(args.out / "source")


if __name__ == "__main__":
    main()
