"""Which numbers a split explains that leaks by itself: what differs between the parts is no leak of the model."""

from collections.abc import Sequence

from xrai_widgets.core import Assessment, Finding
from xrai_widgets.core.control import SPLIT_LEAKS
from xrai_widgets.runtime.control_warnings import Found, Wrong


def split_leak(finding: Finding, found: Sequence[Found], wrong: Sequence[Wrong], entry: Assessment) -> dict[str, str]:
    """Return the measures that nobody may judge, with the reason; none where members look like the others.

    Where the data alone tell members from others, an attack on the model finds that difference, too, and its number is
    no leak up to the upper end of what they tell. Who judges still fails what lies beyond that end and the limit
    together (`xrai_widgets.results.split_leak.beyond`).
    """
    if not any(one.control.kind == "blind" for one in wrong):
        return {}
    for control, its, _ in found:
        if control.kind != "blind" or its is None:
            continue
        keys = [m.key for m in entry.measures if m.key in finding.values and m.key in its.intervals]
        return {
            key: f"{SPLIT_LEAKS}: without any model the data tell members from others with {_words(its, key)}"
            for key in keys
        }
    return {}


def _words(finding: Finding, key: str) -> str:
    low, high = finding.intervals[key]
    return f"{key.replace('_', ' ')} {finding.values[key]:.3g} [{low:.3g}, {high:.3g}]"
