"""What certificates say, as numbers with intervals, tables and charts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rows import not_judged
from xrai_widgets.engines.robustness.certified.bounds import Certified

_CLOSE = 1e-6  # relative gap below which both ends are one
LOWER, UPPER, EXACT = "certified (lower bound)", "attacked (upper bound)", "exact"


@dataclass(frozen=True, eq=False)
class Asked:
    """What was certified, and how.

    Parameters
    ----------
    ids, truth : array (n,)
        Of all drawn samples.
    right : int array (m,)
        Places of those that are predicted rightly.
    result : Certified
        Of those.
    lacking : int
        How many of those lack numbers.
    """

    part: str
    ids: Array
    truth: Array
    right: Array
    classes: tuple[Any, ...]
    epsilon: float
    epsilons: tuple[float, ...]
    method: str
    attack: bool
    named: str
    result: Certified
    lacking: int = 0

    @property
    def ends(self) -> tuple[Array, Array, Array]:
        """Lower and upper distances of the right samples, and where they are one."""
        low, high = self.result.low, np.where(self.result.exact, self.result.low, self.result.high)
        never = self.result.settled & np.isinf(low)
        low = np.minimum(low, high)
        both = np.isfinite(high)
        close = both & (np.where(both, high, 0.0) <= (1 + _CLOSE) * np.where(both, low, 0.0))
        return low, high, self.result.settled & (self.result.exact | never | close)


def certified_finding(asked: Asked) -> Finding:
    """Return the finding for the state of the certificates as it is: what is not settled counts as not certified."""
    n, (low, high, exact) = len(asked.ids), asked.ends
    every_low, every_high = np.zeros(n), np.zeros(n)
    every_low[asked.right], every_high[asked.right] = low, high
    right = np.zeros(n, dtype=bool)
    right[asked.right] = True
    standing = right & (every_low > asked.epsilon)
    estimates = {
        "certified_accuracy": statistics.wilson(int(standing.sum()), n),
        "accuracy": statistics.wilson(len(asked.right), n),
        "certified_share": statistics.wilson(int(standing.sum()), len(asked.right)),
    }
    counts = {"certified_accuracy": n, "accuracy": n, "certified_share": len(asked.right)}
    both = asked.attack or bool(exact.any())
    if both:
        estimates["attacked_accuracy"] = statistics.wilson(int((right & (every_high > asked.epsilon)).sum()), n)
        counts["attacked_accuracy"] = n
    notes = _notes(asked, low, high, exact)
    if len(low) and np.isfinite(np.median(low)):
        estimates["median_distance"], counts["median_distance"] = _median(low), len(low)
    elif len(low):
        notes.append("No median distance: for half of the samples or more no allowed change at all alters the label.")
    done = bool(asked.result.settled.all())
    curve = _curve(asked, n, low, high, both, bool(exact.all()) and done)
    shares = {
        key: (right & mask).astype(float) for key, mask in (("certified_accuracy", standing), ("accuracy", right))
    }
    bounded = [key for key in ("certified_accuracy", "median_distance") if key in estimates]
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables={
            "samples": _samples(asked, low, high, exact),
            "curve": curve,
            "at_sizes": _at_sizes(asked, n, low, high, both),
            "contributions": pd.DataFrame({"part": asked.part, "id": asked.ids, **shares}),
        },
        charts=(
            Chart(
                "curve",
                "line",
                "epsilon",
                y="share",
                by="bound",
                low="low",
                high="high",
                title="Accuracy that is proved, and that an attack leaves",
            ),
        ),
        notes=tuple(notes),
        bounds=dict.fromkeys(bounded, "exact") if done and len(exact) and exact.all() else {},
        unjudged=not_judged(asked.named, estimates),
    )


def _samples(asked: Asked, low: Array, high: Array, exact: Array) -> pd.DataFrame:
    n = len(asked.ids)
    status = np.full(n, "answered wrongly before", dtype=object)
    reading = np.where(exact, "exact", np.where(low > 0, "bounded", "not certified"))
    status[asked.right] = np.where(asked.result.settled, reading, "not finished")
    ends = {"distance_lower": low, "distance_upper": high, "gap": _gap(low, high)}
    columns = {}
    for key, values in ends.items():
        columns[key] = np.full(n, np.nan)
        columns[key][asked.right] = values if key != "distance_upper" else np.where(np.isinf(values), np.nan, values)
    names = np.array([str(name) for name in asked.classes] or [str(c) for c in range(int(asked.truth.max()) + 1)])
    return pd.DataFrame({"part": asked.part, "id": asked.ids, "class": names[asked.truth], "status": status, **columns})


def _gap(low: Array, high: Array) -> Array:
    """Return 1 − lower / upper: 0 where both are one, NaN where no upper end is finite."""
    finite = np.isfinite(high)
    above = finite & (high > 0)
    gap = np.where(above, 1.0 - np.where(above, low, 0.0) / np.where(above, high, 1.0), 0.0)
    return np.where(finite, gap, np.where(np.isinf(low), 0.0, np.nan))


def _curve(asked: Asked, n: int, low: Array, high: Array, both: bool, exact: bool) -> pd.DataFrame:
    """The shares just above every distance, so that a step never stands for more than is proved."""
    finite = np.r_[low[np.isfinite(low)], high[np.isfinite(high)]]
    last = max(float(finite.max(initial=0.0)), asked.epsilon) * 1.05
    sizes = np.unique(np.r_[0.0, finite, asked.epsilon, last])
    lines = [(EXACT, low)] if exact else [(LOWER, low), *([(UPPER, high)] if both else [])]
    rows = [
        {"bound": name, "epsilon": e, **statistics.wilson(int((distance > e).sum()), n)._asdict()}
        for name, distance in lines
        for e in sizes
    ]
    return pd.DataFrame(rows).rename(columns={"value": "share"})


def _at_sizes(asked: Asked, n: int, low: Array, high: Array, both: bool) -> pd.DataFrame:
    rows = []
    for e in asked.epsilons:
        proved = statistics.wilson(int((low > e).sum()), n)
        row = {"epsilon": e, "certified_accuracy": proved.value, "low": proved.low, "high": proved.high}
        rows.append(row | ({"attacked_accuracy": int((high > e).sum()) / n} if both else {}))
    names = ["epsilon", "certified_accuracy", "low", "high", *(["attacked_accuracy"] if both else [])]
    return pd.DataFrame(rows, columns=names)


def _median(distance: Array) -> statistics.Estimate:
    far = 10.0 * float(distance[np.isfinite(distance)].max(initial=0.0)) + 1.0
    value, low, high = statistics.quantile(np.where(np.isfinite(distance), distance, far), 0.5)
    return statistics.Estimate(value, max(low, 0.0), np.inf if high >= far else high)


def _notes(asked: Asked, low: Array, high: Array, exact: Array) -> list[str]:
    kinds = {
        "linear": "the weights of a linear model",
        "single tree": "the leaves of a single tree",
        "sum of trees": "combinations of the leaves of all trees",
        "network": "CROWN's bounds of a ReLU network",
    }
    if not len(low):
        return ["The model classifies none of the drawn samples correctly: there is nothing to certify."]
    notes = [f"Certified by {kinds[asked.method]}; {int(exact.sum())} of {len(low)} distances are exact."]
    gap = _gap(low, high)[~exact]
    if np.isfinite(gap).any():
        kept = 1.0 - float(np.median(gap[np.isfinite(gap)]))
        notes.append(f"Where they are not, the certified distance is {kept:.2f} of the attack's in the median.")
    if asked.result.native and not exact.all():
        notes.append("With the extra veritas more of them would be: pip install 'xrai-widgets[veritas]'.")
    if asked.lacking:
        notes.append(f"{asked.lacking} of them lack numbers: nothing is proved, they count as not certified.")
    waiting = int((~asked.result.settled).sum())
    if waiting:
        notes.append(f"{waiting} samples were not finished: they count as not certified.")
    return notes
