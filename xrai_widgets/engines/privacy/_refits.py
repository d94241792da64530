"""Leave-one-out by honest refits, with the null that training noise alone gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Predict, Step
from xrai_widgets.engines.privacy._leave_one_out import LeaveOneOut

Fit = Callable[..., Callable[[Array], Array]]
_SAME = 1e-9
_FULL = 2**40  # streams of random numbers beyond any row's


@dataclass(frozen=True, eq=False)
class Refits:
    """Means over several refits on shuffled rows, each with a fresh seed.

    Parameters
    ----------
    fit : callable
    X, y : array
        Training samples.
    repeats : int
        Refits in every mean.
    classes : int
        0 for a regression.
    seed : int
    fixed : bool
        The learner is deterministic: the rows stay in order and the seed is always the same.
    """

    fit: Fit
    X: Array
    y: Array
    repeats: int
    classes: int
    seed: int
    fixed: bool = False

    def arm(self, rows: Array, probes: Array, stream: int) -> Array:
        """Return (p, k): the mean answer at the probes of models fitted on ``rows``."""
        total = np.zeros((len(probes), max(self.classes, 1)))
        for number in range(self.repeats):
            rng = np.random.default_rng((self.seed, stream, number))
            order = rows if self.fixed else rng.permutation(rows)
            seed = self.seed if self.fixed else int(rng.integers(2**31 - 1))
            answer = self.fit(self.X[order], self.y[order], seed=seed)(probes).reshape(len(probes), -1)
            if not np.isfinite(answer).all():
                raise ValueError("the refitted models must give finite outputs, got NaN or infinite ones")
            total += answer
        return total / self.repeats

    def without(self, index: int, probes: Array) -> Array | None:
        """Return (p, k) of models fitted without one row; None if only one class is left."""
        if _one_class_left(self.y, index, self.classes):
            return None
        return self.arm(np.delete(np.arange(len(self.X)), index), probes, index + 1)


def _one_class_left(y: Array, index: int, classes: int) -> bool:
    return bool(classes) and len(np.unique(np.delete(y, index))) < 2


def is_deterministic(fit: Fit, X: Array, y: Array, probes: Array, seed: int) -> bool:
    """Whether the same seed learns the same from the rows in another order.

    A forest does not: its seed says which places of the table are drawn, not which samples.
    """
    rng = np.random.default_rng(seed)
    first = fit(X, y, seed=seed)(probes)
    for _ in range(2):
        order = rng.permutation(len(X))
        other = fit(X[order], y[order], seed=seed)(probes)
        if np.abs(other - first).max() > _SAME * max(1.0, float(np.abs(first).max())):
            return False
    return True


@dataclass(frozen=True, eq=False)
class _Without:
    """One refit without a row, asked at that row or everywhere."""

    refits: Refits
    everywhere: bool

    def __call__(self, index: int) -> Array | None:
        """Return (1, k) or (n, k)."""
        X = self.refits.X
        return self.refits.without(index, X if self.everywhere else X[index : index + 1])


@dataclass(frozen=True, eq=False)
class _Full:
    """One mean over refits on all rows."""

    refits: Refits
    probes: Array

    def __call__(self, number: int) -> Array:
        """Return (p, k)."""
        return self.refits.arm(np.arange(len(self.refits.X)), self.probes, _FULL + number)


@dataclass(frozen=True, eq=False)
class _Exact:
    """A closed form, asked like refits."""

    form: LeaveOneOut
    y: Array
    everywhere: bool
    classes: int

    def __call__(self, index: int) -> Array | None:
        """Return (1, k) or (n, k)."""
        if _one_class_left(self.y, index, self.classes):
            return None
        return self.form.without(index, np.arange(len(self.y)) if self.everywhere else np.array([index]))


@dataclass(frozen=True, eq=False)
class Arms:
    """With and without a sample.

    Parameters
    ----------
    ask : callable
        Index of a row → answers without it, (1, k) at the row or (n, k) at all rows; None if one class is left.
    reference : array (p, k)
        Answers with everything in.
    null : array (draws, p, k)
        The same from independent refits; no draws where training is free of noise.
    notes : tuple of str
    """

    ask: Callable[[int], Array | None]
    reference: Array
    null: Array
    notes: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether training is free of noise."""
        return not len(self.null)


def exact_arms(
    form: LeaveOneOut, model: Any, predict: Predict, X: Array, y: Array, chosen: Array, k: int, everywhere: bool
) -> Arms:
    """Return the arms of a closed form."""
    reference = form.reference(np.arange(len(y)))
    off = float(np.abs(reference - predict(X).reshape(reference.shape)).max())
    notes = [f"Computed in closed form for {type(model).__name__}: no refits, no training noise."]
    if off > 1e-6:
        notes.append(f"Measured at the converged optimum; the given model's outputs differ from it by up to {off:.2g}.")
    shown = reference if everywhere else reference[chosen]
    return Arms(_Exact(form, y, everywhere, k), shown, np.empty((0, *shown.shape)), tuple(notes))


def refitted_arms(refits: Refits, chosen: Array, everywhere: bool, draws: int, step: Step) -> Arms:
    """Return the arms of honest refits."""
    probes = refits.X if everywhere else refits.X[chosen]
    found: list[Any] = list(step.map(_Full(refits, probes), range(draws + 1), "refits on everything: the noise"))
    if draws:
        note = (
            f"Randomised learner: every answer is a mean over {refits.repeats} refits with fresh seeds and row orders; "
            f"the noise is known from {draws} such means with nothing removed."
        )
    else:
        note = "Deterministic learner: the order of the rows does not matter, so that one refit tells and noise is 0."
    return Arms(_Without(refits, everywhere), found[0], np.array(found[1:]).reshape(draws, *found[0].shape), (note,))
