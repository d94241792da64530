"""Messages between a kernel and a cell: a head in JSON, arrays as they lie in memory. Nothing in them is ever run."""

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np

_MOST_HEAD = 2**28
_KINDS = "biufcUSmM"
_HEAD = struct.Struct("<QQ")
Buffers = list[Any]


def send(pipe: IO[bytes], head: Mapping[str, Any], buffers: Sequence[Any] = ()) -> None:
    """Write one message."""
    views = [memoryview(buffer).cast("B") if memoryview(buffer).nbytes else memoryview(b"") for buffer in buffers]
    text = json.dumps({**head, "sizes": [view.nbytes for view in views]}).encode()
    pipe.write(_HEAD.pack(len(text), sum(view.nbytes for view in views)) + text)
    for view in views:
        pipe.write(view)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], Buffers]:
    """Read one message.

    Raises
    ------
    EOFError
        if the other side is gone.
    ValueError
        if it is no message.
    """
    length, total = _HEAD.unpack(_exactly(pipe, _HEAD.size))
    if length > _MOST_HEAD:
        raise ValueError("a message of the cell has too long a head")
    head = json.loads(_exactly(pipe, length))
    if not isinstance(head, dict) or sum(head.get("sizes", [])) != total:
        raise ValueError("a message of the cell is damaged")
    return head, [_exactly(pipe, size) for size in head["sizes"]]


def _exactly(pipe: IO[bytes], count: int) -> bytearray:
    data = bytearray(count)
    view, place = memoryview(data), 0
    while place < count:
        got = pipe.readinto(view[place:])  # type: ignore[attr-defined] # pipes are raw or buffered readers
        if not got:
            raise EOFError("the other side is gone")
        place += got
    return data


def pack_value(value: Any, buffers: Buffers, function: Callable[[Any], str] | None = None) -> list[Any]:
    """Return the description of a value, and append its arrays to the buffers.

    Parameters
    ----------
    value : array, number, text, None, or a list of those; a callable where ``function`` names it
    buffers : list
    function : callable, optional
        Keeps a function and returns its key.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return ["v", value]
    if isinstance(value, list | tuple):
        return ["t", [pack_value(part, buffers, function) for part in value]]
    if callable(value) and function is not None:
        return ["f", function(value)]
    array = np.asarray(value)
    if array.dtype == object:
        return ["o", [pack_value(cell, buffers) for cell in array.ravel().tolist()], list(array.shape)]
    if array.dtype.kind not in _KINDS:
        raise TypeError(f"arrays of {array.dtype} cannot be sent to the process of the model")
    buffers.append(np.ascontiguousarray(array).view(np.uint8) if array.ndim and array.size else array.tobytes())
    return ["a", array.dtype.str, list(array.shape)]


def unpack_value(packed: Any, buffers: Buffers, function: Callable[[str], Any] | None = None) -> Any:
    """Return what `pack_value` described; arrays are taken off the front of the buffers."""
    kind = packed[0]
    if kind == "v" and (packed[1] is None or isinstance(packed[1], bool | int | float | str)):
        return packed[1]
    if kind == "t":
        return tuple(unpack_value(part, buffers, function) for part in packed[1])
    if kind == "f" and function is not None and isinstance(packed[1], str):
        return function(packed[1])
    shape = tuple(int(side) for side in packed[2])
    if kind == "o":
        cells = np.empty(len(packed[1]), dtype=object)
        cells[:] = [unpack_value(cell, buffers) for cell in packed[1]]
        return cells.reshape(shape)
    dtype = np.dtype(str(packed[1]))
    if kind != "a" or dtype.kind not in _KINDS or math.prod(shape) * dtype.itemsize != len(buffers[0]):
        raise ValueError("a message of the cell is damaged")
    return np.frombuffer(buffers.pop(0), dtype=dtype).reshape(shape)
