"""The lowest and highest value that each feature may take."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.constraints import read_range, unknown_column
from xrai_widgets.models.inputs import Inputs


def bounds_of(given: Any, inputs: Inputs, arrays: Mapping[str, Array], constraints: Mapping[str, Any]) -> Array:
    """Return (2, d): what the user gave, else the range of the data; for categories always that of their codes.

    Parameters
    ----------
    given : None, (low, high), or mapping of column name to (low, high)
    constraints : mapping of column name to Constraint or mapping
        The latter may say ``range``.
    """
    named = isinstance(given, Mapping) and bool(given)
    ranges = (dict(given) if named else {}) | {
        name: table["range"] for name, table in constraints.items() if isinstance(table, Mapping) and "range" in table
    }
    low, high = _from_data(inputs, arrays) if given is None or named else _read(given, len(inputs.names))
    strict = np.ones(len(low), dtype=bool)
    place = {name: column for column, name in enumerate(inputs.names)} if ranges else {}
    for name, pair in ranges.items():
        if name not in place:
            raise unknown_column(name, inputs.names, "bounds")
        column = place[name]
        low[column], high[column] = read_range(name, inputs.constraints[column], pair)
        strict[column] = False  # a range by name says what a sample may become, not what it is
    for column, constraint in enumerate(inputs.constraints):
        if constraint.kind == "category":
            low[column], high[column] = 0.0, len(constraint.categories) - 1.0
    _check_inside(arrays["X"].reshape(len(arrays["X"]), -1), low, high, inputs, strict)
    return np.stack([low, high])


def _from_data(inputs: Inputs, arrays: Mapping[str, Array]) -> tuple[Array, Array]:
    d = len(inputs.names)
    parts = [arrays[role].reshape(-1, d) for role in ("X", "X_train") if role in arrays]
    low, high = ranges(np.vstack([side for part in parts for side in ranges(part)]))
    low, high = low.astype(np.float64), high.astype(np.float64)
    if inputs.image_shape is not None:  # every pixel may take what any pixel takes
        low, high = np.full(d, low.min()), np.full(d, high.max())
    return low, high


def ranges(flat: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest number of each column; 0 of one in which all are missing."""
    low, high = np.fmin.reduce(flat, axis=0), np.fmax.reduce(flat, axis=0)
    return np.where(np.isnan(low), 0, low), np.where(np.isnan(high), 0, high)


def filled(X: Array) -> Array:
    """Return the samples with the middle of its column's range in place of each missing number."""
    gone = np.isnan(X)
    if not gone.any():
        return X
    low, high = ranges(X)
    return np.where(gone, (low + high) / 2, X)


def _read(given: Any, d: int) -> tuple[Array, Array]:
    try:
        low, high = (np.broadcast_to(np.asarray(side, dtype=np.float64).ravel(), (d,)).copy() for side in given)
    except (TypeError, ValueError):
        got = " ".join(repr(given).split())
        raise ValueError(f"bounds must be (low, high), two numbers or two arrays of length {d}, got {got}") from None
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise ValueError(f"bounds must be finite with low ≤ high, got {given!r}")
    return low, high


def _check_inside(X: Array, low: Array, high: Array, inputs: Inputs, strict: Array) -> None:
    slack = 1e-6 * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    outside = (np.maximum(low - X, X - high) > slack) & strict
    if outside.any():
        row, column = (int(i) for i in np.argwhere(outside)[0])
        kind = inputs.constraints[column].kind
        raise ValueError(
            f"X must lie within {'the codes of its category' if kind == 'category' else 'bounds'}: column "
            f"{inputs.names[column]!r} must lie in [{low[column]:g}, {high[column]:g}], got {X[row, column]:g}"
        )
