"""What a user says about columns by name, read field by field and checked against the data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import closest
from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.subject import Array

FIELDS = ("kind", "immutable", "monotone", "group", "range", "categories", "fillable", "expected")
_NO_LIMIT = ("range", "categories", "expected")  # fields that no Constraint has
PIXELS = "pixels"  # all columns of an image
_ROLES = {"X": "the held-out samples", "X_train": "the training samples"}


def unknown_column(name: object, names: Sequence[str], what: str = "constraints") -> ValueError:
    """Return the message for a constraint of a column that there is not."""
    allowed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return ValueError(f"{what} name the column {name!r}; allowed: {allowed}{closest(str(name), names)}")


def changed(name: str, old: Constraint, table: Mapping[str, Any]) -> Constraint:
    """Return a column's constraint with the given fields changed; its range is read by `read_range`.

    Raises
    ------
    ValueError
        naming the column, the field, what is allowed and what was given.
    """
    for field, value in table.items():
        if field not in FIELDS:
            allowed = ", ".join(FIELDS)
            raise ValueError(
                f"the constraint of {name!r} must say {allowed}, got {field!r}{closest(str(field), FIELDS)}"
            )
        values, wanted = _ALLOWED.get(field, ((), ""))
        if values and (isinstance(value, bool) != (field in _YES_OR_NO) or value not in values):
            raise ValueError(f"{field} of {name!r} must be {wanted}, got {value!r}")
    if not isinstance(table.get("group", ""), str):
        raise ValueError(f"group of {name!r} must be the name of a one-hot group, got {table['group']!r}")
    kind = table.get("kind", old.kind)
    labels = tuple(map(str, table.get("categories", old.categories)))
    if kind == "category" and not labels:
        raise ValueError(f"the category {name!r} must have categories=(…), the words for 0, 1, …, got none")
    if table.get("fillable", old.fillable) and (kind == "category" or table.get("immutable", old.immutable)):
        why = "a category, whose missing cells are a word of their own" if kind == "category" else "immutable"
        raise ValueError(f"fillable of {name!r} must be false: the column is {why}, got true")
    fields = {key: value for key, value in table.items() if key not in _NO_LIMIT}
    made: Constraint = replace(old, **fields, categories=labels if kind == "category" else ())
    return made


_KINDS: tuple[Literal["continuous", "integer", "category"], ...] = ("continuous", "integer", "category")
_YES_OR_NO = ("immutable", "fillable")
_ALLOWED: dict[str, tuple[tuple[Any, ...], str]] = {
    "kind": (_KINDS, f"one of {', '.join(_KINDS)}"),
    "immutable": ((True, False), "true or false"),
    "fillable": ((True, False), "true or false"),
    "monotone": ((-1, 0, 1), "-1 (may only fall), 0 (free) or 1 (may only rise)"),
    "expected": (
        ("", "rising", "falling", "invariant"),
        "rising (more must not lower the score), falling, invariant (it must not matter) or empty",
    ),
}


def expectations_of(names: Sequence[str], tables: Mapping[str, Any], before: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what is expected of the score for each column, with what the tables say; nothing where none is stated."""
    stated = dict(zip(names, before, strict=False))
    stated |= {name: table["expected"] for name, table in tables.items() if "expected" in table}
    return tuple(stated.get(name, "") for name in names) if any(stated.values()) else ()


def read_range(name: str, constraint: Constraint, given: Any) -> tuple[float, float]:
    """Return (low, high) of a column of numbers.

    Raises
    ------
    ValueError
        for a category, no pair of numbers, low above high, or no whole number between them where one is needed.
    """
    if constraint.kind == "category":
        raise ValueError(f"{name!r} is a category, which has no range, got {given!r}")
    try:
        low, high = (float(side) for side in given)
    except (TypeError, ValueError):
        raise ValueError(f"the range of {name!r} must be two numbers, lowest and highest, got {given!r}") from None
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"the range of {name!r} must be finite, got [{low:g}, {high:g}]")
    if low > high:
        raise ValueError(f"the range of {name!r} must have its lowest value first, got [{low:g}, {high:g}]")
    if constraint.kind == "integer" and np.ceil(low) > np.floor(high):
        raise ValueError(f"the range of {name!r} must hold a whole number, got [{low:g}, {high:g}]")
    return low, high


def problems(
    names: Sequence[str], constraints: Sequence[Constraint], parts: Mapping[str, Array], looked: Iterable[int]
) -> dict[str, str]:
    """Return for each column what does not fit the data, or the other members of its one-hot group.

    Parameters
    ----------
    parts : mapping of role to flat array (n, d)
    looked : iterable of int
        The columns that are checked; groups are always checked as a whole.
    """
    by_column: dict[str, str] = {}
    for column in looked:
        if constraints[column].kind == "continuous":
            continue
        for role, part in parts.items():
            wrong = part[(part[:, column] != np.rint(part[:, column])) & ~np.isnan(part[:, column]), column]
            if len(wrong):
                by_column[names[column]] = (
                    f"{names[column]!r} can only hold whole numbers if {_ROLES[role]} do, got {wrong[0]:g}"
                )
    groups: dict[str, list[int]] = {}
    for column, constraint in enumerate(constraints):
        if constraint.group:
            groups.setdefault(constraint.group, []).append(column)
    for group, columns in groups.items():
        problem = _group_problem(group, [names[column] for column in columns], [constraints[c] for c in columns])
        for role, part in parts.items() if not problem else ():
            rows = part[:, columns]
            bad = np.flatnonzero(((rows != 0) & (rows != 1)).any(axis=1) | (rows.sum(axis=1) != 1))
            if len(bad):
                cells = ", ".join(f"{names[c]}={part[bad[0], c]:g}" for c in columns[:5])
                problem = (
                    f"one column of the one-hot group {group!r} must be 1 and the others 0 in each row, got {cells} "
                )
                problem += f"in {len(bad)} of {len(part)} rows of {_ROLES[role]}"
                break
        by_column |= {names[column]: problem for column in columns if problem}
    return by_column


def _group_problem(group: str, names: list[str], constraints: list[Constraint]) -> str:
    if len(names) < 2:
        return f"the one-hot group {group!r} must have at least two columns, got only {names[0]!r}"
    words = [name for name, constraint in zip(names, constraints, strict=True) if constraint.kind == "category"]
    return f"the one-hot group {group!r} must hold columns of 0 and 1, got the category {words[0]!r}" if words else ""
