"""Pictures from a folder: each subfolder is a class."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.io.picture_files import MOST_FILE, as_seen, check_weight, open_picture, resized, scale_of

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")
_MOST_BYTES = 2**31
BATCH_ENDINGS = (".png", ".jpg", ".jpeg")
ARCHIVE = ".zip"
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX/)")
_BROKEN_ARCHIVE = (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error)
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
        pixels = open_picture(file, mode=mode, trusted=True)
        made.append(pixels if size is None else resized(pixels, size))
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
    """Read a picture, or all pictures of a folder and its subfolders, which may be zipped, as those of a model are.

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
    names = batch_names(path)
    channels, height, width = shape
    if len(names) * channels * height * width * 8 > _MOST_BYTES:
        raise ValueError(f"the pictures must take at most {_MOST_BYTES / 2**30:g} GiB, got {len(names):,} of them")
    scale = scale_of(like)
    made = np.empty((len(names), channels, height, width), dtype=np.float64)
    for place, (name, source) in enumerate(_batch_files(path)):
        made[place] = as_seen(open_picture(source, name), shape, scale)
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    return BatchPictures(made, np.array(names), np.array(folders))


def batch_names(path: Path) -> list[str]:
    """Return what the pictures of a batch are called: their paths in the folder or archive.

    A folder in which an archive holds all others says nothing and is left out.
    """
    if not path.exists():
        raise ValueError(f"the pictures must be a file or a folder, got {str(path)!r}, which does not exist")
    names = [name for name, _ in _entries(path)]
    if not names:
        what = "folder" if path.is_dir() else "archive"
        raise ValueError(f"the {what} {path.name} must hold pictures ({', '.join(BATCH_ENDINGS)}), got none")
    parts = [name.split("/") for name in names]
    if path.suffix.lower() == ARCHIVE and len({part[0] for part in parts}) == 1 and max(map(len, parts)) > 2:
        return ["/".join(part[1:]) for part in parts]
    return names


def _entries(path: Path) -> list[tuple[str, Any]]:
    """Return the name of each picture of a batch and where it is, sorted by name; hidden ones are none."""
    files: list[tuple[str, Any]]
    if path.is_dir():
        files = [(file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()]
    elif path.suffix.lower() == ARCHIVE:
        with _archive(path) as archive:
            files = [(entry.filename, entry) for entry in archive.infolist() if not entry.is_dir()]
    else:
        return [(path.name, path)]
    pictured = [one for one in files if one[0].lower().endswith(BATCH_ENDINGS)]
    return sorted((one for one in pictured if not _HIDDEN.search(one[0])), key=itemgetter(0))


def _batch_files(path: Path) -> Iterator[tuple[str, Path | bytes]]:
    """Yield the pictures of a batch one by one; nothing of an archive is written anywhere."""
    if path.suffix.lower() != ARCHIVE or path.is_dir():
        yield from _entries(path)
        return
    with _archive(path) as archive:
        for name, entry in _entries(path):
            check_weight(name, entry.file_size)
            try:
                with archive.open(entry) as packed:
                    raw = packed.read(MOST_FILE + 1)
            except (*_BROKEN_ARCHIVE, OSError) as error:
                raise ValueError(f"the picture {name} could not be unpacked: {' '.join(str(error).split())}") from None
            yield name, raw


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _BROKEN_ARCHIVE as error:
        raise ValueError(f"the archive {path.name} could not be read: {error}") from None
