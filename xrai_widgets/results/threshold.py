"""One threshold, and what an interval is worth against it."""

from dataclasses import dataclass
from typing import Literal, get_args

from xrai_widgets.core import Bound

Status = Literal["fail", "warn", "not refuted", "pass", "not judged"]
WORST_FIRST: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Threshold:
    """A bound for one measure: the good side is at or below ``max``, or at or above ``min``."""

    bound: Literal["max", "min"]
    value: float

    def judge(self, low: float, high: float) -> Status:
        """Judge an interval: pass if all of it is good, fail if all of it is bad, else warn."""
        if self.bound == "max":
            return "pass" if high <= self.value else "fail" if low > self.value else "warn"
        return "pass" if low >= self.value else "fail" if high < self.value else "warn"

    def flattered(self, bound: Bound | None) -> bool:
        """Whether a bound of this kind can only be too good a value."""
        return bound == ("lower" if self.bound == "max" else "upper")

    def __str__(self) -> str:
        return f"{'≤' if self.bound == 'max' else '≥'} {self.value:g}"


def standing(threshold: Threshold, low: float, high: float, bound: Bound | None = None) -> Status:
    """Judge an interval of a value that may be a bound.

    What can only be too favourable fails a model but does not pass it: its *pass* is *not refuted*.
    """
    status = threshold.judge(low, high)
    return "not refuted" if status == "pass" and threshold.flattered(bound) else status
