"""What a detector asks the model."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Predict
from xrai_widgets.engines._confidence import SCORES


@dataclass(frozen=True, eq=False)
class Detector:
    """A score of the model's outputs: higher is more trustworthy.

    Parameters
    ----------
    name : str
        One of `SCORES`.
    predict : callable
    logits : callable, optional
        Needed by a score of the logits.
    """

    name: str
    predict: Predict
    logits: Predict | None = None

    def outputs(self, X: Array, part: str = "a changed sample") -> Array:
        """Return the probabilities (n, k).

        Raises
        ------
        ValueError
            where they are not finite.
        """
        if not len(X):
            return np.empty((0, 2))
        outputs = np.asarray(self.predict(X), dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if len(bad):
            raise ValueError(f"the model must give finite outputs, got NaN or infinite ones for {part}, row {bad[0]}")
        return outputs

    def scores(self, X: Array, outputs: Array) -> Array:
        """Return the scores (n,) of samples whose probabilities are there."""
        return self.value(self.name, X, outputs)

    def value(self, name: str, X: Array, outputs: Array) -> Array:
        """Return the scores (n,) by the name of one."""
        read = self.read(name, X, outputs)
        return SCORES[name].value(read) if len(X) else np.empty(0)

    def slope(self, X: Array, outputs: Array) -> Array:
        """Return the derivative (n, k) of the score with respect to the logits."""
        return SCORES[self.name].slope(self.read(self.name, X, outputs))

    def read(self, name: str, X: Array, outputs: Array) -> Array:
        """Return what a score is read off: logits or probabilities."""
        if not SCORES[name].of_logits or not len(X):
            return outputs
        assert self.logits is not None
        return np.asarray(self.logits(X), dtype=np.float64)
