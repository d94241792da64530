"""Where explanations may lie: the allowed changes of an instance, and what lies between a baseline and it."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations._autoencoder import Penalty
from xrai_widgets.engines.explanations._contrast import Answers, Contrast, Mode


def typical(known: Array, space: Space) -> Array:
    """Return the median of each number, the most frequent category, and the most frequent member of a group."""
    base: Array = np.median(known, axis=0)
    for column, kind in enumerate(space.constraints):
        if kind.kind == "category":
            base[column] = np.bincount(np.rint(known[:, column]).astype(np.intp)).argmax()
        elif kind.kind == "integer":
            base[column] = np.rint(base[column])
    for columns in groups(space):
        base[columns] = np.eye(len(columns))[known[:, columns].mean(axis=0).argmax()]
    return base


def groups(space: Space) -> list[Array]:
    """Return the columns of each one-hot group."""
    names = dict.fromkeys(kind.group for kind in space.constraints if kind.group)
    return [np.array([c for c, kind in enumerate(space.constraints) if kind.group == name]) for name in names]


def negative_box(samples: Array, space: Space, base: Array | None) -> tuple[Array, Array]:
    """Return lowest and highest allowed values (n, d) of a pertinent negative.

    With a baseline (classic mode) a value may only move away from it, and nothing that is present may change: a
    category or member of a group other than the baseline's stays.
    """
    low, high = (np.broadcast_to(side, samples.shape).copy() for side in space.bounds)
    low, high = np.minimum(low, samples), np.maximum(high, samples)
    for column, kind in enumerate(space.constraints):
        value = samples[:, column]
        if space.fixed[column] or kind.monotone > 0:
            low[:, column] = value
        if space.fixed[column] or kind.monotone < 0:
            high[:, column] = value
    if base is None:
        return low, high
    low, high = np.where(samples > base, samples, low), np.where(samples < base, samples, high)
    whole = [np.array([c]) for c, kind in enumerate(space.constraints) if kind.kind == "category"]
    for columns in [*whole, *groups(space)]:
        present = (samples[:, columns] != base[columns]).any(axis=1)
        for side in (low, high):
            side[np.ix_(present, columns)] = samples[np.ix_(present, columns)]
    return low, high


def positive_origins(samples: Array, space: Space, base: Array) -> Array:
    """Return the baseline as an allowed change of each instance: what is immutable stays as it is."""
    points = space.to_coordinates(np.repeat(base[None], len(samples), axis=0))
    return space.to_samples(points, samples)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked about every instance.

    Parameters
    ----------
    base : array (d,)
        The baseline sample.
    adds : bool
        Classic mode: a PN only adds to what the baseline lacks.
    """

    answers: Answers
    space: Space
    base: Array
    adds: bool
    kappa: float
    beta: float
    penalty: Penalty | None = None

    def about(self, mode: Mode, samples: Array) -> Contrast:
        """Return the question about flat samples."""
        if mode == "PN":
            origins = samples
            low, high = negative_box(samples, self.space, self.base if self.adds else None)
        else:
            origins = positive_origins(samples, self.space, self.base)
            low, high = np.minimum(origins, samples), np.maximum(origins, samples)
        return Contrast(
            mode=mode,
            answers=self.answers,
            space=self.space,
            samples=samples,
            labels=self.answers.scores(samples).argmax(axis=1),
            origins=origins,
            low=low,
            high=high,
            kappa=self.kappa,
            beta=self.beta,
            penalty=self.penalty,
        )
