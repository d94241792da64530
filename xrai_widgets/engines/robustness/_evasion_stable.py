"""What an attack says of a regression: how far must samples be moved until predictions leave the tolerance?"""

from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._band import Band
from xrai_widgets.engines.robustness._evasion_parts import Attacked, Told, found_by


def told_of_predictions(attacked: Attacked, band: Band, finished: bool) -> Told:
    """Return the share of predictions that stay within the tolerance, and what becomes of each."""
    n, standing = len(attacked.index), attacked.standing
    change = f"a change of the prediction by more than {band.tolerance:g}"
    histogram = Chart(
        "samples", "histogram", "distance", title=f"Distance to {change}", cut=attacked.epsilon, beyond="below"
    )
    return Told(
        key="stable_share",
        estimates={"stable_share": statistics.wilson(int(standing.sum()), n)},
        shares={"stable_share": standing.astype(float)},
        samples=_samples(attacked, band, finished),
        height="stable_share",
        title=f"Security curve: predictions that stay within {band.tolerance:g}",
        histogram=histogram,
    )


def _samples(attacked: Attacked, band: Band, finished: bool) -> pd.DataFrame:
    best, becomes = attacked.best, np.full(len(attacked.index), np.nan)
    place, changed = best.reached(attacked.problem, attacked.right)
    if len(place) and finished:
        becomes[place] = _predictions(band, changed, attacked.problem.shape, attacked.problem.rows)
    columns: dict[str, Any] = {
        "part": "X",
        "id": attacked.ids[attacked.index],
        "prediction": band.centre,
        "status": np.where(best.found, "found", "not found"),
        "distance": np.where(best.found, best.distance, np.nan),
        "becomes": becomes,
        "found_by": found_by(attacked),
    }
    return pd.DataFrame(columns)


def _predictions(band: Band, flat: Array, shape: tuple[int, ...], rows: int) -> Array:
    parts = [flat[start : start + rows].reshape(-1, *shape) for start in range(0, len(flat), rows)]
    return np.concatenate([np.asarray(band.predict(part), dtype=np.float64) for part in parts])
