"""An attacker who learns to guess a withheld feature, with the model's predictions and without them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Constraint, Predict, Step
from xrai_widgets.engines._missing import there
from xrai_widgets.engines.privacy.attribute_inference.withheld import Withheld
from xrai_widgets.models.growing import grown

_TREES = 50
TINY = 1e-6
_KEPT = 20  # guesses without a model that are remembered: of all features of one run, or of one each


@dataclass(frozen=True, eq=False)
class Attacker:
    """Who tries to guess features that are withheld, by splits of the samples; its calls run on workers.

    Parameters
    ----------
    samples : array (n, d)
    labels : array (n,), optional
        None if the attacker does not know them.
    constraints : tuple of Constraint
    features : tuple of (Withheld, evidence, held)
        What is guessed; what the model reveals about it (r, q); and, by split, who is guessed: bool arrays (r,).
    attack_model : {"forest", "boosting", "linear"}
    seed : int
    """

    samples: Array
    labels: Array | None
    constraints: tuple[Constraint, ...]
    features: tuple[tuple[Withheld, Array, tuple[Array, ...]], ...]
    attack_model: str
    seed: int
    baseline: tuple[Array, ...] | None = None

    @property
    def work(self) -> list[tuple[int, int, int]]:
        """One item per feature and split, with its number, in order."""
        places = [(place, split) for place, (_, _, held) in enumerate(self.features) for split in range(len(held))]
        return [(number, *pair) for number, pair in enumerate(places)]

    def __call__(self, item: tuple[int, int, int]) -> tuple[Array, Array]:
        """Return what is guessed for the held samples, with the model and without it."""
        number, place, split = item
        withheld, evidence, held = self.features[place]
        background = background_knowledge(self.samples, withheld, self.constraints, self.labels)
        guess = partial(self._guess, withheld, held[split])
        without = guess(background) if self.baseline is None else self.baseline[number]
        return guess(np.hstack([background, evidence])), without

    def _guess(self, withheld: Withheld, held: Array, inputs: Array) -> Array:
        learn, category = ~held, withheld.kind == "category"
        model = attack_model(self.attack_model, withheld.kind, self.seed)
        if not inputs.shape[1]:  # nothing is known at all: there is one column, and no label
            inputs = np.zeros((len(inputs), 1))
        weights = np.ones(int(learn.sum()))
        if category:  # every category counts the same, as in the balanced accuracy
            _, codes, counts = np.unique(withheld.target[learn], return_inverse=True, return_counts=True)
            weights = len(codes) / (len(counts) * counts[codes])
        fitted = grown(model, inputs[learn], withheld.target[learn], weights)
        guessed: Array = fitted.predict(inputs[held])
        return guessed if category else np.clip(guessed, 0.0, 1.0)

    @property
    def of_the_data(self) -> bytes:
        """A digest of all that the guess without the model depends on: two models of one data share it."""
        digest = hashlib.sha256(repr((self.constraints, self.attack_model, self.seed)).encode())
        for withheld, _, held in self.features:
            digest.update(repr((withheld.kind, withheld.columns)).encode())
            for array in (withheld.rows, withheld.target, *held):
                digest.update(_content(array))
        for one in (self.samples, self.labels):
            digest.update(b"" if one is None else _content(one))
        return digest.digest()


def _content(array: Array) -> bytes:
    return repr((array.shape, array.dtype)).encode() + array.tobytes()


def guessed_by(attacker: Attacker, step: Step) -> Iterator[tuple[Array, Array]]:
    """Yield what is guessed, with the model and without it, for every item of the attacker's work.

    The guess without the model is made once for all models of the same data: its controls, or several that are
    compared. Those of the last data are kept.
    """
    key = attacker.of_the_data
    attacker = replace(attacker, baseline=_baselines.get(key))
    without = []
    for both in step.map(attacker, attacker.work, "guessing what is withheld"):
        yield both
        without.append(both[1])
    while len(_baselines) >= _KEPT:
        _baselines.pop(next(iter(_baselines)), None)
    _baselines[key] = tuple(without)


_baselines: dict[bytes, tuple[Array, ...]] = {}


def attack_model(name: str, kind: str, seed: int) -> Any:
    """Return a fresh learner of scikit-learn."""
    from sklearn import ensemble, linear_model

    category = kind == "category"
    match name:
        case "forest":
            forest = ensemble.RandomForestClassifier if category else ensemble.RandomForestRegressor
            return forest(_TREES, min_samples_leaf=3, max_features=0.5, random_state=seed)
        case "boosting":
            boosting = ensemble.HistGradientBoostingClassifier if category else ensemble.HistGradientBoostingRegressor
            return boosting(max_iter=60, early_stopping=False, random_state=seed)
    return linear_model.LogisticRegression(solver="newton-cholesky", max_iter=500) if category else linear_model.Ridge()


def background_knowledge(
    samples: Array, withheld: Withheld, constraints: tuple[Constraint, ...], labels: Array | None
) -> Array:
    """Return the other features, categories as one column each, and the labels if the attacker knows them.

    A missing number is a value of its own: the mean, and a column that says that it is missing.
    """
    blocks = []
    for column in range(samples.shape[1]):
        if column in withheld.columns:
            continue
        values = samples[withheld.rows, column]
        is_category = bool(constraints) and constraints[column].kind == "category"
        blocks.append(_one_hot(values) if is_category else _numbers(values))
    if labels is not None:
        true_labels = labels[withheld.rows]
        blocks.append(
            _one_hot(true_labels) if np.issubdtype(true_labels.dtype, np.integer) else _standard(true_labels[:, None])
        )
    return np.hstack(blocks) if blocks else np.empty((len(withheld.rows), 0))


def evidence_of_outputs(outputs: Array, withheld: Withheld) -> Array:
    """Return the model's own outputs."""
    return _standard(outputs[withheld.rows].reshape(len(withheld.rows), -1))


def evidence_of_candidates(
    predict: Predict, samples: Array, withheld: Withheld, *, outputs: Array, labels: Array | None
) -> Array:
    """Return how well each candidate value of the feature fits, put in its place and asked about.

    The fit is the loss at the true label, or without it the distance from the sample's own output; and which candidate
    fits best.
    """
    fits = []
    for value in withheld.candidates:
        changed = samples[withheld.rows]
        changed[:, withheld.columns] = value
        predictions = predict(changed)
        if labels is None:
            apart = np.abs(predictions - outputs[withheld.rows]).reshape(len(changed), -1).sum(axis=1)
            fits.append(apart)
        elif predictions.ndim == 1:
            fits.append(np.abs(predictions - labels[withheld.rows]))
        else:
            p_true = predictions[np.arange(len(changed)), labels[withheld.rows]]
            fits.append(-np.log(np.maximum(p_true, TINY)))
    loss = np.column_stack(fits)
    best = np.isclose(loss, loss.min(axis=1, keepdims=True), rtol=1e-9, atol=1e-12).astype(float)
    best /= best.sum(axis=1, keepdims=True)
    return np.hstack([_standard(loss), best, (best @ withheld.targets)[:, None]])


def _numbers(values: Array) -> Array:
    gone = np.isnan(values)
    if not gone.any():
        return _standard(values[:, None])
    filled = np.where(gone, there(values).mean(), values)
    return np.hstack([_standard(filled[:, None]), _standard(gone[:, None].astype(np.float64))])


def _one_hot(codes: Array) -> Array:
    values = np.unique(codes)
    columns: Array = (codes[:, None] == values).astype(np.float64)
    return columns


def _standard(values: Array) -> Array:
    spread = values.std(axis=0)
    scaled: Array = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled
