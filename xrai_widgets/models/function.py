"""Plain functions of the inputs, and tables of outputs without any model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import (
    Adapted,
    Declared,
    Refused,
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
from xrai_widgets.models.state import digest
from xrai_widgets.models.telling import outputs_of


@dataclass(frozen=True, eq=False)
class Call:
    """Encoded samples → what the user's function says, as an array."""

    function: Callable[[Any], Any]
    inputs: Inputs

    def __call__(self, X: Array) -> Array:
        """Return (n,) or (n, k)."""
        rows = self.inputs.to_user(X)
        # a copy: the function may change it in place, and torch warns of the subject's locked arrays
        out = self.function(rows.copy() if isinstance(rows, np.ndarray) and np.may_share_memory(rows, X) else rows)
        return np.asarray(out.detach().cpu().numpy() if hasattr(out, "detach") else out)


@dataclass(frozen=True, eq=False)
class BothClasses:
    """P(class 1), (n,) → probabilities (n, 2)."""

    call: Call

    def __call__(self, X: Array) -> Array:
        """Return (n, 2)."""
        one = still_shares(np.asarray(self.call(X), dtype=np.float64).reshape(len(X)))
        return np.column_stack([1.0 - one, one])


@dataclass(frozen=True, eq=False)
class Shares:
    """(n, k) probabilities, as they are; `normalise`: one-vs-rest ones, divided by their sum."""

    call: Call
    normalise: bool = False

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        out = self.call(X)
        return normalised(out) if self.normalise else still_shares(out)


@dataclass(frozen=True, eq=False)
class Logits:
    """(n, k) logits, or (n,) of class 1 → (n, k)."""

    call: Call

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        return both_logits(self.call(X))


@dataclass(frozen=True, eq=False)
class Softmax:
    """Logits → probabilities."""

    logits: Logits

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        return softmax(self.logits(X))


@dataclass(frozen=True, eq=False)
class Flat:
    """(n, 1) → (n,)."""

    call: Call

    def __call__(self, X: Array) -> Array:
        """Return (n,)."""
        return np.asarray(self.call(X), dtype=np.float64).reshape(len(X))


def adapt_function(
    function: Callable[[Any], Any],
    inputs: Inputs,
    parts: Sequence[Array],
    y: Array,
    task: Task | None,
    classes: Sequence[Any] | None = None,
    outputs: Declared | None = None,
    scores: bool = False,
) -> Adapted:
    """Adapt a function that returns (n, k) probabilities, (n,) P(class 1), (n,) labels, or (n,) values.

    Parameters
    ----------
    parts : sequence of array
        Samples of the data and changed ones, see `telling_rows`.
    outputs : optional
        What the user says they are; logits and one-vs-rest shares are taken where they are declared.
    scores : bool
        What a classifier gives beyond shares are logits, declared or not.

    Raises
    ------
    Refused
        if the outputs are none of these, or do not go with ``y``.
    """
    call = Call(function, inputs)
    out = outputs_of(call, parts)
    rows = len(parts[0])
    if out.ndim not in (1, 2) or len(out) < rows or not out.size:
        out = out[:rows] if out.ndim else out
        raise Refused(f"the function must return one row per sample, got shape {out.shape} for {rows} samples")
    if scores and outputs is None and task != "regression" and _are_logits(out, y, task):
        outputs = "logits"
    state = digest(function)
    column = out.ndim == 1 or out.shape[1] == 1
    if out.dtype.kind == "f" or not column:
        require_finite(out)
    task = task or ("regression" if outputs == "values" else None)
    task = task or ("classification" if outputs is not None else _task_of(out, column, y))
    if task == "regression":
        if not column:
            raise Refused(
                f"multi-output models are not supported: got outputs of shape (n, {out.shape[1]}); allowed: (n,)"
            )
        require_finite(out)
        return Adapted(task, "values", Flat(call), state=state)
    if outputs is not None and outputs != "labels":
        return _as_declared(call, out, outputs, column, y, classes, state)
    if not column:
        if outputs == "labels":
            raise Refused(f"labels must be one per sample, got outputs of shape {out.shape}")
        _require_rows(out)
        return Adapted(task, "probabilities", Shares(call), state=state)
    if are_shares(out) and outputs is None:
        _require_two(y, classes)
        return Adapted(task, "probabilities", BothClasses(call), state=state)
    if _fractional(out) and outputs is None:
        raise Refused(
            "the function must return class probabilities (n, k), P(class 1) in [0, 1], or labels, got numbers in "
            f"[{out.min():.3g}, {out.max():.3g}]: pass outputs='logits' if they are logits of class 1, or "
            "task='regression'"
        )
    return Adapted(task, "labels", OneColumn(call), state=state)


