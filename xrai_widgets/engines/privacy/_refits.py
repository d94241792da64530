"""Leave-one-out by honest refits, with the null that training noise alone gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array, Predict, Step
from xrai_widgets.engines.privacy._pdtp_statistic import Scale

Fit = Callable[..., Predict]
_SAME = 1e-9
_FULL = 2**40  # streams of random numbers beyond any row's


class Lost(NamedTuple):
    """Why a sample could not be left out: in the words of a report, and in full."""

    reason: str
    said: str


class Endless(ValueError):
    """A refitted model gave NaN or infinite outputs."""


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
    everywhere : bool
        Models are asked at all rows, not only at the one that was left out.
    fixed : bool
        The learner is deterministic: the rows stay in order and the seed is always the same.
    """

    fit: Fit
    X: Array
    y: Array
    repeats: int
    classes: int
    seed: int
    everywhere: bool
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
                raise Endless("the refitted models must give finite outputs, got NaN or infinite ones")
            total += answer
        return total / self.repeats

    def __call__(self, index: int) -> Array | Lost:
        """Return (1, k) or (n, k): answers without one row. A refit that fails loses this sample and no other."""
        probes = self.X if self.everywhere else self.X[index : index + 1]
        try:
            return self.arm(np.delete(np.arange(len(self.X)), index), probes, index + 1)
        except Endless as error:
            return Lost("the refit gave NaN or infinite outputs", str(error))
        except ValueError as error:  # its words may quote a sample: they are no part of a table
            return Lost(f"the refit failed ({type(error).__name__})", f"{error}")


@dataclass(frozen=True, eq=False)
class _Full:
    """One mean over refits on all rows."""

    refits: Refits
    probes: Array

    def __call__(self, number: int) -> Array:
        """Return (p, k)."""
        return self.refits.arm(np.arange(len(self.refits.X)), self.probes, _FULL + number)


def is_deterministic(fit: Fit, X: Array, y: Array, probes: Array, seed: int) -> bool:
    """Whether the same seed learns the same from the rows in another order.

    A forest does not: its seed says which places of the table are drawn, not which samples.
    """
    rng = np.random.default_rng(seed)
    first = fit(X, y, seed=seed)(probes)
    for _ in range(2):
        order = rng.permutation(len(X))
        other = fit(X[order], y[order], seed=seed)(probes)
        if not np.abs(other - first).max() <= _SAME * max(1.0, float(np.abs(first).max())):
            return False
    return True


def with_everything(refits: Refits, chosen: Array, draws: int, scaled: Scale, step: Step) -> tuple[Array, Array]:
    """Return the answers with everything in, (p, k), and by how much others like them differ, (c, draws).

    Only one answer of the null is held at a time.
    """
    probes = refits.X if refits.everywhere else refits.X[chosen]
    found = step.map(_Full(refits, probes), range(draws + 1), "refits on everything: the noise")
    reference = scaled(next(found))
    noise = np.empty((len(chosen), draws))
    for number, answer in enumerate(found):
        apart = np.abs(scaled(answer) - reference).max(axis=1)
        noise[:, number] = apart.max() if refits.everywhere else apart
    return reference, noise
