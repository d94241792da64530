"""DataFrames with categories as float64 arrays, and back."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.missing import one_nan
from xrai_widgets.core.subject import Array
from xrai_widgets.models.number_types import beyond, widened

_LARGEST = 2**53  # float64 holds every integer up to here
_LABELS = (str, int, float, bool, np.generic)


@dataclass(frozen=True, eq=False)
class Column:
    """One original column: how its cells become numbers and how numbers become cells.

    ``dtype`` is what `decode` makes. An object column that holds nothing but numbers is treated as numbers
    (``numbers``, their type) and turned back into objects. ``whole``: only because some are missing,
    whole numbers came as fractions. ``carried``: points in time, decimals, intervals and the like, of which no one
    knows what else they could be: categories that stay as they are. ``unseen`` is what X_new alone holds: words with
    the codes after the last category, or numbers that the type does not hold.
    """

    name: Any
    dtype: Any
    kind: Literal["continuous", "integer", "category"]
    categories: tuple[Any, ...] = ()
    numbers: Any = None
    whole: bool = False
    carried: bool = False
    unseen: tuple[Any, ...] = ()

    def encode(self, series: pd.Series, role: str) -> Array:
        """Return float64 numbers, NaN where one is missing; ordinal codes for categories."""
        if self.kind == "category":
            place = {label: code for code, label in enumerate((*self.categories, *self.unseen))}
            return np.array([place[cell] for cell in cells_of(series, self.dtype)], dtype=np.float64)
        values: Array = series.to_numpy(dtype=np.float64, na_value=np.nan)
        values = one_nan(values)
        bad = np.isinf(values)
        if bad.any():
            where = series.index[bad][:3].tolist()
            raise ValueError(
                f"column {self.name!r} of {role} must hold finite numbers or missing ones, got {int(bad.sum())} "
                f"infinite (rows {where}{', …' if bad.sum() > 3 else ''}): replace them or drop those rows"
            )
        if self.kind == "integer" and (np.abs(values) > _LARGEST).any():
            got = int(values[np.nanargmax(np.abs(values))])
            raise ValueError(
                f"column {self.name!r} of {role} must hold integers between -2**53 and 2**53, which float64 tells "
                f"apart, got about {got}: if it numbers the rows, drop it, else scale it"
            )
        return values

    def decode(self, values: Array) -> Any:
        """Return the cells in the original type: a Series, or an array of pandas or NumPy that makes the same one."""
        if self.kind == "category":
            codes = np.nan_to_num(np.rint(values), nan=len(self.categories) - 1)  # as any code that is none
            codes = np.clip(codes, 0, len(self.categories) + len(self.unseen) - 1).astype(np.intp)
            cells = (self._wide if (codes >= len(self.categories)).any() else self._labels).take(codes)
            return pd.Series(cells, dtype=self.dtype) if self.dtype == object else cells  # else taken for text
        numbers = np.rint(values) if self.kind == "integer" else values
        if self.dtype == self.numbers == np.float64:
            return numbers
        if self.dtype == self.numbers == np.int64 and not self.unseen and np.isfinite(numbers).all():
            return numbers.astype(np.int64)
        gone = np.isnan(values)
        if self.unseen or gone.any():
            odd = np.isin(values, self.unseen) | (gone & beyond(values, self.numbers))
            if odd.any():
                return widened(np.where(odd, values, numbers), self.numbers, self.dtype == object)
        return pd.Series(numbers, dtype=np.float64).astype(self.numbers).astype(self.dtype)

    @cached_property
    def _labels(self) -> Any:
        """The categories in the original type: to take from them is faster than to make words anew each time."""
        labels = np.empty(len(self.categories), dtype=object)
        labels[:] = self.categories
        return pd.Series(labels, dtype=self.dtype).array

    @cached_property
    def _wide(self) -> Any:
        """The same with what only X_new holds; a type that lists its categories gets them after the others."""
        labels = np.empty(len(self.categories) + len(self.unseen), dtype=object)
        labels[:] = (*self.categories, *self.unseen)
        dtype = self.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            more = [label for label in self.unseen if not is_missing(label)]
            dtype = pd.CategoricalDtype([*dtype.categories, *more], ordered=dtype.ordered)
        return pd.Series(labels, dtype=dtype).array

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, eq=False)
class FrameCodec:
    """DataFrame ⇄ float64 (n, d), one column per original column."""

    columns: tuple[Column, ...]

    @classmethod
    def learn(cls, frames: Mapping[str, pd.DataFrame]) -> "FrameCodec":
        """Read types and categories off all given frames; the first one has the reference columns."""
        role, first = next(iter(frames.items()))
        if any(pd.api.types.is_scalar(name) and pd.isna(name) for name in first.columns):
            raise ValueError(f"the columns of {role} must have names, got {few(list(first.columns))}")
        names = pd.Index([str(name) for name in first.columns])
        if names.has_duplicates:
            doubled = names[names.duplicated()][0]
            raise ValueError(f"the columns of {role} must have different names, got {doubled!r} more than once")
        for other, frame in frames.items():
            same_columns(frame, list(first.columns), other, f"as in {role}")
        return cls(tuple(_learn(name, {key: frame[name] for key, frame in frames.items()}) for name in first.columns))

    @property
    def names(self) -> tuple[Any, ...]:
        """Original column names."""
        return tuple(column.name for column in self.columns)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Kind and categories of each column."""
        return tuple(
            Constraint("integer" if c.whole else c.kind, tuple(map(str, c.categories)), immutable=c.carried)
            for c in self.columns
        )

    def renamed(self, names: Sequence[Any]) -> "FrameCodec":
        """Return the same columns under other names."""
        return FrameCodec(tuple(replace(column, name=name) for column, name in zip(self.columns, names, strict=True)))

    def encode(self, frame: pd.DataFrame, role: str) -> Array:
        """Return float64 (n, d)."""
        return np.column_stack([column.encode(frame[column.name], role) for column in self.columns])

    def decode(self, X: Array) -> pd.DataFrame:
        """Return a DataFrame with the original columns and types."""
        if all(column.kind == "continuous" and column.dtype == np.float64 for column in self.columns):
            return pd.DataFrame(np.array(X, dtype=np.float64, order="F"), columns=self._index.view())
        frame = pd.DataFrame(dict(enumerate(c.decode(X[:, place]) for place, c in enumerate(self.columns))))
        frame.columns = self._index.view()
        return frame

    @cached_property
    def _index(self) -> "pd.Index[Any]":
        return pd.DataFrame(columns=list(self.names)).columns

    def __getstate__(self) -> dict[str, Any]:
        return {"columns": self.columns}


