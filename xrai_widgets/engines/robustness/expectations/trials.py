"""What is expected of a model, as samples that are asked and what must hold for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Constraint, Names

Must = Literal["predict", "stay", "not fall", "not rise", "be right"]
_STEPS = (0.05, 0.25, 1.0)  # shares of a column's range by which it is moved along a direction
ALL_ZERO = "all zero"
_DRAWS = 3  # other values of a column that must not matter


@dataclass(frozen=True, eq=False)
class Trial:
    """Samples with one change each.

    Parameters
    ----------
    expectation : str
        What they are about: trials with the same name are one expectation.
    must : {"predict", "stay", "not fall", "not rise", "be right"}
        What must hold of the prediction, beside that there is one.
    rows : int array (m,)
        The sample of each; −1: of no sample, but all zero.
    column : int
        Which one is changed; −1: none.
    values : array (m,)
        What it holds then.
    """

    expectation: str
    must: Must
    rows: Array
    column: int = -1
    values: Array | float = np.nan

    def samples(self, X: Array) -> Array:
        """Return the changed samples (m, d) of all samples (n, d)."""
        made: Array = np.where((self.rows < 0)[:, None], 0.0, X[self.rows])
        if self.column >= 0:
            made[:, self.column] = self.values
        return made

    def part(self, here: slice) -> "Trial":
        """Return some of its samples."""
        values = self.values if np.ndim(self.values) == 0 else np.asarray(self.values)[here]
        return Trial(self.expectation, self.must, self.rows[here], self.column, values)


@dataclass(frozen=True, eq=False)
class Table:
    """The samples that are looked at, and what their columns hold.

    Parameters
    ----------
    X : array (n, d)
    reference : array (m, d)
        Samples whose values are drawn, and counted.
    bounds : array (2, d)
    """

    X: Array
    reference: Array
    bounds: Array
    constraints: tuple[Constraint, ...]
    naming: Names
    seed: int

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in self.naming.feature_names] or [f"x{place}" for place in range(self.X.shape[1])]

    def kind(self, column: int) -> Constraint:
        """Return what a column may hold."""
        return self.constraints[column] if self.constraints else Constraint()

    def meant(self, text: str, word: str, expected: tuple[str, ...]) -> list[int]:
        """Return the places of the columns of which something is stated: by a text that names them, or beside it."""
        stated = [place for place, one in enumerate(expected) if one == word]
        return list(dict.fromkeys([*self.placed(text, word), *stated]))

    def placed(self, text: str, parameter: str) -> list[int]:
        """Return the places of the columns that a text names, separated by commas.

        Raises
        ------
        ValueError
            for a name that no column has.
        """
        wanted = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
        unknown = [name for name in wanted if name not in self.names]
        if unknown:
            few = ", ".join(self.names[:5])
            raise ValueError(
                f"{parameter} must be names of columns, such as {few}, got {', '.join(map(repr, unknown))}"
            )
        return [self.names.index(name) for name in wanted]

    def changed(self, expectation: str, must: Must, column: int, values: Array | float) -> Trial:
        """Return all samples with other values in one column."""
        return Trial(expectation, must, np.arange(len(self.X)), column, values)


def edges(table: Table) -> Iterator[Trial]:
    """Yield every feature at its ends and beyond, rarest and empty words, empty numbers, and the row of zeros."""
    for column in range(table.X.shape[1]):
        kind = table.kind(column)
        if kind.kind == "category":
            yield from _words(table, column)
        else:
            low, high = table.bounds[:, column]
            for value in (low, high):
                yield table.changed("at the ends of a column", "predict", column, value)
            if not kind.group:
                for value in (low - (high - low), high + (high - low)):
                    yield table.changed("beyond the ends of a column", "predict", column, value)
            if np.isnan(table.reference[:, column]).any():
                yield table.changed("an empty cell", "predict", column, np.nan)
    yield Trial(ALL_ZERO, "predict", np.array([-1]))


def _words(table: Table, column: int) -> Iterator[Trial]:
    categories = table.kind(column).categories
    counts = np.bincount(table.reference[:, column].astype(np.intp), minlength=len(categories))[: len(categories)]
    if not len(counts):
        return
    yield table.changed("the rarest word of a column", "predict", column, float(counts.argmin()))
    if table.naming.decode is None:
        return
    rows = np.repeat(table.X[:1], len(categories), axis=0)
    rows[:, column] = np.arange(len(categories))
    empty = np.flatnonzero(pd.isna(table.naming.decode(rows).iloc[:, column]).to_numpy())
    if len(empty):
        yield table.changed("an empty cell", "predict", column, float(empty[0]))


def invariances(table: Table, columns: list[int]) -> Iterator[Trial]:
    """Yield the samples with other values in columns that must not matter: each drawn from the column's own."""
    for column in columns:
        pool = np.unique(table.reference[~np.isnan(table.reference[:, column]), column])
        for draw in range(_DRAWS):
            rng = np.random.default_rng([table.seed, column, draw])
            values = rng.choice(pool, len(table.X)) if len(pool) else table.X[:, column]
            yield table.changed(f"{table.names[column]} must not matter", "stay", column, values)


def directions(table: Table, columns: list[int], must: Must) -> Iterator[Trial]:
    """Yield the samples with more in a column, by steps within its range; words go to the next one in their order."""
    for column in columns:
        low, high = table.bounds[:, column]
        whole = table.kind(column).kind != "continuous"
        for share in _STEPS:
            step = share * (high - low)
            more = table.X[:, column] + (max(np.rint(step), 1.0) if whole else step)
            expectation = f"more {table.names[column]} must {must}"
            yield table.changed(expectation, must, column, np.minimum(more, np.fmax(high, table.X[:, column])))
