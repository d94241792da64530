"""ONNX models, asked through ONNX Runtime on one thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import (
    Adapted,
    Declared,
    Refused,
    are_opposites,
    are_probabilities,
    are_shares,
    both_logits,
    normalised,
    require_finite,
    require_probabilities,
    softmax,
    still_shares,
)
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.onnx_session import OnnxModel, feed
from xrai_widgets.models.state import digest
from xrai_widgets.models.telling import outputs_of

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
    form : {"raw", "shares", "softmax", "logits", "pair", "one-vs-rest", "values"}
        Returned as it is, as probabilities without the −1e-8 that float32 leaves, as probabilities of logits, as these
        logits themselves, as (1 − p, p), as shares divided by their sum, or as (n,) values.
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
        match self.form:
            case "shares":
                return still_shares(_clean(numbers))
            case "values":
                return numbers.reshape(len(X))
            case "pair":
                one = still_shares(numbers.reshape(len(X)))
                return np.column_stack([1.0 - one, one])
            case "one-vs-rest":
                return normalised(_clean(numbers))
        logits = both_logits(numbers)
        return softmax(logits) if self.form == "softmax" else logits


class Highest:
    """The label of the highest score, or of a column's number, where the user names the columns."""

    def __init__(self, scores: Callable[[Array], Array], names: tuple[Any, ...]) -> None:
        self._scores, self._names = scores, names

    def __call__(self, X: Array) -> Array:
        """Return (n,) labels."""
        scores = self._scores(X)
        labelled = np.empty(len(self._names), dtype=object)
        labelled[:] = self._names
        return np.asarray(labelled[scores if scores.ndim == 1 else scores.argmax(axis=1)])


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
    model: Any,
    inputs: Inputs,
    parts: Sequence[Array],
    y: Array,
    task: Task | None,
    classes: Sequence[Any] | None,
    outputs: Declared | None = None,
) -> Adapted:
    """Adapt an ONNX model: class probabilities (also as dictionaries), logits, labels, or values of a regression.

    Of several outputs the class probabilities are taken. A label output beside them is the model's own label, and
    tells which column belongs to which label: the one that is high where the label is given. Scores that stand beside
    labels, or are a pair (−s, s), are what a margin classifier gives: no logits, unless the user says so.

    Parameters
    ----------
    parts : sequence of array
        Samples of the data and changed ones, see `telling_rows`.
    outputs : optional
        What the user says that the scores are.

    Raises
    ------
    Refused
        if the outputs are none of these.
    """
    model = model if isinstance(model, OnnxModel) else OnnxModel.of(model)
    state = digest(model) if model.content else None
    given = _Given(model, inputs, y, task, classes, outputs, state)
    first = Asked(model, inputs).outputs(parts[0][:1])
    for place, out in enumerate(first):
        if isinstance(out, list) and out and isinstance(out[0], dict):
            return _by_name(given, place, first, parts)
    arrays = [outputs_of(Asked(model, inputs, place), parts) for place in range(len(first))]
    for array in arrays:
        if array.ndim < 1 or len(array) < len(parts[0]):
            raise Refused(
                f"the model must give one row per sample, got shape {array.shape} for {len(parts[0])} samples"
            )
    length = min(map(len, arrays))
    arrays = [array[:length] for array in arrays]
    wide = [place for place, a in enumerate(arrays) if a.ndim == 2 and a.dtype.kind == "f"]
    wide.sort(key=lambda place: not are_probabilities(_clean(arrays[place])))
    columns = [place for place, a in enumerate(arrays) if a.ndim == 1]
    if outputs == "labels":
        columns.sort(key=lambda place: arrays[place].dtype.kind == "f")
    if wide and task != "regression" and outputs not in ("labels", "values"):
        return _scores(given, wide[0], arrays)
    if not columns:
        raise Refused(
            "multi-output models are not supported: the model gives outputs of shape "
            f"{', '.join(str(a.shape) for a in arrays)}; allowed: one value or one row of class scores per sample"
        )
    return _column(given, columns[0], arrays[columns[0]])


@dataclass(frozen=True, eq=False)
class _Given:
    model: OnnxModel
    inputs: Inputs
    y: Array
    task: Task | None
    classes: Sequence[Any] | None
    outputs: Declared | None
    state: str | None

    def asked(self, place: int, form: str) -> Asked:
        return Asked(self.model, self.inputs, place, form=form)


def _by_name(given: _Given, place: int, first: Sequence[Any], parts: Sequence[Array]) -> Adapted:
    """Adapt scores in dictionaries by label: class probabilities, else only the labels are used."""
    keys, others = tuple(first[place][0]), [p for p, a in enumerate(first) if p != place and _are_labels(as_array(a))]
    scores = Asked(given.model, given.inputs, place, keys)
    outputs, asked = _clean(outputs_of(scores, parts)), Asked(given.model, given.inputs, place, keys, "shares")
    rule = given.asked(others[0], "raw") if others else None
    if given.outputs in (None, "labels") and not are_probabilities(outputs):
        require_finite(outputs)
        predict = rule or Highest(scores, keys)
        note = "its outputs are scores by label, no probabilities, so labels only are judged"
        return Adapted("classification", "labels", predict, keys, state=given.state, notes=(note,))
    require_probabilities(outputs)
    return Adapted("classification", "probabilities", asked, keys, decide=rule, state=given.state)