def same_columns(frame: pd.DataFrame, expected: list[Any], role: str, why: str) -> None:
    """Raise a message that names missing, unexpected and repeated columns."""
    missing = [name for name in expected if name not in frame.columns]
    if missing:
        raise ValueError(f"{role} must have the column(s) {few(missing)} ({why}), got {few(list(frame.columns))}")
    extra = [name for name in frame.columns if name not in expected]
    if extra:
        raise ValueError(f"{role} must have only the columns {few(expected)} ({why}), got also {few(extra)}: drop them")
    if frame.columns.has_duplicates:
        doubled = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"the columns of {role} must have different names, got {doubled!r} more than once")


def _learn(name: Any, given: Mapping[str, pd.Series]) -> Column:
    parts = {role: as_numbers(part) for role, part in given.items()}
    carried = [_is_carried(name, role, part) for role, part in parts.items()]
    if any(part.dtype.kind not in "iufb" for part in parts.values()):
        parts = dict(given)
    words = {role: part for role, part in parts.items() if part.dtype.kind not in "iufb"}
    if words and _belong_together(parts, words):
        return replace(_learn_category(name, given), carried=any(carried))
    if words:
        kinds = ", ".join(f"{part.dtype} such as {telling_cell(part)!r} in {role}" for role, part in parts.items())
        raise TypeError(f"column {name!r} must hold either numbers or text in all samples, got {kinds}")
    dtypes = [part.dtype for part in parts.values()]
    numbers = dtypes[0] if all(dtype == dtypes[0] for dtype in dtypes) else np.result_type(*map(_as_numpy, dtypes))
    boxed = next(iter(given.values())).dtype == object
    whole = numbers.kind == "f" and _whole_but_for_holes(parts.values())
    kind: Literal["continuous", "integer"] = "continuous" if numbers.kind == "f" else "integer"
    return Column(name, object if boxed else numbers, kind, numbers=numbers, whole=whole)


def _whole_but_for_holes(parts: Iterable[pd.Series]) -> bool:
    """Whether numbers are missing and all others are whole."""
    values = np.concatenate([part.to_numpy(dtype=np.float64, na_value=np.nan) for part in parts])
    gone = np.isnan(values)
    there = values[~gone]
    return bool(gone.any() and len(there) and (np.abs(there) <= _LARGEST).all() and (there == np.rint(there)).all())


