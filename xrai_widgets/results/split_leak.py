"""A number beside what the split leaks by itself: only what lies beyond both that and the limit is the model's."""

from xrai_widgets.core import Finding, Measure
from xrai_widgets.core.control import BLIND, CONTROLS, SPLIT_LEAKS
from xrai_widgets.results.threshold import Threshold


def beyond(finding: Finding, measure: Measure, threshold: Threshold, low: float, high: float) -> bool:
    """Whether a number that is not judged, since the split leaks by itself, fails all the same.

    It does where its whole interval lies beyond the limit moved by the upper end of what the data show without a model,
    less chance: no split of that kind explains it.
    """
    if not finding.unjudged.get(measure.key, "").startswith(SPLIT_LEAKS) or measure.chance is None:
        return False
    table = finding.tables[CONTROLS]
    row = table[(table["control"] == BLIND) & (table["measure"] == measure.key)]
    if not len(row):
        return False
    if threshold.bound == "max":
        return bool(low > threshold.value + max(float(row["high"].iloc[0]) - measure.chance, 0.0))
    return bool(high < threshold.value - max(measure.chance - float(row["low"].iloc[0]), 0.0))
