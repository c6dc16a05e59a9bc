"""The training set's list of emoji; the pictures themselves only where the font is installed."""

import numpy as np
import pytest

from morse_models import data

LIST = """\
# group: Smileys & Emotion
1F600                                      ; fully-qualified     # x E1.0 grinning face
263A                                       ; unqualified         # x E0.6 smiling face
# group: People & Body
1F44B                                      ; fully-qualified     # x E0.6 waving hand
1F44B 1F3FB                                ; fully-qualified     # x E1.0 waving hand: light
1F468 200D 1F373                           ; fully-qualified     # x E4.0 man cook
"""


def test_sequences_are_qualified_and_without_skin_tones(tmp_path):
    path = tmp_path / "emoji-test.txt"
    path.write_text(LIST, encoding="utf-8")
    assert data.sequences(path) == [
        ("\U0001f600", "Smileys & Emotion"),
        ("\U0001f44b", "People & Body"),
        ("\U0001f468\u200d\U0001f373", "People & Body"),
    ]


def test_load_returns_what_was_stored(data_file):
    pictures, labels, names, mirror = data.load(data_file)
    assert pictures.shape == (12, 3, 16, 16) and pictures.dtype == np.uint8
    assert names == ["round", "square"] and labels.max() == 1 and mirror.sum() == 6


@pytest.mark.skipif(not data.FONT.exists(), reason=f"needs the font {data.FONT}")
def test_renders_an_emoji_on_white():
    from PIL import ImageFont

    font = ImageFont.truetype(str(data.FONT), data.STRIKE)
    picture = data.render("\U0001f34e", font, 32)
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    assert (picture[0, 0] > 240).all() and picture.min() < 100
