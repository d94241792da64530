"""One picture: opened safely, turned and flattened as a viewer shows it, and brought to the shape of a model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array

FORMATS = ("PNG", "JPEG")
_ALL_FORMATS = (*FORMATS, "BMP", "WEBP", "TIFF", "GIF")
MOST_FILE = 20 * 2**20
MOST_PIXELS = 40_000_000


def open_picture(
    source: str | Path | bytes, name: str = "", *, mode: str | None = None, trusted: bool = False
) -> Array:
    """Return a picture as a viewer shows it: turned as the camera says, on white where it is see-through.

    Palettes, 16 bits and CMYK become 8 bits of grey or RGB.

    Parameters
    ----------
    source : path, or bytes
        A file, or what stands in one.
    name : str
        What messages call it; by default the name of the file.
    mode : {"L", "RGB"}, optional
        Grey or coloured; by default as it is.
    trusted : bool
        Whether it is the caller's own, such as a training picture: any size that Pillow allows, and BMP, WEBP, TIFF and
        GIF, too. Else it is PNG or JPEG, whatever its name says, of at most 20 MB and 40 million pixels.

    Returns
    -------
    uint8 array (height, width), or (height, width, 3) of a coloured one

    Raises
    ------
    ValueError
        naming a picture that is too large, broken, or of another kind.
    """
    from PIL import Image, ImageOps

    opening: Path | BytesIO
    if isinstance(source, bytes):
        name, weight, opening = name or "picture", len(source), BytesIO(source)
    else:
        file = Path(source)
        if not file.is_file():
            raise ValueError(f"the picture must be a file, got {str(source)!r}, which is none")
        name, weight, opening = name or file.name, file.stat().st_size, file
    if not trusted:
        check_weight(name, weight)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(opening, formats=_ALL_FORMATS if trusted else FORMATS) as opened:
                wide, high = opened.size
                if not trusted and wide * high > MOST_PIXELS:
                    raise ValueError(f"it must have at most {MOST_PIXELS:,} pixels, got {wide:,} × {high:,}")
                picture = _plain(ImageOps.exif_transpose(opened), mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"the picture {name} could not be read: {' '.join(str(error).split())}") from None
    return np.array(picture, dtype=np.uint8)


def check_weight(name: str, weight: int) -> None:
    """Refuse a picture of too many bytes."""
    if weight > MOST_FILE:
        raise ValueError(
            f"the picture {name} must have at most {MOST_FILE:,} bytes ({MOST_FILE / 2**20:g} MB), got {weight:,}"
        )


def resized(pixels: Array, size: Sequence[int]) -> Array:
    """Return a picture of another size (height, width), bilinear; where it shrinks, over all pixels that fall together.

    Parameters
    ----------
    pixels : uint8 array (height, width) or (height, width, 3)
    """
    from PIL import Image

    if pixels.shape[:2] == tuple(size):
        return pixels
    return np.array(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.uint8)


def as_seen(
    pixels: Array,
    shape: Sequence[int],
    scale: tuple[float, float],
    *,
    box: tuple[int, int, int, int] | None = None,
    invert: bool = False,
) -> Array:
    """Return a picture as a model sees it.

    Parameters
    ----------
    pixels : uint8 array (height, width) or (height, width, 3)
        As `open_picture` gives it.
    shape : (channels, height, width)
        Of the model. Of one channel it is grey, of four RGB with an opaque fourth.
    scale : (float, float)
        What black and white are for the model: `scale_of` its own samples.
    box : (left, top, right, bottom), optional
        Pixels that are kept; right and bottom are the first that are not.
    invert : bool
        Light for dark: for a model of white ink.

    Returns
    -------
    float64 array (channels, height, width)

    Raises
    ------
    ValueError
        for a box that does not lie inside the picture.
    """
    from PIL import Image

    if box is not None:
        left, top, right, bottom = box
        if not (0 <= left < right <= pixels.shape[1] and 0 <= top < bottom <= pixels.shape[0]):
            raise ValueError(
                f"the box must lie inside the picture of {pixels.shape[1]} × {pixels.shape[0]} pixels, with "
                f"left < right and top < bottom, got {box}"
            )
        pixels = np.ascontiguousarray(pixels[top:bottom, left:right])
    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    small = resized(np.array(Image.fromarray(pixels).convert(mode), dtype=np.uint8), (height, width)) / 255.0
    small = 1.0 - small if invert else small
    made = np.ones((channels, height, width))
    made[: min(channels, 3)] = small if channels == 1 else np.moveaxis(small, -1, 0)[:channels]
    low, high = scale
    seen: Array = low + made * (high - low)
    return seen


def scale_of(like: Array) -> tuple[float, float]:
    """Return what black and white are among other pictures: 0 and 1, −1 and 1, 0 and 255, or their range."""
    low, high = float(like.min()), float(like.max())
    if low >= -1 and high <= 1:
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    return (0.0, 255.0) if low >= 0 and 127 < high <= 255 else (low, high)


def looks_inverted(seen: Array, like: Array) -> bool:
    """Whether a picture is as bright as no other one, and would not be if it were inverted.

    Parameters
    ----------
    seen : array (channels, height, width)
        As `as_seen` gives it.
    like : array (n, …)
        The model's own pictures.
    """
    means = np.asarray(like, dtype=np.float64).reshape(len(like), -1).mean(axis=1)
    mean, (low, high) = float(seen.mean()), scale_of(like)
    return not means.min() <= mean <= means.max() and bool(means.min() <= low + high - mean <= means.max())


def _plain(picture: Any, mode: str | None) -> Any:
    """Return a picture of 8 bits, grey or RGB, of any other kind: palette, 16 bits, see-through, CMYK."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":  # Pillow cuts off what is over 255
        deep = np.asarray(picture, dtype=np.float32)
        most = 65535.0 if picture.mode.startswith("I") else max(float(deep.max()), 1e-30)
        picture = Image.fromarray(np.rint(255 * np.clip(deep / most, 0, 1)).astype(np.uint8))
    grey = picture.mode in ("1", "L", "LA")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return picture.convert(mode or ("L" if grey else "RGB"))
