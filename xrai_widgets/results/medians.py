"""The interval of a difference of two medians over the same samples."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from xrai_widgets.core import Array

_RESAMPLES = 1000
_AT_ONCE = 2_000_000  # numbers of resamples held together
_TAIL = 0.025


def paired_interval(first: Array, second: Array) -> tuple[float, float]:
    """Return the 95 % interval of median(second) − median(first), by a bootstrap of the pairs.

    Percentiles of resampled pairs, which hold their level for medians of dependent samples and with ties (Wilcox 2017,
    Introduction to Robust Estimation, section 5.9.2). As Agresti and Min (2005) do for shares, a pair is added for each
    way in which two models can differ most, so that models that agree on the few samples at hand are not taken to agree
    for certain.

    Parameters
    ----------
    first, second : array (n,)
        One number per sample; infinite where it is beyond all that can be measured.

    Returns
    -------
    low, high : float
        Infinite where the medians of too many resamples are; the same each time.
    """
    pairs = np.array([first, second], dtype=np.float64)
    return _interval(pairs.tobytes())


@lru_cache(maxsize=256)  # the boards draw anew for every movement of a threshold
def _interval(pairs: bytes) -> tuple[float, float]:
    given = np.frombuffer(pairs).reshape(2, -1)
    extra = np.array([[-np.inf, np.inf], [np.inf, -np.inf]])
    both = np.hstack([given, extra])
    n, rng = both.shape[1], np.random.default_rng(0)
    size = max(1, _AT_ONCE // n)
    parts = [_differences(both, rng, min(size, _RESAMPLES - start)) for start in range(0, _RESAMPLES, size)]
    resampled = np.concatenate(parts)
    unknown = np.isnan(resampled)  # both medians are infinite: the difference can be anything
    place = int(_TAIL * _RESAMPLES)
    low = np.sort(np.where(unknown, -np.inf, resampled))[place]
    high = np.sort(np.where(unknown, np.inf, resampled))[-1 - place]
    return float(low), float(high)


def _differences(both: Array, rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    drawn = both[:, rng.integers(0, both.shape[1], (count, both.shape[1]))]
    with np.errstate(invalid="ignore"):
        first, second = np.median(drawn, axis=2)
        return np.asarray(second - first)
