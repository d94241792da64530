"""A subject whose columns are constrained otherwise: what an attack or explanation may change about a sample."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from xrai_widgets.core import Subject
from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.origin import ConstrainedBy
from xrai_widgets.core.subject import Array
from xrai_widgets.models.constraints import PIXELS, changed, expectations_of, problems, read_range, unknown_column
from xrai_widgets.models.recode import are_other_numbers, declared, recoded_subject, values_of

Tables = Mapping[str, Mapping[str, Any]]
_NAMED = 2  # columns that the name of the new subject mentions


def constrained(subject: Subject, columns: Tables) -> Subject:
    """Return a copy of a subject whose columns may be changed within other limits, or with other expectations.

    Parameters
    ----------
    subject : Subject
    columns : mapping of column name to mapping
        What is to be otherwise: ``kind`` ("continuous", "integer", "category"), ``immutable`` (bool), ``monotone`` (-1
        may only fall, 0 free, 1 may only rise), ``group`` (name of its one-hot group), ``range`` (lowest, highest; a
        value that lies outside may stay or come nearer), ``categories``, the numbers that a column of codes may hold,
        as ``[10, 20, 70, 99]``, or words for 0, 1, …, and ``fillable`` (bool: a missing number may become any of the
        range, which counts as a change by the whole range). For images ``{"pixels": {"range": (low, high)}}``.
        ``expected`` is no limit: what `robustness.expectations` tries, "rising" (more must not lower the score),
        "falling", "invariant" (the column must not matter) or "" (nothing).

    Returns
    -------
    Subject
        The subject itself if nothing is otherwise. A column that becomes a category has no derivative: then the copy
        has no gradients.

    Raises
    ------
    ValueError, TypeError
        for an unknown column or field, and for what the data do not fulfil.

    Examples
    --------
    >>> xw.constrained(subject, {"age": {"immutable": True}, "income": {"monotone": 1, "range": (0, 90_000)}})
    """
    made, wrong = try_constraints(subject, columns)
    for problem in wrong.values():
        raise ValueError(problem)
    return made


def try_constraints(subject: Subject, columns: Tables) -> tuple[Subject, dict[str, str]]:
    """Return the copy, and for each column what is wrong about it; if anything is, the subject itself."""
    if not isinstance(columns, Mapping) or not all(isinstance(table, Mapping) for table in columns.values()):
        raise TypeError(
            f"the constraints must map column names to mappings such as {{'immutable': True}}, got {columns!r}"
        )
    if not columns:
        return subject, {}
    if subject.bounds is None:
        raise ValueError(f"{subject.name} cannot be asked about changed samples: it is a table of outputs")
    if subject.image_shape is not None:
        try:
            return _pixels(subject, subject.bounds, columns), {}
        except ValueError as error:
            return subject, {PIXELS: str(error)}
    wrong = dict[str, str]()
    before, wanted = subject, columns
    subject, columns = _recoded(subject, columns, wrong)
    assert subject.bounds is not None
    constraints, bounds = list(subject.constraints), subject.bounds.copy()
    place = {name: column for column, name in enumerate(subject.feature_names)}
    parts = {role: part for role in ("X", "X_train") if (part := getattr(subject, role)) is not None}
    for name, table in columns.items():
        if name not in place:
            raise unknown_column(name, subject.feature_names)
        try:
            column = place[name]
            constraints[column] = _one(subject, column, table)
            bounds[:, column] = _range(subject, column, constraints[column], table)
        except ValueError as error:
            wrong[name] = str(error)
    looked = [place[name] for name in columns if name not in wrong]
    wrong = problems(subject.feature_names, constraints, parts, looked) | wrong
    expected = expectations_of(subject.feature_names, columns, subject.expected)
    same = tuple(constraints) == subject.constraints and np.array_equal(bounds, subject.bounds)
    same = same and expected == subject.expected
    if wrong or (same and subject is before):
        return before, wrong
    return _copy(replace(subject, expected=expected), wanted, tuple(constraints), bounds), {}


def _recoded(subject: Subject, columns: Tables, wrong: dict[str, str]) -> tuple[Subject, Tables]:
    """Return a copy in which columns that are declared to be codes are categories, and what else was declared."""
    codes, rest = declared(subject.feature_names, subject.constraints, columns)
    roles = ("X", "X_train", "X_new")
    chosen: dict[int, Array] = {}
    for column, declared_codes in codes.items():
        parts = {role: part[:, column] for role in roles if (part := getattr(subject, role)) is not None}
        try:
            chosen[column] = values_of(subject.feature_names[column], parts, declared_codes)
        except ValueError as error:
            wrong[subject.feature_names[column]] = str(error)
    return (recoded_subject(subject, chosen) if chosen else subject), rest


def _one(subject: Subject, column: int, table: Mapping[str, Any]) -> Constraint:
    name, old = subject.feature_names[column], subject.constraints[column]
    made = changed(name, old, table)
    if old.kind == made.kind == "category" and made.categories != old.categories:
        listed = ", ".join(old.categories[:8]) + (", …" if len(old.categories) > 8 else "")
        raise ValueError(f"categories of {name!r} are {listed}, by the data and the model, got {table['categories']!r}")
    if made.kind != old.kind and made.kind not in (allowed := kinds(subject)[column]):
        why = "is a column of whole numbers" if "integer" in allowed else "holds words"
        why = "holds codes" if subject.feature_names[column] in _codes(subject) else why
        raise ValueError(f"kind of {name!r}, which {why}, must be {' or '.join(allowed)}, got {made.kind!r}")
    return made


def kinds(subject: Subject) -> list[tuple[str, ...]]:
    """Return the kinds that each column may have: a column of a DataFrame keeps its type."""
    held = ["f"] * len(subject.feature_names)
    if subject.decode is not None:
        held = [str(dtype.kind) for dtype in subject.decode(subject.X[:1]).dtypes]
    codes = _codes(subject)
    return [
        ("category",) if name in codes else _KINDS.get(letter, ("category",))
        for name, letter in zip(subject.feature_names, held, strict=True)
    ]


def _codes(subject: Subject) -> set[str]:
    """Return the columns whose codes stand for other numbers: they cannot be amounts again."""
    return {
        name
        for name, kind in zip(subject.feature_names, subject.constraints, strict=True)
        if kind.kind == "category" and are_other_numbers(kind.categories)
    }


_KINDS: dict[str, tuple[str, ...]] = {
    "f": ("continuous", "integer", "category"),
    **dict.fromkeys("iub", ("integer", "category")),
}


def _range(subject: Subject, column: int, constraint: Constraint, table: Mapping[str, Any]) -> tuple[float, float]:
    assert subject.bounds is not None
    name = subject.feature_names[column]
    if "range" not in table:
        if constraint.kind == "category":
            return 0.0, len(constraint.categories) - 1.0
        low, high = subject.bounds[:, column]
        return float(low), float(high)
    return read_range(name, constraint, table["range"])


def _pixels(subject: Subject, bounds: Array, columns: Tables) -> Subject:
    for name, table in columns.items():
        if name != PIXELS or set(table) - {"range"}:
            raise ValueError(
                f"the constraints of images must say {{'{PIXELS}': {{'range': (low, high)}}}}, got {dict(columns)!r}"
            )
    if "range" not in columns.get(PIXELS, {}):
        return subject
    made = np.empty_like(bounds)
    made[0], made[1] = read_range(PIXELS, Constraint(), columns[PIXELS]["range"])
    return subject if np.array_equal(made, bounds) else _copy(subject, columns, subject.constraints, made)


def _copy(subject: Subject, columns: Tables, constraints: tuple[Constraint, ...], bounds: Array) -> Subject:
    bounds.setflags(write=False)
    named = ", ".join(columns) if len(columns) <= _NAMED else f"{len(columns)} columns"
    kinds = [(old.kind, new.kind) for old, new in zip(subject.constraints, constraints, strict=True)]
    codes = any(old != new == "category" for old, new in kinds)
    # what was read of the model holds for whole numbers only
    whole = any(old == "integer" and new == "continuous" for old, new in kinds)
    before = subject.undefended
    return replace(
        subject,
        name=f"{subject.name} · constraints: {named}",
        constraints=constraints,
        bounds=bounds,
        gradient=None if codes else subject.gradient,
        logit_gradient=None if codes else subject.logit_gradient,
        regions=None if codes or whole else subject.regions,
        linear=None if codes or whole else subject.linear,
        thresholds=None if codes or whole else subject.thresholds,
        trees=None if codes or whole else subject.trees,
        layers=None if codes else subject.layers,
        undefended=before.from_outside() if before is not None and (codes or whole) else before,
        origin=subject.origin.then(ConstrainedBy(columns)),
    )
