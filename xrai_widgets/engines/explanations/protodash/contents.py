"""Prototypes as people read them: original columns, pictures, and how similar each feature is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Constraint
from xrai_widgets.core.names import Decode
from xrai_widgets.engines._missing import there
from xrai_widgets.engines.explanations.protodash.groups import Group

_MOST = 50  # prototypes shown in full
_COMPARED = 1000  # explained samples with which features are compared
GroupPrototypes = tuple[Group, Array, Array]


@dataclass(frozen=True, eq=False)
class Contents:
    """The samples themselves, and the way back to the user's own units."""

    X: Array
    X_train: Array
    names: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    decode: Decode | None
    seed: int

    @property
    def tabular(self) -> bool:
        """Whether the samples are rows of a table."""
        return self.X_train.ndim == 2

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.names) or [f"x{column}" for column in range(self.X_train.shape[1])]

    def units(self, samples: Array) -> pd.DataFrame:
        """Return samples in the user's own columns."""
        if self.decode is not None:
            return self.decode(samples)
        return pd.DataFrame(samples, columns=self.columns).round(6)

    def images(self, prototypes: Array) -> dict[str, Array]:
        """Return the prototypes' pictures."""
        return {} if self.tabular or not len(prototypes) else {"prototypes": self.X_train[prototypes[:_MOST]]}


def feature_similarity(groups: Sequence[GroupPrototypes], shown: Contents) -> pd.DataFrame:
    """Return a row per feature: its similarity to each prototype, and their mean weighted by share.

    exp(−|x − z| / standard deviation of the training samples) for numbers, as AIX360's tutorial on credit does, and 1
    for equal, 0 for different categories, as for a missing number beside one that is not; the mean over the explained
    samples, or over a thousand of them.
    """
    if not shown.tabular:
        return pd.DataFrame()
    spread = shown.X_train.std(axis=0)
    for column in np.flatnonzero(np.isnan(spread)):  # numbers are missing
        spread[column] = there(shown.X_train[:, column]).std()
    kinds = shown.constraints or (Constraint(),) * shown.X_train.shape[1]
    words = np.array([kind.kind == "category" for kind in kinds], dtype=bool)
    frames = []
    for group, rows, shares in groups:
        explained = group.explained
        if len(explained) > _COMPARED:
            explained = np.random.default_rng((shown.seed, 2)).choice(explained, _COMPARED, replace=False)
        alike = np.stack([_alike(shown.X[explained], z, spread, words) for z in shown.X_train[rows[:_MOST]]], axis=1)
        head = {"explains": group.name} if len(groups) > 1 else {}
        weight = shares[:_MOST] / max(float(shares[:_MOST].sum()), 1e-300)
        columns = {str(number): column for number, column in enumerate(alike.T, 1)}
        frames.append(pd.DataFrame(head | {"feature": shown.columns, "similarity": alike @ weight} | columns))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def contents(groups: Sequence[GroupPrototypes], shown: Contents) -> pd.DataFrame:
    """Return a row per feature: the prototypes in order, beside the sample if only one is explained."""
    if not shown.tabular:
        return pd.DataFrame()
    frames = []
    for group, rows, _ in groups:
        columns = {"feature": shown.columns}
        if len(groups) > 1:
            columns = {"explains": [group.name] * len(shown.columns)} | columns
        if len(group.explained) == 1:
            columns["explained"] = _texts(shown.units(shown.X[group.explained]))[0]
        for number, texts in enumerate(_texts(shown.units(shown.X_train[rows[:_MOST]])), 1):
            columns[str(number)] = texts
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _texts(frame: pd.DataFrame) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in frame.itertuples(index=False)]


def _text(cell: object) -> str:
    missing = cell is pd.NA or (isinstance(cell, float) and np.isnan(cell))
    return "missing" if missing else str(cell)


def _alike(samples: Array, prototype: Array, spread: Array, words: Array) -> Array:
    gone, both = np.isnan(samples) | np.isnan(prototype), np.isnan(samples) & np.isnan(prototype)
    apart = np.where(both, 0.0, np.where(gone, np.inf, np.abs(samples - prototype)))
    similar = np.exp(-apart / np.where(spread > 0, spread, 1e-10))
    return np.asarray(np.where(words | (spread == 0), apart == 0, similar).mean(axis=0))
