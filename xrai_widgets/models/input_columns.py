"""Which column of X each input of a pipeline's last step comes from, and how."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array
from xrai_widgets.models.inputs import Inputs

_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "SimpleImputer", "VarianceThreshold")
_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")


@dataclass(frozen=True, eq=False)
class Sources:
    """The inputs of the last step as functions of one column of X each.

    Parameters
    ----------
    column : int array (m,)
        Column of X; −1 for what was made of categories, or of nothing that changes.
    slope, offset : array (m,)
        The input is ``slope · column + offset``.
    """

    column: Array
    slope: Array
    offset: Array


def sources(before: list[Any], X: Array, inputs: Inputs) -> Sources | None:
    """Return where the inputs of the last step come from, or None where one is made of several columns.

    Parameters
    ----------
    before : list
        Fitted steps before the last one: scalers, encoders of categories, and transformers of columns made of those.
    """
    if not all(_one_by_one(step) for step in before):
        return None
    d = int(np.prod(X.shape[1:]))
    points = np.vstack([np.zeros((1, d)), np.eye(d)]).reshape(d + 1, *X.shape[1:])
    numbers = np.array([kind.kind != "category" for kind in inputs.constraints])
    images = entering(before, points, inputs)
    slopes = images[1:] - images[0]
    moved = (slopes != 0) & numbers[:, None]
    if (moved.sum(axis=0) > 1).any() or ((slopes[~numbers] != 0).any(axis=0) & moved.any(axis=0)).any():
        return None
    column = np.where(moved.any(axis=0), moved.argmax(axis=0), -1)
    return Sources(column, slopes[np.maximum(column, 0), np.arange(len(column))], images[0])


@dataclass(frozen=True, eq=False)
class Drivers(Sources):
    """The same, and what each category makes of the inputs.

    Parameters
    ----------
    words : bool array (m,)
        The column is one of categories.
    values : list of array
        For each input that a category drives: what it is at each of its codes; else empty.
    """

    words: Array
    values: list[Array]


def drivers(before: list[Any], X: Array, inputs: Inputs) -> Drivers | None:
    """Return where the inputs of the last step come from, categories included; None as `sources`."""
    plain = sources(before, X, inputs)
    if plain is None:
        return None
    column, words = plain.column.copy(), np.zeros(len(plain.column), dtype=bool)
    values: list[Array] = [np.zeros(0) for _ in column]
    for place, kind in enumerate(inputs.constraints):
        if kind.kind != "category":
            continue
        points = np.zeros((len(kind.categories), len(inputs.constraints)))
        points[:, place] = np.arange(len(points))
        images = entering(before, points, inputs)
        moved = (images != images[:1]).any(axis=0)
        if (column[moved] >= 0).any():  # made of two columns
            return None
        column[moved], words[moved] = place, True
        for entry in np.flatnonzero(moved):
            values[entry] = images[:, entry]
    return Drivers(column, plain.slope, plain.offset, words, values)


def passed_on(before: list[Any], points: Array, inputs: Inputs) -> Any:
    """Return samples as they enter the last step, as it gets them."""
    images: Any = inputs.to_user(points)
    for step in before:
        images = images if step in ("passthrough", None) else step.transform(images)
    return images


def entering(before: list[Any], points: Array, inputs: Inputs) -> Array:
    """Return samples as they enter the last step, as numbers (n, m)."""
    images = passed_on(before, points, inputs)
    if hasattr(images, "columns") or getattr(getattr(images, "dtype", None), "kind", "") == "O":
        images = _numbers(pd.DataFrame(images).infer_objects())
    images = np.asarray(images.toarray() if hasattr(images, "toarray") else images, dtype=np.float64)
    return images.reshape(len(points), -1)


def _numbers(frame: Any) -> Any:
    """Return a DataFrame whose categories are replaced by zeros: nothing is read of them."""
    return frame.apply(lambda cells: cells if cells.dtype.kind in "iufb" else 0.0 * np.arange(len(cells)))


def _one_by_one(step: Any) -> bool:
    """Whether a step changes each column alone, numbers by a straight line."""
    name = type(step).__name__
    if step in ("passthrough", None):
        return True
    if name == "ColumnTransformer":
        return all(inner == "drop" or _one_by_one(inner) for _, inner, _ in step.transformers_)
    if name == "Pipeline":
        return all(_one_by_one(inner) for _, inner in step.steps)
    if name == "FunctionTransformer":
        return step.func is None
    return name in _ENCODERS or (name in _SCALERS and not getattr(step, "clip", False))
