"""What travels between processes: a folder with one pickle and large arrays beside it, and errors."""

import pickle
from pathlib import Path
from typing import Any

import cloudpickle

_LARGE = 1 << 16  # bytes; smaller buffers travel inside the pickle


class Unsendable(Exception):
    """The work cannot be pickled, or no other process can make it of its pickle."""


def sendable(error: BaseException) -> BaseException:
    """Return an error that another process can read: itself, or its words where it does not survive pickling."""
    try:
        pickle.loads(cloudpickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the process that waits must hear of it
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def pack(payload: object, folder: Path) -> int:
    """Write an object to a folder; return the bytes of it that every reader has for itself."""
    buffers: list[pickle.PickleBuffer] = []

    def beside(buffer: pickle.PickleBuffer) -> bool:
        large = buffer.raw().nbytes >= _LARGE
        if large:
            (folder / f"{len(buffers)}.bin").write_bytes(buffer.raw())
            buffers.append(buffer)
        return not large

    data = cloudpickle.dumps(payload, protocol=5, buffer_callback=beside)
    (folder / "payload.pickle").write_bytes(data)
    return len(data)


def unpack(folder: Path) -> Any:
    """Read the object back; large arrays are mapped read-only."""
    import numpy as np

    count = len(list(folder.glob("*.bin")))
    buffers = [np.memmap(folder / f"{number}.bin", mode="r") for number in range(count)]
    return pickle.loads((folder / "payload.pickle").read_bytes(), buffers=buffers)
