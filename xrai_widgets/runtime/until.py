"""Look at an interval again and again, stop when it is narrow, and pay for the looking."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from xrai_widgets.core import Finding

# a mean or share that is looked at after 20 items and then whenever they are a tenth more keeps 95 % with intervals
# that are a fifth wider: by simulation of normal, exponential and 0/1 items, as `pytest -m slow` repeats
FIRST, GROWTH, WIDER = 20, 1.1, 1.2


class Until:
    """The widths at which a run stops, and when to look.

    Parameters
    ----------
    widths : mapping of str to float
        Of the interval of each value, from end to end.
    narrowing : tuple of str
        All values whose intervals become narrower from item to item: all of them are widened.
    labels : mapping of str to str, optional
        What people call the values.
    """

    def __init__(
        self, widths: Mapping[str, float], narrowing: tuple[str, ...], labels: Mapping[str, str] | None = None
    ) -> None:
        self.widths, self.narrowing, self.labels = dict(widths), narrowing, labels or {}
        self._next = FIRST
        self.stopped_at = 0

    def reached(self, items: int, make: Callable[[], Finding]) -> bool:
        """Whether so many items are enough; the finding is made at fixed numbers of items only."""
        if items < self._next:
            return False
        while self._next <= items:
            self._next = ceil(self._next * GROWTH)
        finding = self.widened(make())
        ends = [finding.intervals.get(key) for key in self.widths]
        enough = all(
            end is not None and end[1] - end[0] <= width for end, width in zip(ends, self.widths.values(), strict=True)
        )
        self.stopped_at = items if enough else 0
        return enough

    def widened(self, finding: Finding) -> Finding:
        """Return the finding with intervals that hold although they were looked at again and again."""
        intervals = dict(finding.intervals)
        for key in {*self.narrowing} & {*intervals}:
            value, (low, high) = finding.values[key], intervals[key]
            intervals[key] = (value - WIDER * (value - low), value + WIDER * (high - value))
        return replace(finding, intervals=intervals)

    def with_note(self, finding: Finding) -> Finding:
        """Return the finding of a whole run, widened, with a note of why it ended."""
        wanted = " and ".join(f"{self.labels.get(key, key)} to {width:g}" for key, width in self.widths.items())
        ended = f"Stopped after {self.stopped_at} items" if self.stopped_at else "Went through all items"
        note = (
            f"{ended}, as the interval was to narrow: {wanted}. Intervals that may narrow were looked at after every "
            f"tenth more items, and are {WIDER - 1:.0%} wider for it."
        )
        return replace(self.widened(finding), notes=(*finding.notes, note))
