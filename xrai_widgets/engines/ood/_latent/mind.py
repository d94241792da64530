"""What a model makes of samples: a label, and in which direction it would change."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Gradient, Predict
from xrai_widgets.core.decision import labels

_TINY = 1e-300
_NEVER = -1e9  # far below all logits


@dataclass(frozen=True, eq=False)
class Towards:
    """From logits to the weights of what is to fall: the class before, less the nearest other one; notes its lead.

    Parameters
    ----------
    before : int array (n,)
    rival : int array (n,), optional
        The other class, where it is given.
    lead : array (n,)
        Is written.
    """

    before: Array
    rival: Array | None
    lead: Array

    def __getitem__(self, part: slice) -> "Towards":
        """Return the same for some of the samples: models that work in batches ask so."""
        return Towards(self.before[part], None if self.rival is None else self.rival[part], self.lead[part])

    def __call__(self, logits: Array) -> Array:
        """Return the weights (n, k) of the logits (n, k)."""
        row = np.arange(len(self.before))
        others = np.array(logits, dtype=np.float64)
        others[row, self.before] = _NEVER
        rival = others.argmax(axis=1) if self.rival is None else self.rival
        self.lead[:] = logits[row, self.before] - others[row, rival]
        weights = np.zeros_like(others)
        weights[row, self.before], weights[row, rival] = 1.0, -1.0
        return weights


@dataclass(frozen=True, eq=False)
class Mind:
    """A classifier that is asked about flat samples.

    Parameters
    ----------
    predict, decide, logits, logit_gradient
        Fields of `Subject`; without the last one there are no slopes.
    shape : tuple of int
        Of one sample.
    rows : int
        Samples about which it is asked at once.
    target : int, optional
        The class that is aimed at; without it any other one.
    """

    predict: Predict
    decide: Predict | None
    logits: Predict | None
    logit_gradient: Gradient | None
    shape: tuple[int, ...]
    rows: int
    target: int | None = None

    def labels(self, samples: Array) -> Array:
        """Return the classes (n,) for which the model decides."""
        starts = range(0, len(samples), self.rows)
        parts = [labels(self.predict, self.decide, self._shaped(samples[a : a + self.rows])) for a in starts]
        codes: Array = np.concatenate([np.zeros(0, dtype=np.intp), *parts]).astype(np.intp)
        return codes

    def changed(self, samples: Array, before: Array) -> Array:
        """Return where the model has changed its mind: to the class that is aimed at, or to any other one."""
        now = self.labels(samples)
        turned: Array = now != before if self.target is None else now == self.target
        return turned

    def rivals(self, samples: Array, before: Array, count: int) -> list[Array | None]:
        """Return to which class (n,) each of ``count`` ways or fewer leads: None to the most likely other one."""
        if self.target is not None:
            return [np.full(len(samples), self.target)]
        starts = range(0, len(samples), self.rows)
        logits = np.concatenate([self._logits(self._shaped(samples[a : a + self.rows])) for a in starts])
        logits[np.arange(len(logits)), before] = _NEVER
        order = np.argsort(-logits, axis=1, kind="stable")
        return [None, *order[:, 1 : min(count, order.shape[1] - 1)].T]

    def lead(self, samples: Array, before: Array, rival: Array | None) -> tuple[Array, Array]:
        """Return by how much the class before leads a rival or the most likely one, in logits (n,), and slopes (n, d).

        Where the lead is negative another class is more likely than the one before, whatever the rival.
        """
        lead = np.zeros(len(samples))
        towards, slopes = Towards(before, rival, lead), np.zeros_like(samples)
        for start in range(0, len(samples), self.rows):
            part = slice(start, start + self.rows)
            slopes[part] = self._slopes(self._shaped(samples[part]), towards[part])
        return lead, slopes

    def _slopes(self, rows: Array, towards: "Towards") -> Array:
        assert self.logit_gradient is not None
        steerable = getattr(self.logit_gradient, "steerable", False)
        weights: Any = towards if steerable else towards(self._logits(rows))
        return np.asarray(self.logit_gradient(rows, weights)).reshape(len(rows), -1)

    def _logits(self, rows: Array) -> Array:
        if self.logits is not None:
            return np.asarray(self.logits(rows), dtype=np.float64)
        logits: Array = np.log(np.maximum(np.asarray(self.predict(rows), dtype=np.float64), _TINY))
        return logits

    def _shaped(self, samples: Array) -> Array:
        shaped: Array = samples.astype(np.float32).reshape(len(samples), *self.shape)
        return shaped
