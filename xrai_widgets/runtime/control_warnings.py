"""Which controls do not show what they should, and what that says about the split or the assessment."""

import numpy as np

from xrai_widgets.core import Assessment, Control, Finding, Measure, Subject
from xrai_widgets.runtime.control_subjects import NAMES
from xrai_widgets.runtime.copies import near_copies

_SIZE = 0.05  # of the way from chance to a full leak: less is no leak worth a warning


def warnings_of(found: list[tuple[Control, Finding | None, str]], entry: Assessment) -> list[str]:
    """Say which controls do not show what they should."""
    measure, said = entry.measures[0] if entry.measures else None, []
    for control, its, _ in found:
        if measure is not None and its is not None and is_wrong(control, found, entry):
            words = f"{measure.key.replace('_', ' ')} {its.values[measure.key]:.3g}"
            said.append(f"Control failed: {NAMES[control.kind]}, {words}. {_WHY[control.kind]}")
    return said


def is_wrong(control: Control, found: list[tuple[Control, Finding | None, str]], entry: Assessment) -> bool:
    """Whether a control does not show what it should in the first measure."""
    values = {control.kind: its for control, its, _ in found if its is not None}
    its, full = values.get(control.kind), values.get("memorising")
    if its is None or control.expect == "anything" or entry.measures[0].key not in its.values:
        return False
    measure = entry.measures[0]
    excess, sure = _beyond(its, measure)
    if control.expect == "leak":
        return sure <= 0
    return excess - 1.5 * (excess - sure) > (_SIZE * abs(_beyond(full, measure)[0]) if full is not None else 0.0)


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
    "blind": "The training samples differ from the held-out ones so much that they can be told apart without the "
    "model: they do not come from the same distribution, and so much of the number may be no leak.",
}


def overlap_of(subject: Subject, entry: Assessment) -> list[str]:
    """Say how many held-out samples stand in the training samples, too, where they are to be told apart."""
    if "y" not in entry.uses or subject.X_train is None or all(c.expect != "leak" for c in entry.controls):
        return []
    known = {hash(row.tobytes()) for row in np.ascontiguousarray(subject.X_train)}
    both = sum(hash(row.tobytes()) in known for row in np.ascontiguousarray(subject.X))
    said = []
    if both >= max(1, 0.01 * len(subject.X)):
        said.append(
            f"{both:,} of {len(subject.X):,} held-out samples stand in the training samples, too: they are members and "
            "non-members at once, and the leak looks smaller than it is."
        )
    near, looked = near_copies(subject.X, subject.X_train)
    if near:
        said.append(
            f"{near:,} of {looked:,} held-out samples are near copies of a training sample, not equal but closer than "
            "a twentieth of the usual distance between samples: a model that knows one answers the other as surely, "
            "and the leak looks smaller than it is."
        )
    return said
