"""Detectors by what the model says: energy, generalised entropy and the largest probability of its logits.

Log-probabilities serve as logits where a model has none; of them the energy is 0 for every row.
"""

from xrai_widgets.core import Array
from xrai_widgets.engines import _confidence as confidence
from xrai_widgets.engines.ood.estimators.detector import Detector


class EnergyDetector(Detector):
    """The free energy of the logits, T · log Σ exp(logits / T) (Liu et al. 2020, arXiv:2010.03759).

    Parameters
    ----------
    temperature : float
        T.
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    def __init__(self, *, temperature: float = 1.0, alpha: float = 0.05) -> None:
        self.temperature, self.alpha = temperature, alpha

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002 - nothing is learned but the offset
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature!r}")

    def _scores(self, X: Array) -> Array:
        return self.temperature * confidence.energy(X / self.temperature)


class _Fixed(Detector):
    """A score that learns nothing but its offset."""

    def __init__(self, *, alpha: float = 0.05) -> None:
        self.alpha = alpha

    def _learn(self, X: Array, y: Array | None) -> None:
        """Learn nothing but the offset."""


class GENDetector(_Fixed):
    """Minus the generalised entropy Σ pᵞ (1 − p)ᵞ, γ = 0.1, of the 100 largest probabilities of the logits.

    Liu, Lochman and Zach (2023, CVPR).

    Parameters
    ----------
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    def _scores(self, X: Array) -> Array:
        return confidence.gen(confidence.softmax(X))


class MaxSoftmaxDetector(_Fixed):
    """The largest probability of the logits (Hendrycks and Gimpel 2017, arXiv:1610.02136).

    Parameters
    ----------
    alpha : float
        Share of normal rows that `predict` may call foreign.
    """

    def _scores(self, X: Array) -> Array:
        return confidence.confidence(confidence.softmax(X))
