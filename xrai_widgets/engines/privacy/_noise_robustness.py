"""How much noise does a sample's label survive?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._missing import there
from xrai_widgets.engines._problem import Problem


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise of several sizes, made like the data.

    A number moves by a normal draw, in units of its column's spread. A category, or the member of a one-hot group, is
    drawn anew from the column's own frequencies, with the probability that the size says (at most 1).

    Parameters
    ----------
    problem : Problem
    spread : array (d,)
        Standard deviation of each column.
    reference : array (r, d)
        Samples from which categories are drawn.
    sizes : tuple of float
    """

    problem: Problem
    spread: Array
    reference: Array
    sizes: tuple[float, ...]

    def copies(self, samples: Array, size: float, rng: np.random.Generator) -> Array:
        """Return one noisy copy of each sample (n, d), allowed by the space."""
        space = self.problem.space
        moved = samples + size * self.spread * rng.standard_normal(samples.shape)
        for columns in self._drawn_together():
            anew = rng.random(len(samples)) < size
            donor = rng.integers(0, len(self.reference), len(samples))
            moved[:, columns] = np.where(anew[:, None], self.reference[donor][:, columns], samples[:, columns])
        allowed: Array = space.to_samples(space.to_coordinates(moved), samples)
        return allowed

    def _drawn_together(self) -> list[list[int]]:
        kinds = self.problem.space.constraints
        groups = sorted({kind.group for kind in kinds if kind.group})
        together = [[column for column, kind in enumerate(kinds) if kind.group == name] for name in groups]
        return together + [[column] for column, kind in enumerate(kinds) if kind.kind == "category"]


def spread_of(samples: Array, is_image: bool) -> Array:
    """Return the standard deviation of each column; the pixels of images have one in common."""
    if is_image:
        return np.full(samples.shape[1], samples.std())
    deviation: Array = samples.std(axis=0)
    for column in np.flatnonzero(np.isnan(deviation)):  # numbers are missing
        deviation[column] = there(samples[:, column]).std()
    return deviation


def kept_shares(
    noise: Noise, kept: Array, copies: int, seed: int, step: Step, partial: Callable[[int], Partial]
) -> None:
    """Count in ``kept`` (n,), copy by copy, how often the samples of the problem keep their label.

    Parameters
    ----------
    kept : array (n,)
        Filled in place, so that what is counted is kept if the attack is cancelled.
    copies : int
        Noisy copies per sample and size.
    partial : callable
        Makes the finding after so many copies.
    """
    problem, n = noise.problem, len(noise.problem.samples)
    for number in range(copies):
        done = number / copies
        step(done, f"noisy copy {number} of {copies}", partial(number) if number else None)
        rng = np.random.default_rng([seed, number])
        counted = np.zeros(n)
        for size in noise.sizes:
            for start in range(0, n, problem.rows):
                part = slice(start, start + problem.rows)
                changed = noise.copies(problem.samples[part], size, rng)
                counted[part] += problem.classes(changed) == problem.labels[part]
        kept += counted
