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


def _pixels(file: Path, size: Sequence[int] | None, mode: str | None) -> Array:
    """Return uint8 (height, width) or (height, width, 3)."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as opened:
                picture: Any = ImageOps.exif_transpose(opened)
                picture = picture.convert(mode or ("L" if picture.mode in ("1", "L") else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"the picture {file.name} could not be read: {' '.join(str(error).split())}") from None
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.array(picture, dtype=np.uint8)
