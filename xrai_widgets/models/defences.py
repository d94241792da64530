"""Defences of the output: what a model gives away is changed before anybody sees it.

The formulas are those of the postprocessors of the Adversarial Robustness Toolbox, to which tests hold them; loading it
would load torch into every worker. Where its answers are no probabilities or wrong, ours differ, and each says how.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import getdoc
from typing import Annotated, Any

import numpy as np
from scipy.special import expit, logit

from xrai_widgets.core import Gap, Parameter, Predict, Range, Subject, closest
from xrai_widgets.core.parameter import check_parameters, parameters_of
from xrai_widgets.core.subject import Array
from xrai_widgets.models.state import digest

Change = Callable[..., Array]
_NEVER = 1e-9


def rounding(
    outputs: Array, _: Array, *, decimals: Annotated[int, Range(1, 9), "digits after the decimal point"] = 1
) -> Array:
    """Round every probability.

    Rows are divided by their sum, so that they stay probabilities; where everything is rounded to 0, all classes are
    equal. ART leaves both as they are.
    """
    return _shares(np.around(outputs, decimals))


def reverse_sigmoid(
    outputs: Array,
    _: Array,
    *,
    beta: Annotated[
        float, Range(0.01, 10), "magnitude; the answer may change where it, or it times gamma, exceeds 1"
    ] = 1.0,
    gamma: Annotated[float, Range(0.001, 10), "how soon the disturbance sets in"] = 0.1,
) -> Array:
    """Take a sigmoid of the logit from every probability, so that different ones look alike.

    y − β (σ(γ logit y) − ½), clipped to [0, 1] and divided by the sum of the row (Lee, Edwards, Molloy, Su 2018,
    arXiv:1806.00054). With more than two classes the answer itself may change: what is impossible is raised most.
    """
    inside = np.clip(outputs, _NEVER, 1 - _NEVER)
    return _shares(np.clip(outputs - beta * (expit(gamma * logit(inside)) - 0.5), 0.0, 1.0))


def high_confidence(
    outputs: Array, _: Array, *, cutoff: Annotated[float, Range(0.01, 1), "smallest probability that is told"] = 0.25
) -> Array:
    """Set small probabilities to 0.

    Rows are divided by their sum; where nothing reaches the cutoff, all classes are equal. ART leaves both as they are.
    """
    return _shares(np.where(outputs < cutoff, 0.0, outputs))


def gaussian_noise(
    outputs: Array,
    X: Array,
    *,
    scale: Annotated[float, Range(0.001, 1), "standard deviation of the noise"] = 0.1,
    seed: Annotated[int, Range(0, 2**31 - 1), "of the noise; keep it secret"] = 0,
) -> Array:
    """Add noise to every probability, always the same for the same sample.

    ART draws it anew for every question, so that asking often and taking the mean undoes it. Rows are clipped at 0 and
    divided by their sum.
    """
    key = seed.to_bytes(8, "little")
    rows = np.ascontiguousarray(X, dtype=np.float64)
    noise = np.empty_like(outputs)
    for place, row in enumerate(rows):
        own = hashlib.blake2b(row.tobytes(), digest_size=16, key=key).digest()
        noise[place] = np.random.default_rng(int.from_bytes(own, "little")).normal(0.0, scale, outputs.shape[1])
    return _shares(outputs + noise)


def class_labels(outputs: Array, _: Array) -> Array:
    """Give the class alone, without probabilities.

    ART's marks in every row all classes that any row of the same question has.
    """
    return np.eye(outputs.shape[1])[outputs.argmax(axis=1)]


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

    def gap(self, subject: Subject, params: Mapping[str, object] | None = None) -> Gap | None:  # noqa: ARG002
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

    def __call__(self, X: Array, y: Array, *, seed: int, **more: Any) -> Predict:
        """Return the predict function of the defended fresh model."""
        return Defended(self.fit(X, y, seed=seed, **more), self.defence, self.params)


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
        that train models of their own attack the whole pipeline. After ``class labels`` it is a label-only model.

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
    predict = Defended(subject.predict, name, checked)
    said = "".join(f", {key}={value!r}" for key, value in checked.items())
    return replace(
        subject,
        name=f"{subject.name} · {chosen.phrase(checked)}",
        model=predict,
        predict=predict,
        fit=None if subject.fit is None else DefendedFit(subject.fit, name, checked),
        logits=None,
        gradient=None,
        outputs="labels" if name == "class labels" else "probabilities",
        state=digest((subject.state, name, checked)),
        source=f"xw.defended({subject.source}, {name!r}{said})" if subject.source else "",
    )


def changed_answers(before: Subject, after: Subject) -> int:
    """Return for how many of the held-out samples a defence changes the answer itself."""
    return int((before.predict(before.X).argmax(axis=1) != after.predict(after.X).argmax(axis=1)).sum())


def _shares(outputs: Array) -> Array:
    """Divide rows by their sum; rows without anything positive become equal shares."""
    positive = np.maximum(outputs, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    empty = total <= 0
    shares: Array = np.where(empty, 1 / outputs.shape[1], positive / np.where(empty, 1.0, total))
    return shares