def _learn_category(name: Any, parts: Mapping[str, pd.Series]) -> Column:
    first = next(iter(parts.values())).dtype
    labels = dict.fromkeys(label for part in parts.values() for label in _labels(part))
    if isinstance(first, pd.CategoricalDtype):
        same = list(labels) == list(first.categories)
        dtype: Any = first if same else pd.CategoricalDtype(list(labels), ordered=first.ordered)
    else:
        kept = _is_of_times(first) or all(isinstance(label, str) for label in labels)
        dtype = first if kept else np.dtype(object)
        labels = dict.fromkeys(sorted(labels, key=place_of))
    empty = dict.fromkeys(cell for part in parts.values() for cell in cells_of(part[part.isna()], dtype))
    return Column(name, dtype, "category", (*labels, *empty))


def _is_carried(name: Any, role: str, part: pd.Series) -> bool:
    """Whether the cells are neither numbers nor labels; refuse those that cannot be distinguished."""
    if part.dtype.kind in "iufb" or isinstance(part.dtype, pd.CategoricalDtype):
        return False
    if _is_of_times(part.dtype):
        return True
    wrong = next((label for label in _labels(part) if not isinstance(label, _LABELS)), None)
    if wrong is None and part.dtype.kind != "c":
        return False
    if part.dtype.kind == "c" or not isinstance(wrong, Hashable) or type(wrong).__hash__ is object.__hash__:
        got = (
            str(part.dtype) if wrong is None or part.dtype.kind == "c" else f"{type(wrong).__name__} such as {wrong!r}"
        )
        raise TypeError(f"column {name!r} of {role} must hold numbers or text, got {got}: convert or drop it")
    return True


def _is_of_times(dtype: Any) -> bool:
    return dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype)


def place_of(label: Any) -> tuple[str, Any]:
    """Order labels by type, then by themselves, or as text where they have no order."""
    try:
        label < label  # noqa: B015 - whether it can be asked
    except TypeError:
        return str(type(label)), str(label)
    return str(type(label)), label


def _belong_together(parts: Mapping[str, pd.Series], words: Mapping[str, pd.Series]) -> bool:
    """Whether columns of words and columns of numbers can be one: all words, or truth values with empty cells."""
    truths = (bool, np.bool_)
    return len(words) == len(parts) or (
        all(isinstance(label, truths) for part in words.values() for label in _labels(part))
        and all(part.dtype.kind == "b" for role, part in parts.items() if role not in words)
    )


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    return cell is None or bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def telling_cell(part: pd.Series) -> Any:
    """Return a cell that shows why the column is of its type: in an object column one that is no number."""
    cells = part.tolist()
    return next((cell for cell in cells if not isinstance(cell, int | float)), cells[0])


def as_numbers(part: pd.Series) -> pd.Series:
    """Return an object column that holds nothing but numbers, or times, in their type."""
    if part.dtype != object or part.isna().any():
        return part
    inferred = part.infer_objects()
    return inferred if inferred.dtype.kind in "iufbcmM" else part


def _as_numpy(dtype: Any) -> Any:
    """Return the NumPy type of a pandas type of numbers."""
    return dtype if isinstance(dtype, np.dtype) else getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))


def _labels(part: pd.Series) -> Iterable[Any]:
    if isinstance(part.dtype, pd.CategoricalDtype):
        return list(part.dtype.categories)
    filled = part.dropna()
    return list(filled) if part.dtype == object else filled.unique().tolist()


def cells_of(series: pd.Series, dtype: Any) -> list[Any]:
    """Return the cells; an empty one is None, in an object column the user's own None, NaN or NA."""
    cells = series.astype(object)
    if not pd.api.types.is_object_dtype(dtype):
        return [None if missing else cell for cell, missing in zip(cells, series.isna(), strict=True)]
    # NaN is not equal to itself: the one object np.nan stands for all of them
    return [
        np.nan if missing and isinstance(cell, float) else cell
        for cell, missing in zip(cells, series.isna(), strict=True)
    ]


def few(names: Sequence[Any]) -> str:
    """Return the first names, quoted, and how many there are."""
    return ", ".join(repr(str(name) if isinstance(name, str) else name) for name in names[:5]) + (
        f", … ({len(names)} in all)" if len(names) > 5 else ""
    )
