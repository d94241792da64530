"""SHAPr values beside those of permuted labels: shown, never a threshold."""

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

_LEVELS = np.r_[0, 0.001, 0.005, np.arange(1, 100) / 100, 0.995, 0.999, 1]
_MEASURED, _PERMUTED = "measured", "training labels permuted"


def beside_null(scaled: Array, null: Array) -> pd.DataFrame:
    """Return the share of samples above values: measured, and the middle and spread over the permutations.

    Parameters
    ----------
    scaled : array (n,)
    null : array (permutations, n)
    """
    grid = np.unique(np.quantile(np.concatenate([scaled, null.ravel()]), _LEVELS))
    above = np.array([1 - np.searchsorted(np.sort(row), grid, side="right") / len(row) for row in (scaled, *null)])
    own = [statistics.wilson(float(share) * len(scaled), len(scaled)) for share in above[0]]
    low, middle, high = np.quantile(above[1:], (0.025, 0.5, 0.975), axis=0)
    measured = {"share_above": above[0], "low": [x.low for x in own], "high": [x.high for x in own]}
    chance = {"share_above": middle, "low": low, "high": high}
    lines = ((_MEASURED, measured), (_PERMUTED, chance))
    return pd.concat([pd.DataFrame({"line": line, "shapr": grid, **given}) for line, given in lines], ignore_index=True)


def said(tail: Estimate, null: Array) -> str:
    """Return what the 95 % quantile is beside its null, in words."""
    low, high = np.quantile(np.quantile(null, 0.95, axis=1), (0.025, 0.975))
    return (
        f"With the training labels permuted {len(null)} times, the 95 % quantile is {low:.3g} to {high:.3g}, here "
        f"{tail.value:.3g}. Not even a model that memorises noise stands out from that: it is no threshold."
    )
