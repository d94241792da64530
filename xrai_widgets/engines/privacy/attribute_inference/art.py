"""The attribute inference of the Adversarial Robustness Toolbox, as a second opinion."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Predict, Step
from xrai_widgets.core.decision import labels as classes_of
from xrai_widgets.core.decision import shown
from xrai_widgets.engines.privacy.attribute_inference.attack import attack_model
from xrai_widgets.engines.privacy.attribute_inference.finding import SampleInfo
from xrai_widgets.engines.privacy.attribute_inference.withheld import Withheld


def art_guesses(
    model: tuple[Predict, Predict | None],
    info: SampleInfo,
    outputs: Array,
    one: Withheld,
    labels: Array | None,
    trials: Sequence[Array],
    name: str,
    seed: int,
    step: Step,
) -> Iterator[tuple[Array, Array]]:
    """Yield the guesses of ART's attack and of its baseline for the held samples of each trial.

    ART is given the predicted class, not the probabilities. Its attack models are those of the native attack, since its
    own cannot be seeded. ``model`` is predict and decide.
    """
    from xrai_widgets.models.art import black_box, black_box_values

    if len(one.columns) > 1:
        raise NotApplicable("ART's attack takes one column, not a one-hot group", "implementation='native'")
    width = info.samples.shape[1]
    if info.n_classes:
        target = black_box(shown(*model, info.n_classes), (width,), info.n_classes)
        predictions = classes_of(*model, info.samples, outputs).astype(np.float64)
    else:
        target, predictions = black_box_values(model[0], (width,)), outputs
    column, rows = one.columns[0], one.rows
    samples, true_labels = info.samples[rows], None if labels is None else labels[rows]
    values = [float(value) for value in one.candidates[:, 0]]
    ordered = np.sort(samples[:, column])

    for held in step.over(trials, f"{one.name}, by ART"):
        learn, rest = ~held, np.delete(samples[held], column, axis=1)
        guessed = []
        for attack, takes_prediction in _attacks(target, one, info, true_labels is not None, name, seed):
            fit_options = {} if true_labels is None else {"y": true_labels[learn]}
            asked: dict[str, Any] = {} if true_labels is None else {"y": true_labels[held]}
            attack.fit(samples[learn], **fit_options)
            if takes_prediction:
                asked["pred"] = predictions[rows][held][:, None]
            if one.kind == "category":
                asked["values"] = values
            guess = np.asarray(attack.infer(rest, **asked), dtype=np.float64).ravel()
            if one.kind == "category":
                guessed.append(np.abs(guess[:, None] - one.candidates[:, 0]).argmin(axis=1))
            else:
                guessed.append(np.searchsorted(ordered, guess) / len(ordered))
        yield guessed[0], guessed[1]


def _attacks(
    target: Any, one: Withheld, info: SampleInfo, with_label: bool, name: str, seed: int
) -> list[tuple[Any, bool]]:
    from art.attacks.inference.attribute_inference import (
        AttributeInferenceBaseline,
        AttributeInferenceBaselineTrueLabel,
        AttributeInferenceBlackBox,
    )
    from art.estimators.classification import SklearnClassifier
    from art.estimators.regression import ScikitlearnRegressor

    category, column = one.kind == "category", one.columns[0]
    wrap = SklearnClassifier if category else ScikitlearnRegressor
    models = [wrap(attack_model(name, one.kind, seed)) for _ in range(2)]
    # without the type its baselines replace the model that they are given by a network
    common = {"attack_feature": column, "is_continuous": not category, "attack_model_type": "rf"}
    first = AttributeInferenceBlackBox(target, attack_model=models[0], **common)
    if not with_label:
        return [(first, True), (AttributeInferenceBaseline(attack_model=models[1], **common), False)]
    regression = not info.n_classes
    second = AttributeInferenceBaselineTrueLabel(attack_model=models[1], is_regression=regression, **common)
    return [(first, True), (second, False)]
