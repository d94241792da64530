"""What a checked value's verdict says, in one or two sentences."""

from typing import Protocol

from xrai_widgets.core import Bound
from xrai_widgets.results.threshold import Status, Threshold

MEANT: dict[Status, str] = {
    "fail": "all of the interval is on the bad side",
    "warn": "it straddles",
    "not refuted": "all of it is on the good side, but the value is a bound that can only be too good: it may fail a "
    "model, never pass it",
    "pass": "all of it is on the good side",
    "not judged": "the policy has no threshold, or the value must not be judged",
}
_SENTENCES: dict[Status, str] = {
    "fail": "The whole interval lies in the unsafe zone.",
    "warn": "The interval lies in both zones: this many samples cannot tell which of them it is.",
    "not refuted": "The whole interval lies in the safe zone, but",
    "pass": "The whole interval lies in the safe zone.",
}


class Judged(Protocol):
    """What a sentence about a checked value is made from."""

    @property
    def threshold(self) -> Threshold | None:
        """What the value was held against."""

    @property
    def status(self) -> Status:
        """Its verdict."""

    @property
    def bound(self) -> Bound | None:
        """Whether it is a bound of what it names."""

    @property
    def attacker(self) -> bool:
        """Whether it is what one attacker gets."""

    @property
    def reason(self) -> str:
        """Why it is not judged although it has a threshold."""


def sentence(check: Judged) -> str:
    """Return what the verdict of a value with a threshold says, and for a bound what would make it a pass."""
    if check.threshold is None:
        return ""
    if check.status == "not judged":
        return f"Not judged: {check.reason}." if check.reason else "Not judged: there is no number."
    text = _SENTENCES[check.status]
    if check.status == "not refuted":
        return f"{text} {_short_of_a_pass(check.threshold, check.bound)}"
    if check.status == "pass" and check.attacker:
        return f"{text} That is what this attacker gets; a stronger one may get more."
    return text


def doubt(check: Judged) -> str:
    """Return the sentence of a number that a reader would take for more than it is: a bound, or one not judged."""
    return sentence(check) if check.status == "not refuted" or check.reason else ""


def _short_of_a_pass(threshold: Threshold, bound: Bound | None) -> str:
    this, way, other = ("an upper", "below", "a lower") if bound == "upper" else ("a lower", "above", "an upper")
    return (
        f"the value is {this} bound: a stronger search may find the truth {way} the interval, which covers the choice "
        f"of the samples only. A pass takes an exact value or {other} bound (a certificate) that is {threshold}."
    )
