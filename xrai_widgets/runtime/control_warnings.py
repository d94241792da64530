"""Which controls do not show what they should, and what that says about the split or the assessment."""

import numpy as np

from xrai_widgets.core import Assessment, Control, Finding, Measure, Subject
from xrai_widgets.runtime.control_subjects import NAMES

_SIZE = 0.05  # of the way from chance to a full leak: less is no leak worth a warning


def warnings_of(found: list[tuple[Control, Finding | None, str]], entry: Assessment) -> list[str]:
    """Say which controls do not show what they should."""
    values = {control.kind: its for control, its, _ in found if its is not None}
    full = values.get("memorising")
    said = []
    for control, its, _ in found:
        if its is None or control.expect == "anything" or entry.measures[0].key not in its.values:
            continue
        measure = entry.measures[0]
        excess, sure = _beyond(its, measure)
        far = _SIZE * abs(_beyond(full, measure)[0]) if full is not None else 0.0
        wrong = excess - 1.5 * (excess - sure) > far if control.expect == "no leak" else sure <= 0
        if wrong:
            words = f"{measure.key.replace('_', ' ')} {its.values[measure.key]:.3g}"
            said.append(f"Control failed: {NAMES[control.kind]}, {words}. {_WHY[control.kind]}")
    return said


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
    if both < max(1, 0.01 * len(subject.X)):
        return []
    return [
        f"{both:,} of {len(subject.X):,} held-out samples stand in the training samples, too: they are members and "
        "non-members at once, and the leak looks smaller than it is."
    ]
