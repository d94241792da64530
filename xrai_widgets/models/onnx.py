"""ONNX models, asked through ONNX Runtime on one thread."""

from collections.abc import Sequence
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
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.onnx_session import OnnxModel, feed
from xrai_widgets.models.state import digest

_PROBE = 256
_ROUNDING = 1e-5


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
        return self._model.run(dict(feed(self._model, self._inputs, X)), len(X))

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
