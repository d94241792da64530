"""Alarms in service as safetensors files: named arrays, and in the header one JSON text that says what they are.

A file holds numbers and names. What they mean is for `xrai_widgets.runtime.alarm` to check; nothing in it is run.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.io.checkpoint_files import digest_of
from xrai_widgets.io.private_files import write_private

ENDING = ".safetensors"
_KEY = "xrai_alarm"
_VERSION = 1
_MOST_HEADER = 10 * 2**20
_MOST = 2**31
_TYPES = (np.dtype(np.float64), np.dtype(np.int64))


def write_alarm(path: str | Path, manifest: Mapping[str, Any], arrays: Mapping[str, Array]) -> Path:
    """Write an alarm to a file that only its owner may read.

    Raises
    ------
    ValueError
        for another ending, or a folder that there is not.
    """
    from safetensors.numpy import save

    file = check_target(path)
    plain = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    text = json.dumps(manifest, allow_nan=False)
    note = {"version": _VERSION, "digest": _digest(text, plain), "alarm": text}
    write_private(file, save(plain, metadata={_KEY: json.dumps(note)}))
    return file


def check_target(path: str | Path) -> Path:
    """Return where an alarm is to be written; refuse another ending, or a folder that there is not."""
    file = Path(path)
    if file.suffix.lower() != ENDING or not file.parent.is_dir():
        raise ValueError(
            f"an alarm must be saved in a folder that exists, under a name that ends in {ENDING}, got {str(path)!r}"
        )
    return file


def read_alarm(path: str | Path) -> tuple[Any, dict[str, Array]]:
    """Return what such a file says, as JSON gives it back, and its arrays.

    Raises
    ------
    ValueError
        if there is no such file, it is none of an alarm, is damaged, was written by a newer version, or is too large.
    """
    file = Path(path)
    try:
        status = file.stat()
    except (OSError, ValueError) as error:
        raise ValueError(f"the alarm must be a file, got {str(path)!r}: {error}"[:300]) from None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"the alarm must be a file, got {str(path)!r}, which is none")
    if status.st_size > _MOST:
        raise ValueError(
            f"the alarm {file.name} must have at most {_MOST / 2**30:g} GiB, got {status.st_size / 2**30:.3g}"
        )
    try:
        return _read(file.read_bytes())
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a forged file may raise anything
        raise refused(file, error) from None


def refused(path: str | Path, error: Exception) -> ValueError:
    """Return the one error that says what is wrong with such a file."""
    why = " ".join(str(error).split())[:300] or type(error).__name__
    return ValueError(f"the alarm {Path(path).name} could not be read: {why}")


def _read(content: bytes) -> tuple[Any, dict[str, Array]]:
    from safetensors.numpy import load

    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_MOST_HEADER, len(content) - 8):
        raise ValueError("its header is longer than the file, or than 10 MiB")
    header = json.loads(content[8 : 8 + length])
    entry = header.get("__metadata__", {}).get(_KEY) if isinstance(header, dict) else None
    if not isinstance(entry, str):
        raise ValueError("it holds no alarm: only files written by Alarm.save can be read")
    note = json.loads(entry)
    if note["version"] != _VERSION:
        raise ValueError(f"it is of version {note['version']!r}, and this package reads {_VERSION}: update the package")
    arrays = {key: np.array(value) for key, value in load(content).items()}
    strange = next((key for key, value in arrays.items() if value.dtype not in _TYPES), None)
    if strange is not None:
        raise ValueError(f"its array {strange!r} holds {arrays[strange].dtype}, and no alarm does")
    if note["digest"] != _digest(note["alarm"], arrays):
        raise ValueError("it is damaged: its contents are not those that were written")
    return json.loads(note["alarm"]), arrays


def _digest(text: str, arrays: Mapping[str, Array]) -> str:
    return hashlib.sha256((text + digest_of(arrays)).encode()).hexdigest()
