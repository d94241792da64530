"""How good is the model itself? Accuracy, ranking and calibration, before its risks are looked at."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._calibration import calibration_error
from xrai_widgets.engines._rare import average_precision, rare_class, rare_note, recall_at_precision
from xrai_widgets.engines._statistics import Estimate

_REPEATS = 300


def quality(
    outputs: Array,
    y: Array,
    task: str,
    scored: bool = True,
    seed: int = 0,
    labels: Array | None = None,
    classes: tuple[Any, ...] = (),
) -> Finding:
    """Return accuracy (Wilson), AUROC (exact; several classes: mean of one-vs-rest, bootstrap) and calibration.

    Where one of two classes is rare, how well it is found, too (`xrai_widgets.engines._rare`).

    Parameters
    ----------
    outputs : array (n, k) or (n,)
        Probabilities (or one-hot labels with ``scored=False``), or values of a regression.
    y : array (n,)
    task : {"classification", "regression"}
    labels : int array (n,), optional
        What the model decides; by default the most probable classes.
    classes : tuple, optional
        Their names.

    Notes
    -----
    ``calibration_error`` is the root of the debiased squared calibration error of the predicted label
    (`xrai_widgets.engines._calibration`): its interval holds 0 where the model is calibrated. Regression: R² and mean
    absolute error, bootstrap.
    """
    n = len(y)
    if task == "regression":
        estimates = {
            "r2": statistics.bootstrap(lambda i: _r2(outputs[i], y[i]), n, seed=seed, repeats=_REPEATS),
            "mean_absolute_error": statistics.mean(np.abs(outputs - y)),
        }
        return _finding(estimates, n)
    notes: tuple[str, ...] = ()
    others: dict[str, int] = {}
    labels = outputs.argmax(axis=1) if labels is None else labels
    estimates = {"accuracy": statistics.wilson(int((labels == y).sum()), n)}
    if scored:
        estimates["auroc"] = _auroc(outputs, y, seed)
        error = calibration_error(outputs, y, seed=seed, labels=labels)
        estimates["calibration_error"] = error.estimate
        if error.squared < 0:
            notes = (
                f"The squared calibration error less what chance adds is {error.squared:.2g}, below 0: the outcomes "
                "vary less than by chance, and the calibration error is shown as 0.",
            )
        rare = rare_class(y) if outputs.shape[1] == 2 else None
        if rare is not None:
            positive = y == rare
            about = {"average_precision": average_precision, "recall_at_precision": recall_at_precision}
            estimates |= {key: measure(outputs[:, rare], positive) for key, measure in about.items()}
            others = dict.fromkeys(about, int(positive.sum()))
            notes = (*notes, rare_note(positive, f"class {classes[rare]!r}" if classes else f"class number {rare}"))
    return _finding(estimates, n, notes, others)


def _finding(
    estimates: dict[str, Estimate], n: int, notes: tuple[str, ...] = (), others: dict[str, int] | None = None
) -> Finding:
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n) | (others or {}),
        notes=notes,
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
