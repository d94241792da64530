"""Daily looks at one model: has it become worse? Judges a history of losses; nothing is kept between two calls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from xrai_widgets.core import Array

RUN_LENGTH = 1000.0
_BETS = np.array([0.1, 0.2, 0.4, 0.8, 1.6])
_LARGEST_STAKE = 0.9  # of what one bet may lose: the evidence stays positive
_MOST_EVIDENCE = 500.0  # logarithm


@dataclass(frozen=True)
class Looks:
    """The evidence after each look that the model has become worse.

    Parameters
    ----------
    log_evidence : array of shape (looks,)
        Natural logarithm of the mean of the Shiryaev-Roberts statistics; -inf before the first look of a stretch.
    alarms : tuple of int
        Looks at which the evidence passed the run length for the first time since the start or the last restart.
    run_length : float
        Looks in the mean until a false alarm, at least.
    """

    log_evidence: Array
    alarms: tuple[int, ...]
    run_length: float


@dataclass(frozen=True)
class Spread:
    """How much more the shares of wrong answers differ from look to look than chance lets them.

    Parameters
    ----------
    factor, low, high : float
        Pearson's statistic divided by its degrees of freedom, with a 95 % interval; 1 is chance alone.
    """

    factor: float
    low: float
    high: float

    @property
    def more_than_chance(self) -> bool:
        """Whether the guarantee of the run length is lost: looks are not draws from one share."""
        return self.low > 1


def watch_losses(
    losses: Sequence[float] | Array,
    n: Sequence[int] | Array,
    limit: float | Sequence[float] | Array,
    *,
    run_length: float = RUN_LENGTH,
    rows_depend: bool = False,
    restarts: Sequence[int] = (),
) -> Looks:
    """Bet, look by look, that the mean loss is above a limit, and say when the bets have won too much for chance.

    Parameters
    ----------
    losses : array of shape (looks,)
        Sum of the losses of each look, each in [0, 1]: for the error rate, the number of wrong answers.
    n : array of shape (looks,)
        Rows of each look; a look without rows is passed over.
    limit : float or array of shape (looks,)
        The largest mean loss that is no change: the upper end of the baseline's interval plus the fall that is allowed;
        one number a look where the weekday counts.
    run_length : float
        A false alarm comes after as many looks in the mean, at least.
    rows_depend : bool
        Whether rows of one look depend on each other, or losses are not 0 and 1: one bet on the mean of each look in
        place of one on each row.
    restarts : sequence of int
        Looks before which somebody acknowledged an alarm: the evidence begins again with them.

    Returns
    -------
    Looks

    Raises
    ------
    ValueError
        if lengths differ, a loss lies outside its rows, a limit outside (0, 1), or the run length is below 2.

    Notes
    -----
    The statistic is the mean over five stakes of :math:`M_t = (M_{t-1} + 1) E_t`, where :math:`E_t` is the growth of a
    bet whose mean is at most 1 while the mean loss, given all earlier looks, is at most the limit. The guarantee on the
    run length holds for that, and for rows that are independent given the earlier looks; see `spread_of_looks`.

    References
    ----------
    J. Shin, A. Ramdas and A. Rinaldo (2024). E-detectors: a nonparametric framework for sequential change detection.
    New England Journal of Statistics in Data Science.
    """
    losses, n, limits = _checked(losses, n, limit)
    if not run_length >= 2:
        raise ValueError(f"run_length is the number of looks until a false alarm, at least 2: got {run_length}")
    growth = log_growth(losses, n, limits, rows_depend=rows_depend)
    path = np.full(len(n), -math.inf)
    alarms: list[int] = []
    starts = sorted({0, *restarts})
    for begin, end in zip(starts, [*starts[1:], len(n)], strict=True):
        part = log_evidence(growth[begin:end])
        path[begin:end] = part
        over = np.flatnonzero(part >= math.log(run_length))
        alarms.extend(begin + over[:1])
    return Looks(path, tuple(int(alarm) for alarm in alarms), run_length)


def log_growth(losses: Array, n: Array, limits: Array, *, rows_depend: bool = False) -> Array:
    """Return the logarithm of what each bet became in each look, of shape (..., looks, stakes)."""
    limits = np.asarray(limits, dtype=float)[..., None]
    # a bet that may lose more than it holds is none: the largest stake loses at most 0.9 of it in a row without loss
    stakes = _BETS * np.minimum(1.0, _LARGEST_STAKE / (_BETS.max() * limits))
    losses, n = np.asarray(losses, dtype=float)[..., None], np.asarray(n, dtype=float)[..., None]
    if rows_depend:
        mean = np.divide(losses, n, out=np.zeros(np.broadcast_shapes(losses.shape, n.shape)), where=n > 0)
        grown: Array = np.where(n > 0, np.log1p(stakes * (mean - limits)), 0.0)
        return grown
    won: Array = losses * np.log1p(stakes * (1 - limits)) + (n - losses) * np.log1p(-stakes * limits)
    return won


def log_evidence(growth: Array) -> Array:
    """Return the logarithm of the mean statistic after each look, shape (..., looks), from the growth of each bet."""
    held = np.full((*growth.shape[:-2], growth.shape[-1]), -math.inf)
    path = np.empty(growth.shape[:-1])
    for look in range(growth.shape[-2]):
        held = np.minimum(np.logaddexp(held, 0.0) + growth[..., look, :], _MOST_EVIDENCE)
        path[..., look] = np.logaddexp.reduce(held, axis=-1) - math.log(growth.shape[-1])
    return path


def spread_of_looks(losses: Sequence[float] | Array, n: Sequence[int] | Array) -> Spread | None:
    """Return how much more the looks differ than rows drawn from one share would; None for fewer than three looks.

    Parameters
    ----------
    losses, n : array of shape (looks,)
        Wrong answers and rows of each look.

    Notes
    -----
    The interval takes the statistic for a scaled chi-squared variable, as Pearson's is for shares of one probability.
    """
    losses, n, _ = _checked(losses, n, 0.5)
    losses, n = losses[n > 0], n[n > 0]
    df = len(n) - 1
    share = losses.sum() / n.sum() if df >= 1 else 0.0
    if df < 2 or not 0 < share < 1:
        return None
    statistic = float(np.sum((losses - n * share) ** 2 / (n * share * (1 - share))))
    low, high = (statistic / stats.chi2.ppf(level, df) for level in (0.975, 0.025))
    return Spread(statistic / df, float(low), float(high))


def confidence_sequence(
    losses: Sequence[float] | Array,
    n: Sequence[int] | Array,
    *,
    sd: float = 0.5,
    tuned_to: float = 1000.0,
    alpha: float = 0.05,
) -> tuple[Array, Array, Array]:
    """Return the mean loss of all looks so far with an interval that holds at all looks at once.

    Parameters
    ----------
    losses, n : array of shape (looks,)
        Sum of the losses, each in [0, 1], and the rows of each look.
    sd : float
        Bound of the losses' sub-Gaussian standard deviation: 0.5 for any losses in [0, 1].
    tuned_to : float
        Rows at which the interval is about narrowest for its level.
    alpha : float
        Chance that it ever misses.

    Returns
    -------
    tuple of three arrays of shape (looks,)
        Mean, lower and upper end; NaN before the first row.

    References
    ----------
    S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon (2021). Time-uniform, nonparametric, nonasymptotic confidence
    sequences. Annals of Statistics 49(2): the normal mixture.
    """
    losses, n, _ = _checked(losses, n, 0.5)
    rows = np.cumsum(n)
    mean = np.divide(np.cumsum(losses), rows, out=np.full(len(n), math.nan), where=rows > 0)
    half = np.array([half_width(float(count), sd, tuned_to, alpha) if count else math.nan for count in rows])
    return mean, np.maximum(mean - half, 0.0), np.minimum(mean + half, 1.0)


def half_width(rows: float, sd: float, tuned_to: float, alpha: float) -> float:
    """Return the half-width of the normal mixture's interval after a number of rows."""
    inner = (rows + tuned_to) / rows**2 * math.log((rows + tuned_to) / (tuned_to * alpha**2))
    return sd * math.sqrt(inner)


def _checked(
    losses: Sequence[float] | Array, n: Sequence[int] | Array, limit: float | Sequence[float] | Array
) -> tuple[Array, Array, Array]:
    wrong, rows = np.asarray(losses, dtype=float), np.asarray(n, dtype=float)
    if wrong.ndim != 1 or wrong.shape != rows.shape:
        raise ValueError(f"losses and n name one number a look each: got shapes {wrong.shape} and {rows.shape}")
    outside = np.flatnonzero(~((wrong >= 0) & (wrong <= rows)))
    if len(outside):
        look = int(outside[0])
        raise ValueError(
            f"look {look}: a sum of losses in [0, 1] lies between 0 and its {rows[look]:g} rows, got {wrong[look]:g}"
        )
    limits = np.broadcast_to(np.asarray(limit, dtype=float), rows.shape)
    if not np.all((limits > 0) & (limits < 1)):
        raise ValueError(f"limit is a mean loss between 0 and 1, without its ends: got {limit}")
    return wrong, rows, limits
