"""What a year of looks at one model would show: how often a false alarm, and how soon a real fall is found."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.results.detector import RUN_LENGTH, log_evidence, log_growth

_YEARS_AT_ONCE = 250
FALLS = (0.03, 0.05, 0.10)
_ALMOST_ALL = 1 - 1e-9  # a limit of 1 leaves nothing to bet on


def false_years(
    accuracy: float,
    baseline_rows: int,
    batch_rows: int,
    *,
    looks: int = 365,
    allowed: float = 0.0,
    falls: tuple[float, ...] = FALLS,
    change_at: int = 59,
    years: int = 1000,
    run_length: float = RUN_LENGTH,
    limit: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate years of looks at a model that stays as it is, and at one that falls; each year draws its own baseline.

    Parameters
    ----------
    accuracy : float
        Of the approved model, between 0 and 1.
    baseline_rows, batch_rows : int
        Labelled rows of the baseline and of each look.
    looks : int
        Looks in a year.
    allowed : float
        Fall of accuracy that is no change.
    falls : tuple of float
        Falls that the model is tried with.
    change_at : int
        Looks before the fall.
    years : int
        Simulated years a line.
    run_length : float
        See `detector.watch_losses`.
    limit : float, optional
        A mean loss that is known to be the limit, in place of the upper end of each year's baseline.
    seed : int
        Random seed.

    Returns
    -------
    DataFrame
        One line for no fall and one for each: ``fall``, ``years_with_alarm`` (for a fall: an alarm before it),
        ``low``, ``high`` (95 %, Wilson), ``median_looks`` from the fall to its alarm (infinite where more than half of
        the years never find it), ``never_found``.
    """
    if not 0 < accuracy < 1:
        raise ValueError(f"accuracy lies between 0 and 1, without its ends: got {accuracy}")
    for name, number in {
        "baseline_rows": baseline_rows,
        "batch_rows": batch_rows,
        "looks": looks,
        "years": years,
    }.items():
        if number < 1:
            raise ValueError(f"{name} is at least 1: got {number}")
    lines = []
    for number, fall in enumerate((0.0, *falls)):
        rng = np.random.default_rng([seed, number])
        rates = np.full(looks, 1 - accuracy)
        rates[change_at:] = min(1 - accuracy + fall, 1.0)
        first = [
            _first_alarms(
                rng, rates, _limits(rng, 1 - accuracy, baseline_rows, size, limit) + allowed, batch_rows, run_length
            )
            for size in _sizes(years)
        ]
        lines.append({"fall": fall, **_line(np.concatenate(first), looks, change_at if fall else looks)})
    return pd.DataFrame(lines)


def _sizes(years: int) -> list[int]:
    return [min(_YEARS_AT_ONCE, years - begin) for begin in range(0, years, _YEARS_AT_ONCE)]


def _limits(rng: np.random.Generator, error: float, rows: int, years: int, given: float | None) -> Array:
    if given is not None:
        return np.full(years, given)
    return upper_end(rng.binomial(rows, error, years), rows)


def _first_alarms(rng: np.random.Generator, rates: Array, limits: Array, rows: int, run_length: float) -> Array:
    """Return each year's first look with an alarm, and the number of looks where there is none."""
    losses = rng.binomial(rows, rates, (len(limits), len(rates)))
    beyond = np.minimum(limits, _ALMOST_ALL)[:, None]
    over = log_evidence(log_growth(losses, np.full_like(losses, rows), beyond)) >= math.log(run_length)
    first: Array = np.where(over.any(axis=1), over.argmax(axis=1), len(rates))
    return first


def upper_end(wrong: Array | int, rows: int) -> Array:
    """Return the upper 97.5 % end of an error rate (Clopper and Pearson), which a look is held against."""
    wrong = np.asarray(wrong, dtype=float)
    end: Array = np.where(wrong >= rows, 1.0, stats.beta.ppf(0.975, wrong + 1, np.maximum(rows - wrong, 1e-300)))
    return end


def _line(first: Array, looks: int, change_at: int) -> dict[str, float]:
    early = first < change_at
    low, high = stats.binomtest(int(early.sum()), len(first)).proportion_ci(method="wilson")
    line = {"years_with_alarm": float(early.mean()), "low": float(low), "high": float(high)}
    late = first[~early]
    if change_at == looks or not len(late):
        return {**line, "median_looks": math.nan, "never_found": math.nan}
    never = late == looks
    delays = np.where(never, math.inf, late - change_at + 1)
    return {**line, "median_looks": float(np.quantile(delays, 0.5, method="lower")), "never_found": float(never.mean())}
