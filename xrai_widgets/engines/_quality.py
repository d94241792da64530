"""How good is the model itself? Accuracy, ranking and calibration, before anything is said about its risks."""

import numpy as np

from xrai_widgets.core import Array, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

_BINS = 10
_REPEATS = 300


def quality(outputs: Array, y: Array, task: str, scored: bool = True, seed: int = 0) -> Finding:
    """Return accuracy (Wilson), AUROC (DeLong; several classes: mean of one-vs-rest, bootstrap) and calibration.

    Parameters
    ----------
    outputs : array (n, k) or (n,)
        Probabilities (or one-hot labels with ``scored=False``), or values of a regression.
    y : array (n,)
    task : {"classification", "regression"}

    Notes
    -----
    ``calibration_error`` is the expected calibration error of the top class over ten equally full bins (Naeini, Cooper,
    Hauskrecht 2015; equal-mass bins as in Nguyen and O'Connor 2015), with a bootstrap interval. It is biased upwards in
    small samples, so a perfectly calibrated model does not reach 0. Regression: R² and mean absolute error, bootstrap.
    """
    n = len(y)
    if task == "regression":
        estimates = {
            "r2": statistics.bootstrap(lambda i: _r2(outputs[i], y[i]), n, seed=seed, repeats=_REPEATS),
            "mean_absolute_error": statistics.mean(np.abs(outputs - y)),
        }
        return _finding(estimates, n)
    estimates = {"accuracy": statistics.wilson(int((outputs.argmax(axis=1) == y).sum()), n)}
    if scored:
        estimates["auroc"] = _auroc(outputs, y, seed)
        estimates["calibration_error"] = statistics.bootstrap(
            lambda i: _calibration_error(outputs[i], y[i]), n, seed=seed, repeats=_REPEATS
        )
    return _finding(estimates, n)


def _finding(estimates: dict[str, Estimate], n: int) -> Finding:
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n),
    )


def _r2(values: Array, y: Array) -> float:
    spread = float(np.square(y - y.mean()).sum())
    return 1.0 - float(np.square(y - values).sum()) / spread if spread > 0 else float("nan")


def _auroc(outputs: Array, y: Array, seed: int) -> Estimate:
    if outputs.shape[1] == 2:
        return statistics.auc(outputs[y == 1, 1], outputs[y == 0, 1])

    def macro(index: Array) -> float:
        rows, labels = outputs[index], y[index]
        present = [c for c in np.unique(labels) if (labels != c).any()]
        areas = [_area(rows[labels == c, c], rows[labels != c, c]) for c in present]
        return float(np.mean(areas)) if areas else float("nan")

    return statistics.bootstrap(macro, len(y), seed=seed, repeats=_REPEATS)


def _area(positive: Array, negative: Array) -> float:
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left") + np.searchsorted(ordered, positive, side="right")
    return float(below.sum()) / (2 * len(positive) * len(negative))


def _calibration_error(outputs: Array, y: Array) -> float:
    top = outputs.max(axis=1)
    order = np.argsort(top, kind="stable")
    right = (outputs.argmax(axis=1) == y)[order]
    gaps = [
        abs(float(top[order[part]].mean()) - float(right[part].mean())) * len(part)
        for part in np.array_split(np.arange(len(y)), min(_BINS, len(y)))
    ]
    return float(sum(gaps)) / len(y)
