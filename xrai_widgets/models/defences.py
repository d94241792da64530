"""Defences of the output: what a model gives away is changed before anybody sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from typing import Any

from xrai_widgets.core import Gap, Parameter, Predict, Subject, closest
from xrai_widgets.core.decision import labels, shown
from xrai_widgets.core.origin import DefendedBy
from xrai_widgets.core.parameter import check_parameters, parameters_of
from xrai_widgets.core.refit import accepted
from xrai_widgets.core.subject import Array
from xrai_widgets.models.output_changes import (
    class_labels,
    gaussian_noise,
    high_confidence,
    reverse_sigmoid,
    rounding,
)
from xrai_widgets.models.state import digest

Change = Callable[..., Array]


@dataclass(frozen=True, eq=False)
class Defence:
    """A way to change outputs; its parameters are read from the signature, like an engine's."""

    name: str
    change: Change
    phrase: Callable[[Mapping[str, Any]], str]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The keyword-only arguments."""
        return parameters_of(self.change)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (getdoc(self.change) or "").partition("\n")[0]

    def check(self, params: Mapping[str, object]) -> dict[str, Any]:
        """Return all parameters, defaults filled in and values checked."""
        return check_parameters(f"the defence {self.name!r}", self.parameters, params)

    def gap(  # an assessment's is called alike
        self,
        subject: Subject,
        params: Mapping[str, object] | None = None,  # noqa: ARG002 - those of an assessment
        *,
        labels: bool = False,  # noqa: ARG002 - those of an assessment
    ) -> Gap | None:
        """Say why a subject cannot be defended; None if it can."""
        if subject.task != "classification":
            return Gap("a defence changes class probabilities, and this is a regression")
        if subject.outputs == "labels":
            return Gap("a defence changes class probabilities, and this model gives labels only")
        return None


DEFENCES = {
    defence.name: defence
    for defence in (
        Defence("rounding", rounding, lambda p: f"rounded to {p['decimals']} decimal{'s' * (p['decimals'] > 1)}"),
        Defence("reverse sigmoid", reverse_sigmoid, lambda p: f"reverse sigmoid, β {p['beta']:g}, γ {p['gamma']:g}"),
        Defence("high confidence", high_confidence, lambda p: f"probabilities from {p['cutoff']:g}"),
        Defence("gaussian noise", gaussian_noise, lambda p: f"Gaussian noise, σ {p['scale']:g}, seed {p['seed']}"),
        Defence("class labels", class_labels, lambda _: "labels only"),
    )
}


@dataclass(frozen=True, eq=False)
class Defended:
    """A predict function behind a defence. No estimator: what looks inside the model sees nothing."""

    predict: Predict
    defence: str
    params: Mapping[str, Any]

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        changed: Array = DEFENCES[self.defence].change(self.predict(X), X, **self.params)
        return changed


@dataclass(frozen=True, eq=False)
class DefendedFit:
    """Train a fresh model and put the same defence before it."""

    fit: Callable[..., Predict]
    defence: str
    params: Mapping[str, Any]

    def __call__(self, X: Array, y: Array, **words: Any) -> Predict:
        """Return the predict function of the defended fresh model."""
        return Defended(self.fit(X, y, **accepted(self.fit, words)), self.defence, self.params)


def defended(subject: Subject, defence: str, **params: Any) -> Subject:
    """Return a copy of a subject whose outputs are defended: what an outsider would see.

    Parameters
    ----------
    subject : Subject
        A classifier that gives probabilities.
    defence : str
        ``rounding`` (decimals), ``reverse sigmoid`` (beta, gamma), ``high confidence`` (cutoff), ``gaussian noise``
        (scale, seed) or ``class labels``.
    **params
        Its parameters.

    Returns
    -------
    Subject
        Without logits and gradients, which an outsider no longer sees. Its refits are defended, too, so that attacks
        that train models of their own attack the whole pipeline. After ``class labels`` it is a label-only model. A
        model's own rule, by which it decides, goes on as it is.

    Raises
    ------
    ValueError, TypeError
        for an unknown defence, a parameter out of its range, or a subject without probabilities.
    """
    name = str(defence).replace("_", " ").lower()
    if name not in DEFENCES:
        raise ValueError(f"the defence must be one of {', '.join(DEFENCES)}, got {defence!r}{closest(name, DEFENCES)}")
    chosen = DEFENCES[name]
    checked = chosen.check(params)
    gap = chosen.gap(subject)
    if gap is not None:
        raise ValueError(f"{subject.name} cannot be defended: {gap.reason}")
    labels_only = name == "class labels"
    undefended = shown(subject.predict, subject.decide, subject.n_classes) if labels_only else subject.predict
    predict = Defended(undefended, name, checked)
    return subject.answering(
        predict,
        name=f"{subject.name} · {chosen.phrase(checked)}",
        # a model trained anew says how sure it is, and not what its own rule makes of that
        fit=None
        if subject.fit is None or undefended is not subject.predict
        else DefendedFit(subject.fit, name, checked),
        decide=None if labels_only else subject.decide,
        outputs="labels" if labels_only else "probabilities",
        state=digest((subject.state, name, checked)),
        origin=subject.origin.then(DefendedBy(name, checked)),
    )


def changed_predictions(before: Subject, after: Subject) -> int:
    """Return for how many of the held-out samples a defence changes the label itself."""
    was, now = (labels(one.predict, one.decide, before.X) for one in (before, after))
    return int((was != now).sum())
