"""The second training set: the capital letters A to Z in every style of Noto's Latin families.

Pictures are uint8 [N, 1, 64, 64], black on white; the labels are the letters.
"""

from __future__ import annotations

import hashlib
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/truetype/noto")
FAMILIES = ("NotoSans", "NotoSerif", "NotoSansDisplay", "NotoSerifDisplay", "NotoSansMono")
"""Sans and serif, for text and for headlines, and one of equal widths: 9 weights by 2 to 4 widths,
most of them upright and slanted."""
EM = 0.78
"""Size of the font as a share of the picture's side: the widest W just fits."""
BASELINE = 0.77
"""Height of the baseline, likewise, from the top: a capital letter stands in the middle."""


def styles(fonts: Path = FONTS) -> list[Path]:
    """Every style of the families, in order."""
    found = [p for family in FAMILIES for p in sorted(fonts.glob(f"{family}-*.ttf"))]
    if not found:
        raise SystemExit(f"{fonts} holds no style of {', '.join(FAMILIES)}: "
                         "install the fonts (Debian: fonts-noto-core and fonts-noto-extra)")
    return found


def render(letter: str, font: ImageFont.FreeTypeFont, size: int) -> np.ndarray:
    """Draws one letter, black on white, on its baseline; uint8 [size, size]."""
    picture = Image.new("L", (size, size), 255)
    at = (size / 2, BASELINE * size)
    ImageDraw.Draw(picture).text(at, letter, fill=0, font=font, anchor="ms")
    return np.asarray(picture)


def build(size: int = 64, fonts: Path = FONTS) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Renders all distinct pictures.

    Returns:
        pictures uint8 [N, 1, size, size], labels int64 [N], label names, and bool [N] that says
        which pictures may be mirrored: none.
    """
    names = list(string.ascii_uppercase)
    pictures, labels, seen = [], [], set()
    for path in styles(fonts):
        font = ImageFont.truetype(str(path), round(EM * size), layout_engine=ImageFont.Layout.BASIC)
        for label, letter in enumerate(names):
            picture = render(letter, font, size)
            digest = hashlib.sha256(picture.tobytes()).digest()
            if digest not in seen:
                seen.add(digest)
                pictures.append(picture[None])
                labels.append(label)
    return np.stack(pictures), np.array(labels, np.int64), names, np.zeros(len(pictures), bool)
