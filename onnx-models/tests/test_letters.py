"""The letters of the second training set, and networks that fit what they are trained on."""

import numpy as np
import pytest
import torch
from PIL import ImageFont
from test_training import dash_args

from morse_models import data, letters, sampling, train_classifier, train_dash, train_dot
from morse_models.checkpoints import load_models
from morse_models.classifier import GradientGraph
from morse_models.export import read_back, write


@pytest.fixture
def fonts(tmp_path):
    """A folder with one style, Pillow's own font under the name of a Noto font."""
    font = ImageFont.load_default(20)
    (tmp_path / "NotoSans-Regular.ttf").write_bytes(font.font_bytes)
    (tmp_path / "NotoSansThai-Regular.ttf").write_bytes(b"of another family")
    return tmp_path


@pytest.fixture
def letters_file(tmp_path, fonts):
    path = tmp_path / "letters.npz"
    data.save(path, *letters.build(64, fonts))
    return path


def test_letters_are_black_on_white_and_in_order(fonts):
    pictures, labels, names, mirror = letters.build(64, fonts)
    assert pictures.shape == (26, 1, 64, 64) and pictures.dtype == np.uint8
    assert names == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ") and labels.tolist() == list(range(26))
    assert not mirror.any()
    ink = pictures[:, 0] < 128
    assert ink.any(axis=(1, 2)).all() and not ink[:, [0, -1]].any() and not ink[:, :, [0, -1]].any()
    # L has its ink at the left and below, T above.
    l, t = ink[names.index("L")], ink[names.index("T")]
    assert np.argwhere(l)[:, 0].mean() > 32 > np.argwhere(t)[:, 0].mean()


def test_missing_fonts_are_named(tmp_path):
    with pytest.raises(SystemExit) as error:
        letters.styles(tmp_path / "none")
    assert "none" in str(error.value) and "fonts-noto" in str(error.value)


@pytest.mark.skipif(not letters.FONTS.exists(), reason=f"needs the fonts in {letters.FONTS}")
def test_the_command_writes_every_style(tmp_path, capsys):
    found = len(letters.styles())
    data.main(["--set", "letters", "--size", "16", "--out", str(tmp_path / "l.npz")])
    pictures, labels, names, _ = data.load(tmp_path / "l.npz")
    assert pictures.shape[1:] == (1, 16, 16) and 26 <= len(pictures) <= 26 * found
    assert np.bincount(labels, minlength=26).min() > 0 and len(names) == 26


def test_a_pair_of_grey_pictures_is_trained_drawn_and_shipped(letters_file, tmp_path):
    out = tmp_path / "runs"
    train_dash.main(dash_args(letters_file, out, 1, "--widths", "16,24,32"))
    train_dot.main(dash_args(letters_file, out, 1, "--width", "16"))
    dash, dot = load_models(out)
    assert (dash.config.size, dash.config.channels, dash.config.patch) == (64, 1, 4)
    assert dash.config.labels == 26 and dash.config.widths == (16, 24, 32)
    assert dot.config.width == 16 and dot.patch == 8
    noise, labels = torch.randn(2, 1, 64, 64), torch.tensor([3, 26])
    pictures = sampling.sample(dash, dot, noise, labels, 2, 1)
    sheet = sampling.grid(pictures, 2)
    assert sheet.mode == "L" and sheet.size == (128, 64)
    write(dash, dot, tmp_path / "shipped", ["A"], "card")
    again = read_back(tmp_path / "shipped")
    torch.testing.assert_close(sampling.sample(*again, noise, labels, 2, 1), pictures)


def test_data_of_another_network_are_refused(letters_file, data_file, tmp_path):
    out = tmp_path / "runs"
    train_dash.main(dash_args(letters_file, out, 1, "--widths", "16,24,32"))
    for command in (train_dash, train_dot):
        with pytest.raises(SystemExit) as error:
            command.main(dash_args(data_file, out, 2))
        assert "3 channels of 16 pixels" in str(error.value)
        assert "1 channels of 64 pixels" in str(error.value)


@pytest.mark.parametrize(
    ("height", "width", "said"), [(32, 16, "32x16: give squares"), (36, 36, "a multiple of 8")]
)
def test_pictures_that_no_network_fits_are_refused(tmp_path, height, width, said):
    path = tmp_path / "odd.npz"
    pictures = np.zeros((4, 3, height, width), np.uint8)
    data.save(path, pictures, np.zeros(4, np.int64), ["one"], np.zeros(4, bool))
    with pytest.raises(SystemExit) as error:
        train_dash.main(dash_args(path, tmp_path / "runs", 1))
    assert "odd.npz" in str(error.value) and said in str(error.value)


@pytest.mark.parametrize("wrong", ["16,24", "16,24,30", "16,24,x", "16,24,-8"])
def test_wrong_widths_are_named(letters_file, tmp_path, capsys, wrong):
    with pytest.raises(SystemExit):
        train_dash.main(dash_args(letters_file, tmp_path / "runs", 1, "--widths", wrong))
    assert f"'{wrong}' is not three multiples of 8" in capsys.readouterr().err


def test_classifiers_take_the_sizes_of_the_data(letters_file):
    pictures = train_classifier.Pictures(letters_file)
    config = pictures.sizes()
    assert (config.channels, config.patch, config.labels) == (1, 4, 26)
    torch.manual_seed(0)
    model = train_classifier.Classifier(config).eval()
    sample = torch.randn(1, 1, 64, 64, requires_grad=True)
    t, label = torch.tensor([300.0]), torch.tensor([4])
    log_p = torch.log_softmax(model(sample, t), dim=1)[0, 4]
    (expected,) = torch.autograd.grad(log_p, sample)
    with torch.no_grad():
        given = GradientGraph(model)(sample, t, label)
    torch.testing.assert_close(given, expected, rtol=1e-3, atol=float(expected.abs().max()) * 1e-4)
