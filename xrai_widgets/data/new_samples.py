"""Batches to be judged, made from the built-in data: letters among digits, and applicants of another time."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array

# strokes of capital letters as corners (x, y) of lines in the unit square, y downwards
_LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.2, 0.6), (0.8, 0.6)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.8, 0.5)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(1, 0), (0, 0.55), (1, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "V": [[(0, 0), (0.5, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
}
_EACH = 6  # drawings of each letter
_MIRRORED = (2, 3, 4, 5, 6, 7, 9)  # digits that are another sign in the mirror
_MOST_MIRRORED = 60
_FINE = 32  # rows and columns of a drawing, of which 4 × 4 dots make a pixel, as in the digits


def digits_and_letters(X: Array, y: Array) -> dict[str, Any]:
    """Return a batch of digits as they are, of some of them in the mirror, and of letters, as flat rows in [0, 1].

    Parameters
    ----------
    X : array (n, 64)
        Digits that the model has not seen, in [0, 1].
    y : array (n,)
    """
    turned = np.flatnonzero(np.isin(y, _MIRRORED))[:_MOST_MIRRORED]
    mirrored = X[turned].reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    names = [f"digit-{digit}-{row:03d}" for row, digit in enumerate(y.tolist())]
    names += [f"mirrored-{y[row]}-{row:03d}" for row in turned.tolist()]
    names += [f"letter-{name}-{number}" for name in _LETTERS for number in range(_EACH)]
    drawn = letters()
    return {
        "X_new": np.concatenate([X, mirrored, drawn.reshape(len(drawn), -1)]),
        "foreign": np.arange(len(names)) >= len(X),
        "new_groups": np.repeat(["digits", "near: mirrored", "near: letters"], [len(X), len(mirrored), len(drawn)]),
        "new_ids": np.array(names),
    }


def letters() -> Array:
    """Return pictures of letters (60, 8, 8) in [0, 1]: as the digits, with a pen of changing size, place and slant."""
    rng = np.random.default_rng(0)
    return np.stack([_drawn(strokes, rng) for strokes in _LETTERS.values() for _ in range(_EACH)])


def _drawn(strokes: list[list[tuple[float, float]]], rng: np.random.Generator) -> Array:
    wide, high = rng.uniform(12, 17), rng.uniform(22, 26)
    left, top = (_FINE - wide) / 2 + rng.uniform(-2, 2), (_FINE - high) / 2 + rng.uniform(-1, 1)
    slant, pen = rng.uniform(-0.15, 0.15), rng.uniform(1.5, 2.4)
    rows, columns = np.mgrid[0:_FINE, 0:_FINE] + 0.5
    ink = np.zeros((_FINE, _FINE), dtype=bool)
    for stroke in strokes:
        corners = np.array([(left + x * wide + slant * (0.5 - y) * high, top + y * high) for x, y in stroke])
        for start, end in pairwise(corners):
            along = end - start
            share = ((columns - start[0]) * along[0] + (rows - start[1]) * along[1]) / (along @ along)
            share = np.clip(share, 0, 1)
            away = np.hypot(columns - start[0] - share * along[0], rows - start[1] - share * along[1])
            ink |= away <= pen
    dots: Array = ink.reshape(8, 4, 8, 4).sum(axis=(1, 3))
    return dots / 16.0


def shifted(X: pd.DataFrame, y: pd.Series) -> dict[str, Any]:
    """Return applicants as if of a later time, with the labels that they had.

    Every credit is 40 % larger and runs for half a year more, applicants are 8 years younger (19 at least), and every
    fourth one who wants a new car wants a kind that no one wanted before.
    """
    later = X.copy()
    later["credit_amount"] = np.rint(later["credit_amount"] * 1.4).astype(np.int64)
    later["duration_months"] += 6
    later["age"] = (later["age"] - 8).clip(lower=19)
    cars = later.index[later["purpose"] == "car (new)"][::4]
    later.loc[cars, "purpose"] = "car (electric)"
    return {"X_new": later, "y_new": y}
