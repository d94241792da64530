"""One picture as a model sees it: what is kept of it, on which scale, light for dark."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xrai_widgets.core import Array
from xrai_widgets.io import picture_files
from xrai_widgets.io.picture_files import as_seen, looks_inverted, open_picture, scale_of

STEPS = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def content(pixels: Array, kind: str = "PNG", **words: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **words)
    return buffer.getvalue()


def test_a_file_and_what_stands_in_it_give_the_same_pixels(tmp_path: Path) -> None:
    (tmp_path / "steps.png").write_bytes(content(STEPS))
    for source in (tmp_path / "steps.png", str(tmp_path / "steps.png"), content(STEPS)):
        found = open_picture(source)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, STEPS)
    coloured = np.dstack([STEPS, STEPS // 2, STEPS // 4])
    np.testing.assert_array_equal(open_picture(content(coloured)), coloured)
    assert open_picture(content(coloured), mode="L").shape == (3, 4)


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight() -> None:
    deep = np.arange(0, 65536, 13, dtype=np.uint16)[None]
    wanted = np.array([round(value / 257) for value in deep[0].tolist()])
    np.testing.assert_array_equal(open_picture(content(deep))[0], wanted)


def test_what_is_kept_lies_in_the_box_and_black_and_white_are_those_of_the_model() -> None:
    exact = as_seen(STEPS, (1, 3, 4), (0.0, 255.0))
    np.testing.assert_array_equal(exact[0], STEPS)
    np.testing.assert_array_equal(as_seen(STEPS, (1, 2, 3), (0.0, 255.0), box=(1, 0, 4, 2))[0], STEPS[:2, 1:])
    np.testing.assert_allclose(as_seen(STEPS, (1, 3, 4), (-1.0, 1.0))[0], STEPS / 127.5 - 1)
    np.testing.assert_allclose(as_seen(STEPS, (1, 3, 4), (0.0, 16.0), invert=True)[0], 16 - STEPS / 255 * 16)
    colours = as_seen(STEPS, (4, 3, 4), (0.0, 255.0), invert=True)
    np.testing.assert_allclose(colours[:3], np.repeat(255.0 - STEPS[None], 3, axis=0))
    assert (colours[3] == 255).all(), "opaque, inverted or not"
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    np.testing.assert_allclose(as_seen(board, (1, 8, 8), (0.0, 255.0)), 127.5, atol=4)  # no pixel stands for others
    assert STEPS.max() == 220, "the caller's pixels stay"


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, 0, 5, 2), (2, 0, 2, 2), (0, 2, 2, 1)])
def test_a_box_that_does_not_lie_inside_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"the box must lie inside the picture of 4 × 3 pixels, .* got \("):
        as_seen(STEPS, (1, 2, 2), (0, 1), box=box)


def test_scales_are_told_from_the_pictures_of_the_model() -> None:
    for low, high, wanted in ((0, 1, (0, 1)), (-0.9, 0.8, (-1, 1)), (0, 250, (0, 255)), (0, 16, (0, 16))):
        assert scale_of(np.array([low, high])) == wanted


def test_dark_ink_on_paper_is_offered_to_be_inverted_and_white_ink_is_not() -> None:
    rng = np.random.default_rng(0)
    digits = rng.uniform(0.1, 0.3, (50, 1, 1, 1)) * np.ones((1, 1, 8, 8))
    digits[0, 0, 0, 0] = 1.0
    assert looks_inverted(np.full((1, 8, 8), 0.8), digits)
    assert not looks_inverted(np.full((1, 8, 8), 0.2), digits)
    assert not looks_inverted(np.full((1, 8, 8), 0.5), digits), "neither way like the others"


def test_what_is_no_picture_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"the picture must be a file, got .*nowhere.png'"):
        open_picture(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"the picture drawn.png could not be read"):
        open_picture(b"nothing", "drawn.png")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    for kind in ("PNG", "JPEG"):
        whole = content(noise, kind)
        with pytest.raises(ValueError, match=r"the picture cut could not be read"):
            open_picture(whole[: len(whole) // 2], "cut")
    assert open_picture(content(noise, "GIF"), trusted=True).shape[:2] == (64, 64)
    with pytest.raises(ValueError, match="could not be read"):
        open_picture(content(noise, "GIF"))
    monkeypatch.setattr(picture_files, "MOST_PIXELS", 4095)
    with pytest.raises(ValueError, match=r"the picture picture could not be read: it must have at most 4,095 pixels"):
        open_picture(content(noise))
    assert open_picture(content(noise), trusted=True).shape == (64, 64)
    monkeypatch.setattr(picture_files, "MOST_FILE", 100)
    with pytest.raises(ValueError, match="the picture picture must have at most 100 bytes"):
        open_picture(content(noise))
