"""What an ONNX file says, field by field of its wire format, before a runtime opens it.

References
----------
Protocol Buffers, Encoding: https://protobuf.dev/programming-guides/encoding. Field numbers: onnx.proto of ONNX 1.x.
"""

import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

_MOST_CELLS = 2**27  # 1 GiB of float64
_DEEPEST = 200
_DAMAGED = "it is no ONNX file, or damaged: its fields cannot be read"
# message → number of the field → message in it
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
}
# operators whose output is as large as one of their inputs says
_SHAPED = {b"ConstantOfShape": 0, b"Expand": 1, b"Tile": 1, b"Resize": 3, b"Upsample": 1, b"Pad": 1, b"OneHot": 1}
# long lists of plain numbers, which trees have: field 7 of four bytes, field 8 a varint
_RUN = re.compile(rb"(?:\x3d.{4})+|(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+", re.DOTALL)

Field = tuple[int, int, int | bytes]


def check_onnx(content: bytes) -> None:
    """Refuse a file that keeps weights in other files, or declares more numbers than memory holds.

    Whatever the order of its fields, and wherever the tensor stands: in a graph, a subgraph, an attribute, a function.

    Raises
    ------
    ValueError
        if it does, or if its fields cannot be read.
    """
    if content[4:8] == b"ORTM":
        raise ValueError("it is in the format of ONNX Runtime (.ort): save it as .onnx")
    todo: list[tuple[str, bytes, int]] = [("model", content, 0)]
    shapes: dict[bytes, int] = {}
    asked: list[tuple[bytes, bytes]] = []
    while todo:
        kind, message, depth = todo.pop()
        if depth > _DEEPEST:
            raise ValueError(f"its graphs must be nested at most {_DEEPEST} deep")
        inner = _INSIDE.get(kind, {})
        message_fields = list(fields(message))
        for number, wire, value in message_fields:
            if number in inner:
                if wire != 2 or not isinstance(value, bytes):
                    raise ValueError(_DAMAGED)
                todo.append((inner[number], value, depth + 1))
        if kind == "tensor":
            _check_tensor(message_fields, shapes)
        elif kind == "sparse":
            _check_size(_integers(message_fields, 3), "a sparse tensor")
        elif kind == "node":
            asked += _shaped_by(message_fields, shapes)
    for operator, name in asked:
        if shapes.get(name, 0) > _MOST_CELLS:
            raise ValueError(_too_large(operator.decode("ascii"), shapes[name]))


def fields(message: bytes) -> Iterator[Field]:
    """Yield (number, wire type, value) of each field: an integer, or bytes; long lists of numbers are skipped.

    Raises
    ------
    ValueError
        if the bytes are no message.
    """
    place, end = 0, len(message)
    while place < end:
        run = _RUN.match(message, place)
        if run is not None and run.end() - place > 64:
            place = run.end()
            continue
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        value: int | bytes
        if wire == 0:
            value, place = _varint(message, place)
        elif wire in (1, 2, 5):
            length = {1: 8, 5: 4}.get(wire, 0)
            if wire == 2:
                length, place = _varint(message, place)
            if place + length > end:
                raise ValueError(_DAMAGED)
            value = message[place : place + length]
            place += length
        else:
            raise ValueError(_DAMAGED)
        if number == 0:
            raise ValueError(_DAMAGED)
        yield number, wire, value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError(_DAMAGED)
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7


def _check_tensor(message_fields: list[Field], shapes: dict[bytes, int]) -> None:
    for number, _, value in message_fields:
        if number == 13 or (number == 14 and value != 0):  # external_data; data_location
            raise ValueError("it keeps weights in other files: save it with all weights inside (external data off)")
    _check_size(_integers(message_fields, 1), "a tensor")
    name = next((value for number, _, value in message_fields if number == 8 and isinstance(value, bytes)), b"")
    size = _product(message_fields)
    if size is not None:
        shapes[name] = max(size, shapes.get(name, 0))


def _product(message_fields: list[Field]) -> int | None:
    """Return the product of the whole numbers of a short tensor of int64: the cells of what has this shape."""
    kind = next((value for number, _, value in message_fields if number == 2), None)
    raw = next((value for number, _, value in message_fields if number == 9 and isinstance(value, bytes)), b"")
    if kind != 7 or len(raw) > 1024:
        return None
    numbers = np.frombuffer(raw, "<i8").tolist() if raw and len(raw) % 8 == 0 else _integers(message_fields, 7)
    return math.prod(max(number, 1) for number in numbers) if len(numbers) <= 64 else None


def _shaped_by(message_fields: list[Field], shapes: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return the inputs that say how large a node's output is; note the name of a constant."""
    operator = next((value for number, _, value in message_fields if number == 4), b"")
    inputs = [value for number, _, value in message_fields if number == 1 and isinstance(value, bytes)]
    attributes = [
        list(fields(value)) for number, _, value in message_fields if number == 5 and isinstance(value, bytes)
    ]
    if operator == b"Constant":
        outputs = [value for number, _, value in message_fields if number == 2 and isinstance(value, bytes)]
        for attribute in attributes:
            tensors = [
                list(fields(value)) for number, _, value in attribute if number == 5 and isinstance(value, bytes)
            ]
            sizes = [size for tensor in tensors if (size := _product(tensor)) is not None]
            sizes += [math.prod(max(n, 1) for n in _integers(attribute, 8))] if _integers(attribute, 8) else []
            for size in sizes:
                shapes.update({name: max(size, shapes.get(name, 0)) for name in outputs})
    for attribute in attributes:
        if (8, 2, b"shape") not in attribute and (1, 2, b"shape") in attribute:
            _check_size(_integers(attribute, 8), bytes(operator).decode("ascii", "replace"))
    place = _SHAPED.get(operator, -1) if isinstance(operator, bytes) else -1
    return [(operator, inputs[place])] if 0 <= place < len(inputs) and isinstance(operator, bytes) else []


def _integers(message_fields: list[Field], number: int) -> list[int]:
    """Return a list of whole numbers, packed or one by one."""
    integers: list[int] = []
    for other, wire, value in message_fields:
        if other != number:
            continue
        if wire == 0 and isinstance(value, int):
            integers.append(value)
        elif wire == 2 and isinstance(value, bytes):
            place = 0
            while place < len(value):
                one, place = _varint(value, place)
                integers.append(one)
    return [one - 2**64 if one >= 2**63 else one for one in integers]


def _check_size(dims: list[int], what: str) -> None:
    size = math.prod(max(side, 1) for side in dims)
    if size > _MOST_CELLS:
        raise ValueError(_too_large(what, size))


def _too_large(what: str, size: int) -> str:
    return f"{what} in it would hold {size:,} numbers, at most {_MOST_CELLS:,} are allowed"
