"""An attacker who learns to guess a withheld feature, with the model's predictions and without them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Constraint, Predict
from xrai_widgets.engines._missing import there
from xrai_widgets.engines.privacy.attribute_inference.withheld import Withheld

_TREES = 50
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Trial:
    """One split of the samples into those whose feature the attacker knows and those that are guessed.

    Parameters
    ----------
    background : array (r, p)
        What the attacker knows without the model.
    evidence : array (r, q)
        What the model reveals.
    target : array (r,)
        Codes or ranks.
    held : bool array (r,)
        The samples that are guessed.
    kind : {"category", "number"}
    attack_model : {"forest", "boosting", "linear"}
    seed : int
    """

    background: Array
    evidence: Array
    target: Array
    held: Array
    kind: str
    attack_model: str
    seed: int


def guesses(trial: Trial) -> tuple[Array, Array]:
    """Return what the attacker guesses for the held samples, with the model and without it."""
    both = np.hstack([trial.background, trial.evidence])
    return _guess(both, trial), _guess(trial.background, trial)


def _guess(inputs: Array, trial: Trial) -> Array:
    learn = ~trial.held
    model = attack_model(trial.attack_model, trial.kind, trial.seed)
    if not inputs.shape[1]:  # nothing is known at all: there is one column, and no label
        inputs = np.zeros((len(inputs), 1))
    weights = np.ones(int(learn.sum()))
    if trial.kind == "category":  # every category counts the same, as in the balanced accuracy
        _, codes, counts = np.unique(trial.target[learn], return_inverse=True, return_counts=True)
        weights = len(codes) / (len(counts) * counts[codes])
    model.fit(inputs[learn], trial.target[learn], sample_weight=weights)
    guessed: Array = model.predict(inputs[trial.held])
    return guessed if trial.kind == "category" else np.clip(guessed, 0.0, 1.0)


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
    predict: Predict, samples: Array, withheld: Withheld, outputs: Array, labels: Array | None
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
