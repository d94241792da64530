"""Leave-one-out by honest refits, with the null that training noise alone gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Predict, Step
from xrai_widgets.core.refit import refit
from xrai_widgets.engines.privacy._lost import Endless, Lost, tried
from xrai_widgets.engines.privacy.pdtp.statistic import Scale

Fit = Callable[..., Predict]
_SAME = 1e-9
_FEWEST = 5  # draws of the noise
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
    everywhere : bool
        Models are asked at all rows, not only at the one that was left out.
    memory_limit : float
        GB that the predictions of all workers and of this process may take together.
    fixed : bool
        The learner is deterministic: the rows stay in order and the seed is always the same.
    """

    AT_ONCE: ClassVar[int] = 6  # arrays of the size of all predictions that are alive at once in this process
    IN_WORKER: ClassVar[int] = 3

    fit: Fit
    X: Array
    y: Array
    repeats: int
    classes: int
    seed: int
    everywhere: bool
    memory_limit: float = 1.0
    fixed: bool = False

    @property
    def at_most(self) -> int | None:
        """How many may be under way at once."""
        if not self.everywhere:
            return None
        array = 8 * len(self.X) * max(self.classes, 1) / 2**30
        return max(1, int((self.memory_limit / array - self.AT_ONCE) / self.IN_WORKER))

    def arm(self, rows: Array, probes: Array, stream: int) -> Array:
        """Return (p, k): the mean prediction at the probes of models fitted on ``rows``."""
        total = np.zeros((len(probes), max(self.classes, 1)))
        for number in range(self.repeats):
            rng = np.random.default_rng((self.seed, stream, number))
            order = rows if self.fixed else rng.permutation(rows)
            seed = self.seed if self.fixed else int(rng.integers(2**31 - 1))
            model = refit(self.fit, self.X[order], self.y[order], seed=seed, rows=order)
            output = model(probes).reshape(len(probes), -1)
            if not np.isfinite(output).all():
                raise Endless("the refitted models must give finite outputs, got NaN or infinite ones")
            total += output
        return total / self.repeats

    def __call__(self, index: int) -> Array | Lost:
        """Return (1, k) or (n, k): predictions without one row. A refit that fails loses this sample and no other."""
        probes = self.X if self.everywhere else self.X[index : index + 1]
        rows = np.delete(np.arange(len(self.X)), index)
        return tried(lambda: self.arm(rows, probes, index + 1))


@dataclass(frozen=True, eq=False)
class _Full:
    """One mean over refits on all rows."""

    refits: Refits
    probes: Array

    def __call__(self, number: int) -> Array | Lost:
        """Return (p, k)."""
        rows = np.arange(len(self.refits.X))
        return tried(lambda: self.refits.arm(rows, self.probes, _FULL + number))


def is_deterministic(fit: Fit, X: Array, y: Array, probes: Array, seed: int) -> bool:
    """Whether the same seed learns the same from the rows in another order.

    A forest does not: its seed says which places of the table are drawn, not which samples.
    """
    rng = np.random.default_rng(seed)
    first = refit(fit, X, y, seed=seed, rows=np.arange(len(X)))(probes)
    for _ in range(2):
        order = rng.permutation(len(X))
        other = refit(fit, X[order], y[order], seed=seed, rows=order)(probes)
        if not np.abs(other - first).max() <= _SAME * max(1.0, float(np.abs(first).max())):
            return False
    return True


def with_everything(refits: Refits, chosen: Array, draws: int, scaled: Scale, step: Step) -> tuple[Array, Array]:
    """Return the predictions with everything in, (p, k), and by how much others like them differ, (c, draws).

    Only one prediction of the null is held at a time. Draws whose training fails are left out.

    Raises
    ------
    ValueError
        if there are no predictions with everything in.
    NotApplicable
        if fewer than half of the draws are left, or fewer than five.
    """
    probes = refits.X if refits.everywhere else refits.X[chosen]
    fits = step.map(_Full(refits, probes), range(draws + 1), "refits on everything: the noise", refits.at_most)
    first = next(fits)
    if isinstance(first, Lost):
        raise ValueError(first.message)
    reference, message = scaled(first), ""
    noise: list[Array] = []
    for output in fits:
        if isinstance(output, Lost):
            message = output.message
            continue
        apart = np.abs(scaled(output) - reference).max(axis=1)
        noise.append(np.full(len(chosen), apart.max()) if refits.everywhere else apart)
    if len(noise) < draws and len(noise) < max(_FEWEST, draws / 2):
        failed = f"{draws - len(noise)} of {draws} refits on everything failed, which were to show the noise: {message}"
        raise NotApplicable(failed, "privacy.membership_inference")
    return reference, np.array(noise).T if noise else np.empty((len(chosen), 0))


def check_trained_with(names: tuple[str, ...], implementation: str, forest: str) -> None:
    """Refuse what clones the model by itself where its training was given more than samples and labels."""
    extras = "fit=" if "fit" in names else " and ".join(names)
    for chosen, other in ((implementation, "implementation='native'"), (forest, "forest='honest refits'")):
        if names and chosen in ("art", "paired bootstraps"):
            raise NotApplicable(f"{chosen} would train the model without the {extras} that it was trained with", other)
