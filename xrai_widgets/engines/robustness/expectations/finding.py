"""Expectations as numbers with intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.robustness.expectations.judged import MOST_CASES, Judged
from xrai_widgets.engines.robustness.expectations.trials import ALL_ZERO, Table

CENSUS = (ALL_ZERO, "must be predicted rightly")  # no draw: all that is meant was asked


@dataclass(frozen=True, eq=False)
class Looked:
    """What was looked at: a table whose first ``drawn`` samples are a draw, the others named ones.

    Parameters
    ----------
    ids : array (n,)
    drawn : int
    """

    table: Table
    ids: Array
    drawn: int
    judged: Judged

    def shares(self) -> dict[str, tuple[Estimate, int]]:
        """Return the share of samples that violate each expectation, and of how many; ends hold for all together."""
        each = 1 - (1 - LEVEL) / max(sum(name not in CENSUS for name in self.judged.asked), 1)
        shares = {}
        for name, asked in self.judged.asked.items():
            bad, n = int((self.judged.violated[name] & asked).sum()), int(asked.sum())
            shares[name] = (
                Estimate(bad / n, bad / n, bad / n) if name in CENSUS else statistics.wilson(bad, n, each),
                n,
            )
        return shares

    def cell(self, column: int, value: float) -> str:
        """Return what a cell holds, in the user's words."""
        if column < 0 or np.isnan(value):
            return "missing" if column >= 0 else ""
        words = self.table.kind(column).categories
        return str(words[int(value)]) if words and 0 <= int(value) < len(words) else f"{value:.6g}"


def expectations_finding(looked: Looked, notes: list[str]) -> Finding:
    """Return the finding."""
    shares, judged = looked.shares(), looked.judged
    rows = [
        {"expectation": name, "n": n, "violated": round(share.value * n), "share": share.value}
        | {"low": share.low, "high": share.high}
        for name, (share, n) in shares.items()
    ]
    by_share = pd.DataFrame(rows).sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
    worst = Estimate(*(max(numbers) for numbers in zip(*(share for share, _ in shares.values()), strict=True)))
    drawn = slice(0, looked.drawn)
    violated = np.array([judged.violated[name][drawn] for name in judged.asked if name not in CENSUS])
    anything = statistics.wilson(int(violated.any(axis=0).sum()), looked.drawn)
    samples = pd.DataFrame({"part": "X", "id": looked.ids[drawn], "violated_share": violated.mean(axis=0)})
    samples["violates"] = violated.sum(axis=0)
    estimates = {"violations": worst, "any_violation": anything}
    charts = (
        Chart(
            "expectations",
            "points",
            "share",
            y="expectation",
            low="low",
            high="high",
            title="Samples that violate each expectation",
        ),
        Chart("samples", "histogram", "violated_share", title="Share of the expectations that a sample violates"),
    )
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, looked.drawn),
        tables={"samples": samples, "expectations": by_share, "rows": _worst_rows(looked)},
        charts=charts,
        notes=tuple(notes),
    )


def _worst_rows(looked: Looked) -> pd.DataFrame:
    """Return the worst cases, those of each expectation by size."""
    cases = sorted(looked.judged.worst, key=lambda case: -case[7])[:MOST_CASES]
    rows = [
        {
            "id": looked.ids[row] if row >= 0 else None,
            "expectation": expectation,
            "feature": looked.table.names[column] if column >= 0 else "",
            "from": looked.cell(column, old),
            "to": looked.cell(column, new),
            "score_before": before,
            "score_after": after,
            "why": why,
        }
        for expectation, row, column, old, new, before, after, _, why in cases
    ]
    columns = ["id", "expectation", "feature", "from", "to", "score_before", "score_after", "why"]
    return pd.DataFrame(rows, columns=columns)
