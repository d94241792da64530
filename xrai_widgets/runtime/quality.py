"""The model's own quality on its held-out samples."""

from xrai_widgets.core import Finding, Subject
from xrai_widgets.engines._quality import quality


def model_quality(subject: Subject) -> Finding:
    """Return accuracy, AUROC, calibration error (regression: R², mean absolute error) and more of a rare class."""
    outputs = subject.predict(subject.X)
    labels = None if subject.decide is None else subject.decide(subject.X)
    return quality(
        outputs, subject.y, subject.task, scored=subject.outputs != "labels", labels=labels, classes=subject.classes
    )
