"""Pictures from a folder: each subfolder is a class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xrai_widgets.core.subject import Array

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF")
_MOST_BYTES = 2**31
BATCH_ENDINGS = (".png", ".jpg", ".jpeg")
BATCH_FORMATS = ("PNG", "JPEG")
MOST_FILE = 20 * 2**20
MOST_PIXELS = 40_000_000
_MODES = {"rgb": "RGB", "grey": "L"}


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures as they are stored.

    Parameters
    ----------
    X : uint8 array (n, height, width, channels), or (n, height, width) of grey ones
    y : array of str
        The name of each picture's subfolder.
    ids : array of str
        Its path inside the folder.
    classes : tuple of str
        The subfolders, sorted.
    """

    X: Array
    y: Array
    ids: Array
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        size = "×".join(map(str, self.X.shape[1:]))
        return f"Pictures({len(self.X)} of {size}, {len(self.classes)} classes: {', '.join(self.classes[:8])})"


def read_pictures(
    folder: str | Path,
    *,
    size: Sequence[int] | None = None,
    colours: Literal["rgb", "grey"] | None = None,
) -> Pictures:
    """Read a folder with one subfolder of pictures per class.

    Parameters
    ----------
    folder : str or Path
    size : (height, width), optional
        To which every picture is scaled (bilinear); needed where they differ.
    colours : {"rgb", "grey"}, optional
        By default grey where all pictures are, else RGB.

    Returns
    -------
    Pictures
        ``Subject.of(model, pictures.X, pictures.y, classes=pictures.classes, ids=pictures.ids, preprocess=…)`` takes
        them as they are; ``preprocess`` is what the model was trained behind, such as ``lambda images: images / 255``.

    Raises
    ------
    ValueError
        naming the folder or file that is missing, broken or of another size.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"the pictures must be in a folder, got {str(folder)!r}, which is none")
    if size is not None and (len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size)):
        raise ValueError(f"size must be (height, width) in pixels, got {size!r}")
    if colours is not None and colours not in _MODES:
        raise ValueError(f"colours must be one of {', '.join(_MODES)}, got {colours!r}")
    files = [
        (place.name, file)
        for place in sorted(root.iterdir())
        if place.is_dir() and not place.name.startswith(".")
        for file in sorted(place.rglob("*"))
        if file.suffix.lower() in _ENDINGS and file.is_file()
    ]
    classes = tuple(dict.fromkeys(name for name, _ in files))
    if len(classes) < 2:
        raise ValueError(
            f"the folder {root.name} must hold at least two subfolders with pictures ({', '.join(_ENDINGS)}), one per "
            f"class, got {len(classes)}"
        )
    mode = _MODES.get(colours or "")
    made: list[Array] = []
    for _, file in files:
        made.append(_pixels(file, size, mode))
        if made[-1].shape[:2] != made[0].shape[:2]:
            first, other = ("×".join(map(str, picture.shape[:2])) for picture in (made[0], made[-1]))
            raise ValueError(
                f"all pictures must have one size, got {first} ({files[0][1].name}) and {other} ({file.name}): pass "
                "size=(height, width) to have them scaled"
            )
        if made[0].nbytes * len(files) > _MOST_BYTES:
            raise ValueError(f"the pictures must take at most {_MOST_BYTES / 2**30:g} GiB: pass a smaller size=")
    if len({picture.ndim for picture in made}) > 1:
        made = [picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2) for picture in made]
    ids = [file.relative_to(root).as_posix() for _, file in files]
    return Pictures(np.stack(made), np.array([name for name, _ in files]), np.array(ids), classes)


@dataclass(frozen=True, eq=False)
class BatchPictures:
    """Pictures on the scale of other ones: X (n, channels, height, width), their paths and first folders."""

    X: Array
    ids: Array
    folders: Array


def read_batch_pictures(path: Path, shape: Sequence[int], like: Array) -> BatchPictures:
    """Read a picture, or all pictures of a folder and its subfolders, as those of a model are.

    Parameters
    ----------
    path : Path
        PNG or JPEG, of at most 20 MB and 40 million pixels each.
    shape : (channels, height, width)
        To which they are scaled (bilinear); of one channel they are grey, of four RGB with an opaque fourth.
    like : array
        Pictures on whose scale they are: 0 to 1, −1 to 1 or 0 to 255, else the range of these.

    Raises
    ------
    ValueError
        naming a file that is too large or broken, or a folder without pictures.
    """
    if not path.exists():
        raise ValueError(f"the pictures must be a file or a folder, got {str(path)!r}, which does not exist")
    files = [path]
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in BATCH_ENDINGS
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
    if not files:
        raise ValueError(f"the folder {path.name} must hold pictures ({', '.join(BATCH_ENDINGS)}), got none")
    channels, height, width = shape
    if len(files) * channels * height * width * 8 > _MOST_BYTES:
        raise ValueError(f"the pictures must take at most {_MOST_BYTES / 2**30:g} GiB, got {len(files):,} of them")
    low, high = _scale(like)
    made = np.empty((len(files), channels, height, width), dtype=np.float64)
    for place, file in enumerate(files):
        pixels = _pixels(file, (height, width), "L" if channels == 1 else "RGB", BATCH_FORMATS) / 255.0
        made[place, : min(channels, 3)] = pixels if channels == 1 else np.moveaxis(pixels, -1, 0)
        made[place, 3:] = 1.0
    names = [file.relative_to(path).as_posix() if path.is_dir() else file.name for file in files]
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    return BatchPictures(low + made * (high - low), np.array(names), np.array(folders))


def _scale(like: Array) -> tuple[float, float]:
    """Return what black and white are among other pictures."""
    low, high = float(like.min()), float(like.max())
    if low >= -1 and high <= 1:
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    return (0.0, 255.0) if low >= 0 and 127 < high <= 255 else (low, high)


def _pixels(file: Path, size: Sequence[int] | None, mode: str | None, formats: tuple[str, ...] = _FORMATS) -> Array:
    """Return uint8 (height, width) or (height, width, 3), turned as the camera says, on white if see-through."""
    from PIL import Image, ImageOps

    weight = file.stat().st_size
    if weight > MOST_FILE:
        raise ValueError(
            f"the picture {file.name} must have at most {MOST_FILE:,} bytes ({MOST_FILE / 2**20:g} MB), got {weight:,}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=formats) as opened:
                wide, high = opened.size
                if wide * high > MOST_PIXELS:
                    raise ValueError(f"it must have at most {MOST_PIXELS:,} pixels, got {wide:,} × {high:,}")
                picture = _plain(ImageOps.exif_transpose(opened), mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"the picture {file.name} could not be read: {' '.join(str(error).split())}") from None
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.array(picture, dtype=np.uint8)


def _plain(picture: Any, mode: str | None) -> Any:
    """Return a picture of 8 bits, grey or RGB, of any other kind: palette, 16 bits, see-through, CMYK."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":  # Pillow cuts off what is over 255
        deep = np.asarray(picture, dtype=np.float64)
        most = 65535.0 if picture.mode.startswith("I") else max(float(deep.max()), 1e-300)
        picture = Image.fromarray(np.rint(255 * np.clip(deep / most, 0, 1)).astype(np.uint8))
    grey = picture.mode in ("1", "L", "LA")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return picture.convert(mode or ("L" if grey else "RGB"))
