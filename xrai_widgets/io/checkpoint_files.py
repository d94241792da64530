"""Checkpoints: named arrays in safetensors files with a word of JSON in their header, in the user's cache folder."""

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xrai_widgets.core.step import Arrays
from xrai_widgets.io import store_place
from xrai_widgets.io.private_files import write_private

SETTING = "XRAI_CHECKPOINTS"
_KEY = "xrai_checkpoint"
_VERSION = 1
_MOST_HEADER = 10 * 2**20
_MOST = 2**31  # bytes of a file: more is none of ours
_OURS = "xrai-"  # a folder that somebody names may hold files of others, which are not to be pruned
_STALE = 3600.0  # seconds after which a file that is still being written is taken for one of a process that died


@dataclass(frozen=True)
class Kept:
    """A file of the cache: its size in bytes, and when it was last used (seconds since the epoch)."""

    file: Path
    size: int
    used: float


def chosen_folder(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder of the checkpoints; None if nothing is to be written.

    The setting ``XRAI_CHECKPOINTS`` (a folder, or ``none``) decides. Without it, it is the user's cache folder, and
    none where ``XRAI_STORE=none`` says that nothing is to be kept. Visitors of a page that is served never share one,
    whatever is set.
    """
    given = os.environ if environ is None else environ
    if store_place.served(given):
        return None
    setting = given.get(SETTING, "").strip()
    if setting:
        return None if setting.lower() == store_place.NONE else Path(setting).expanduser().absolute()
    unwanted = given.get(store_place.SETTING, "").strip().lower() == store_place.NONE
    return None if unwanted else store_place.user_folder("cache", given) / "checkpoints"


def write_checkpoint(folder: Path, name: str, arrays: Arrays) -> Path:
    """Write arrays to a file that only its owner may read: the whole file or none, whenever the process is killed.

    Raises
    ------
    OSError
        if that cannot be done.
    """
    from safetensors.numpy import save

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # safetensors makes a row of one of what has no dimension
    shapes = {key: list(np.shape(value)) for key, value in arrays.items()}
    plain = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    note = {"version": _VERSION, "shapes": shapes, "digest": digest_of(plain), "written": time.time()}
    content = save(plain, metadata={_KEY: json.dumps(note)})
    file, part = _file(folder, name), folder / f"{_OURS}{name}.{os.urandom(6).hex()}.part"
    write_private(file, content, part)
    return file


def read_checkpoint(folder: Path, name: str) -> dict[str, npt.NDArray[Any]] | None:
    """Return the arrays of a file, and note that it was used; None if there is none, or it is not as it was written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    file = _file(folder, name)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST:
            return None
        content = file.read_bytes()
        length = int.from_bytes(content[:8], "little")
        if length > min(_MOST_HEADER, len(content)):
            return None
        note = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_KEY])
        arrays = load(content)
        if note["version"] != _VERSION or note["digest"] != digest_of(arrays):
            return None
        made = {key: np.array(value).reshape(note["shapes"][key]) for key, value in arrays.items()}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    with contextlib.suppress(OSError):
        os.utime(file)
    return made


def kept_in(folder: Path) -> list[Kept]:
    """Return the checkpoints in a folder, the one used longest ago first; files of others are none."""
    files = []
    for file in folder.glob(f"{_OURS}*.safetensors") if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # another process may remove it
            status = file.stat()
            files.append(Kept(file, status.st_size, status.st_mtime))
    return sorted(files, key=lambda kept: (kept.used, kept.file.name))


def prune(folder: Path, limit: int = 0) -> list[Kept]:
    """Remove what was used longest ago until at most ``limit`` bytes are left, and return what was removed."""
    kept = kept_in(folder)
    total, removed = sum(one.size for one in kept), []
    for one in kept:
        if total <= limit:
            break
        with contextlib.suppress(OSError):
            one.file.unlink()
            removed.append(one)
            total -= one.size
    for part in folder.glob(f"{_OURS}*.part") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE:
                part.unlink()
    return removed


def digest_of(arrays: Arrays) -> str:
    """Return the SHA-256 over names, types and contents of arrays."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key}:{value.dtype.str}:{value.nbytes}:".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def _file(folder: Path, name: str) -> Path:
    return folder / f"{_OURS}{name}.safetensors"
