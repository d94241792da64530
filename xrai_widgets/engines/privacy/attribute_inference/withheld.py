"""The features that an attacker may want to know: columns, and what can be guessed about them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from xrai_widgets.core import Array, Constraint, closest

FEWEST = 10  # members and non-members of each category that is guessed
_FEW_VALUES = 10  # a number with at most so many different values is guessed as a category
_GRID = 9  # candidate values of a number


@dataclass(frozen=True, eq=False)
class Withheld:
    """One feature that is hidden from the attacker.

    Parameters
    ----------
    name : str
    kind : {"category", "number"}
    columns : tuple of int
        One, or all members of a one-hot group.
    rows : int array (r,)
        The samples that are guessed: those of rare categories, and those that lack the number, are left out.
    target : array (r,)
        Codes 0…k−1 of the categories, or ranks of the numbers between 0 and 1.
    candidates : array (v, len(columns))
        Values to try in the columns: every category, or quantiles.
    targets : array (v,)
        Code or rank of each candidate.
    """

    name: str
    kind: Literal["category", "number"]
    columns: tuple[int, ...]
    rows: Array
    target: Array
    candidates: Array
    targets: Array


def features_of(names: Sequence[str], constraints: Sequence[Constraint], width: int) -> dict[str, tuple[int, ...]]:
    """Return the features by name: every column, and each one-hot group as one feature."""
    features: dict[str, tuple[int, ...]] = {}
    for column in range(width):
        group = constraints[column].group if constraints else ""
        name = group or (names[column] if names else f"x{column}")
        features[name] = (*features.get(name, ()), column)
    return features


def check_feature(name: str, features: dict[str, tuple[int, ...]], names: Sequence[str]) -> str:
    """Return the feature that the name means; a column of a one-hot group means its group."""
    if name in features:
        return name
    if name in names:
        column = list(names).index(name)
        return next(feature for feature, columns in features.items() if column in columns)
    listed = ", ".join(list(features)[:20]) + (", …" if len(features) > 20 else "")
    raise ValueError(f"feature must be one of {listed}, or empty for all, got {name!r}{closest(name, features)}")


def withhold(
    name: str, columns: tuple[int, ...], samples: Array, is_member: Array, constraints: Sequence[Constraint]
) -> Withheld | str:
    """Return the feature, ready to be guessed, or why there is nothing to guess.

    Parameters
    ----------
    samples : array (n, d)
        Members and non-members.
    is_member : bool array (n,)
    """
    there = np.flatnonzero(~np.isnan(samples[:, columns]).any(axis=1))
    if len(there) < len(samples):
        return _of_those_there(name, columns, samples, is_member, constraints, there)
    block = samples[:, columns]
    values, codes = np.unique(block, axis=0, return_inverse=True)
    codes = codes.ravel()
    if len(values) < 2:
        return "it has one value only"
    named = len(columns) > 1 or (bool(constraints) and constraints[columns[0]].kind == "category")
    if not named and len(values) > _FEW_VALUES:
        ranks = (stats.rankdata(block[:, 0]) - 0.5) / len(block)
        grid = np.unique(np.quantile(block[:, 0], np.linspace(0, 1, _GRID + 2)[1:-1], method="nearest"))
        places = np.searchsorted(np.sort(block[:, 0]), grid) / len(block)
        return Withheld(name, "number", columns, np.arange(len(block)), ranks, grid[:, None], places)
    counts = np.stack([np.bincount(codes[mask], minlength=len(values)) for mask in (is_member, ~is_member)])
    common = np.flatnonzero(counts.min(axis=0) >= FEWEST)
    if len(common) < 2:
        return f"fewer than two of its values have {FEWEST} members and {FEWEST} non-members"
    rows = np.flatnonzero(np.isin(codes, common))
    target = np.searchsorted(common, codes[rows])
    return Withheld(name, "category", columns, rows, target, values[common], np.arange(len(common)))


def _of_those_there(
    name: str,
    columns: tuple[int, ...],
    samples: Array,
    is_member: Array,
    constraints: Sequence[Constraint],
    there: Array,
) -> Withheld | str:
    """Return the feature as it is to be guessed of the samples that have it."""
    members = int(is_member[there].sum())
    if min(members, len(there) - members) < FEWEST:
        return f"fewer than {FEWEST} members or {FEWEST} non-members have it, it is missing in the others"
    withheld = withhold(name, columns, samples[there], is_member[there], constraints)
    return withheld if isinstance(withheld, str) else replace(withheld, rows=there[withheld.rows])
