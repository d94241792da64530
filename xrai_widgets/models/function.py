"""Plain functions of the inputs, and tables of outputs without any model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Adapted, Refused, are_shares, require_finite, require_probabilities
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.state import digest

_PROBE = 256


@dataclass(frozen=True, eq=False)
class Call:
    """Encoded samples → what the user's function says, as an array."""

    function: Callable[[Any], Any]
    inputs: Inputs

    def __call__(self, X: Array) -> Array:
        """Return (n,) or (n, k)."""
        out = self.function(self.inputs.to_user(X))
        return np.asarray(out.detach().cpu().numpy() if hasattr(out, "detach") else out)


@dataclass(frozen=True, eq=False)
class BothClasses:
    """P(class 1), (n,) → probabilities (n, 2)."""

    call: Call

    def __call__(self, X: Array) -> Array:
        """Return (n, 2)."""
        one = np.asarray(self.call(X), dtype=np.float64).reshape(len(X))
        return np.column_stack([1.0 - one, one])


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
    X: Array,
    y: Array,
    task: Task | None,
    classes: Sequence[Any] | None = None,
) -> Adapted:
    """Adapt a function that returns (n, k) probabilities, (n,) P(class 1), (n,) labels, or (n,) values.

    Raises
    ------
    Refused
        if the outputs are none of these, or do not go with ``y``.
    """
    call = Call(function, inputs)
    rows = X[:_PROBE]
    out = call(rows)
    if out.ndim not in (1, 2) or len(out) != len(rows) or not out.size:
        raise Refused(f"the function must return one row per sample, got shape {out.shape} for {len(rows)} samples")
    state = digest(function)
    column = out.ndim == 1 or out.shape[1] == 1
    if out.dtype.kind == "f" or not column:
        require_finite(out)
    task = task or _task_of(out, column, y)
    if task == "regression":
        if not column:
            raise Refused(f"multi-output models are not supported: got outputs of shape {out.shape}; allowed: (n,)")
        require_finite(out)
        return Adapted(task, "values", Flat(call), state=state)
    if not column:
        require_probabilities(out)
        return Adapted(task, "probabilities", call, state=state)
    if are_shares(out):
        _require_two(y, classes)
        return Adapted(task, "probabilities", BothClasses(call), state=state)
    if _fractional(out):
        raise Refused(
            "the function must return class probabilities (n, k), P(class 1) in [0, 1], or labels, got numbers in "
            f"[{out.min():.3g}, {out.max():.3g}]: turn scores into probabilities, or pass task='regression'"
        )
    return Adapted(task, "labels", OneColumn(call), state=state)


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

    def __call__(self, X: Array) -> Array:
        """Return the samples."""
        return np.asarray(X[:, 0] if self.task == "regression" else X, dtype=np.float64)


def adapt_table(inputs: Inputs, arrays: Mapping[str, Array], y: Array, task: Task | None) -> Adapted:
    """Adapt a table of outputs: (n, k) probabilities, or (n, 1) predicted values of a regression."""
    words = [name for name, c in zip(inputs.names, inputs.constraints, strict=True) if c.kind == "category"]
    if words:
        raise Refused(f"a table of outputs must hold numbers, got text in the column {words[0]!r}")
    single = len(inputs.names) == 1
    task = task or ("regression" if single and labels.are_values(y) else labels.guess_task(y))
    if task == "classification" and single:
        raise Refused(
            "a table of probabilities must have one column per class, got one column: pass "
            "np.column_stack([1 - p, p]) for two classes, or task='regression' for predicted values"
        )
    if task == "regression" and not single:
        raise Refused(f"a table of predicted values must have one column, got {len(inputs.names)}")
    for role, array in arrays.items():
        if task == "classification":
            require_probabilities(array, f"without a model {role} is the table of class probabilities: they")
    return Adapted(task, "probabilities" if task == "classification" else "values", Itself(task), queryable=False)
