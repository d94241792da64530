"""A batch to be judged: it teaches nothing, and what only it holds reaches the model as it is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array
from xrai_widgets.models.asking import ask
from xrai_widgets.models.frame import (
    Column,
    FrameCodec,
    as_numbers,
    cells_of,
    is_missing,
    place_of,
    same_columns,
    telling_cell,
)
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.number_types import Wider, as_frame, beyond, common_type, text_type

ROLE = "X_new"
_LOOK = 256  # samples of the batch that are asked
_TRUTHS = (bool, np.bool_)
_NUMBERS = (int, float, np.number)


def taught(samples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the samples by which columns, kinds and categories are learned: all but the batch to be judged."""
    return {role: part for role, part in samples.items() if role != ROLE}


def with_batch(inputs: Inputs, samples: Mapping[str, Any]) -> Inputs:
    """Return what was learned from the other samples with what only the batch holds.

    Words that were not seen get codes after the last one and are no categories: nothing is changed into them. Numbers
    that the type of a column does not hold, such as missing or fractional ones among integers, come back as they were.

    Raises
    ------
    ValueError, TypeError
        for other columns, or a column of another kind.
    """
    if ROLE not in samples:
        return inputs
    batch, first = samples[ROLE], samples["X"]
    if isinstance(batch, pd.DataFrame) != isinstance(first, pd.DataFrame):
        kind = "a DataFrame" if isinstance(first, pd.DataFrame) else "an array"
        raise TypeError(f"{ROLE} must be {kind}, as X is, got {type(batch).__name__}")
    if inputs.codec is None:
        return _of_arrays(inputs, samples)
    frame = batch if isinstance(batch, pd.DataFrame) else as_frame(batch, ROLE, inputs.codec.names)
    if not len(frame):
        raise ValueError(f"{ROLE} must hold at least one row, got none: leave it out where there are no new samples")
    same_columns(frame, list(inputs.codec.names), ROLE, "as in X")
    columns = tuple(_extended(column, frame[column.name]) for column in inputs.codec.columns)
    dtype = None if inputs.dtype is None else np.result_type(inputs.dtype, text_type([first, batch]))
    return replace(inputs, codec=FrameCodec(columns), dtype=dtype)


def _of_arrays(inputs: Inputs, samples: Mapping[str, Any]) -> Inputs:
    if inputs.dtype is None:
        return inputs
    batch = inputs.encode(samples[ROLE], ROLE).astype(np.float64)
    odd = np.unique(batch[beyond(batch, inputs.dtype)])
    if not len(odd):
        return inputs
    common = common_type(samples.values())
    holds = common is not None and not beyond(odd, common).any()
    return replace(inputs, wider=Wider(odd, common if holds else np.dtype(np.float64)))


def _extended(column: Column, given: pd.Series) -> Column:
    if given.isna().all():
        return column if column.kind != "category" else _with_words(column, given)
    return _with_words(column, given) if column.kind == "category" else _with_numbers(column, given)


def _with_numbers(column: Column, given: pd.Series) -> Column:
    part = as_numbers(given)
    there = part.dropna()
    plain = part.dtype.kind in "iufb" and not isinstance(part.dtype, pd.CategoricalDtype)
    if not plain and not (part.dtype == object and all(isinstance(cell, (*_TRUTHS, *_NUMBERS)) for cell in there)):
        raise TypeError(
            f"column {column.name!r} of {ROLE} must hold numbers, as in X, got {part.dtype} such as "
            f"{telling_cell(there)!r}: convert the column, or the samples that are no numbers to missing ones"
        )
    values = column.encode(part, ROLE)
    odd = np.unique(values[beyond(values, column.numbers) & ~np.isnan(values)])
    return replace(column, unseen=tuple(odd.tolist()))


def _with_words(column: Column, given: pd.Series) -> Column:
    categories = set(column.categories)
    unseen = dict.fromkeys(cell for cell in cells_of(given, column.dtype) if cell not in categories)
    words = sorted((cell for cell in unseen if not is_missing(cell)), key=place_of)
    families = {_family(label) for label in column.categories if not is_missing(label)}
    strange = next((word for word in words if families and _family(word) not in families), None)
    made = replace(column, unseen=(*words, *(cell for cell in unseen if is_missing(cell))))
    if strange is not None or not _comes_back(made, given):
        kind = " or ".join(sorted(families)) if strange is not None else str(column.dtype)
        got = f"{type(strange).__name__} such as {strange!r}" if strange is not None else str(given.dtype)
        raise TypeError(f"column {column.name!r} of {ROLE} must hold {kind}, as in X, got {got}: convert the column")
    return made


def _family(label: Any) -> str:
    if isinstance(label, str):
        return "text"
    if isinstance(label, _TRUTHS):
        return "truth values"
    return "numbers" if isinstance(label, _NUMBERS) else type(label).__name__


def _comes_back(column: Column, given: pd.Series) -> bool:
    """Whether the type of the column holds what only the batch holds."""
    try:
        codes = column.encode(given, ROLE)
        back = cells_of(pd.Series(column.decode(codes)), column.dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    wanted: list[Array] = cells_of(given, column.dtype)
    return all(is_missing(a) == is_missing(b) and (is_missing(a) or a == b) for a, b in zip(back, wanted, strict=True))


def one_of_each(part: Array, inputs: Inputs) -> Array:
    """Return for every category of every column one sample that has it."""
    words = [column for column, constraint in enumerate(inputs.constraints) if constraint.kind == "category"]
    if inputs.codec is None or not words:
        return part[:0]
    first = [np.unique(part[:, column], return_index=True)[1] for column in words]
    return np.asarray(part[np.unique(np.concatenate(first)).astype(int)])


def check_batch(
    predict: Callable[[Array], Any], arrays: Mapping[str, Array], inputs: Inputs, bounds: tuple[Array | None, bool]
) -> None:
    """Look at the batch before anything is measured: its scale, and a word that the model does not take.

    Parameters
    ----------
    predict : callable
        The model.
    bounds : (array (2, d) or None, bool)
        Allowed range, and whether the user gave it.

    Raises
    ------
    ValueError
        for pictures on another scale than those of X, and with what the model says where it does not predict.
    """
    if ROLE not in arrays:
        return
    batch = arrays[ROLE]
    if inputs.image_shape is not None and bounds[0] is not None:
        _check_range(batch, bounds[0], bounds[1])
    gaps = batch[np.isnan(batch.reshape(len(batch), -1)).any(axis=1)][:1]
    rows = np.concatenate([batch[:_LOOK], one_of_each(batch, inputs), gaps])
    ask(lambda: np.asarray(predict(rows)), inputs, ROLE)


def _check_range(batch: Array, bounds: Array, declared: bool) -> None:
    """Refuse pixels outside of bounds; where they were not declared, what is less than their width outside may be."""
    low, high = float(bounds[0].min()), float(bounds[1].max())
    room = 1e-6 * max(1.0, abs(low), abs(high)) if declared else high - low
    least, most = float(batch.min()), float(batch.max())
    if least < low - room or most > high + room:
        raise ValueError(
            f"pixels of {ROLE} must lie in [{low:g}, {high:g}], {'the bounds' if declared else 'as X does'}, got "
            f"[{least:g}, {most:g}]: bring them to the same scale (X_new / 255, np.clip(X_new, {low:g}, {high:g}))"
        )
