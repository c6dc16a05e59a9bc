"""The training sets: the colour emoji of Noto, rendered small, or its capital letters.

Emoji are uint8 [N, 3, 32, 32], their labels the groups of Unicode's emoji-test.txt; for letters see
:mod:`letters`.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import letters

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
SEQUENCES = Path("/usr/share/unicode/emoji/emoji-test.txt")
STRIKE = 109
"""The only bitmap size that the font holds, in pixels per em."""
CANVAS = 136
"""Width and height of one rendered glyph at that size."""
SKIN_TONES = {chr(c) for c in range(0x1F3FB, 0x1F400)}
KEEP_DIRECTION = {"Flags", "Symbols"}
"""Groups whose pictures change their meaning when mirrored."""
POSITIONS = 16
"""Positions per side of a network's widest level."""


def sequences(path: Path = SEQUENCES) -> list[tuple[str, str]]:
    """Reads (text, group) of every fully qualified emoji without skin tones."""
    group, found = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            group = line.split(":", 1)[1].strip()
        elif "; fully-qualified" in line:
            text = "".join(chr(int(c, 16)) for c in line.split(";")[0].split())
            if not SKIN_TONES & set(text):
                found.append((text, group))
    return found


def render(text: str, font: ImageFont.FreeTypeFont, size: int) -> np.ndarray | None:
    """Draws one emoji on white; uint8 [size, size, 3], or None if the font splits the sequence."""
    if font.getlength(text) > 1.3 * CANVAS:
        return None
    picture = Image.new("RGBA", (CANVAS, CANVAS), (255, 255, 255, 0))
    ImageDraw.Draw(picture).text((0, 0), text, font=font, embedded_color=True)
    box = picture.getbbox()
    if box is None:
        return None
    picture = picture.crop(box)
    side = max(picture.size) + 8
    square = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    offset = ((side - picture.width) // 2, (side - picture.height) // 2)
    square.alpha_composite(picture, offset)
    return np.asarray(square.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))


def build(size: int = 32) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Renders all distinct pictures.

    Returns:
        pictures uint8 [N, 3, size, size], labels int64 [N], label names, and bool [N] that says
        which pictures may be mirrored.
    """
    font = ImageFont.truetype(str(FONT), STRIKE, layout_engine=ImageFont.Layout.RAQM)
    pictures, labels, names, mirror, seen = [], [], [], [], set()
    for text, group in sequences():
        picture = render(text, font, size)
        if picture is None:
            continue
        digest = hashlib.sha256(picture.tobytes()).digest()
        if digest in seen:
            continue
        seen.add(digest)
        if group not in names:
            names.append(group)
        pictures.append(picture.transpose(2, 0, 1))
        labels.append(names.index(group))
        mirror.append(group not in KEEP_DIRECTION)
    return np.stack(pictures), np.array(labels, np.int64), names, np.array(mirror)


def patch(size: int) -> int:
    """Side of the patches that pictures of a side enter networks as: 2x2 for those below 32x32 too."""
    return max(2, size // POSITIONS)


def load(path: Path) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Reads what :func:`save` wrote; see :func:`build`."""
    with np.load(path) as file:
        return file["pictures"], file["labels"], [str(n) for n in file["names"]], file["mirror"]


def save(path: Path, pictures: np.ndarray, labels: np.ndarray, names: list[str],
         mirror: np.ndarray) -> None:
    """Writes what :func:`build` made into one .npz file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, pictures=pictures, labels=labels, names=names, mirror=mirror)


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models data``."""
    parser = argparse.ArgumentParser(prog="morse_models data", description=__doc__)
    parser.add_argument("--set", choices=("emoji", "letters"), default="emoji")
    parser.add_argument("--out", type=Path, help="default: runs/emoji32.npz or runs/letters64.npz")
    parser.add_argument("--size", type=int, help="default: 32 for emoji, 64 for letters")
    args = parser.parse_args(argv)
    size = args.size or (32 if args.set == "emoji" else 64)
    out = args.out or Path(f"runs/{args.set}{size}.npz")
    made = build(size) if args.set == "emoji" else letters.build(size)
    save(out, *made)
    print(f"{len(made[0])} pictures of {size}x{size} in {out}")
