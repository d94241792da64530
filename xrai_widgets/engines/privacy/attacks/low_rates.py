"""How many members are found while almost no one else is accused: the hits at a low false-positive rate."""

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate

LOW_RATES = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_0_1pct": 0.001}
_RULE, _HITS = (
    0.02,
    0.005,
)  # of the 2.5 % on either side: the rule accuses too few or too many, and the hits miss the TPR


def low_rates(
    members: Array, others: Array, share: float = 1.0
) -> tuple[dict[str, Estimate], pd.DataFrame, tuple[str, ...]]:
    """Return the true-positive rate at each of `LOW_RATES`, a table with the counts, and what the reader must know.

    ``share``: the share of the samples that the intervals rest on, as in `Attack`.
    """
    estimates, rows, notes = {}, [], []
    m, n = len(members), len(others)
    reached, _, _ = statistics.roc(members, others)
    for key, limit in LOW_RATES.items():
        fpr, tpr, threshold = statistics.tpr_at_fpr(members, others, limit)
        estimates[key] = _, low, high = _interval(members, others, limit, tpr, share)
        accused, hits = round(fpr * n), round(tpr * m)
        counted = {"false_positives": accused, "non_members": n, "fpr": fpr, "hits": hits, "members": m, "tpr": tpr}
        rows.append({"fpr_limit": limit, **counted, "low": low, "high": high, "threshold": threshold})
        enough = int(np.ceil(np.log(_RULE) / np.log1p(-limit) / share))
        if limit * n < 1:
            top = statistics.clopper_pearson(0, n).high
            notes.append(
                f"{n} non-members cannot show a false-positive rate of {limit:.1%}: the TPR there is taken at 0 false "
                f"positives, where the true rate may be as high as {top:.2%}; its interval starts at 0."
            )
        elif n < enough:
            notes.append(
                f"The TPR at FPR {limit:.1%} has no lower limit: that takes {enough:,} non-members, got {n:,}."
            )
        nearest = reached[reached <= limit].max()
        if limit * n >= 1 and nearest < limit / 2:
            notes.append(
                f"Ties in the score leave no rule with a false-positive rate between {nearest:.2%} and {limit:.1%}."
            )
    return estimates, pd.DataFrame(rows), tuple(notes)


def _interval(members: Array, others: Array, limit: float, value: float, share: float) -> Estimate:
    """Return the TPR at a true false-positive rate of ``limit``, free of assumptions about the scores.

    The rule is chosen on the same non-members that show its false-positive rate, so that rate is uncertain, too. Two
    order statistics of the non-members' scores hold the right rule with 96 %: their ranks are binomial quantiles. The
    interval goes from the exact lower limit of the stricter rule's hits to the upper one of the looser rule's (99 %).
    """
    m, n = len(members), len(others)
    size = max(int(share * n), 1)
    strict = int(stats.binom.ppf(_RULE, size, limit) * n / size)
    loose = int(np.ceil((stats.binom.isf(_RULE, size, limit) + 1) * n / size))
    falling = np.sort(others)[::-1]
    low, high = 0.0, 1.0
    if strict > 0:
        low = _exact((members > falling[strict - 1]).mean(), share * m).low
    if loose <= n:
        high = _exact((members >= falling[loose - 1]).mean(), share * m).high
    return Estimate(value, min(low, value), max(high, value))


def _exact(rate: float, n: float) -> Estimate:
    return statistics.clopper_pearson(rate * n, n, 1 - 2 * _HITS)
