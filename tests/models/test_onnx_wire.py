"""The wire format of ONNX files, against what the onnx package writes and reads."""

import itertools
from typing import Any

import numpy as np
import pytest

from tests.pace import work
from xrai_widgets.models.onnx_session import OnnxModel
from xrai_widgets.models.onnx_wire import check_onnx, fields

onnx = pytest.importorskip("onnx")
helper, TensorProto = onnx.helper, onnx.TensorProto
OUTSIDE = "it keeps weights in other files"


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def said(number: int, value: bytes | int) -> bytes:
    """One field as protobuf writes it."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


ENTRY = (said(1, b"location"), said(2, b"secret"))
TENSOR = (said(1, 2), said(2, 1), said(8, b"w"), said(14, 1))


def outside(order: tuple[int, ...], reverse: bool) -> bytes:
    """A tensor whose numbers stand in another file, its fields in any order."""
    entry = b"".join(reversed(ENTRY) if reverse else ENTRY)
    parts = (*TENSOR, said(13, entry))
    return b"".join(parts[place] for place in order)


@pytest.mark.parametrize("reverse", [False, True])
def test_weights_in_other_files_are_refused_in_every_order_of_the_fields(reverse: bool) -> None:
    for order in itertools.permutations(range(5)):
        tensor = outside(order, reverse)
        parsed = TensorProto.FromString(tensor)
        assert parsed.data_location == TensorProto.EXTERNAL, "the trap is real"
        with pytest.raises(ValueError, match=OUTSIDE):
            check_onnx(said(7, said(5, tensor)))


def places() -> dict[str, bytes]:
    """Where a tensor may stand in a model."""
    tensor = outside((0, 1, 2, 3, 4), True)
    sparse = said(1, tensor)
    graph = said(5, tensor)
    return {
        "initializer": said(7, graph),
        "sparse values": said(7, said(15, sparse)),
        "sparse indices": said(7, said(15, said(2, tensor))),
        "attribute": said(7, said(1, said(5, said(5, tensor)))),
        "attribute of tensors": said(7, said(1, said(5, said(10, tensor)))),
        "subgraph": said(7, said(1, said(5, said(6, graph)))),
        "subgraph of a subgraph": said(7, said(1, said(5, said(6, said(1, said(5, said(11, graph))))))),
        "sparse attribute": said(7, said(1, said(5, said(22, sparse)))),
        "sparse attributes": said(7, said(1, said(5, said(23, sparse)))),
        "function": said(25, said(7, said(5, said(5, tensor)))),
        "attribute of a function": said(25, said(11, said(5, tensor))),
        "training": said(20, said(1, graph)),
        "algorithm of the training": said(20, said(2, graph)),
    }


@pytest.mark.parametrize("place", places())
@pytest.mark.parametrize("first", [True, False])
def test_weights_in_other_files_are_refused_wherever_they_stand(place: str, first: bool) -> None:
    model, head = places()[place], said(1, 8) + said(2, b"someone")
    content = model + head if first else head + model
    assert onnx.ModelProto.FromString(content).SerializeToString()
    with pytest.raises(ValueError, match=OUTSIDE):
        OnnxModel(content)


def test_an_entry_without_a_location_or_a_location_without_an_entry_is_refused() -> None:
    for tensor in (said(13, b""), said(14, 1), said(14, 7), said(14, 0) + said(14, 1), said(13, ENTRY[1])):
        with pytest.raises(ValueError, match=OUTSIDE):
            check_onnx(said(7, said(5, tensor)))


def test_every_field_of_a_real_model_is_found() -> None:
    """Read against the onnx package: the same names and sizes."""
    model = made({"w": np.arange(6.0).reshape(2, 3).astype(np.float32)}, "Identity", ["w"])
    (graph,) = (value for number, _, value in fields(model.SerializeToString()) if number == 7)
    assert isinstance(graph, bytes)
    tensors = [{n: v for n, _, v in fields(value)} for number, _, value in fields(graph) if number == 5]
    assert [(tensor[8], tensor[9]) for tensor in tensors] == [(b"w", model.graph.initializer[0].raw_data)]
    check_onnx(model.SerializeToString())


def made(weights: dict[str, Any], operator: str, inputs: list[str], **attributes: Any) -> Any:
    node = helper.make_node(operator, inputs, ["out"], **attributes)
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    sample = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    initial = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    return helper.make_model(helper.make_graph([node], "g", [sample], [output], initial))


LARGE = np.array([31_250, 31_250], dtype=np.int64)
BOMBS = {
    "ConstantOfShape": made({"s": LARGE}, "ConstantOfShape", ["s"]),
    "Expand": made({"s": LARGE, "v": np.zeros(1, np.float32)}, "Expand", ["v", "s"]),
    "Tile": made({"s": LARGE, "v": np.zeros((1, 1), np.float32)}, "Tile", ["v", "s"]),
    "RandomNormal": made({}, "RandomNormal", [], shape=LARGE.tolist()),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_declares_gigabytes_is_refused_before_it_is_opened(name: str) -> None:
    content = BOMBS[name].SerializeToString()
    assert len(content) < 400
    with pytest.raises(ValueError, match=rf"{name} in it would hold 976,562,500 numbers"):
        OnnxModel(content)


def test_a_bomb_whose_shape_is_a_constant_or_a_list_is_refused() -> None:
    for value in (helper.make_tensor("c", TensorProto.INT64, [2], LARGE.tolist()), None):
        said_so = {"value": value} if value is not None else {"value_ints": LARGE.tolist()}
        constant = helper.make_node("Constant", [], ["s"], **said_so)
        fill = helper.make_node("ConstantOfShape", ["s"], ["out"])
        output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
        for nodes in ([constant, fill], [fill, constant]):
            model = helper.make_model(helper.make_graph(nodes, "g", [], [output]))
            with pytest.raises(ValueError, match="would hold 976,562,500 numbers"):
                check_onnx(model.SerializeToString())


def test_a_sparse_tensor_that_would_be_unpacked_to_gigabytes_is_refused() -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    places = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model = made({}, "Identity", ["x"])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, LARGE.tolist()))
    with pytest.raises(ValueError, match="a sparse tensor in it would hold"):
        check_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    "content", [b"garbage", b"\x00", b"\x3a\xff", b"\x0b", b"\x80" * 20, said(7, b"\x08"), b"\x38\x01"]
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no ONNX file, or damaged"):
        check_onnx(content)


def test_the_format_of_the_runtime_is_refused() -> None:
    with pytest.raises(ValueError, match=r"save it as .onnx"):
        check_onnx(b"\x1a\x20\x00\x00ORTM" + bytes(100))


def test_deep_nesting_is_refused_in_words() -> None:
    graph = b""
    for _ in range(300):
        graph = said(1, said(5, said(6, graph)))
    with pytest.raises(ValueError, match="nested at most"):
        check_onnx(said(7, graph))


def test_long_lists_of_numbers_cost_little() -> None:
    numbers = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    model = made({}, "Scaler", ["x"], scale=numbers.tolist(), offset=list(range(0, 3_000_000, 3)))
    content = model.SerializeToString() + said(2, b"z")
    with work() as checking:
        check_onnx(content)
    assert checking.seconds < 1.0
    tensor = outside((4, 3, 2, 1, 0), True)
    model.graph.node[0].attribute[0].t.MergeFromString(tensor)
    with pytest.raises(ValueError, match=OUTSIDE):
        check_onnx(model.SerializeToString())
