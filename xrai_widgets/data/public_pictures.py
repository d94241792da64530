"""Larger public sets of pictures, where a folder has them: MNIST, Fashion-MNIST, Omniglot, two chickens."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.io.array_files import read_arrays, read_idx

SETTING = "XRAI_DATA"
_PARTS = {"train": "train", "test": "t10k"}
_COUNTS = {"train": 60_000, "test": 10_000}


class PublicPictures(NamedTuple):
    """Pictures (n, 28, 28) in [0, 1], light on dark, and their labels: digits, kinds of clothes, names."""

    X: Array
    y: Array


def data_folder() -> Path:
    """Return the folder of the larger public data sets: ``XRAI_DATA``, else ``shared/data`` beside the project.

    Raises
    ------
    ValueError
        where there is none.
    """
    named = os.environ.get(SETTING, "")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        got = f"got {named!r}, which is no folder" if named else "it is not set, and there is none beside the project"
        raise ValueError(f"{SETTING} must name the folder with the larger public data sets; {got}")
    return folder


def public_pictures(name: str, part: str = "test") -> PublicPictures:
    """Return a public set of pictures.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist", "omniglot", "chicken"}
    part : {"train", "test"}
        Of MNIST and Fashion-MNIST; the others are one.

    Raises
    ------
    ValueError
        for another name or part, where the folder or a file is missing or damaged, and for pictures without labels.
    """
    if name not in _READERS:
        raise ValueError(f"there is no set {name!r}; allowed: {', '.join(_READERS)}")
    if part not in _PARTS:
        raise ValueError(f"part must be one of {', '.join(_PARTS)}, got {part!r}")
    return _READERS[name](data_folder() / name, part)


def _labelled(folder: Path, part: str) -> PublicPictures:
    stem = _PARTS[part]
    X = read_idx(_either(folder, f"{stem}-images-idx3-ubyte"))
    y = read_idx(_either(folder, f"{stem}-labels-idx1-ubyte"))
    if X.shape != (_COUNTS[part], 28, 28) or y.shape != (_COUNTS[part],) or X.dtype != np.uint8 or y.max() > 9:
        raise ValueError(
            f"{folder.name} must hold {_COUNTS[part]:,} pictures of 28 × 28 and as many labels from 0 to 9, got "
            f"pictures {X.shape} and labels {y.shape}"
        )
    return PublicPictures(X / 255.0, y.astype(np.int64))


def _either(folder: Path, name: str) -> Path:
    """Return a file as it is published, gzipped, or as it is unpacked."""
    packed = folder / f"{name}.gz"
    return packed if packed.exists() or not (folder / name).exists() else folder / name


def _omniglot(folder: Path, _: str) -> PublicPictures:
    arrays = _named(folder / "omniglot_small1.npz", ("images28", "alphabet"))
    return PublicPictures(arrays["images28"] / 255.0, arrays["alphabet"])


def _chicken(folder: Path, _: str) -> PublicPictures:
    names = ("rooster", "chicken_head")
    arrays = _named(folder / "chicken28.npz", names)
    return PublicPictures(np.stack([arrays[name] for name in names]) / 255.0, np.array(names))


def _named(file: Path, names: tuple[str, ...]) -> dict[str, Array]:
    arrays = read_arrays(file)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(f"{file.name} must hold the arrays {', '.join(names)}, got {', '.join(arrays) or 'none'}")
    return arrays


_READERS: dict[str, Callable[[Path, str], PublicPictures]] = {
    "mnist": _labelled,
    "fashion_mnist": _labelled,
    "omniglot": _omniglot,
    "chicken": _chicken,
}
