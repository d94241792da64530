"""Columns of numbers as categories: samples hold the codes 0, 1, …, and the model gets the numbers they stand for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Constraint, Subject
from xrai_widgets.core.refit import accepted
from xrai_widgets.core.subject import Array, Predict

_BATCH = "X_new"
_SAMPLES = ("X", "X_train", _BATCH)
_OUTPUT_FIELDS = ("predict", "logits", "embed", "decide")
_BLIND = ("gradient", "logit_gradient", "regions", "linear", "thresholds", "trees", "layers")  # what a category has not
EMPTY = "missing"  # what the category of missing numbers is called
_MOST = 200  # different numbers that a column may hold to be called a category without naming them
_FEW = 5


@dataclass(frozen=True, eq=False)
class Codebook:
    """For some columns the numbers that stand for the codes 0, 1, …: rising, then those that only X_new holds."""

    columns: tuple[int, ...]
    values: tuple[Array, ...]

    def numbers(self, X: Array) -> Array:
        """Return a copy in which codes are the numbers that they stand for."""
        made = np.array(X, dtype=np.float64)
        for column, values in zip(self.columns, self.values, strict=True):
            made[:, column] = values[np.clip(np.rint(made[:, column]), 0, len(values) - 1).astype(np.intp)]
        return made

    def codes(self, X: Array) -> Array:
        """Return a copy in which the numbers are codes."""
        made = np.array(X, dtype=np.float64)
        for column, values in zip(self.columns, self.values, strict=True):
            order = np.argsort(values, kind="stable")  # missing ones stand last, for both
            made[:, column] = order[np.searchsorted(values[order], made[:, column])]
        return made


@dataclass(frozen=True, eq=False)
class Coded:
    """A function of numbers as one of codes."""

    call: Callable[..., Any]
    book: Codebook

    def __call__(self, X: Array, *others: Any) -> Any:
        """Return what the function says for the numbers."""
        return self.call(self.book.numbers(X), *others)


@dataclass(frozen=True, eq=False)
class CodedFit:
    """Training on numbers as training on codes."""

    fit: Callable[..., Predict]
    book: Codebook

    def __call__(self, X: Array, y: Array, **words: Any) -> Predict:
        """Return the predict function of the model trained anew."""
        return Coded(self.fit(self.book.numbers(X), y, **accepted(self.fit, words)), self.book)


@dataclass(frozen=True, eq=False)
class Named:
    """Numbers as a DataFrame of columns by name."""

    names: tuple[str, ...]

    def __call__(self, X: Array) -> pd.DataFrame:
        """Return (n, d) as a DataFrame."""
        return pd.DataFrame(np.array(X, dtype=np.float64), columns=list(self.names))


def values_of(
    name: str, parts: Mapping[str, Array], codes: Sequence[Any] | None, model_codes: Array | None = None
) -> Array:
    """Return the numbers that a column of codes may hold: those that were declared, else those that there are.

    A missing number is a category of its own, the last one, where one is missing.

    Parameters
    ----------
    name : str
    parts : mapping of role to (n,)
        The column in each part of the data; what only a batch to be judged holds is no category.
    codes : sequence, optional
        The codes, as the user declares them.
    model_codes : array, optional
        Codes that the model knows beside those in the data.

    Raises
    ------
    ValueError
        for data that hold other numbers than those declared, or too many different ones to be codes.
    """
    parts = {role: part for role, part in parts.items() if role != _BATCH}
    there = np.unique(np.concatenate(list(parts.values())))
    if codes is None:
        if model_codes is not None:
            return np.union1d(there, model_codes)
        odd = there[(there != np.rint(there)) & ~np.isnan(there)]
        if len(odd) or len(there) > _MOST:
            got = f"{odd[0]:g}" if len(odd) else f"{len(there)} different ones"
            raise ValueError(f"{name!r} can only be a category if it holds at most {_MOST} whole numbers, got {got}")
        return there
    declared = np.asarray(codes, dtype=np.float64)
    if not np.isfinite(declared).all() or len(np.unique(declared)) < max(len(declared), 2):
        raise ValueError(f"categories of {name!r} must be at least two numbers that differ, got {list(codes)[:8]}")
    for role, part in parts.items():
        strange = np.setdiff1d(part[~np.isnan(part)], declared)
        if len(strange):
            few = ", ".join(f"{value:g}" for value in declared[:8]) + (", …" if len(declared) > 8 else "")
            raise ValueError(
                f"{name!r} must hold the categories {few}, got {', '.join(f'{v:g}' for v in strange[:_FEW])} in {role}"
            )
    return np.unique(np.r_[declared, there[np.isnan(there)]])


def are_numbers(categories: Any) -> bool:
    """Whether categories are given as numbers: the values themselves, and not words for 0, 1, …"""
    if isinstance(categories, str) or not isinstance(categories, list | tuple | np.ndarray):
        return False
    plain = [c.item() if isinstance(c, np.generic) else c for c in categories]
    return bool(plain) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in plain)


def are_other_numbers(words: Sequence[str]) -> bool:
    """Whether the words of a category are numbers, and not 0, 1, … in their order."""
    try:
        numbers = [np.nan if word == EMPTY else float(word) for word in words]
    except ValueError:
        return False
    return numbers != list(range(len(numbers)))


def recoded(given: Mapping[str, Any], columns: Mapping[int, Array]) -> dict[str, Any]:
    """Return the fields of a subject in which columns of numbers are categories.

    Parameters
    ----------
    given : mapping
        Fields of a subject, by name.
    columns : mapping of column to rising array of numbers
        Every number that it may hold.
    """
    complete = {column: np.r_[values, _unseen(given, column, values)] for column, values in columns.items()}
    other = {column: values for column, values in complete.items() if not _are_codes(values)}
    book = Codebook(tuple(other), tuple(other.values()))
    made = dict(given) | {name: None for name in _BLIND if name in given}
    if other:
        _turn(made, book)
    constraints = list(made["constraints"])
    for column, values in columns.items():
        words = tuple(_word(value) for value in values.tolist())
        constraints[column] = replace(constraints[column], kind="category", categories=words)
    made["constraints"] = tuple(constraints)
    if made.get("bounds") is not None:
        bounds = made["bounds"].copy()
        for column, values in columns.items():
            bounds[:, column] = 0.0, len(values) - 1.0
        bounds.setflags(write=False)
        made["bounds"] = bounds
    return made


def _unseen(given: Mapping[str, Any], column: int, values: Array) -> Array:
    """Return the numbers that only the batch to be judged holds, rising: their codes stand after the last one."""
    batch = given.get(_BATCH)
    there: Array = np.unique([] if batch is None else batch[:, column])
    return there[~np.isin(there, values) & ~(np.isnan(there) & np.isnan(values).any())]


def _word(value: float) -> str:
    if np.isnan(value):
        return EMPTY
    return f"{int(value)}" if value == np.rint(value) else f"{value:g}"


def _are_codes(values: Array) -> bool:
    """Whether the numbers are 0, 1, … themselves."""
    return np.array_equal(values, np.arange(len(values)))


def _turn(made: dict[str, Any], book: Codebook) -> None:
    """Turn samples into codes, and what takes numbers into what takes codes."""
    for role in _SAMPLES:
        if made.get(role) is not None:
            made[role] = book.codes(made[role])
            made[role].setflags(write=False)
    for name in _OUTPUT_FIELDS:
        if made.get(name) is not None:
            made[name] = Coded(made[name], book)
    if (before := made.get("undefended")) is not None:
        made["undefended"] = before.from_outside().asked_by(lambda _, call: Coded(call, book))
    if made.get("fit") is not None:
        made["fit"] = CodedFit(made["fit"], book)
    made["decode"] = Coded(made.get("decode") or Named(tuple(made["feature_names"])), book)


def recoded_subject(subject: Subject, columns: Mapping[int, Array]) -> Subject:
    """Return a copy of a subject in which columns of numbers are categories."""
    given = {field.name: getattr(subject, field.name) for field in fields(subject)}
    return replace(subject, **recoded(given, columns))


def declared(
    names: Sequence[str], constraints: Sequence[Constraint], wanted: Any
) -> tuple[dict[int, Sequence[Any] | None], dict[str, Any]]:
    """Return the columns that are declared to be codes, and what else was declared about the columns.

    Codes are declared by ``categories`` that are numbers, or by ``kind="category"`` for a column of numbers without
    words for 0, 1, …
    """
    if not isinstance(wanted, Mapping):
        return {}, wanted
    place = {name: column for column, name in enumerate(names)}
    codes: dict[int, Sequence[Any] | None] = {}
    rest: dict[str, Any] = {}
    for name, given in wanted.items():
        column = place.get(name)
        table = given if isinstance(given, Mapping) else None
        kind = table.get("kind") if table is not None else getattr(given, "kind", None)
        categories = table.get("categories", ()) if table is not None else getattr(given, "categories", ())
        numbers = are_numbers(categories) and kind in (None, "category")
        bare = kind == "category" and len(categories) == 0 if hasattr(categories, "__len__") else False
        if column is None or constraints[column].kind == "category" or not (numbers or bare):
            rest[name] = given
            continue
        codes[column] = list(categories) if numbers else None
        if table is not None:
            rest[name] = {key: value for key, value in table.items() if key not in ("kind", "categories")}
        else:
            rest[name] = {"immutable": given.immutable, "monotone": given.monotone, "group": given.group}
    return codes, rest
