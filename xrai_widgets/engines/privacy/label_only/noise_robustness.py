"""How much noise does a sample's label survive?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._missing import there
from xrai_widgets.engines._problem import Problem

_NEWS = 10  # that many times at least a run reports what it has counted
_NOTE = "noisy copies"
Changed = tuple[slice, Array]  # samples of a problem, and a copy of each


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
    each = max(n * len(noise.sizes), 1)
    at_once = max(1, min(problem.rows // each, copies // _NEWS))
    items = [range(first, min(first + at_once, copies)) for first in range(0, copies, at_once)]
    fit = max(1, problem.rows // min(at_once * each, problem.rows))  # what is held of an item is so much of the limit
    for numbers, counted in zip(items, step.map(_Counting(noise, seed), items, _NOTE, fit), strict=True):
        kept += counted
        tried = numbers.stop
        step(tried / copies, f"noisy copy {tried} of {copies}", partial(tried))


@dataclass(frozen=True, eq=False)
class _Counting:
    """How often the samples of a problem keep their label, in copies of some numbers; runs on a worker."""

    noise: Noise
    seed: int

    def __call__(self, numbers: range) -> Array:
        """Return (n,)."""
        problem = self.noise.problem
        counted = np.zeros(len(problem.samples))
        copies = (part for number in numbers for part in _copy(self.noise, self.seed, number))
        for parts, changed in _together(copies, problem):
            start = 0
            predicted = problem.classes(changed)
            for part in parts:
                labels = problem.labels[part]
                counted[part] += predicted[start : start + len(labels)] == labels
                start += len(labels)
        return counted


def _copy(noise: Noise, seed: int, number: int) -> Iterator[Changed]:
    """Yield the copy of that number of each sample, of each size; its draws are its own, whatever is asked with it."""
    problem, rng = noise.problem, np.random.default_rng([seed, number])
    for size in noise.sizes:
        for start in range(0, len(problem.samples), problem.rows):
            part = slice(start, start + problem.rows)
            yield part, noise.copies(problem.samples[part], size, rng)


def _together(parts: Iterable[Changed], problem: Problem) -> Iterator[tuple[list[slice], Array]]:
    """Put parts into as few batches as memory allows: a model predicts many samples nearly as fast as a few."""
    owners: list[slice] = []
    held: list[Array] = []
    for owner, changed in parts:
        if held and sum(map(len, held)) + len(changed) > problem.rows:
            yield owners, np.concatenate(held)
            owners, held = [], []
        owners.append(owner)
        held.append(changed)
    if held:
        yield owners, np.concatenate(held)
