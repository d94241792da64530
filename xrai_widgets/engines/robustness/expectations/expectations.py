"""Expectations: does the model do at the edges, and under changes that must not matter, what anybody would expect?"""

from typing import Annotated

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
    Score,
    assessment,
)
from xrai_widgets.core.marks import Label, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Task
from xrai_widgets.engines._rows import named_rows
from xrai_widgets.engines.robustness._refusals import Refusal, outputs_or_refusal
from xrai_widgets.engines.robustness.expectations.finding import CENSUS, Looked, expectations_finding
from xrai_widgets.engines.robustness.expectations.judged import Judge
from xrai_widgets.engines.robustness.expectations.trials import Table, Trial, directions, edges, invariances

_MEANT = Section("what must hold")

_Columns = Annotated[str, _MEANT, "names of columns, separated by commas"]


@assessment(
    title="Expectations and edge cases",
    measures=(
        Measure(
            "violations",
            "lower",
            chance=0.0,
            label="violations of the worst expectation",
            sentence="Of 100 samples {value:100} violate the expectation that is violated most; at most {limit:100} "
            "are allowed.",
        ),
    ),
    tasks=("classification", "regression"),
    inputs=("tabular",),
    words={
        "any_violation": "samples that violate any expectation",
        "violated_share": "share of the expectations violated",
        "score_before": "score before",
        "score_after": "score after",
    },
    reference="Ribeiro et al. 2020, arXiv:2005.04118 (behavioural tests)",
    labels_suffice=True,
    missing="kept",
    controls=(
        Control(
            "constant",
            {"violations": (0.0, 0.0)},
            "it predicts whatever it is asked, and nothing moves it: no expectation is violated",
            params={"required_samples": ""},
            at_most={"n_samples": 50},
            wrong="Nothing moves a constant model, so violations are counted that are none.",
        ),
    ),
    score=Score(("violated_share",), worse="higher"),
)
def expectations(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    decide: Predict | None = None,
    task: Task = "classification",
    expected: tuple[str, ...] = (),
    naming: Annotated[Names, "ids", "feature_names", "classes", "decode"] = UNNAMED,
    *,
    required_samples: Annotated[
        str, _MEANT, Label("must be predicted rightly"), "ids of samples of X, separated by commas"
    ] = "",
    invariant: Annotated[_Columns, Label("columns that must not matter")] = "",
    rising: Annotated[_Columns, Label("more must not lower the score")] = "",
    falling: Annotated[_Columns, Label("more must not raise the score")] = "",
    target: Annotated[
        str, _MEANT, Label("class whose score it is"), "its probability is the score; empty: the last class"
    ] = "",
    tolerance: Annotated[
        float, Range(0, 1e12), "by how much a score may move: a probability, or a regression's unit of y"
    ] = 0.01,
    n_samples: Annotated[int, Range(2, 1_000_000), Label("samples to try"), "how many of the samples"] = 200,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Try the edges of every column, and what must, or must not, change the prediction; count who violates it.

    Parameters
    ----------
    predict : callable
        (n, d) → (n, k) class probabilities or one-hot labels; (n,) predictions of a regression.
    X, y : array (n, d), array (n,)
        Held-out samples and their labels, or values.
    bounds : array (2, d)
        The ends of each column.
    constraints : tuple of Constraint, optional
        What each column holds.
    X_train : array, optional
        Samples whose values are drawn and counted; without it those of X.
    decide : callable, optional
        (n, d) → (n,) classes that the model decides for, where they are not the most probable ones.
    task : {"classification", "regression"}
    expected : tuple of str, optional
        What was stated of each column: "rising", "falling", "invariant" or ""; tried beside what is named here.
    naming : Names, optional

    Returns
    -------
    Finding
        ``violations``: the share of samples that violate the expectation that is violated most, with an interval that
        holds for all expectations together (Wilson at 1 − 0.05 / expectations; samples that were named, and the row of
        zeros, are all that is meant and have no chance). ``any_violation``: samples that violate any (Wilson). Tables:
        ``expectations``, ``samples``, ``rows`` (the worst cases, in the user's units).

    Raises
    ------
    ValueError
        for a column, class or id that there is not.

    Notes
    -----
    A prediction must be there, and finite: at both ends of each column and as far beyond as the column is wide, for the
    rarest word, for an empty cell in columns that have some, and for the row of zeros. Columns that must not matter get
    three values drawn from their own: the label must stay, and no score may move by more than the tolerance. Columns
    with a direction are raised by 5, 25 and 100 % of their range, at most to its end.

    Interpretation
    --------------
    The verdict is that of the worst expectation, so many that hold cannot hide one that does not. The worst cases say
    which sample, which change, and what the model made of it.

    Limitations
    -----------
    Only what was tried: a violation between the steps is not seen. A prediction far beyond the ends is there, which
    does not make it right. Values of a column that must not matter are drawn alone; if other columns stand for it, the
    model may still use them. The constraint *monotone* says which way a sample may move, and is no direction of the
    score; *expected* is.

    Recommendations
    ---------------
    Train with monotone constraints, drop columns that must not matter and what stands for them, check ranges before
    the model is asked; then try again with another seed.
    """
    step(0.0, "samples as they are")
    ids = naming.of("X", len(X))
    named = named_rows(required_samples, ids, "required_samples")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(X))[:n_samples])
    rows = drawn if named is None else np.concatenate([drawn, named])
    samples = X[rows].astype(np.float64)
    before = outputs_or_refusal(predict, decide, samples)
    if isinstance(before, Refusal):
        raise NotApplicable(f"{before.reason} for the samples as they are: {before.message}")
    reference = (X if X_train is None else X_train).astype(np.float64)
    table = Table(samples[: len(drawn)], reference, bounds, constraints, naming, seed)
    named_here = {"invariant": invariant, "rising": rising, "falling": falling}
    placed = {word: table.meant(text, word, expected) for word, text in named_here.items()}
    trials = [
        *edges(table),
        *invariances(table, placed["invariant"]),
        *directions(table, placed["rising"], "not fall"),
        *directions(table, placed["falling"], "not rise"),
    ]
    if named is not None:
        trials.append(Trial(CENSUS[1], "be right", np.arange(len(drawn), len(rows))))
    place = _place(target, naming.of_classes(before.scores.shape[1])) if task == "classification" else 0
    judge = Judge(predict, decide, samples, y[rows], before, place, tolerance)
    judged = judge.all(trials, step.part(0.05, 1.0))
    notes = [] if any(placed.values()) or named is not None else [_ONLY_EDGES]
    return expectations_finding(Looked(table, ids[rows], len(drawn), judged), notes)


_ONLY_EDGES = (
    "Only edges were tried, where a prediction must be there: name columns that must not matter, directions, and "
    "samples that must be predicted rightly; or state what is expected of a column under Constraints."
)


def _place(target: str, classes: tuple[str, ...]) -> int:
    if not target.strip():
        return len(classes) - 1
    if target.strip() not in classes:
        raise ValueError(f"target must be one of the classes {', '.join(classes[:10])}, got {target!r}")
    return classes.index(target.strip())