def _scores(given: _Given, place: int, arrays: Sequence[Array]) -> Adapted:
    scores = arrays[place]
    require_finite(scores)
    beside = next((place for place, a in enumerate(arrays) if _are_labels(a)), None)
    label_output = None if beside is None else arrays[beside]
    rule = None if beside is None else _rule(given, beside, arrays[beside])
    classes = None if label_output is None or given.classes is not None else _classes(scores, label_output, given.y)

    def made(form: str, logits: str = "") -> Adapted:
        asked = given.asked(place, form)
        raw_logits = given.asked(place, logits) if logits else None
        return Adapted(
            "classification", "probabilities", asked, classes, logits=raw_logits, decide=rule, state=given.state
        )

    opposite = are_opposites(scores)
    if given.outputs == "logits":
        return made("softmax", "logits")
    if given.outputs == "one-vs-rest":
        normalised(_clean(scores))
        return made("one-vs-rest")
    if given.outputs == "probabilities":
        require_probabilities(_clean(scores))
    if are_probabilities(_clean(scores)):
        return made("shares")
    if ((_clean(scores) >= 0) & (scores <= 1 + _ROUNDING)).all():
        raise Refused(
            "class probabilities must sum to 1 in each row, or be logits, got shares in [0, 1] with row sums in "
            f"[{scores.sum(axis=1).min():.3g}, {scores.sum(axis=1).max():.3g}]: pass outputs='one-vs-rest' to have "
            "them divided by their sum"
        )
    if not opposite and label_output is None:
        return made("softmax", "logits")
    names = tuple(given.classes) if given.classes is not None else classes
    names = names or labels.infer_classes(given.y.tolist(), scores.shape[1])
    predict = rule or Highest(given.asked(place, "raw"), tuple(names))
    what = "a pair −s, s" if opposite else "scores beside labels"
    note = f"its outputs are {what}, so labels only are judged (pass outputs='logits' if their softmax is meant)"
    return Adapted("classification", "labels", predict, tuple(names), state=given.state, notes=(note,))


def _classes(scores: Array, model_labels: Array, y: Array) -> tuple[Any, ...]:
    """Return the labels in the order of the columns, by the labels that the model itself gives."""
    listed = model_labels.tolist()
    width = scores.shape[1]
    seen = labels.vector(listed, "the model's labels", len(listed)).tolist()
    everything = sorted({*seen, *y.tolist()}, key=lambda label: (str(type(label)), label))
    classes = tuple(range(width)) if set(everything) <= set(range(width)) else tuple(everything)
    if len(classes) != width or not _in_order(scores, np.array([classes.index(label) for label in listed])):
        raise Refused(
            f"the model's {width} columns of scores and its own labels {everything[:8]} do not go together: pass "
            "classes=[…], the labels in the order of the columns"
        )
    return classes


def _rule(given: _Given, place: int, model_labels: Array) -> Asked | Highest:
    """Return the labels that the model itself gives; as the user calls them, if they are numbers of the columns."""
    asked = given.asked(place, "raw")
    names = None if given.classes is None else tuple(given.classes)
    if (
        names is None
        or set(model_labels.tolist()) <= set(names)
        or not set(model_labels.tolist()) <= set(range(len(names)))
    ):
        return asked
    return Highest(asked, names)


def _in_order(scores: Array, places: Array) -> bool:
    """Whether each class is predicted where the column in its place is high: not always highest, with a threshold."""
    from scipy.optimize import linear_sum_assignment

    k = scores.shape[1]
    apart = scores - scores.mean(axis=0)
    means = np.array([apart[places == c].mean(axis=0) if (places == c).any() else np.zeros(k) for c in range(k)])
    if len(np.unique(places)) < k and (scores.argmax(axis=1) == places).mean() < 0.5:
        return False
    best = linear_sum_assignment(means, maximize=True)
    return bool(means[best].sum() <= np.trace(means) + _ROUNDING)


def _are_labels(out: Array) -> bool:
    return out.ndim == 1 and out.dtype.kind in "iUO"


def _column(given: _Given, place: int, out: Array) -> Adapted:
    y, task, outputs, state = given.y, given.task, given.outputs, given.state
    if out.dtype.kind != "f" or outputs == "labels":
        if task == "regression":
            raise Refused(f"a regression must give numbers with fractions, got {out.dtype}")
        return Adapted("classification", "labels", given.asked(place, "raw"), state=state)
    require_finite(out)
    fractions = not np.equal(np.mod(out, 1), 0).all()
    declared: Task | None = None if outputs is None else "regression" if outputs == "values" else "classification"
    task_ = task or declared or ("regression" if fractions and labels.are_values(y) else labels.guess_task(y))
    if task_ == "regression":
        return Adapted("regression", "values", given.asked(place, "values"), state=state)
    two = set(y.tolist()) <= {0, 1} or (given.classes is not None and len(given.classes) == 2)
    if outputs == "logits" and two:
        logits = given.asked(place, "logits")
        return Adapted("classification", "probabilities", given.asked(place, "softmax"), logits=logits, state=state)
    if are_shares(out) and set(y.tolist()) <= {0, 1}:
        return Adapted("classification", "probabilities", given.asked(place, "pair"), state=state)
    raise Refused(
        "a classifier with one column must give P(class 1) in [0, 1] for the labels 0 and 1, or whole labels, got "
        f"numbers in [{out.min():.3g}, {out.max():.3g}] for the labels {sorted(set(y.tolist()), key=str)[:5]}: pass "
        "outputs='logits' if it is the logit of class 1"
    )