def _are_logits(out: Array, y: Array, task: Task | None) -> bool:
    """Whether the outputs of a classifier stand before its softmax or sigmoid."""
    if bool(((out >= 0) & (out <= 1)).all()):
        return False
    if out.ndim == 1 or out.shape[1] == 1:
        return task == "classification" or not labels.are_values(y)
    return not are_probabilities(out)


def _as_declared(
    call: Call,
    out: Array,
    outputs: Declared,
    column: bool,
    y: Array,
    classes: Sequence[Any] | None,
    state: str | None,
) -> Adapted:
    """Return a classifier whose outputs are what the user says."""
    require_finite(out)
    if column:
        _require_two(y, classes)
    if outputs == "logits":
        logits = Logits(call)
        return Adapted("classification", "probabilities", Softmax(logits), logits=logits, state=state)
    if outputs == "one-vs-rest":
        if column:
            raise Refused(f"one-vs-rest outputs must be (n, k), got shape {out.shape}")
        normalised(out)
        return Adapted("classification", "probabilities", Shares(call, normalise=True), state=state)
    if not column:
        require_probabilities(out)
    elif not ((out >= 0) & (out <= 1)).all():
        raise Refused(f"probabilities must lie in [0, 1], got numbers in [{out.min():.3g}, {out.max():.3g}]")
    return Adapted("classification", "probabilities", BothClasses(call) if column else Shares(call), state=state)


def _require_rows(out: Array) -> None:
    try:
        require_probabilities(out)
    except Refused as refused:
        kind = "one-vs-rest" if ((out >= 0) & (out <= 1)).all() else "logits"
        raise Refused(f"{refused}: pass outputs={kind!r} if they are {kind} outputs") from None


def _task_of(out: Array, column: bool, y: Array) -> Task:
    if column and _fractional(out) and labels.are_values(y):
        return "regression"
    return labels.guess_task(y)


def _fractional(out: Array) -> bool:
    return out.dtype.kind == "f" and not np.equal(np.mod(out, 1), 0).all()


def _require_two(y: Array, classes: Sequence[Any] | None) -> None:
    if (classes is None or len(classes) != 2) and not set(y.tolist()) <= {0, 1}:
        raise Refused(
            "a function that returns P(class 1) needs the labels 0 and 1, or classes=[label of class 0, label of "
            f"class 1], got the labels {sorted(set(y.tolist()), key=str)[:5]}"
        )


@dataclass(frozen=True, eq=False)
class OneColumn:
    """(n,) or (n, 1) labels → (n,)."""

    call: Call

    def __call__(self, X: Array) -> Array:
        """Return (n,)."""
        return self.call(X).reshape(len(X))


@dataclass(frozen=True, eq=False)
class Itself:
    """The samples are the outputs."""

    task: Task
    outputs: Declared | None = None

    def __call__(self, X: Array) -> Array:
        """Return the samples; logits and one-vs-rest shares as probabilities."""
        rows = np.asarray(X[:, 0] if self.task == "regression" else X, dtype=np.float64)
        if self.outputs == "logits":
            return softmax(both_logits(rows))
        return normalised(rows) if self.outputs == "one-vs-rest" else rows


def adapt_table(
    inputs: Inputs, arrays: Mapping[str, Array], y: Array, task: Task | None, outputs: Declared | None = None
) -> Adapted:
    """Adapt a table of outputs: (n, k) probabilities, or (n, 1) predicted values of a regression."""
    words = [name for name, c in zip(inputs.names, inputs.constraints, strict=True) if c.kind == "category"]
    if words:
        raise Refused(f"a table of outputs must hold numbers, got text in the column {words[0]!r}")
    if outputs == "labels":
        raise Refused("a table of outputs must hold probabilities, logits, one-vs-rest shares or values, not labels")
    single = len(inputs.names) == 1
    declared: Task | None = None if outputs is None else "regression" if outputs == "values" else "classification"
    task = task or declared or ("regression" if single and labels.are_values(y) else labels.guess_task(y))
    if task == "classification" and single and outputs != "logits":
        raise Refused(
            "a table of probabilities must have one column per class, got one column: pass "
            "np.column_stack([1 - p, p]) for two classes, or task='regression' for predicted values"
        )
    if task == "regression" and not single:
        raise Refused(f"a table of predicted values must have one column, got {len(inputs.names)}")
    predict = Itself(task, outputs)
    for role, array in arrays.items():
        if missing := int(np.isnan(array).sum()):
            raise Refused(
                f"{role} must hold finite numbers, got {missing} NaN: without a model it is the table of outputs"
            )
        if task == "classification":
            require_probabilities(predict(array), f"without a model {role} is the table of class probabilities: they")
    return Adapted(task, "probabilities" if task == "classification" else "values", predict, queryable=False)
