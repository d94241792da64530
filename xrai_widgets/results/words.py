"""Names as people read them."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pandas as pd

from xrai_widgets.core import Outcome, registered

_LABELS = {  # what means the same everywhere; what an engine alone says belongs to the engine
    "auc": "AUC",
    "auroc": "AUROC",
    "average_precision": "average precision of the rare class (AUPR)",
    "recall_at_precision": "recall of the rare class at a precision of 50 % or more",
    "r2": "R²",
    "q1": "first quartile",
    "q3": "third quartile",
    "iqr": "interquartile range",
    "p95": "95 % quantile",
    "fpr": "false-positive rate",
    "tpr": "true-positive rate",
}
Labels = Callable[[str], str]
_OF_NAMES = ("measure",)  # columns that hold keys
SHAPES = {"fail": "■", "warn": "▲", "not refuted": "◐", "pass": "●", "not judged": "○"}  # worst first


def label(key: str, assessment: str = "") -> str:
    """Return the name of a value, a column or a table in words: those of its engine first, then those of all.

    Parameters
    ----------
    key : str
    assessment : str, optional
        Whose it is; one that is not registered here has no words of its own.
    """
    entry = registered().get(assessment)
    of_engine = entry.label(key) if entry is not None else ""
    return of_engine or _LABELS.get(key, key.replace("_", " "))


def labels_of(assessment: str) -> Labels:
    """Return the function that says what the keys of an assessment are called."""
    return partial(label, assessment=assessment)


def asked(parameter: str, assessment: str) -> str:
    """Return what people call a parameter of an assessment."""
    entry = registered().get(assessment)
    labels = {one.name: one.label for one in entry.parameters} if entry is not None else {}
    return labels.get(parameter, parameter.replace("_", " "))


def readable(frame: pd.DataFrame, label: Labels) -> pd.DataFrame:
    """Return a table whose cells that hold keys say them in words."""
    columns = [name for name in _OF_NAMES if name in frame.columns]
    return frame.assign(**{name: frame[name].map(lambda key: label(str(key))) for name in columns})


def number(value: float) -> str:
    """Return a number with three significant digits; infinities and gaps in words."""
    if value != value:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def interval(low: float, high: float) -> str:
    """Return an interval in brackets."""
    return f"[{number(low)}, {number(high)}]"


def moment(iso: str) -> str:
    """Return a time in ISO 8601 as day and minute."""
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return iso


def seconds(value: float) -> str:
    """Return a duration."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.1f} min"


def ending(outcome: Outcome, forecast: float | None) -> str:
    """Return how a run ended and how long it took, beside the seconds that were forecast."""
    if outcome.recalled:
        return f"{outcome.assessment}: from the store, computed {moment(outcome.started)}"
    expected = f" (forecast {seconds(forecast)})" if forecast is not None else ""
    return f"{outcome.assessment}: {outcome.status}, {seconds(outcome.seconds)}{expected}"
