"""A model and a year of days that slowly leave what it was made for: of which day is known what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Subject

_COLUMNS = ("mean radius", "mean texture", "mean smoothness", "mean concavity", "worst area", "worst symmetry")
_NOISE = 0.05  # of a column's spread, so that no row is one of another day


@dataclass(frozen=True, eq=False)
class Day:
    """One day's batch.

    Parameters
    ----------
    day : date
    X : DataFrame
        Its index names the samples: no name comes twice.
    y : array (n,)
    drifted : bool
        Whether it lies after the onset.
    """

    day: date
    X: pd.DataFrame
    y: Any
    drifted: bool


def drifting_stream(
    days: int = 365,
    rows: int = 200,
    *,
    onset: int = 180,
    shift: float = 1.0,
    flipped: float = 0.1,
    baseline: int = 2000,
    seed: int = 0,
    start: date = date(2026, 1, 1),
) -> tuple[Subject, Iterator[Day]]:
    """Return a subject with its baseline, and its days one after the other.

    Parameters
    ----------
    days, rows : int
        How many, and how many rows each.
    onset : int
        Number of the first day on which something is wrong; ``days`` or more: never.
    shift : float
        By how many of its standard deviations *mean texture* is too high from then on: a scanner was set anew.
    flipped : float
        Share of the labels that are the other one from then on: what the model learned no longer holds.
    baseline : int
        Rows of the baseline.
    seed : int
    start : date

    Notes
    -----
    Rows are drawn from half of scikit-learn's breast cancer data, with a little noise; a logistic regression is trained
    on the other half. Each day is drawn by itself: day 7 is the same whether the days before were asked for or not.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, labels = X[list(_COLUMNS)], y.to_numpy()
    half = np.random.default_rng([seed, 0]).permutation(len(X))
    train, rest = half[: len(X) // 2], half[len(X) // 2 :]
    spread = X.iloc[rest].std().to_numpy()

    def drawn(n: int, number: int, prefix: str) -> tuple[pd.DataFrame, Any]:
        rng = np.random.default_rng([seed, number])
        taken = rng.choice(rest, n)
        cells = X.iloc[taken].to_numpy() + _NOISE * spread * rng.normal(size=(n, len(_COLUMNS)))
        return pd.DataFrame(cells, columns=list(_COLUMNS), index=[f"{prefix}-{row}" for row in range(n)]), labels[taken]

    def each() -> Iterator[Day]:
        for number in range(days):
            day = start + timedelta(days=number)
            rows_of_day, y_of_day = drawn(rows, number + 2, day.isoformat())
            if number >= onset:
                rng = np.random.default_rng([seed, number + 2, 1])
                rows_of_day["mean texture"] += shift * spread[_COLUMNS.index("mean texture")]
                y_of_day = np.where(rng.random(rows) < flipped, 1 - y_of_day, y_of_day)
            yield Day(day, rows_of_day, y_of_day, number >= onset)

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X.iloc[train], labels[train])
    held, y_held = drawn(baseline, 1, "baseline")
    training = X.iloc[train].set_axis([f"train-{row}" for row in train], axis=0)
    words = {"X_train": training, "y_train": labels[train], "name": "breast cancer, watched"}
    return Subject.of(model, held, y_held, **words), each()
