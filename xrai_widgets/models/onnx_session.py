"""An ONNX model and how it is asked: one thread, its own columns and types."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import Refused
from xrai_widgets.models.frame import few
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.number_types import as_type
from xrai_widgets.models.onnx_wire import check_onnx

_BATCH = 4096
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class OnnxModel:
    """The bytes of an ONNX file; its session is opened when it is first asked, and again in every worker process.

    Parameters
    ----------
    content : bytes
        Of a ``.onnx`` file that keeps its weights inside.
    """

    def __init__(self, content: bytes) -> None:
        if content:
            check_onnx(content)
        self.content = content
        self._session: Any = None

    @classmethod
    def of(cls, session: Any) -> "OnnxModel":
        """Wrap an open ``InferenceSession``; it stays in this process."""
        made = cls(b"")
        made._session = session
        return made

    def __getstate__(self) -> dict[str, Any]:
        if not self.content:
            raise TypeError("an open InferenceSession cannot be sent to another process: pass OnnxModel(bytes)")
        return {"content": self.content, "_session": None}

    def __deepcopy__(self, _: Any) -> "OnnxModel":
        return self  # nothing in it can be changed

    @property
    def session(self) -> Any:
        """The open session."""
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 4
            self._session = onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        return self._session

    @property
    def inputs(self) -> dict[str, Any]:
        """Inputs by name."""
        return {node.name: node for node in self.session.get_inputs()}

    def run(self, feed: Mapping[str, Array], rows: int) -> list[Any]:
        """Return every output for all rows, asked in batches of the size that the model takes."""
        shape = next(iter(self.inputs.values())).shape
        fixed = shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else None
        size = fixed or _BATCH
        parts = []
        for start in range(0, max(rows, 1), size):
            batch = {name: values[start : start + size] for name, values in feed.items()}
            short = 0 if fixed is None else size - len(next(iter(batch.values())))
            if short:  # a model for batches of one size gets the last sample several times
                batch = {name: np.concatenate([b, np.repeat(b[-1:], short, axis=0)]) for name, b in batch.items()}
            outputs = self.session.run(None, batch)
            parts.append([out[: len(out) - short] for out in outputs] if short else outputs)
        return [_joined(outputs) for outputs in zip(*parts, strict=True)]


def _joined(outputs: Sequence[Any]) -> Any:
    if isinstance(outputs[0], list):
        return [row for part in outputs for row in part]
    return np.concatenate(outputs)


def is_onnx(model: object) -> bool:
    """Whether the object is an ONNX model or session; ONNX Runtime is not imported to find out."""
    runtime = sys.modules.get("onnxruntime")
    return isinstance(model, OnnxModel) or (runtime is not None and isinstance(model, runtime.InferenceSession))


def feed(model: OnnxModel, inputs: Inputs, X: Array) -> Iterator[tuple[str, Array]]:
    """Yield the samples as the model takes them: one array, or one column by name for each of its inputs."""
    samples = inputs.to_user(X)
    wanted = model.inputs
    for node in wanted.values():
        if node.type not in _TYPES:
            raise Refused(f"the inputs of an ONNX model must be numbers or text, got {node.type} for {node.name!r}")
    if len(wanted) == 1:
        node = next(iter(wanted.values()))
        if hasattr(samples, "columns"):
            _refuse_words(inputs, node)
            samples = samples.to_numpy()
        yield node.name, _shaped(np.asarray(samples), node)
        return
    if not hasattr(samples, "columns"):
        raise Refused(f"the model takes the columns {few(list(wanted))} by name: pass a DataFrame, got an array")
    # `aligned` has put the columns into the order of the model's inputs, which may be called otherwise
    for name, column in zip(wanted, samples.columns, strict=True):
        cells = samples[column].to_numpy(dtype=_TYPES[wanted[name].type]).reshape(-1, 1)
        yield name, cells.astype(str).astype(object) if cells.dtype == object else cells


def _refuse_words(inputs: Inputs, node: Any) -> None:
    words = [name for name, c in zip(inputs.names, inputs.constraints, strict=True) if c.kind == "category"]
    if words and node.type != "tensor(string)":
        raise Refused(
            f"the model takes one array of numbers, but the column(s) {few(words)} hold text: encode them as in "
            "training, or export the whole pipeline with one input per column"
        )


def _shaped(array: Array, node: Any) -> Array:
    sides = node.shape[1:]
    if len(sides) > 1 and array.ndim == 2 and all(isinstance(side, int) for side in sides):
        if int(np.prod(sides)) != array.shape[1]:
            raise Refused(f"X must have {int(np.prod(sides))} features, those of the model, got {array.shape[1]}")
        array = array.reshape(len(array), *sides)
    elif len(sides) == 1 and isinstance(sides[0], int) and int(np.prod(array.shape[1:])) != sides[0]:
        raise Refused(f"X must have {sides[0]} features, those of the model, got {int(np.prod(array.shape[1:]))}")
    elif len(sides) == 1 and array.ndim > 2:
        array = array.reshape(len(array), -1)
    if node.type == "tensor(string)":
        return array.astype(str).astype(object)
    return np.ascontiguousarray(as_type(array, np.dtype(_TYPES[node.type])))
