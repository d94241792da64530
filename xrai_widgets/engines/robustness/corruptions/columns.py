"""What the columns of a table can hold, as far as a corruption must know it."""

import difflib
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Constraint
from xrai_widgets.core.names import Decode

_SAME_PLACE = 1.349  # interquartile range of a normal distribution, in standard deviations


@dataclass(frozen=True, eq=False)
class Columns:
    """Spread and kind of each column.

    Parameters
    ----------
    donors : array (m, d)
        Samples whose cells are stale values.
    median, iqr, span : array (d,)
        Of the reference samples; ``iqr`` is that of a normal distribution with the column's standard deviation where
        more than half of the values are equal.
    numeric, whole, may_miss : bool array (d,)
        Columns of numbers outside of one-hot groups; those of whole numbers and codes; those that may be empty.
    leader : int array (d,)
        The first column of the one-hot group of each column, or itself.
    empty : array (d,)
        What an empty cell is: NaN, or the code of the empty category.
    typos : mapping of int to array
        For each column of words the code that each code becomes when it is mistyped.
    """

    donors: Array
    median: Array
    iqr: Array
    span: Array
    numeric: Array
    whole: Array
    leader: Array
    empty: Array
    may_miss: Array
    typos: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls, donors: Array, reference: Array, constraints: tuple[Constraint, ...], decode: Decode | None
    ) -> "Columns":
        """Return the columns of reference samples (n, d), in which missing is NaN."""
        d = reference.shape[1]
        kinds = constraints or (Constraint(),) * d
        numeric = np.array([kind.kind != "category" and not kind.group for kind in kinds])
        low, first, median, third, high = np.zeros((5, d))
        spread = np.zeros(d)
        for column in range(d):
            there = reference[~np.isnan(reference[:, column]), column]
            if len(there):
                quantiles = np.quantile(there, (0, 0.25, 0.5, 0.75, 1))
                low[column], first[column], median[column], third[column], high[column] = quantiles
                spread[column] = there.std()
        iqr = np.where(third > first, third - first, _SAME_PLACE * spread)
        groups = [kind.group for kind in kinds]
        leader = np.array([groups.index(name) if name else place for place, name in enumerate(groups)])
        words = {place: kind.categories for place, kind in enumerate(kinds) if kind.kind == "category"}
        empty = np.where(numeric, np.nan, 0.0)
        may_miss = numeric.copy()
        for place, code in _empty_codes(words, reference, decode).items():
            empty[place], may_miss[place] = code, True
        typos = {
            place: _likest(categories)
            for place, categories in words.items()
            if len(categories) > 1 and not kinds[place].immutable and not kinds[place].group
        }
        whole = np.array([kind.kind != "continuous" for kind in kinds])
        return cls(donors, median, iqr, high - low, numeric, whole, leader, empty, may_miss, typos)

    def accepting(self, may_miss: Array) -> "Columns":
        """Return the columns, of which those that the model does not take empty never are."""
        return replace(self, may_miss=may_miss)

    def mistyped_as(self, unseen: dict[int, float]) -> "Columns":
        """Return the columns, in some of which every mistyped word becomes a word that the model has never seen."""
        new = {place: np.full(len(self.typos[place]), code) for place, code in unseen.items() if place in self.typos}
        return replace(self, typos={**self.typos, **new})


def unseen_codes(columns: Columns, sample: Array, decode: Decode | None) -> dict[int, float]:
    """Return for columns of words a code that decodes to a word which is none of the categories, where there is one."""
    if decode is None:
        return {}
    codes = {}
    for place, mistyped in columns.typos.items():
        rows = np.repeat(sample[:1], len(mistyped) + 1, axis=0)
        rows[:, place] = np.arange(len(rows))
        cells = decode(rows).iloc[:, place].astype(object).tolist()
        if not pd.isna(cells[-1]) and cells[-1] not in cells[:-1]:
            codes[place] = float(len(mistyped))
    return codes


def _empty_codes(words: dict[int, tuple[str, ...]], reference: Array, decode: Decode | None) -> dict[int, float]:
    """Return the code of the empty category of each column of words that has one."""
    if decode is None or not words or not len(reference):
        return {}
    codes = {}
    for place, categories in words.items():
        rows = np.repeat(reference[:1], len(categories), axis=0)
        rows[:, place] = np.arange(len(rows))
        gone = np.flatnonzero(decode(rows).iloc[:, place].isna().to_numpy())
        if len(gone):
            codes[place] = float(gone[0])
    return codes


def _likest(categories: tuple[str, ...]) -> Array:
    """Return for each word the place of the one that is spelled most like it."""
    texts = [str(category) for category in categories]
    alike = np.array([[difflib.SequenceMatcher(None, a, b).ratio() for b in texts] for a in texts])
    np.fill_diagonal(alike, -1.0)
    places: Array = alike.argmax(axis=1).astype(np.float64)
    return places
