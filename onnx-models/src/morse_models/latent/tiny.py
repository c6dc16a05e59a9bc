"""Tiny random models in diffusers' layout, for trying the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def tiny_stable_diffusion(path: Path, prediction: str = "epsilon", inpaints: bool = False) -> None:
    """Writes a folder with U-Net, text encoder, tokenizer, VAE and scheduler, all random.

    ``inpaints`` gives the U-Net five more channels: the mask and the masked picture.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    size = write_tokenizer(path / "tokenizer")
    UNet2DConditionModel(
        sample_size=16, in_channels=9 if inpaints else 4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(path / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, layers_per_block=1,
        sample_size=32,
    ).save_pretrained(path / "vae")
    CLIPTextModel(CLIPTextConfig(
        vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, projection_dim=16, bos_token_id=size - 2, eos_token_id=size - 1,
        pad_token_id=size - 1,
    )).save_pretrained(path / "text_encoder")
    DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1, prediction_type=prediction,
    ).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))


def tiny_dit(path: Path) -> None:
    """Writes a folder of DiTPipeline with transformer, VAE, scheduler and two named labels.

    There are 1000 labels, since the pipeline takes 1000 for the null label whatever the model.
    """
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DiTTransformer2DModel

    net = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=2,
        sample_size=16, patch_size=2, num_embeds_ada_norm=1000,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, layers_per_block=1,
        sample_size=32,
    )
    with torch.no_grad():
        for name, p in [*net.named_parameters(), *vae.named_parameters()]:
            # Zero initialisation would hide mistakes; tables of labels need not be fine.
            p.add_(torch.randn_like(p) * 0.02)
            if "embedding_table" in name:
                p.copy_((8 * p).round(decimals=1))
    net.save_pretrained(path / "transformer")
    vae.save_pretrained(path / "vae")
    DDIMScheduler(clip_sample=False).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(json.dumps({
        "_class_name": "DiTPipeline",
        "id2label": {"3": "tiger shark, Galeocerdo cuvieri", "207": "golden retriever"},
        "scheduler": ["diffusers", "DDIMScheduler"],
        "transformer": ["diffusers", "DiTTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }))


def tiny_stable_diffusion_3(path: Path, t5: bool = False) -> None:
    """Writes a folder of StableDiffusion3Pipeline.

    ``t5`` gives it its third text encoder, too.
    """
    import torch
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        T5Config,
        T5EncoderModel,
    )

    net = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, out_channels=16, num_layers=2,
        attention_head_dim=8, num_attention_heads=2, joint_attention_dim=56,
        caption_projection_dim=16, pooled_projection_dim=16 + 32, pos_embed_max_size=24,
        dual_attention_layers=(0,), qk_norm="rms_norm",
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, layers_per_block=1,
        sample_size=32, latent_channels=16, scaling_factor=1.5305, shift_factor=0.0609,
        use_quant_conv=False, use_post_quant_conv=False,
    )
    modules = {"transformer": net, "vae": vae}
    for suffix, width in (("", 16), ("_2", 32)):
        size = write_tokenizer(path / f"tokenizer{suffix}")
        modules[f"text_encoder{suffix}"] = CLIPTextModelWithProjection(CLIPTextConfig(
            vocab_size=size, hidden_size=width, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, projection_dim=width, bos_token_id=size - 2,
            eos_token_id=size - 1, pad_token_id=size - 1,
        ))
    if t5:
        modules["text_encoder_3"] = T5EncoderModel(T5Config(
            vocab_size=write_t5_tokenizer(path / "tokenizer_3"), d_model=56, d_kv=8, d_ff=64,
            num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"))
    for name, module in modules.items():
        with torch.no_grad():
            for p in module.parameters():
                # Zero initialisation would hide mistakes.
                p.add_(torch.randn_like(p) * 0.02)
        module.save_pretrained(path / name)
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusion3Pipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "text_encoder_3": ["transformers", "T5EncoderModel"] if t5 else [None, None],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "tokenizer_3": ["transformers", "T5TokenizerFast"] if t5 else [None, None],
        "transformer": ["diffusers", "SD3Transformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }))


def write_tokenizer(path: Path) -> int:
    """Writes a byte-level vocabulary without merges; returns its size."""
    path.mkdir(parents=True)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = characters + [c + "</w>" for c in characters] + ["<|startoftext|>", "<|endoftext|>"]
    (path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (path / "merges.txt").write_text("#version: 0.2\n")
    (path / "tokenizer_config.json").write_text(json.dumps(
        {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}))
    return len(tokens)


def write_t5_tokenizer(path: Path) -> int:
    """Writes a unigram vocabulary of single ASCII characters; returns its size."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    path.mkdir(parents=True)
    special = ["<pad>", "</s>", "<unk>"]
    vocab = [(t, 0.0) for t in special] + [("\u2581", -2.0)] + [(chr(c), -3.0) for c in range(33, 127)]
    tokenizer = Tokenizer(models.Unigram(vocab, 2, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        "$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in special])
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps({
        "eos_token": "</s>", "extra_ids": 0, "model_max_length": 512, "pad_token": "<pad>",
        "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>"}))
    return len(vocab)


def tiny_pictures(path: Path, count: int) -> None:
    """Writes random pictures with captions."""
    from PIL import Image

    path.mkdir(parents=True)
    random = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(random.integers(0, 256, (40, 48, 3), np.uint8)).save(path / f"{i}.png")
        (path / f"{i}.txt").write_text(f"picture {i}")
