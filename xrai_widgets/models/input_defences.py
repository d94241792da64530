"""Defences of the input: samples are changed before the model gets them, and an attacker knows how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Gap, Gradient, Predict, Subject
from xrai_widgets.core.decision import shown
from xrai_widgets.core.refit import accepted
from xrai_widgets.core.subject import Array
from xrai_widgets.models.input_changes import Columns, feature_squeezing, noisy, smoothing

_STRAIGHT = (
    "gradient: that of the model at the squeezed sample, as if squeezing changed nothing (BPDA): the true one is 0 "
    "almost everywhere and would hide what is there"
)
_AVERAGED = "gradient: that of the mean prediction over all {draws} draws of the noise, which are fixed by the seed"
_VOTES = "; of votes, which have no gradient, it is taken, too"
_FIXED = "noise: the same {draws} draws for every sample, so that the same sample always gets the same prediction"


@dataclass(frozen=True, eq=False)
class Squeezed:
    """A function of samples, asked about squeezed ones. Of a gradient it is the straight-through one (BPDA)."""

    call: Callable[..., Array]
    columns: Columns
    params: Mapping[str, Any]

    def __call__(self, X: Array, *others: Array) -> Array:
        """Return what the function says of the squeezed samples."""
        return self.call(feature_squeezing(X, self.columns, **self.params), *others)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """The mean over noisy copies of a sample: of what the model predicts, or of its votes."""

    predict: Predict
    columns: Columns
    params: Mapping[str, Any]

    def __call__(self, X: Array) -> Array:
        """Return (n, k), or (n,) of a regression."""
        return smoothing(X, self.predict, self.columns, **self.params)


@dataclass(frozen=True, eq=False)
class SmoothedGradient:
    """The derivative of the cross-entropy of the mean prediction, or of a regression's mean: expectation over draws."""

    gradient: Gradient
    predict: Predict
    columns: Columns
    params: Mapping[str, Any]

    def __call__(self, X: Array, y: Array) -> Array:
        """Return the derivative in the shape of X: −log of a mean of p is lowered along each p by its share of it."""
        total, weight = np.zeros(X.shape), np.zeros(len(X))
        for draw in range(self.params["draws"]):
            moved = noisy(X, self.columns, draw, self.params["sigma"], self.params["seed"])
            outputs = np.asarray(self.predict(moved), dtype=np.float64)
            share = np.ones(len(X)) if outputs.ndim == 1 else outputs[np.arange(len(X)), np.asarray(y, dtype=np.intp)]
            share = np.maximum(share, 1e-300)
            total += share.reshape(-1, *[1] * (X.ndim - 1)) * self.gradient(moved, y)
            weight += share
        mean: Array = total / weight.reshape(-1, *[1] * (X.ndim - 1))
        return mean


@dataclass(frozen=True, eq=False)
class SmoothedLogits:
    """The derivative of Σ V log p, with p the mean prediction over the draws."""

    logit_gradient: Gradient
    predict: Predict
    columns: Columns
    params: Mapping[str, Any]

    def __call__(self, X: Array, V: Array) -> Array:
        """Return the derivative in the shape of X; the logits of each draw get weights that sum to 0."""
        moved = [
            noisy(X, self.columns, n, self.params["sigma"], self.params["seed"]) for n in range(self.params["draws"])
        ]
        outputs = [np.maximum(np.asarray(self.predict(rows), dtype=np.float64), 1e-300) for rows in moved]
        whole, total = np.sum(outputs, axis=0), np.zeros(X.shape)
        for rows, shares in zip(moved, outputs, strict=True):
            weights = V * shares / whole
            total += self.logit_gradient(rows, weights - weights.sum(axis=1, keepdims=True) * shares)
        return total


@dataclass(frozen=True, eq=False)
class Before:
    """What puts an input defence before any predict function of the same columns."""

    kind: Callable[..., Any]
    columns: Columns
    params: Mapping[str, Any]

    def __call__(self, call: Callable[..., Array]) -> Any:
        """Return the function behind the defence."""
        return self.kind(call, self.columns, self.params)


@dataclass(frozen=True, eq=False)
class RefitBehind:
    """Train a fresh model on samples as they are and put the same defence before it."""

    fit: Callable[..., Predict]
    before: Before

    def __call__(self, X: Array, y: Array, **words: Any) -> Predict:
        """Return the predict function of the defended fresh model."""
        made: Predict = self.before(self.fit(X, y, **accepted(self.fit, words)))
        return made


def squeezed_fields(subject: Subject, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a subject whose samples are squeezed."""
    before = Before(Squeezed, Columns.of(subject), params)
    inside = ("decide", "logits", "gradient", "logit_gradient", "embed")
    there = {name: before(call) for name in inside if (call := getattr(subject, name)) is not None}
    notes = (_STRAIGHT,) if "gradient" in there else ()
    return {
        "predict": before(subject.predict),
        "fit": None if subject.fit is None else RefitBehind(subject.fit, before),
        "notes": (*subject.notes, *notes),
        **there,
    }


def smoothed_fields(subject: Subject, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a subject that is asked about noisy samples."""
    columns = Columns.of(subject)
    before = Before(Smoothed, columns, params)
    votes = params["combine"] == "majority"
    predict = shown(subject.predict, subject.decide, subject.n_classes) if votes else subject.predict
    made: dict[str, Any] = {
        "predict": before(predict),
        "fit": None if subject.fit is None else RefitBehind(subject.fit, before),
        "outputs": "values" if subject.task == "regression" else "probabilities",
        "notes": (*subject.notes, _FIXED.format(**params)),
    }
    if subject.gradient is not None:
        made["gradient"] = SmoothedGradient(subject.gradient, subject.predict, columns, params)
        if subject.logit_gradient is not None:
            made["logit_gradient"] = SmoothedLogits(subject.logit_gradient, subject.predict, columns, params)
        made["notes"] = (*made["notes"], _AVERAGED.format(**params) + (_VOTES if votes else ""))
    return made


def input_gap(subject: Subject) -> Gap | None:
    """Say why the samples of a subject cannot be changed before it; None if they can."""
    if subject.bounds is None:
        return Gap("it is a table of outputs, which cannot be asked about changed samples")
    if not Columns.of(subject).free.any():
        return Gap("the samples have no numbers that could be changed, only categories and one-hot groups")
    return None


def squeezing_gap(subject: Subject, params: Mapping[str, Any]) -> Gap | None:
    """Say why a subject's samples cannot be squeezed; None if they can."""
    if params["squeezer"] == "median filter" and subject.image_shape is None:
        return Gap("a median filter is for images, and these samples are rows of a table", "squeezer='bit depth'")
    return input_gap(subject)


def smoothing_gap(subject: Subject, params: Mapping[str, Any]) -> Gap | None:
    """Say why a subject cannot be smoothed; None if it can."""
    if params["combine"] == "majority" and subject.task == "regression":
        return Gap("values have no majority", "combine='mean'")
    if params["combine"] == "mean" and subject.decide is not None:
        reason = "the model decides by a rule of its own, which a mean of probabilities does not know"
        return Gap(reason, "combine='majority'")
    return input_gap(subject)
