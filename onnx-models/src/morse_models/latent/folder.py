"""Reading a diffusers folder (PyTorch weights) and caching what training needs of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

UNETS = ("UNet2DConditionModel", "UNet2DModel")


@dataclass
class DashFolder:
    """What of a folder belongs to Dash.

    Attributes:
        path: the folder.
        unet: the frozen network, float32 on the CPU.
        alphas_cumprod: alpha_bar of its training times, [T].
        prediction: epsilon, v_prediction or sample.
    """

    path: Path
    unet: nn.Module
    alphas_cumprod: Tensor
    prediction: str

    @property
    def text(self) -> bool:
        """Whether Dash reads text embeddings."""
        return type(self.unet).__name__ == "UNet2DConditionModel"

    @property
    def xl(self) -> bool:
        """Whether Dash takes a pooled embedding and picture sizes (SDXL)."""
        return getattr(self.unet.config, "addition_embed_type", None) == "text_time"


def open_folder(path: Path) -> DashFolder:
    """Reads unet/ and scheduler/ of a diffusers folder.

    Raises:
        FileNotFoundError: if it is no such folder.
        ValueError: if its U-Net is of another kind.
    """
    import diffusers

    config = path / "unet" / "config.json"
    if not config.exists():
        raise FileNotFoundError(f"'{path}' holds no unet/config.json: give a folder that diffusers' "
                                "save_pretrained wrote (PyTorch weights, not ONNX)")
    kind = json.loads(config.read_text())["_class_name"]
    if kind not in UNETS:
        raise ValueError(f"'{config}' is a {kind}: Dot can be built around {' and '.join(UNETS)}")
    unet = getattr(diffusers, kind).from_pretrained(path / "unet", torch_dtype=torch.float32)
    unet.eval().requires_grad_(False)
    scheduler = diffusers.DDPMScheduler.from_pretrained(path / "scheduler")
    return DashFolder(
        path, unet, scheduler.alphas_cumprod, scheduler.config.get("prediction_type", "epsilon")
    )


def encode_texts(path: Path, texts: list[str]) -> dict[str, Tensor]:
    """The conditions of some texts: encoder_hidden_states [N, L, D], for SDXL text_embeds [N, E]."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    xl = (path / "text_encoder_2").exists()
    states, pooled = [], None
    for suffix in ("", "_2") if xl else ("",):
        tokenizer = CLIPTokenizer.from_pretrained(path / f"tokenizer{suffix}")
        kind = CLIPTextModelWithProjection if suffix else CLIPTextModel
        model = kind.from_pretrained(path / f"text_encoder{suffix}").eval()
        ids = tokenizer(texts, padding="max_length", truncation=True, max_length=77,
                        return_tensors="pt").input_ids
        with torch.no_grad():
            out = model(ids, output_hidden_states=True)
        states.append(out.hidden_states[-2] if xl else out.last_hidden_state)
        pooled = out.text_embeds if suffix else None
    result = {"encoder_hidden_states": torch.cat(states, dim=-1)}
    return result if pooled is None else {**result, "text_embeds": pooled}


def cache(path: Path, pictures: Path, out: Path, size: int) -> int:
    """Writes latents and text embeddings of a picture folder, so that training loads neither VAE
    nor text encoder.

    Args:
        path: the diffusers folder.
        pictures: PNG or JPEG files, each with a caption in a .txt of the same name (or none).
        out: the file to write.
        size: side in pixels; pictures are scaled and cut to a square.

    Returns:
        how many pictures it holds.
    """
    import numpy as np
    from diffusers import AutoencoderKL
    from PIL import Image, ImageOps

    files = sorted(p for p in pictures.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not files:
        raise FileNotFoundError(f"'{pictures}' holds no PNG or JPEG files")
    vae = AutoencoderKL.from_pretrained(path / "vae").eval()
    latents, captions = [], []
    for file in files:
        picture = ImageOps.fit(Image.open(file).convert("RGB"), (size, size))
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None]
        with torch.no_grad():
            moments = vae.encode(pixels.float() / 127.5 - 1).latent_dist
        latents.append((moments.mean * vae.config.scaling_factor).half())
        note = file.with_suffix(".txt")
        captions.append(note.read_text(encoding="utf-8").strip() if note.exists() else "")
    conditions = encode_texts(path, captions)
    empty = encode_texts(path, [""])
    torch.save(
        {
            "latents": torch.cat(latents),
            "conditions": {k: v.half() for k, v in conditions.items()},
            "empty": {k: v.half() for k, v in empty.items()},
            "size": size,
        },
        out,
    )
    return len(files)
