"""What a search asks the model: scores, labels and slopes of flat samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Predict
from xrai_widgets.core.decision import labels as classes_of
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._search.differences import Differences
from xrai_widgets.engines._search.memory import Memory

_TINY = 1e-12
_PROBES, _SHARE = 32, 0.75
_TWO_SLOPES = 4  # queries
_BENT = 0.2  # of the rise that a smooth model may bend by within two steps


@dataclass(frozen=True, eq=False)
class Scorer:
    """What the model says of flat samples: logits where it has them, else log-probabilities.

    Parameters
    ----------
    predict, logits, gradient : callable
        As in a Subject; the last two may be missing.
    shape : tuple of int
        Shape of one sample.
    rows : int
        How many samples are asked for at once.
    differences : Differences, optional
        Stand in for the gradient where there is none.
    decide : callable, optional
        As in a Subject: the labels, where they are not the highest scores.
    offset : array (k,)
        Added to the scores, so that the highest one is the label as nearly as that can be had; see `rule.offset_of`.
    memory : Memory, optional
        Of what was asked before.
    """

    predict: Predict
    logits: Predict | None
    gradient: Callable[[Array, Array], Array] | None
    shape: tuple[int, ...]
    rows: int
    differences: Differences | None = None
    decide: Predict | None = None
    offset: Array | float = 0.0
    memory: Memory | None = None

    def labels(self, flat: Array, scores: Array | None = None) -> Array:
        """Return the model's labels (n,), without asking for scores that are known or not needed."""
        if self.decide is not None:
            return self.again(flat)
        most: Array = (self.scores(flat) if scores is None else scores).argmax(axis=1)
        return most

    def again(self, flat: Array) -> Array:
        """Ask the model itself for its labels (n,), whatever other scores are used."""
        parts = [flat[a : a + self.rows].reshape(-1, *self.shape) for a in range(0, max(len(flat), 1), self.rows)]
        return np.concatenate([classes_of(self.predict, self.decide, part) for part in parts])

    def scores(self, flat: Array, meter: Meter | None = None, owner: Array | None = None) -> Array:
        """Return (n, k); of what is granted only, where a meter stands for the instances ``owner`` (n,), else NaN."""
        if meter is None or owner is None:
            parts = [self._recalled(flat[a : a + self.rows]) for a in range(0, len(flat), self.rows)]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self.memory is not None:
            scores = self.memory.scores_within(self._in_parts, flat, meter, owner)
            return scores if self.decide is None else scores + self.offset
        granted = meter.grant(owner)
        return self.scores(flat) if granted.all() else spread(self.scores, flat, granted)

    def slope(
        self, flat: Array, first: Array, second: Array, meter: Meter | None = None, owner: Array | None = None
    ) -> Array:
        """Return the derivative of score ``first`` minus score ``second`` with respect to the samples, (n, d).

        0 where a meter refuses.
        """
        if self.gradient is None:
            assert self.differences is not None

            def ask(asked: Array, row: Array) -> Array:
                scores = self.scores(asked, meter, None if owner is None else owner[row])
                if meter is not None and scores.shape[1] == 1:  # of none it was asked
                    return np.full((len(asked), meter.classes), np.nan)
                return scores

            return np.nan_to_num(self.differences.slope(ask, flat, first, second, self.rows))
        if meter is not None and owner is not None:
            granted = meter.grant(owner, _TWO_SLOPES)
            steep = np.zeros(flat.shape)
            if granted.any():
                steep[granted] = self.slope(flat[granted], first[granted], second[granted])
            return steep
        parts = []
        for a in range(0, len(flat), self.rows):
            X = flat[a : a + self.rows].reshape(-1, *self.shape)
            both = np.concatenate([second[a : a + self.rows], first[a : a + self.rows]])
            # the cross-entropy of class j is logsumexp − score j: in the difference the first part drops out
            flow = self.gradient(np.concatenate([X, X]), both).reshape(2, len(X), -1)
            parts.append(flow[0] - flow[1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _recalled(self, flat: Array) -> Array:
        scores = self._model_scores(flat) if self.memory is None else self.memory.scores(self._model_scores, flat)
        return scores if self.decide is None else scores + self.offset

    def _in_parts(self, flat: Array) -> Array:
        parts = [self._model_scores(flat[a : a + self.rows]) for a in range(0, len(flat), self.rows)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _model_scores(self, flat: Array) -> Array:
        X = flat.reshape(-1, *self.shape)
        return np.log(np.maximum(self.predict(X), _TINY)) if self.logits is None else self.logits(X)


def spread(ask: Callable[[Array], Array], flat: Array, granted: Array) -> Array:
    """Return what is answered for the rows that are granted (n, k), NaN for the others."""
    if not granted.any():
        return np.full((len(flat), 1), np.nan)
    asked = ask(flat[granted])
    every = np.full((len(flat), asked.shape[1]), np.nan)
    every[granted] = asked
    return every


def is_smooth(scorer: Scorer, differences: Differences, samples: Array, seed: int) -> bool:
    """Whether small steps from most known samples change the scores, and by as much forwards as backwards.

    The predictions of trees and neighbours stand still or jump.
    """
    steps = np.where(differences.whole, 0.0, differences.steps)
    if not steps.any():
        return False
    rng = np.random.default_rng([seed, 3])
    probes = samples[:_PROBES]
    way = rng.choice([-1.0, 1.0], probes.shape) * steps
    middle = np.where(steps > 0, np.clip(probes, differences.low + steps, differences.high - steps), probes)
    back, here, ahead = (scorer.scores(middle + sign * way) for sign in (-1, 0, 1))
    rise, bend = np.abs(ahead - back).max(axis=1), np.abs(ahead + back - 2 * here).max(axis=1)
    return bool(np.mean((rise > 0) & (bend <= _BENT * rise)) >= _SHARE)
