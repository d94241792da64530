"""P-values that are read together."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def holm(p_values: Iterable[float]) -> npt.NDArray[np.float64]:
    """Return p-values that hold for all tests together (Holm 1979); NaN are no tests, and stay."""
    given = np.asarray([*p_values], dtype=np.float64)
    adjusted = np.full(len(given), np.nan)
    tests = np.flatnonzero(~np.isnan(given))
    order = tests[np.argsort(given[tests], kind="stable")]
    steps = given[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
