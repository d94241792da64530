"""An attack model that learns, from a part of the samples, what members look like, and is tried on the rest."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines.privacy._scores import TINY, membership_scores
from xrai_widgets.engines.privacy.attacks.threshold import Attack, split_masks
from xrai_widgets.models.growing import grown

Learner = Literal["random forest", "gradient boosting", "logistic regression", "neural network"]
Make = Callable[[int], Any]
See = Callable[[Array, Array], Array]
_TOP = 10
_FEWEST = 10
_ROUNDING = (
    1e-9  # a model that knows nothing says the base rate, but for rounding: it calls no one a member for certain
)


def attack_features(outputs: Array, y: Array, task: str, predicted: Array | None = None) -> Array:
    """Return what the attack model looks at, one row per sample.

    Classification: every score of `membership_scores`, whether the label is right (``predicted``: the model's own, by
    default the most probable classes), and the ten largest probabilities in order. Regression: prediction, residual,
    its size, and the logarithm of its square.
    """
    if task == "regression":
        residual = y - outputs
        return np.column_stack([outputs, residual, np.abs(residual), np.log(np.square(residual) + TINY)])
    scores = membership_scores(outputs, y, task)
    right = (outputs.argmax(axis=1) if predicted is None else predicted) == y
    return np.column_stack([*scores.values(), right, -np.sort(-outputs, axis=1)[:, :_TOP]])


def trained_attack(
    features: tuple[Array, Array],
    make: Make,
    *,
    train_ratio: float,
    repeats: int,
    seed: int,
    step: Step,
    so_far: Callable[[tuple[Array, Array], Attack], Finding],
) -> tuple[tuple[Array, Array], Attack]:
    """Fit the attack model on a part of the samples and score the rest, in turn.

    Parameters
    ----------
    features : (members, others)
        One row per sample.
    make : callable
        seed → an unfitted classifier, as `attack_model`.
    train_ratio : float
        Share of the samples that the attack is fitted on.
    repeats : int
        How many times the samples are split anew.
    so_far : callable
        Makes the finding of what is returned; it is kept after every split, for a run that is cancelled.

    Returns
    -------
    (members, others), Attack
        Scores: the mean probability of being a member, by models that were fitted without the sample.
    """
    work = partial(_one_split, features, make, train_ratio)
    totals = [np.zeros((3, len(part))) for part in features]
    note, keys = "fitting and trying the attack", [(seed, number) for number in range(repeats)]
    for number, tallies in enumerate(step.map(work, keys, note)):
        for total, tally in zip(totals, tallies, strict=True):
            total += tally
        pooled = _pooled(totals, train_ratio)
        step((number + 1) / repeats, note, partial(so_far, *pooled))
    return pooled


def _pooled(totals: list[Array], train_ratio: float) -> tuple[tuple[Array, Array], Attack]:
    scores = totals[0][1] / totals[0][0], totals[1][1] / totals[1][0]
    calls = [total[2] / total[0] for total in totals]
    return scores, Attack(calls[0], calls[1], share=1 - train_ratio)


def _one_split(
    features: tuple[Array, Array], make: Make, train_ratio: float, key: tuple[int, int]
) -> tuple[Array, Array]:
    """Return how often each sample was tried, the sum of its probabilities, and how often it was called a member."""
    rng = np.random.default_rng(key)
    splits = [split_masks(np.zeros(len(part), dtype=int), train_ratio, rng) for part in features]
    totals = np.zeros((3, len(features[0]))), np.zeros((3, len(features[1])))
    for held in zip(*splits, strict=True):
        fitted = [part[~out] for part, out in zip(features, held, strict=True)]
        model = make(int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a network that has not converged is still an attack
            model = grown(model, np.concatenate(fitted), np.repeat([1, 0], [len(part) for part in fitted]))
        base = len(fitted[0]) / (len(fitted[0]) + len(fitted[1]))
        for total, part, out in zip(totals, features, held, strict=True):
            chance = model.predict_proba(part[out])[:, 1]
            total[0, out] += 1
            total[1, out] += chance
            undecided = np.abs(chance - base) <= _ROUNDING
            total[2, out] += np.where(undecided, 0.5, chance > base)
    return totals


def check_enough_to_fit(members: int, others: int, train_ratio: float, attack: str) -> None:
    """Refuse to fit an attack model on next to nothing."""
    fitted = [int(n * train_ratio) for n in (members, others)]
    if min(fitted) < _FEWEST:
        raise ValueError(
            f"attack={attack!r} needs at least {_FEWEST} members and {_FEWEST} non-members to be fitted on, and "
            f"attack_train_ratio={train_ratio:g} leaves {fitted[0]} and {fitted[1]}; attack='threshold' needs fewer"
        )


def attack_model(learner: Learner, seed: int) -> Any:
    """Return an unfitted attack model."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    match learner:
        case "random forest":
            return RandomForestClassifier(100, min_samples_leaf=5, random_state=seed)
        case "gradient boosting":
            return HistGradientBoostingClassifier(max_iter=50, max_depth=3, early_stopping=False, random_state=seed)
        case "logistic regression":
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        case "neural network":
            return make_pipeline(
                StandardScaler(),
                MLPClassifier((32,), alpha=0.1, learning_rate_init=0.01, max_iter=60, random_state=seed),
            )
