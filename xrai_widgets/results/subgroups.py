"""Subgroups against the policy: each by itself, and all of them read together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from xrai_widgets.core import Bound, Finding
from xrai_widgets.core.holm import holm
from xrai_widgets.results.threshold import Status, Threshold, standing

TABLE = "subgroups"
_LEVEL, _Z = 0.95, 1.959964


@dataclass(frozen=True)
class GroupCheck:
    """One judged value in one subgroup.

    ``status`` reads its interval alone; ``together`` is the simultaneous reading, in which the chance of any wrong pass
    or fail among all subgroups and measures of the outcome is about 5 % at most.
    """

    group: str
    key: str
    value: float
    low: float
    high: float
    count: int
    threshold: Threshold
    status: Status
    together: Status
    note: str = ""


def judge_groups(
    finding: Finding, thresholds: Mapping[str, Threshold], bounds: Mapping[str, Bound | None]
) -> tuple[GroupCheck, ...]:
    """Judge the table ``subgroups`` of a finding; ``bounds`` says which values are bounds of what they name.

    Notes
    -----
    The simultaneous reading is Holm's (1979) over the two-sided tests that belong to the intervals, with a direction
    for each (Shaffer 1980). The p-value is recovered from the side of the 95 % interval that faces the threshold, as in
    MOVER (Zou and Donner 2008): it is below 0.05 exactly where the interval lies on one side, and approximate beyond.
    """
    frame = finding.tables.get(TABLE)
    if frame is None:
        return ()
    rows = [row for row in frame.to_dict("records") if row["measure"] in thresholds]
    measured = [row for row in rows if row["value"] == row["value"] and row["low"] == row["low"]]
    p = holm([p_value(row["value"], row["low"], row["high"], thresholds[row["measure"]].value) for row in measured])
    sure = {(row["group"], row["measure"]): adjusted <= 1 - _LEVEL for row, adjusted in zip(measured, p, strict=True)}
    checks = []
    for row in rows:
        threshold, key = thresholds[row["measure"]], (row["group"], row["measure"])
        status: Status = "not judged"
        together: Status = "not judged"
        if key in sure:
            bound = bounds.get(row["measure"])
            status = standing(threshold, row["low"], row["high"], bound)
            together = standing(threshold, row["value"], row["value"], bound) if sure[key] else "warn"
        numbers = (float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]))
        checks.append(
            GroupCheck(str(row["group"]), row["measure"], *numbers, threshold, status, together, row["note"] or "")
        )
    return tuple(checks)


def p_value(value: float, low: float, high: float, threshold: float) -> float:
    """Return the two-sided p-value of a 95 % interval against a threshold."""
    distance = value - threshold
    side = value - low if distance > 0 else high - value
    if distance == 0 or math.isinf(side):
        return 1.0
    return math.erfc(_Z * abs(distance) / side / math.sqrt(2)) if side > 0 else 0.0
