"""The model's own quality on its held-out samples."""

from xrai_widgets.core import Finding, Subject
from xrai_widgets.engines._quality import quality


def model_quality(subject: Subject) -> Finding:
    """Return accuracy, AUROC and calibration error (regression: R² and mean absolute error), with intervals."""
    outputs = subject.predict(subject.X)
    told = None if subject.decide is None else subject.decide(subject.X)
    return quality(outputs, subject.y, subject.task, scored=subject.outputs != "labels", answers=told)
