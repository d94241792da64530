"""What an attack asks of a model: another class, or a prediction outside of a tolerance."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, NotApplicable, Predict
from xrai_widgets.core.decision import labels_and_count
from xrai_widgets.engines._band import WITHIN, Band, proposed

_UNSTEADY = 0.1  # of the tolerance: from there on it would be left by chance
_RESIDUALS = 10_000  # samples from which a tolerance is proposed
Linear = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Asked:
    """The model as an attack sees it.

    Parameters
    ----------
    predict, gradient, linear
        As in a Subject; of a regression those of three scores: within the tolerance, above, below.
    labels : int array (n,)
        The labels of the drawn samples, of which an attack must change each.
    right : bool array (n,)
        Which of them are attacked: those that are classified correctly; of a regression all.
    n_classes : int
    band : Band, optional
    """

    predict: Predict
    gradient: Gradient | None
    linear: Linear | None
    labels: Array
    right: Array
    n_classes: int
    band: Band | None = None


def asked_of_classes(
    predict: Predict, decide: Predict | None, gradient: Gradient | None, linear: Linear | None, X: Array, y: Array
) -> Asked:
    """Return what is asked of a classifier for drawn samples."""
    labels, n_classes = labels_and_count(predict, decide, X)
    return Asked(predict, gradient, linear, labels, labels == y, n_classes)


def asked_of_values(
    predict: Predict, gradient: Gradient | None, linear: Linear | None, X: Array, index: Array, tolerance: float
) -> Asked:
    """Return what is asked of a regression for the samples ``index`` of X: does the prediction leave the tolerance?"""
    band = Band(predict, np.asarray(predict(X[index]), dtype=np.float64), tolerance)
    n = len(index)
    labels, right = np.full(n, WITHIN), np.ones(n, dtype=bool)
    return Asked(band.scores, band.slopes(gradient), band.linear(linear), labels, right, 3, band)


def check_settings(init_eval: int, max_eval: int, epsilons: tuple[float, ...]) -> None:
    """Refuse settings that contradict each other.

    Raises
    ------
    ValueError
        where the first queries are more than the most, and for sizes that are none.
    """
    if init_eval > max_eval:
        raise ValueError(f"init_eval must be at most max_eval = {max_eval}, got {init_eval}")
    if not epsilons or not all(np.isfinite(size) and size > 0 for size in epsilons):
        raise ValueError(f"epsilons must be one or more sizes above 0, in any order, got {epsilons!r}")


def check_tolerance(task: str, tolerance: float | None, predict: Predict, X: Array, y: Array, unstable: float) -> None:
    """Refuse a tolerance that makes no sense.

    Raises
    ------
    NotApplicable
        for a regression without tolerance, with one that is proposed; for a tolerance of a classification; and for
        predictions that differ by themselves by a tenth of it or more.
    """
    if task == "classification":
        if tolerance is not None:
            reason = "tolerance is for a regression: the label of a classification changes, or it does not"
            raise NotApplicable(reason, "tolerance=None")
        return
    if tolerance is None:
        raise NotApplicable(*_proposal(np.asarray(predict(X[:_RESIDUALS])), y[:_RESIDUALS]))
    if unstable >= _UNSTEADY * tolerance:
        raise NotApplicable(
            f"the same rows get different predictions, by up to {unstable:.3g}: a change by more than {tolerance:g} "
            "would come by chance",
            f"tolerance={float(f'{20 * unstable:.2g}'):g}",
        )


def _proposal(predictions: Array, y: Array) -> tuple[str, str]:
    """Return why a tolerance is needed, and one that fits the model."""
    asks = "a regression needs a tolerance: by how much, in the unit of y, may a prediction change?"
    proposal = proposed(predictions, y)
    if proposal is None:
        return f"{asks} All predictions are the same, so the data propose none", "tolerance=…"
    number, what = proposal
    reason = f"{asks} The held-out samples propose {number:g}, {what}: set it in the form, or pass tolerance={number:g}"
    return f"{reason} (--set tolerance={number:g} on the command line)", f"tolerance={number:g}"
