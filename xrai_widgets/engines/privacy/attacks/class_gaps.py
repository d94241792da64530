"""Is one class given away more than the others?"""

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.privacy.attacks.threshold import Attack

_COLUMNS = ("auc", "low", "high", "advantage", "advantage_low", "advantage_high", "gap", "gap_low", "gap_high")


def class_table(
    members: Array, others: Array, groups: tuple[Array, Array], names: list[str], attack: Attack
) -> pd.DataFrame:
    """AUC and advantage of the attack within each class that has members and non-members, and how far they stand out.

    ``gap`` is the AUC within the class minus that among all other classes, with their intervals combined by
    square-and-add (Newcombe 1998; Zou and Donner 2008). All intervals hold together, for all classes (Bonferroni):
    a table of classes is read for its extremes.
    """
    calls = [np.full(len(part), np.nan) for part in groups]
    for call, had, now in zip(calls, attack.had(), (attack.members, attack.others), strict=True):
        call[had] = now
    codes = [code for code in range(len(names)) if all((part == code).any() for part in groups)]
    level = statistics.widened(attack.share, 1 - (1 - LEVEL) / max(len(codes), 1))
    rows = []
    for code in codes:
        here = [part == code for part in groups]
        within = statistics.auc(members[here[0]], others[here[1]], level)
        rest = statistics.auc(members[~here[0]], others[~here[1]], level)
        gap = statistics.newcombe(within, rest) if len(codes) > 1 else Estimate(np.nan, -1.0, 1.0)
        numbers = (*within, *_advantage([call[now] for call, now in zip(calls, here, strict=True)], level), *gap)
        row = {"class": names[code], "members": here[0].sum(), "non_members": here[1].sum()}
        rows.append(row | dict(zip(_COLUMNS, numbers, strict=True)))
    return pd.DataFrame(rows, columns=["class", "members", "non_members", *_COLUMNS])


def largest_gap(table: pd.DataFrame) -> Estimate | None:
    """Return how far the most exposed class stands out; None where there are not two classes to compare.

    Where all intervals of the table hold, the largest gap lies between the largest lower and the largest upper limit.
    """
    if len(table) < 2:
        return None
    return Estimate(*(float(table[column].max()) for column in ("gap", "gap_low", "gap_high")))


def _advantage(calls: list[Array], level: float) -> Estimate:
    called = [call[~np.isnan(call)] for call in calls]
    rates = [statistics.wilson(float(call.sum()), len(call), level) for call in called]
    return statistics.newcombe(rates[0], rates[1])
