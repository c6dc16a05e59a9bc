"""Reading a diffusers folder (PyTorch weights) and caching what training needs of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

UNETS = ("UNet2DConditionModel", "UNet2DModel")
TRANSFORMERS = ("DiTTransformer2DModel", "SD3Transformer2DModel")


@dataclass
class DashFolder:
    """What of a folder belongs to Dash.

    Attributes:
        path: the folder.
        unet: the frozen network, float32 on the CPU: a U-Net or a transformer.
        alphas_cumprod: alpha_bar of its training times, [T]; empty for flow matching.
        prediction: epsilon, v_prediction or sample; flow for flow matching.
    """

    path: Path
    unet: nn.Module
    alphas_cumprod: Tensor
    prediction: str

    @property
    def part(self) -> str:
        """Folder of the network: unet or transformer."""
        return "transformer" if type(self.unet).__name__ in TRANSFORMERS else "unet"

    @property
    def text(self) -> bool:
        """Whether Dash reads text embeddings."""
        return type(self.unet).__name__ == "UNet2DConditionModel"

    @property
    def beside(self) -> int:
        """Channels of Dash's input beyond the sample: a mask and the masked picture, or none."""
        return self.unet.config.in_channels - self.unet.config.out_channels

    @property
    def xl(self) -> bool:
        """Whether Dash takes a pooled embedding and picture sizes (SDXL)."""
        return getattr(self.unet.config, "addition_embed_type", None) == "text_time"


    @property
    def aesthetic(self) -> bool:
        """Whether Dash takes a score in the place of the wanted size (SDXL's refiner)."""
        index = self.path / "model_index.json"
        return index.exists() and json.loads(index.read_text()).get(
            "requires_aesthetics_score") is True

    def time_ids(self, side: float) -> list[float]:
        """What SDXL is told of a square picture: its size, the cut, and the wanted size or score."""
        return [side, side, 0, 0, 6.0] if self.aesthetic else [side, side, 0, 0, side, side]


def open_folder(path: Path, known: tuple[str, ...] = UNETS + TRANSFORMERS) -> DashFolder:
    """Reads unet/ or transformer/, and scheduler/, of a diffusers folder.

    Args:
        path: the folder.
        known: classes that will do.

    Raises:
        FileNotFoundError: if it is no such folder.
        ValueError: if its network is of another kind.
    """
    import diffusers

    parts = [p for p in ("unet", "transformer") if (path / p / "config.json").exists()]
    if not parts:
        raise FileNotFoundError(
            f"'{path}' holds neither unet/config.json nor transformer/config.json: give a folder "
            "that diffusers' save_pretrained wrote (PyTorch weights, not ONNX)")
    config = path / parts[0] / "config.json"
    kind = json.loads(config.read_text())["_class_name"]
    if kind not in known:
        what = "exported" if kind not in UNETS + TRANSFORMERS else "the Dash of a trained Dot"
        raise ValueError(f"'{config}' is a {kind}, which can't be {what}: {', '.join(known)} can")
    unet = getattr(diffusers, kind).from_pretrained(path / parts[0], torch_dtype=torch.float32)
    unet.eval().requires_grad_(False)
    if kind == "SD3Transformer2DModel":
        return DashFolder(path, unet, torch.empty(0), "flow")
    scheduler = diffusers.DDPMScheduler.from_pretrained(path / "scheduler")
    return DashFolder(
        path, unet, scheduler.alphas_cumprod, scheduler.config.get("prediction_type", "epsilon")
    )


def encode_texts(path: Path, texts: list[str]) -> dict[str, Tensor]:
    """The conditions of some texts: encoder_hidden_states [N, L, D], for SDXL text_embeds [N, E]."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    xl = (path / "text_encoder_2").exists()
    states, pooled = [], None
    suffixes = [s for s in ("", "_2") if (path / f"text_encoder{s}").exists()]
    for suffix in suffixes:
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


def draw_mask(side: int, random: np.random.Generator) -> np.ndarray:
    """A mask to train inpainting with, 1 where the picture is to be made: float32 [side, side].

    One to four rectangles, or everything in a quarter of the cases.
    """
    if random.random() < 0.25:
        return np.ones((side, side), np.float32)
    mask = np.zeros((side, side), np.float32)
    for _ in range(random.integers(1, 5)):
        height, width = random.integers(side // 8, side * 5 // 8, 2)
        top, left = random.integers(0, side - height), random.integers(0, side - width)
        mask[top : top + height, left : left + width] = 1
    return mask


def encode(vae: nn.Module, pixels: Tensor) -> Tensor:
    """Pixels of -1 .. 1, [N, 3, H, W] -> latents as Dash sees them, float16."""
    with torch.no_grad():
        mean = vae.encode(pixels).latent_dist.mean
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return ((mean - shift) * vae.config.scaling_factor).half()


def cache(folder: DashFolder, pictures: Path, out: Path, size: int, masks: int = 4) -> int:
    """Writes latents and text embeddings of a picture folder, so that training loads neither VAE
    nor text encoder. For an inpainting U-Net masks and masked pictures too.

    Args:
        folder: Dash.
        pictures: PNG or JPEG files, each with a caption in a .txt of the same name (or none).
        out: the file to write.
        size: side in pixels; pictures are scaled and cut to a square.
        masks: masks per picture, where Dash takes them.

    Returns:
        how many pictures it holds.

    Raises:
        ValueError: if what Dash takes beside the sample is not a mask and a masked picture.
    """
    from diffusers import AutoencoderKL
    from PIL import Image, ImageOps

    files = sorted(p for p in pictures.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not files:
        raise FileNotFoundError(f"'{pictures}' holds no PNG or JPEG files")
    channels = folder.unet.config.out_channels
    if folder.beside not in (0, 1 + channels):
        raise ValueError(f"'{folder.path}' takes {folder.beside} channels beside the {channels} of "
                         f"its sample: only a mask and a masked picture ({1 + channels}) are known")
    vae = AutoencoderKL.from_pretrained(folder.path / "vae").eval()
    random = np.random.default_rng(0)
    latents, captions, beside = [], [], []
    for file in files:
        picture = ImageOps.fit(Image.open(file).convert("RGB"), (size, size))
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None]
        pixels = pixels.float() / 127.5 - 1
        latents.append(encode(vae, pixels))
        if folder.beside:
            # As diffusers' inpainting pipelines: what is to be made is grey, the mask is scaled
            # down without smoothing.
            mask = torch.from_numpy(np.stack([draw_mask(size, random) for _ in range(masks)]))[:, None]
            small = F.interpolate(mask, latents[-1].shape[2:]).half()
            masked = torch.cat([encode(vae, pixels * (m < 0.5)) for m in mask])
            beside.append(torch.cat([small, masked], dim=1))
        note = file.with_suffix(".txt")
        captions.append(note.read_text(encoding="utf-8").strip() if note.exists() else "")
    conditions = encode_texts(folder.path, captions)
    empty = encode_texts(folder.path, [""])
    torch.save(
        {
            "latents": torch.cat(latents),
            **({"beside": torch.stack(beside)} if beside else {}),
            "conditions": {k: v.half() for k, v in conditions.items()},
            "empty": {k: v.half() for k, v in empty.items()},
            "size": size,
        },
        out,
    )
    return len(files)
