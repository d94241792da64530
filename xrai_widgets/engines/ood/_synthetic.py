"""Samples that are foreign, or shifted but valid, made from the user's own: where nobody brought any."""

from typing import Literal, NamedTuple

import numpy as np

from xrai_widgets.core import Array, Constraint

MOST = 500  # samples of each set
_FAINT = 0.7  # of the contrast, in lighter ink
_BEYOND = 1.5  # times the largest value
Kind = Literal["near", "far", "shifted"]


class Made(NamedTuple):
    """A set of synthetic samples.

    Parameters
    ----------
    name : str
    kind : {"near", "far", "shifted"}
        Foreign and hard, foreign and easy, or valid, so that an alarm is an error.
    samples : array (m, …)
    """

    name: str
    kind: Kind
    samples: Array


def synthetic(X: Array, X_train: Array, constraints: tuple[Constraint, ...], seed: int) -> list[Made]:
    """Return synthetic sets of at most 500 samples each.

    Tables: all columns shuffled among the samples, each by itself, so that values stay and their dependencies go; one
    number of each sample at 1.5 times the largest value of its column. Images: upside down, mirrored, inverted, noise;
    shifted: moved by one pixel, and with less contrast.
    """
    rng = np.random.default_rng(seed)
    rows = X[np.sort(rng.permutation(len(X))[:MOST])]
    return _pictures(rows, rng) if X.ndim == 4 else _tables(rows, X_train, constraints, rng)


def _tables(rows: Array, training: Array, constraints: tuple[Constraint, ...], rng: np.random.Generator) -> list[Made]:
    made = [Made("columns shuffled", "near", rng.permuted(rows, axis=0))] if rows.shape[1] > 1 else []
    numbers = [
        column
        for column in range(rows.shape[1])
        if not (constraints and constraints[column].kind == "category") and not np.isnan(training[:, column]).all()
    ]
    if numbers:
        low, high = np.fmin.reduce(training[:, numbers], axis=0), np.fmax.reduce(training[:, numbers], axis=0)
        beyond = np.where(high > 0, _BEYOND * high, high + np.maximum(high - low, 1.0))
        cell = rng.integers(0, len(numbers), len(rows))
        changed = rows.copy()
        changed[np.arange(len(rows)), np.array(numbers)[cell]] = beyond[cell]
        made.append(Made("one number beyond", "far", changed))
    return made


def _pictures(rows: Array, rng: np.random.Generator) -> list[Made]:
    low, high = float(rows.min()), float(rows.max())
    ground = np.median(rows)
    moved = np.full_like(rows, ground)
    moved[..., 1:] = rows[..., :-1]
    return [
        Made("upside down", "near", rows[..., ::-1, :].copy()),
        Made("mirrored", "near", rows[..., ::-1].copy()),
        Made("inverted", "far", (low + high) - rows),
        Made("noise", "far", rng.uniform(low, high, rows.shape).astype(rows.dtype)),
        Made("moved by one pixel", "shifted", moved),
        Made("less contrast", "shifted", (ground + _FAINT * (rows - ground)).astype(rows.dtype)),
    ]
