"""Attribute inference: does the model help to guess what is hidden about a person?"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Constraint,
    Control,
    Finding,
    Measure,
    Names,
    NotApplicable,
    Predict,
    assessment,
)
from xrai_widgets.core.marks import Label, Range, Requires, Seed
from xrai_widgets.core.score import Score
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import Part, SampleIds
from xrai_widgets.engines._rows import named_of
from xrai_widgets.engines.privacy.attacks.arguments import SPLIT, Repeats
from xrai_widgets.engines.privacy.attacks.threshold import split_masks
from xrai_widgets.engines.privacy.attribute_inference.art import art_guesses
from xrai_widgets.engines.privacy.attribute_inference.attack import (
    Attacker,
    evidence_of_candidates,
    evidence_of_outputs,
    guessed_by,
)
from xrai_widgets.engines.privacy.attribute_inference.finding import SampleInfo, attribute_finding
from xrai_widgets.engines.privacy.attribute_inference.gain import Guessed
from xrai_widgets.engines.privacy.attribute_inference.withheld import (
    FEWEST,
    Withheld,
    check_feature,
    features_of,
    withhold,
)

_MOST = 20


@assessment(
    title="Attribute inference",
    measures=(
        Measure(
            "gain",
            "lower",
            0.0,
            attacker=True,
            label="gain by the model",
            sentence="With the model an outsider guesses a withheld feature better than without it, by {value:100} in "
            "100; at most {limit:100} in 100 are allowed.",
        ),
        Measure(
            "member_gap",
            "lower",
            0.0,
            attacker=True,
            label="gain on members beyond others",
            sentence="The model helps to guess a withheld feature of members more than that of others, by {value:100} "
            "in 100; at most {limit:100} in 100 are allowed.",
        ),
    ),
    words={
        "with_model": "guessed with the model",
        "without": "guessed without the model",
        "baseline": "guessed without the model",
        "non_member_gain": "gain on non-members",
        "within": "within the tolerance",
        "within_baseline": "within, without the model",
    },
    tasks=("classification", "regression"),
    inputs=("tabular",),
    reference="Yeom et al. 2018, arXiv:1709.01604; Jayaraman and Evans 2022, arXiv:2209.01292",
    labels_suffice=True,
    missing="own value",
    controls=(
        Control("constant", "no leak"),
        Control("memorising", "anything", "what the labels alone give away; an attacker who knows them gains nothing"),
    ),
    score=Score(("gain",), worse="higher"),
)
def attribute_inference(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    task: str = "classification",
    constraints: tuple[Constraint, ...] = (),
    naming: Annotated[Names, "feature_names", "train_ids", "ids", "classes"] = UNNAMED,
    decide: Predict | None = None,
    *,
    feature: Annotated[str, "name of the feature that is withheld; empty: all in turn, at most 20"] = "",
    attack: Annotated[
        Literal["output", "candidate values"],
        Requires("candidate values", "bounds"),
        "learn from the model's output, or ask it about every value that the feature might have",
    ] = "output",
    attack_model: Annotated[
        Literal["forest", "boosting", "linear"],
        Label("learner of the attack"),
        Label("attack model"),
        "what learns to guess, with the model and without it",
    ] = "forest",
    with_label: Annotated[bool, Label("attacker knows the label"), "the attacker knows the true label, too"] = True,
    tolerance: Annotated[
        float,
        Range(0.001, 1),
        Label("tolerance (ranks)"),
        "a number counts as guessed within so many ranks, as a share of all",
    ] = 0.1,
    n_samples: Annotated[
        int, Range(20, 100_000), Label("members at most"), "members that take part at most, and non-members"
    ] = 1000,
    part: Part = "X_train",
    samples: SampleIds = "",
    attack_train_ratio: Annotated[
        float,
        Range(0.1, 0.9),
        Label("share known to the attacker"),
        SPLIT,
        "share of the samples whose feature the attacker knows; the rest is guessed",
    ] = 0.5,
    repeats: Repeats = 2,
    implementation: Annotated[
        Literal["native", "art"], "whose code attacks; art looks at the predicted class alone"
    ] = "native",
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure how much better the model lets an attacker guess a withheld feature than the other features alone do.

    Parameters
    ----------
    predict : callable
        (n, d) → (n, k) class probabilities or one-hot labels, or (n,) values.
    X_train, y_train : array (n, d), array (n,)
        Members: what the model was trained on.
    X, y : array (m, d), array (m,)
        Non-members: held-out samples of the same distribution.
    task : {"classification", "regression"}
    constraints : tuple of Constraint, optional
        Which columns are categories, and which make up a one-hot group: that is one feature.
    naming : Names, optional
    decide : callable, optional
        (n, d) → (n,) classes that the model decides for, where they are not the most probable ones: what ART is given.

    Returns
    -------
    Finding
        All about the feature with the largest gain. ``gain``, on members: balanced accuracy of the guesses with the
        model minus that of the same attack without it (numbers: how much more of the error of who knows nothing is
        saved, in ranks); ``member_gap``: this gain minus that on non-members; ``with_model`` and ``baseline``: the two
        parts of the gain. Intervals are paired and over samples (categories: Agresti–Min, numbers: Student's); if
        several features were tried, they are simultaneous (Bonferroni), and that of the gain holds for the largest true
        one. Tables: ``features``, and ``samples`` with the score of each guess and
        never the value.

    Raises
    ------
    ValueError
        if the feature is unknown or has nothing to guess, or if there are fewer than 20 members or non-members.
    NotApplicable
        if no feature has anything to guess, or if ART has no such attack.

    Interpretation
    --------------
    A gain of 0 means that the model reveals nothing about the feature that the other features do not reveal, too:
    a feature that follows from the others is no secret, and the baseline says so. A member gap of 0 means that those
    who took part in the training are not guessed better than others: the model then reveals what is true of the
    population, as any good model does; above 0 it reveals its training data.

    Limitations
    -----------
    The baseline is as good as its learner: where the output sums the other features up well, a weak learner gains by it
    although nothing about the person is added; try another attack model. An output that reveals nothing costs a forest
    a little, so a gain just below 0 is no finding. The attacker knows the feature of part of the samples, members among
    them. Categories with fewer than 10 members or 10 non-members are left out. A stronger attack may gain more.

    Recommendations
    ---------------
    Leave a feature out that the model does not need; give out labels or rounded probabilities only. If the member gap
    is large, regularise or train on more data, for a guarantee with differential privacy; then run this again.
    """
    if min(len(X_train), len(X)) < 2 * FEWEST:
        got = f"{len(X_train)} and {len(X)}"
        raise ValueError(f"attribute inference needs at least {2 * FEWEST} members and non-members, got {got}")
    names = features_of(naming.feature_names, constraints, X.shape[1])
    chosen = check_feature(feature, names, naming.feature_names) if feature else ""
    info = SampleInfo.drawn(
        (X_train, y_train, naming.train_ids),
        (X, y, naming.ids),
        n_samples,
        named_of(samples, part, X_train, X, naming, 2 * FEWEST),
        naming.classes,
        task,
        seed,
    )
    if implementation == "art" and attack != "output":
        raise NotApplicable("ART's attribute inference looks at the output alone", "attack='output'")
    if implementation == "art" and np.isnan(info.samples).any():
        raise NotApplicable("ART's attribute inference takes no missing numbers", "implementation='native'")
    step(0.0, "outputs of the model")
    outputs = predict(info.samples)
    targets, notes = _to_guess(info, names, chosen, constraints, seed)
    whole: list[tuple[Withheld, Guessed, Guessed]] = []
    finish = partial(attribute_finding, info, whole, len(targets), tolerance, tuple(notes), samples)
    labels = info.labels if with_label else None
    splits = [tuple(_splits(info, one, attack_train_ratio, repeats, seed)) for one in targets]
    results: Iterator[tuple[Array, Array]]
    if implementation == "art":
        results = chain.from_iterable(
            art_guesses((predict, decide), info, outputs, one, labels, held, attack_model, seed, within)
            for one, held, within in zip(targets, splits, _parts(step, len(targets)), strict=True)
        )
    else:
        knows = Attacker(info.samples, labels, constraints, (), attack_model, seed)
        asked = zip(targets, splits, _parts(step, len(targets)), strict=True)
        if attack == "output":
            features = [(one, evidence_of_outputs(outputs, one), held) for one, held, _ in asked]
            results = guessed_by(replace(knows, features=tuple(features)), step.part(0.05, 1.0))
        else:  # feature by feature: what is asked for may be all that the model answers
            ask = partial(evidence_of_candidates, predict, info.samples, outputs=outputs, labels=labels)
            results = chain.from_iterable(
                guessed_by(replace(knows, features=((one, ask(one), held),)), within) for one, held, within in asked
            )
    for one, held in zip(targets, splits, strict=True):
        whole.append((one, *info.scored(one, held, islice(results, len(held)))))
        step(0.0, f"{one.name} is done", finish)
    next(results, None)  # all of them were taken: the map ends
    return finish()


