"""Arrays from files of public data sets: idx, as MNIST has it, and npz. Nothing in them is ever run."""

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from xrai_widgets.core.subject import Array

_MOST_BYTES = 2**30
_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, NotImplementedError, RuntimeError)
_BROKEN = (*_DAMAGED, zipfile.BadZipFile, MemoryError)  # an array that says it is endless takes all memory at once


def read_idx(path: str | Path) -> Array:
    """Read an idx file, gzipped or not: a magic number, the lengths of the axes, and the numbers.

    Raises
    ------
    ValueError
        naming a file that does not exist, is none, is too short or long for what it says of itself, or has more than
        1 GiB; it is not unpacked further than that.
    """
    file = _existing(path)
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(file) if packed else file.open("rb") as stream:
            return _idx(cast("IO[bytes]", stream))
    except _BROKEN as error:
        raise ValueError(f"the idx file {file.name} could not be read: {' '.join(str(error).split())}") from None


def read_arrays(path: str | Path) -> dict[str, Array]:
    """Read the arrays of an ``.npz`` file by their names.

    Raises
    ------
    ValueError
        naming a file that does not exist, is none, is damaged, holds objects, or unpacks to more than 1 GiB.
    """
    file = _existing(path)
    try:
        with zipfile.ZipFile(file) as archive:
            whole = sum(entry.file_size for entry in archive.infolist())
        if whole > _MOST_BYTES:
            raise ValueError(f"it must unpack to at most {_MOST_BYTES / 2**30:g} GiB, got {whole / 2**30:.3g} GiB")
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _BROKEN as error:
        raise ValueError(f"the file {file.name} could not be read: {' '.join(str(error).split())}") from None


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the data must be a file, got {str(path)!r}, which {what}")
    return file


def _idx(stream: IO[bytes]) -> Array:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= 8:
        raise ValueError(f"it must begin with the magic number of an idx file, such as 00000803, got {magic.hex()!r}")
    kind, axes = np.dtype(_TYPES[magic[2]]), magic[3]
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise ValueError(f"it ends within the lengths of its {axes} axes")
    shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
    size = math.prod(shape) * kind.itemsize
    if size > _MOST_BYTES:
        raise ValueError(f"it must have at most {_MOST_BYTES / 2**30:g} GiB, got {size / 2**30:.3g} GiB by its axes")
    content = stream.read(size)
    if len(content) < size:
        raise ValueError(f"it must hold {size:,} bytes for its axes {shape}, got {len(content):,}: it is cut off")
    if stream.read(1):
        raise ValueError(f"it must hold {size:,} bytes for its axes {shape}, got more")
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))
