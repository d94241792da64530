"""ONNX models, asked through ONNX Runtime on one thread."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import (
    Adapted,
    Refused,
    are_probabilities,
    are_shares,
    require_finite,
    require_probabilities,
    softmax,
)
from xrai_widgets.models.frame import few
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.state import digest

_PROBE = 256
_BATCH = 4096
_ROUNDING = 1e-5
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
# TensorProto.external_data: an entry with the key "location"
_OUTSIDE = b"\n\x08location\x12"


class OnnxModel:
    """The bytes of an ONNX file; its session is opened when it is first asked, and again in every worker process.

    Parameters
    ----------
    content : bytes
        Of a ``.onnx`` file that keeps its weights inside.
    """

    def __init__(self, content: bytes) -> None:
        if _OUTSIDE in content:
            raise ValueError("it keeps weights in other files: save it with all weights inside (external data off)")
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


class Asked:
    """Encoded samples → one output of the model.

    Parameters
    ----------
    model : OnnxModel
    inputs : Inputs
    place : int
        Which output.
    keys : tuple, optional
        Keys of the dictionaries, one per sample, that the output consists of.
    form : {"raw", "shares", "softmax", "pair", "values"}
        Returned as it is, as probabilities without the −1e-8 that float32 leaves, as probabilities of logits, as
        (1 − p, p), or as (n,) values.
    """

    def __init__(
        self, model: OnnxModel, inputs: Inputs, place: int = 0, keys: tuple[Any, ...] = (), form: str = "raw"
    ) -> None:
        self._model, self._inputs, self._place, self._keys, self.form = model, inputs, place, keys, form

    def outputs(self, X: Array) -> list[Any]:
        """Return all outputs."""
        return self._model.run(dict(_feed(self._model, self._inputs, X)), len(X))

    def __call__(self, X: Array) -> Array:
        """Return (n,) or (n, k)."""
        out = as_array(self.outputs(X)[self._place], self._keys)
        if self.form == "raw":
            return out if out.dtype == object or out.dtype.kind in "iU" else out.astype(np.float64)
        numbers = out.astype(np.float64)
        if self.form == "shares":
            return _clean(numbers)
        if self.form == "values":
            return numbers.reshape(len(X))
        if self.form == "pair":
            one = numbers.reshape(len(X))
            return np.column_stack([1.0 - one, one])
        return softmax(numbers)


def _clean(scores: Array) -> Array:
    """Return the scores with what float32 arithmetic leaves below zero at zero."""
    return np.where((scores < 0) & (scores > -_ROUNDING), 0.0, scores)


def as_array(out: Any, keys: tuple[Any, ...] = ()) -> Array:
    """Return an output as an array; rows that are dictionaries in the order of their keys."""
    if isinstance(out, list) and out and isinstance(out[0], dict):
        order = keys or tuple(out[0])
        return np.array([[row[key] for key in order] for row in out], dtype=np.float64)
    array = np.asarray(out)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _feed(model: OnnxModel, inputs: Inputs, X: Array) -> Iterator[tuple[str, Array]]:
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
    found = [str(name) for name in samples.columns]
    missing, extra = [n for n in wanted if n not in found], [n for n in found if n not in wanted]
    if missing or extra:
        said = f"misses {few(missing)}" if missing else f"has also {few(extra)}: drop them"
        raise Refused(f"X must have the columns that the model takes, {few(list(wanted))}, but {said}")
    for name, column in zip(found, samples.columns, strict=True):
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
    return np.ascontiguousarray(array, dtype=_TYPES[node.type])


def adapt_onnx(
    model: Any, inputs: Inputs, X: Array, y: Array, task: Task | None, classes: Sequence[Any] | None
) -> Adapted:
    """Adapt an ONNX model: class probabilities (also as dictionaries), logits, labels, or values of a regression.

    Of several outputs the class probabilities are taken. A label output beside them must agree with them, and tells
    which column belongs to which label.

    Raises
    ------
    Refused
        if the outputs are none of these.
    """
    model = model if isinstance(model, OnnxModel) else OnnxModel.of(model)
    state = digest(model) if model.content else None
    rows = X[:_PROBE]
    outputs = Asked(model, inputs).outputs(rows)
    for place, out in enumerate(outputs):
        if isinstance(out, list) and out and isinstance(out[0], dict):
            keys = tuple(out[0])
            require_probabilities(_clean(as_array(out)))
            asked = Asked(model, inputs, place, keys, "shares")
            return Adapted("classification", "probabilities", asked, keys, state=state)
    arrays = [as_array(out) for out in outputs]
    for array in arrays:
        if array.ndim < 1 or len(array) != len(rows):
            raise Refused(f"the model must give one row per sample, got shape {array.shape} for {len(rows)} samples")
    wide = [place for place, a in enumerate(arrays) if a.ndim == 2 and a.dtype.kind == "f"]
    wide.sort(key=lambda place: not are_probabilities(_clean(arrays[place])))
    if wide and task != "regression":
        return _scores(model, inputs, wide[0], arrays, y, classes, state)
    columns = [place for place, a in enumerate(arrays) if a.ndim == 1]
    if not columns:
        raise Refused(
            "multi-output models are not supported: the model gives outputs of shape "
            f"{', '.join(str(a.shape) for a in arrays)}; allowed: one value or one row of class scores per sample"
        )
    return _column(model, inputs, columns[0], arrays[columns[0]], y, task, state)


def _scores(
    model: OnnxModel,
    inputs: Inputs,
    place: int,
    arrays: Sequence[Array],
    y: Array,
    classes: Sequence[Any] | None,
    state: str | None,
) -> Adapted:
    scores = arrays[place]
    require_finite(scores)
    are = are_probabilities(_clean(scores))
    said = next((a for a in arrays if a.ndim == 1 and a.dtype.kind in "iUO"), None)
    known = None if said is None or classes is not None else _classes(scores, said, y)
    if are:
        asked = Asked(model, inputs, place, form="shares")
        return Adapted("classification", "probabilities", asked, known, state=state)
    if ((_clean(scores) >= 0) & (scores <= 1 + _ROUNDING)).all():
        raise Refused(
            "class probabilities must sum to 1 in each row, or be logits, got shares in [0, 1] with row sums in "
            f"[{scores.sum(axis=1).min():.3g}, {scores.sum(axis=1).max():.3g}]"
        )
    form = Asked(model, inputs, place, form="softmax")
    return Adapted("classification", "probabilities", form, known, logits=Asked(model, inputs, place), state=state)


def _classes(scores: Array, said: Array, y: Array) -> tuple[Any, ...]:
    """Return the labels in the order of the columns, by the labels that the model itself gives."""
    answers = said.tolist()
    width = scores.shape[1]
    seen = labels.vector(answers, "the model's answers", len(answers)).tolist()
    everything = sorted({*seen, *y.tolist()}, key=lambda label: (str(type(label)), label))
    known = tuple(range(width)) if set(everything) <= set(range(width)) else tuple(everything)
    places = [known.index(label) for label in answers] if len(known) == width else []
    # of two equal scores the model may take either
    if len(known) != width or (scores[range(len(places)), places] < scores.max(axis=1) - _ROUNDING).any():
        raise Refused(
            f"the model's {width} columns of scores and its own labels {everything[:8]} do not go together: pass "
            "classes=[…], the labels in the order of the columns"
        )
    return known


def _column(
    model: OnnxModel, inputs: Inputs, place: int, out: Array, y: Array, task: Task | None, state: str | None
) -> Adapted:
    if out.dtype.kind != "f":
        if task == "regression":
            raise Refused(f"a regression must give numbers with fractions, got {out.dtype}")
        return Adapted("classification", "labels", Asked(model, inputs, place), state=state)
    require_finite(out)
    fractions = not np.equal(np.mod(out, 1), 0).all()
    told = task or ("regression" if fractions and labels.are_values(y) else labels.guess_task(y))
    if told == "regression":
        return Adapted("regression", "values", Asked(model, inputs, place, form="values"), state=state)
    if are_shares(out) and set(y.tolist()) <= {0, 1}:
        return Adapted("classification", "probabilities", Asked(model, inputs, place, form="pair"), state=state)
    raise Refused(
        "a classifier with one column must give P(class 1) in [0, 1] for the labels 0 and 1, or whole labels, got "
        f"numbers in [{out.min():.3g}, {out.max():.3g}] for the labels {sorted(set(y.tolist()), key=str)[:5]}"
    )