def _parts(step: Step, count: int) -> list[Step]:
    return [step.part(0.05 + 0.95 * number / count, 0.05 + 0.95 * (number + 1) / count) for number in range(count)]


def _to_guess(
    info: SampleInfo, names: dict[str, tuple[int, ...]], chosen: str, constraints: tuple[Constraint, ...], seed: int
) -> tuple[list[Withheld], list[str]]:
    """Return the features to guess, and what the reader must know about those that are left out."""
    wanted, notes = [chosen] if chosen else list(names), []
    if len(wanted) > _MOST:
        picked = np.sort(np.random.default_rng(seed).permutation(len(wanted))[:_MOST])
        notes.append(f"{_MOST} of {len(wanted)} features were tried, drawn by the seed; name one to try it.")
        wanted = [wanted[place] for place in picked]
    tried = {name: withhold(name, names[name], info.samples, info.is_member, constraints) for name in wanted}
    nothing = {name: why for name, why in tried.items() if isinstance(why, str)}
    targets = [one for one in tried.values() if isinstance(one, Withheld)]
    if chosen and nothing:
        raise ValueError(f"there is nothing to guess in feature={chosen!r}: {nothing[chosen]}")
    if not targets:
        raise NotApplicable("no feature has anything to guess: " + next(iter(nothing.values())))
    notes += [f"{name} was not tried: {why}." for name, why in nothing.items()]
    if np.isnan(info.samples).any():
        notes.append("That a number is missing is known to the attacker; who lacks a feature is not guessed about it.")
    return targets, notes


def _splits(info: SampleInfo, one: Withheld, train_ratio: float, repeats: int, seed: int) -> list[Array]:
    """Return masks of held samples that cover every sample once or more per repeat, equal over members and values."""
    rng = np.random.default_rng([seed, one.columns[0]])
    kind = one.target.astype(np.intp) if one.kind == "category" else np.zeros(len(one.rows), dtype=np.intp)
    groups = 2 * kind + info.is_member[one.rows]
    return [mask for _ in range(repeats) for mask in split_masks(groups, train_ratio, rng)]
