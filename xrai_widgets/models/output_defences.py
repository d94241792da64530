"""Defences of the output: what a model gives away is changed before anybody sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xrai_widgets.core import Gap, Predict, Subject
from xrai_widgets.core.decision import shown
from xrai_widgets.core.refit import accepted
from xrai_widgets.core.subject import Array
from xrai_widgets.models.output_changes import (
    class_labels,
    gaussian_noise,
    high_confidence,
    reverse_sigmoid,
    rounding,
)

LABELS = "class labels"
OUTPUT_CHANGES: dict[str, Callable[..., Array]] = {
    "rounding": rounding,
    "reverse sigmoid": reverse_sigmoid,
    "high confidence": high_confidence,
    "gaussian noise": gaussian_noise,
    LABELS: class_labels,
}


@dataclass(frozen=True, eq=False)
class Defended:
    """A predict function behind a defence. No estimator: what looks inside the model sees nothing."""

    predict: Predict
    defence: str
    params: Mapping[str, Any]

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        return OUTPUT_CHANGES[self.defence](self.predict(X), X, **self.params)


@dataclass(frozen=True, eq=False)
class DefendedFit:
    """Train a fresh model and put the same defence before it."""

    fit: Callable[..., Predict]
    defence: str
    params: Mapping[str, Any]

    def __call__(self, X: Array, y: Array, **words: Any) -> Predict:
        """Return the predict function of the defended fresh model."""
        return Defended(self.fit(X, y, **accepted(self.fit, words)), self.defence, self.params)


def output_fields(name: str, subject: Subject, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a subject whose outputs are changed: no logits and gradients, which no outsider sees."""
    predict = shown(subject.predict, subject.decide, subject.n_classes) if name == LABELS else subject.predict
    # a model trained anew says how sure it is, and not what its own rule makes of that
    fit = subject.fit if predict is subject.predict else None
    return {
        "predict": Defended(predict, name, params),
        "fit": None if fit is None else DefendedFit(fit, name, params),
        "decide": None if name == LABELS else subject.decide,
        "outputs": "labels" if name == LABELS else "probabilities",
    }


def output_gap(subject: Subject, _: Mapping[str, Any]) -> Gap | None:
    """Say why the outputs of a subject cannot be defended; None if they can."""
    if subject.task != "classification":
        return Gap("this defence changes class probabilities, and this is a regression")
    if subject.outputs == "labels":
        return Gap("this defence changes class probabilities, and this model gives labels only")
    return None
