"""Labels of any kind as 0…k−1, and targets of a regression as float64."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models.adapted import Refused


def vector(y: Any, role: str, rows: int) -> Array:
    """Return one label per row.

    Raises
    ------
    ValueError
        if ``y`` has several columns (multi-label, multi-output), the wrong length, or missing or infinite values.
    """
    array = entries(y, role, rows)
    if array.dtype == object:
        several = [label for label in array if isinstance(label, list | tuple | set | frozenset | dict | np.ndarray)]
        if several:
            raise _several(role, f"{role} holds several labels per sample, such as {several[0]!r}")
        array = _as_numbers(array)
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ValueError(f"{role} must hold finite numbers, got {int(np.isinf(array).sum())} infinite")
    return array


def entries(given: Any, role: str, rows: int, noun: str = "label") -> Array:
    """Return one entry per row as a fresh array: labels, ids or groups."""
    if given is None:
        raise ValueError(f"{role} must hold one {noun} per sample, got None")
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    try:
        array: Array = np.array(given.toarray() if hasattr(given, "toarray") else given)
    except ValueError:
        raise _several(role, f"{role} holds rows of different lengths", noun) from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        hint = " (use argmax(axis=1) on one-hot rows)" if _one_hot(array) else ""
        raise _several(role, f"{role} has {array.shape[1]} columns", noun, hint)
    if array.ndim != 1:
        raise ValueError(f"{role} must hold one {noun} per sample, got shape {array.shape}")
    if len(array) != rows:
        raise ValueError(f"{role} must have {rows} entries, one per row of its samples, got {len(array)}")
    missing = int(
        pd.isna(array).sum() + np.sum(getattr(given, "mask", False) if isinstance(given, np.ma.MaskedArray) else 0)
    )
    if missing:
        raise ValueError(f"{role} must have no missing entries, got {missing}")
    return array


def guess_task(y: Array) -> Task:
    """Guess the task from the labels: fractions mean regression."""
    if y.dtype.kind == "f" and not np.equal(np.mod(y, 1), 0).all():
        return "regression"
    return "classification"


def are_values(y: Array) -> bool:
    """Whether these are numbers of which there are more than the two that labels of two classes would be."""
    return y.dtype.kind in "iuf" and len(np.unique(y)) > 2


def targets(y: Array, role: str) -> Array:
    """Return float64 targets of a regression."""
    if y.dtype.kind not in "iufb":
        raise TypeError(f"{role} of a regression must hold numbers, got {y.dtype} such as {y.tolist()[0]!r}")
    return y.astype(np.float64)


def infer_classes(labels: Sequence[Any], width: int) -> tuple[Any, ...]:
    """Name the columns of a model that does not name them itself.

    Integers 0…k−1 are taken as column numbers; anything else must be declared.
    """
    if all(isinstance(label, int | float) and label in range(width) for label in labels):
        return tuple(range(width))
    seen = _sorted(set(labels))[:5]
    raise ValueError(
        f"labels must be 0…{width - 1}, the numbers of the model's {width} output columns, got {seen}: "
        "pass classes=[…], the labels in the order of those columns"
    )


def encode(y: Array, classes: Sequence[Any], role: str) -> Array:
    """Return the position of every label in ``classes``."""
    place = {label: index for index, label in enumerate(classes)}
    unseen = _sorted({label for label in y.tolist() if label not in place})
    if unseen:
        mixed = isinstance(unseen[0], str) != isinstance(classes[0], str)
        kinds = "text where the model knows numbers" if isinstance(unseen[0], str) else "not text as the model knows it"
        raise ValueError(
            f"{role} must hold labels that the model knows, {_listed(classes)}, got {_listed(unseen)}"
            + (f" ({kinds})" if mixed else "")
        )
    codes = np.array([place[label] for label in y.tolist()], dtype=np.int64)
    # a batch to be judged may be of one class, and a single sample is
    if role in ("y", "y_train") and len(codes) > 1 and len(np.unique(codes)) < 2:
        raise ValueError(f"{role} must hold at least two classes of {_listed(classes)}, got only {y.tolist()[0]!r}")
    return codes


def refuse_but_inliers_and_outliers(given: Mapping[str, Any]) -> None:
    """Say which label is which where those beside an outlier detector are not its own, 1 and -1."""
    for role, y in given.items():
        pair = [] if y is None else _sorted(set(np.asarray(y).ravel().tolist()))
        if len(pair) == 2 and not set(pair) <= {1, -1}:
            odd, usual = pair[1], pair[0]
            raise ValueError(
                f"{role} beside an outlier detector must hold 1 for inliers and -1 for outliers, as its labels do, "
                f"got {_listed(pair)}: where {odd!r} marks the outliers pass np.where({role} == {odd!r}, -1, 1), "
                f"where {usual!r} does np.where({role} == {usual!r}, -1, 1)"
            )


def _several(role: str, what: str, noun: str = "label", hint: str = "") -> ValueError:
    if not role.startswith("y"):
        return ValueError(f"{role} must hold one {noun} per sample, but {what}")
    return Refused(
        f"multi-label and multi-output models are not supported: {what}; allowed: one label per sample{hint}"
    )


def _as_numbers(array: Array) -> Array:
    """Return an object array of numbers as a numeric one; anything else unchanged."""
    inferred = pd.Series(array).infer_objects().to_numpy()
    return inferred if inferred.dtype.kind in "iufb" else array


def _listed(labels: Sequence[Any]) -> str:
    shown = ", ".join(repr(label) for label in labels[:8])
    return f"[{shown}, …] ({len(labels)} in all)" if len(labels) > 8 else f"[{shown}]"


def _sorted(labels: set[Any]) -> list[Any]:
    try:
        return sorted(labels)
    except TypeError:  # numbers and text
        return sorted(labels, key=str)


def _one_hot(array: Array) -> bool:
    return array.dtype.kind in "iufb" and bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())
