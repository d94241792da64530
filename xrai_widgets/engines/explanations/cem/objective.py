"""What is searched for every instance, and from where explanations are counted."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._search.boxes import groups, negative_box
from xrai_widgets.engines._search.contrast import Contrast, Mode
from xrai_widgets.engines._search.scorer import Scorer
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations.cem.autoencoder import Penalty
from xrai_widgets.engines.explanations.cem.instances import lead
from xrai_widgets.engines.explanations.cem.zones import Zones


def typical(background: Array, space: Space) -> Array:
    """Return the median of each number, the most frequent category, and the most frequent member of a group.

    Missing numbers are left out; where all are missing it is the lowest number that is allowed.
    """
    background = space.empty(background)
    base: Array = np.median(background, axis=0)
    for column in np.flatnonzero(np.isnan(base)):
        there = background[~np.isnan(background[:, column]), column]
        base[column] = np.median(there) if len(there) else space.bounds[0, column]
    for column, kind in enumerate(space.constraints):
        if kind.kind == "category":
            base[column] = np.bincount(np.rint(background[:, column]).astype(np.intp)).argmax()
        elif kind.kind == "integer":
            base[column] = np.rint(base[column])
    for columns in groups(space):
        base[columns] = np.eye(len(columns))[background[:, columns].mean(axis=0).argmax()]
    return base


def positive_origins(samples: Array, space: Space, base: Array) -> Array:
    """Return the baseline as an allowed change of each instance: what is immutable, or missing, stays as it is."""
    points = space.to_coordinates(np.repeat(base[None], len(samples), axis=0))
    return np.where(space.missing(samples), samples, space.to_samples(points, samples))


@dataclass(frozen=True, eq=False)
class Objective:
    """What is searched for every instance.

    Parameters
    ----------
    base : array (d,)
        The baseline sample.
    adds : bool
        Classic mode: a PN only adds to what the baseline lacks.
    """

    scorer: Scorer
    space: Space
    base: Array
    adds: bool
    kappa: float
    beta: float
    penalty: Penalty | None = None
    unit: float = 1.0  # of kappa, in that of y: see `Zones`

    @property
    def criterion(self) -> str:
        """What counts as an explanation, in words."""
        return f"An explanation counts if its label leads by kappa = {self.kappa * self.unit:.3g}."

    def about(self, mode: Mode, samples: Array) -> Contrast:
        """Return the search for flat samples."""
        if mode == "PN":
            origins = samples
            low, high = negative_box(samples, self.space, self.base if self.adds else None)
        else:
            origins = positive_origins(samples, self.space, self.base)
            low, high = np.minimum(origins, samples), np.maximum(origins, samples)
        return Contrast(
            mode=mode,
            scorer=self.scorer,
            space=self.space,
            samples=samples,
            labels=self.scorer.labels(samples),
            origins=origins,
            low=low,
            high=high,
            kappa=self.kappa,
            beta=self.beta,
            penalty=self.penalty,
        )


def of_marks(scorer: Scorer, blanks: Blanks | None) -> Scorer:
    """Return the scorer for samples in which marks stand for missing numbers."""
    if blanks is None:
        return scorer
    logits = None if scorer.logits is None else blanks.asking(scorer.logits)
    predict, decide = blanks.asking(scorer.predict), blanks.ruling(scorer.decide)
    return Scorer(predict, logits, blanks.slopes(scorer.gradient), scorer.shape, scorer.rows, decide=decide)


def least_lead(kappa: float | None, scorer: Scorer, samples: Array, images: bool, zones: Zones | None = None) -> float:
    """Return kappa, or what it is where the user leaves it open."""
    if zones is not None:
        return (kappa or 0.0) / zones.unit
    if kappa is not None:
        return kappa
    return lead(scorer.scores(samples)) if images and scorer.logits is not None else 0.2
