"""Which controls do not show what they should, and what that says about the split or the assessment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Assessment, Control, Finding, Measure, Subject
from xrai_widgets.runtime.control_subjects import name_of
from xrai_widgets.runtime.copies import near_copies

_SIZE = 0.05  # of the way from chance to a full leak: less is no leak worth a warning
_SIZED = ("blind",)  # says how much of a number is no leak, so that what lies above can still be judged: another rule
ControlRun = tuple[Control, Finding | None, str]


@dataclass(frozen=True)
class Wrong:
    """A control whose interval lies outside what is right for it."""

    control: Control
    words: str
    why: str

    @property
    def note(self) -> str:
        """What the reader of the finding must know."""
        return f"Control failed: {name_of(self.control)}, {self.words}. {self.why}"


def wrong_of(runs: Sequence[ControlRun], entry: Assessment) -> list[Wrong]:
    """Return the controls that do not show what they should."""
    values = {control.kind: its for control, its, _ in runs if its is not None}
    full = values.get("memorising")
    wrong = []
    for control, its, _ in runs:
        if its is None or control.expect == "anything":
            continue
        if not isinstance(control.expect, str):
            wrong += [
                Wrong(control, _words(its, key), control.wrong)
                for key, (low, high) in control.expect.items()
                if key in its.values and _outside(its, key, low, high)
            ]
        elif entry.measures[0].key in its.values and _leaks_wrongly(control, its, full, entry.measures[0]):
            wrong.append(Wrong(control, _words(its, entry.measures[0].key), control.wrong or _WHY[control.kind]))
    return wrong


def unjudged_by(wrong: Sequence[Wrong], finding: Finding, entry: Assessment) -> dict[str, str]:
    """Return the measures that must not be judged, as a control of them is wrong, with the reason.

    What chance gives in place of what was found says nothing about a value that is exact.
    """
    reasons: dict[str, str] = {}
    for one in wrong:
        if one.control.kind in _SIZED:
            continue
        for measure in entry.measures:
            exact = finding.bounds.get(measure.key, measure.bound) == "exact" and one.control.measured is not None
            concerned = measure.key in (one.control.about or finding.values) and not exact
            if measure.key in finding.values and concerned:
                reasons.setdefault(measure.key, f"the control “{name_of(one.control)}” came out wrong ({one.words})")
    return reasons


def _words(finding: Finding, key: str) -> str:
    return f"{key.replace('_', ' ')} {finding.values[key]:.3g}"


def _outside(finding: Finding, key: str, low: float, high: float) -> bool:
    value = finding.values[key]
    bottom, top = finding.intervals.get(key, (value, value))
    return bottom > high or top < low


def _leaks_wrongly(control: Control, its: Finding, full: Finding | None, measure: Measure) -> bool:
    excess, sure = _beyond(its, measure)
    far = _SIZE * abs(_beyond(full, measure)[0]) if full is not None else 0.0
    return excess - 1.5 * (excess - sure) > far if control.expect == "no leak" else sure <= 0


def _beyond(finding: Finding, measure: Measure) -> tuple[float, float]:
    """Return how far the value lies on the bad side of chance, and how far at least by its interval."""
    assert measure.chance is not None
    value = finding.values[measure.key]
    low, high = finding.intervals.get(measure.key, (value, value))
    return (
        (value - measure.chance, low - measure.chance)
        if measure.better == "lower"
        else (
            measure.chance - value,
            measure.chance - high,
        )
    )


_WHY = {
    "constant": "It knows nothing of any sample, so labels alone tell the training samples from the others: their "
    "classes (or values) are distributed differently in X_train and X, and so much of the number is no leak.",
    "memorising": "With these samples and parameters even a model that knows its training samples by heart is not "
    "found, so a low number says nothing about yours.",
    "chance": "There is nothing to find here, so the assessment itself finds too much with these samples and "
    "parameters. By luck that happens in fewer than 1 of 300 runs.",
    "blind": "The training samples differ from the held-out ones so much that they can be distinguished without the "
    "model: they do not come from the same distribution, and so much of the number may be no leak.",
    "shuffled": "The labels have nothing to do with the samples here, so the assessment finds what is not there.",
    "dealt": "The predictions have nothing to do with the samples here, so the assessment finds what is not there.",
}


def overlap_of(subject: Subject, entry: Assessment) -> list[str]:
    """Say how many held-out samples stand in the training samples, too, where the two are to be distinguished."""
    if "y" not in entry.uses or subject.X_train is None or all(c.expect != "leak" for c in entry.controls):
        return []
    hashes = {hash(row.tobytes()) for row in np.ascontiguousarray(subject.X_train)}
    both = sum(hash(row.tobytes()) in hashes for row in np.ascontiguousarray(subject.X))
    notes = []
    if both >= max(1, 0.01 * len(subject.X)):
        notes.append(
            f"{both:,} of {len(subject.X):,} held-out samples stand in the training samples, too: they are members and "
            "non-members at once, and the leak looks smaller than it is."
        )
    near, looked = near_copies(subject.X, subject.X_train)
    if near:
        notes.append(
            f"{near:,} of {looked:,} held-out samples are near copies of a training sample, not equal but closer than "
            "a twentieth of the usual distance between samples: a model that knows one predicts the other as surely, "
            "and the leak looks smaller than it is."
        )
    return notes
