"""Missing numbers: cells of the samples that hold none (NaN), and reach the model as they are."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from xrai_widgets.core.subject import Array, Subject

Missing = Literal["refused", "own value", "kept"]
_NAMED = 5


def holes(samples: Array) -> Array:
    """Return the mask of the cells that hold no number, in the shape of the samples."""
    mask: Array = np.isnan(samples)
    return mask


def one_nan(array: Array) -> Array:
    """Return the array with one bit pattern for NaN, of which there are many; the array itself if it has none."""
    if array.dtype.kind != "f" or not (gone := np.isnan(array)).any():
        return array
    made = array.copy()
    made[gone] = np.nan
    return made


def incomplete(subject: Subject, parts: Iterable[str] = ("X", "X_train", "X_new")) -> dict[str, tuple[str, ...]]:
    """Return for each part of the data with missing numbers the names of the columns that have some."""
    lacking = {}
    for part in parts:
        if part not in ("X", "X_train", "X_new") or (samples := getattr(subject, part)) is None:
            continue
        columns = np.flatnonzero(holes(samples.reshape(len(samples), prod(samples.shape[1:]))).any(axis=0))
        if len(columns):
            names = subject.feature_names or [f"x{column}" for column in range(samples[0].size)]
            lacking[part] = tuple(names[column] for column in columns)
    return lacking


def refusal(subject: Subject, parts: Iterable[str]) -> tuple[str, str] | None:
    """Return why an engine that needs numbers everywhere does not apply, and the way out; None if it does."""
    gaps = incomplete(subject, parts)
    if not gaps:
        return None
    part, names = next(iter(gaps.items()))
    listed = ", ".join(names[:_NAMED]) + (f", … ({len(names)} in all)" if len(names) > _NAMED else "")
    return (
        f"{part} holds missing numbers (in {listed}), and this assessment needs a number in every cell",
        "a table that is imputed first: Subject.of(the steps after the imputer, imputer.transform(X), y), or for an "
        "assessment of your own @assessment(missing='kept')",
    )
