"""Outcomes as DataFrames."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xrai_widgets.core import Outcome, closest
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.verdict_words import doubt


def outcome_table(outcome: Outcome, name: str = "values") -> pd.DataFrame:
    """Return ``values`` (one row per number, with its interval) or one of the finding's own tables.

    Raises
    ------
    ValueError
        if the outcome has no finding, or no table of that name.
    """
    finding = outcome.finding
    if finding is None:
        raise ValueError(f"{outcome.assessment} has no tables: {outcome.status}, {outcome.reason}")
    if name == "values":
        gap = (np.nan, np.nan)
        rows = [
            {
                "value": value,
                "low": finding.intervals.get(key, gap)[0],
                "high": finding.intervals.get(key, gap)[1],
                "n": finding.counts.get(key),
            }
            for key, value in finding.values.items()
        ]
        return pd.DataFrame(rows, index=pd.Index(list(finding.values), name="measure"))
    if name not in finding.tables:
        allowed = ", ".join(["values", *finding.tables])
        raise ValueError(
            f"{outcome.assessment} has no table {name!r}; allowed: {allowed}{closest(name, finding.tables)}"
        )
    return finding.tables[name].copy()


def scoreboard_table(outcomes: Iterable[Outcome], policy: Policy | None = None) -> pd.DataFrame:
    """Return one row per judged value, or per outcome where nothing is judged. Every outcome appears."""
    policy = policy or Policy.default()
    rows = []
    for outcome in outcomes:
        verdict = judge(outcome, policy)
        judged = [check for check in verdict.checks if check.threshold is not None]
        base = {"subject": outcome.subject_name, "assessment": outcome.assessment}
        for check in judged:
            rows.append(
                {
                    **base,
                    "measure": check.key,
                    "value": check.value,
                    "low": check.low,
                    "high": check.high,
                    "n": check.count,
                    "threshold": str(check.threshold),
                    "verdict": check.status,
                    "waived": check.waiver.says if check.waiver is not None and check.waived else "",
                    "reason": doubt(check),
                }
            )
        for key in verdict.missing:
            reason = f"Not judged: {verdict.unjudged[key]}."
            rows.append({**base, "measure": key, "verdict": "not judged", "waived": "", "reason": reason})
        if not judged and not verdict.missing:
            rows.append({**base, "measure": "", "verdict": "not judged", "waived": "", "reason": verdict.reason})
    numbers = ["value", "low", "high", "n", "threshold"]
    return pd.DataFrame(rows, columns=["subject", "assessment", "measure", *numbers, "verdict", "waived", "reason"])
