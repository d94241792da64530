"""Scores of several methods by sample: a planted dependence is found, independent scores are not."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from tests.subjects import small_credit
from xrai_widgets.core import Array, Finding, Outcome, Score, Subject, find, registered
from xrai_widgets.runtime import run

SHAPR, EVASION, PDTP = "privacy.shapr", "robustness.evasion", "privacy.pdtp"


def outcome_of(
    assessment: str, scores: Array, *, subject: str = "s", part: str = "X_train", **columns: object
) -> Outcome:
    entry = find(assessment)
    assert entry.score is not None
    table = pd.DataFrame({"part": part, "id": np.arange(len(scores)), entry.score.columns[0]: scores, **columns})
    return Outcome(assessment, subject, "a model", {}, "ok", Finding({}, tables={"samples": table}))


def evasion_of(distance: Array, **more: object) -> Outcome:
    status = np.where(np.isinf(distance), "not found", np.where(distance == 0, "answered wrongly before", "found"))
    shown = np.where(status == "found", distance, np.nan)
    return outcome_of(EVASION, shown, status=status, **more)  # type: ignore[arg-type]  # columns by name


def test_a_planted_dependence_is_found_and_has_the_sign_of_faring_badly(rng: np.random.Generator) -> None:
    leak = rng.standard_normal(120)
    distance = np.exp(-leak + 0.5 * rng.standard_normal(120))  # what leaks is near the boundary
    row = xw.joint([outcome_of(SHAPR, leak), evasion_of(distance)]).pairs.iloc[0]
    assert row["low"] > 0.5
    assert row["p"] < 0.01
    assert row["reading"] == "the same samples fare badly in both"


def test_distances_not_found_are_far_and_wrong_samples_near_and_none_is_dropped(rng: np.random.Generator) -> None:
    distance = np.r_[np.zeros(10), rng.uniform(1, 2, 30), np.full(20, np.inf)]
    leak = -np.arange(60.0)
    joined = xw.joint([outcome_of(SHAPR, leak), evasion_of(distance)])
    row = joined.pairs.iloc[0]
    assert row["n"] == 60
    assert row["rho"] > 0.8
    column = joined.scores[joined.columns[1].name].to_numpy()
    assert np.isinf(column[40:]).all()
    assert (column[:10] == 0).all()


def test_what_was_not_measured_is_left_out_of_its_pairs_only(rng: np.random.Generator) -> None:
    leak, other = rng.standard_normal((2, 40))
    other[:5] = np.nan
    joined = xw.joint([outcome_of(SHAPR, leak), outcome_of(PDTP, other), evasion_of(np.exp(leak))])
    assert joined.pairs["n"].tolist() == [35, 40, 35]


def test_parts_are_not_mixed(rng: np.random.Generator) -> None:
    leak = rng.standard_normal(30)
    joined = xw.joint([outcome_of(SHAPR, leak), evasion_of(np.exp(leak), part="X")])
    assert joined.pairs.empty
    assert len(joined.scores) == 60
    assert "choose the same part and samples" in " ".join(joined.notes)


def test_the_same_method_twice_has_two_columns(rng: np.random.Generator) -> None:
    leak = rng.standard_normal(30)
    names = [column.name for column in xw.joint([outcome_of(SHAPR, leak), outcome_of(SHAPR, -leak)]).columns]
    assert len(set(names)) == 2


def test_p_values_hold_for_all_pairs_shown(rng: np.random.Generator) -> None:
    scores = rng.standard_normal((3, 50))
    alone = [xw.joint([outcome_of(SHAPR, a), outcome_of(PDTP, b)]).pairs.loc[0, "p"] for a, b in pairwise(scores)]
    together = xw.joint([outcome_of(SHAPR, scores[0]), outcome_of(PDTP, scores[1]), outcome_of(SHAPR, scores[2])])
    assert (together.pairs["p"].to_numpy()[[0, 2]] >= alone).all()
    assert together.pairs["p"].max() <= 1


@pytest.mark.parametrize("name", [name for name, entry in registered().items() if name != "explanations.protodash"])
def test_every_method_that_scores_samples_says_which_column(name: str) -> None:
    assert find(name).score is not None


@pytest.fixture(scope="module")
def credit_runs() -> tuple[list[Outcome], Subject]:
    few = small_credit()
    names = {SHAPR: {}, "privacy.membership_inference": {}, EVASION: {"n_samples": 30, "max_iter": 1}}
    return [run(few, replace(find(name), controls=()), params) for name, params in names.items()], few


def test_the_models_own_confidence_is_held_fixed(credit_runs: tuple[list[Outcome], Subject]) -> None:
    outcomes, subject = credit_runs
    joined = xw.joint(outcomes, subject)
    row = joined.pairs[joined.pairs["part"] == "X_train"].iloc[0]
    assert abs(row["partial"]) < 1
    assert row["partial_low"] <= row["partial"] <= row["partial_high"]
    text = re.sub("<[^>]+>", "", joined.to_html())
    assert "Spearman" in text
    assert "beyond" in text or "no relation shown" in text
    assert "No partial" in " ".join(xw.joint(outcomes).notes)


@pytest.mark.usefixtures("without_controls")  # as they were run
def test_outcomes_of_a_subject_that_is_equal_in_what_they_use_are_those_of_the_subject_given(
    credit_runs: tuple[list[Outcome], Subject],
) -> None:
    outcomes, subject = credit_runs
    other = replace(subject, X_new=subject.X[:5], name="with a batch")
    joined = xw.joint(outcomes, other)
    assert joined.subject_name == "with a batch"
    pd.testing.assert_frame_equal(joined.pairs, xw.joint(outcomes, subject).pairs)
    with pytest.raises(ValueError, match="must be those of the subject given"):
        xw.joint(outcomes, replace(subject, X=subject.X + 1))


def test_bad_input_says_what_is_wrong(credit_runs: tuple[list[Outcome], Subject], forest: Subject) -> None:
    outcomes, _ = credit_runs
    with pytest.raises(ValueError, match="at least two outcomes with scores of samples, got none"):
        xw.joint([])
    with pytest.raises(ValueError, match=r"two outcomes .* got privacy\.shapr"):
        xw.joint(outcomes[:1])
    with pytest.raises(ValueError, match="outcomes of one subject"):
        xw.joint([outcomes[0], replace(outcomes[1], subject="other")])
    with pytest.raises(ValueError, match="must be those of the subject given"):
        xw.joint(outcomes, forest)
    failed = replace(outcomes[0], status="error", finding=None, reason="it broke")
    assert "privacy.shapr is left out: it broke." in xw.joint([failed, *outcomes]).notes


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Score((), "higher"), "must be a tuple of names"),
        (lambda: Score("loss", "higher"), "must be a tuple of names"),  # type: ignore[arg-type]  # the mistake
        (lambda: Score(("loss",), "up"), "'lower' or 'higher', got 'up'"),  # type: ignore[arg-type]  # the mistake
        (lambda: Score(("loss",), "lower", status="status"), "status and instead, or neither"),
    ],
)
def test_a_score_that_makes_no_sense_is_refused(made: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made()  # type: ignore[operator]  # a function


@pytest.mark.slow
def test_independent_scores_are_called_related_no_more_often_than_claimed() -> None:
    wrong, n = 0, 400
    for seed in range(n):
        rng = np.random.default_rng(seed)
        scores = rng.standard_normal((3, 40))
        scores[2][scores[2] > 0.5] = np.inf
        runs = [outcome_of(SHAPR, scores[0]), outcome_of(PDTP, scores[1]), evasion_of(np.exp(scores[2]))]
        wrong += bool((xw.joint(runs, seed=seed).pairs["p"] <= 0.05).any())
    assert wrong / n <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n)


def test_where_two_samples_have_one_name_nobody_knows_whose_confidence_it_is(rng: np.random.Generator) -> None:
    few = small_credit()
    assert few.X_train is not None
    subject = replace(few, train_ids=np.arange(len(few.X_train)) // 2)
    scores = rng.standard_normal((2, 40))
    runs = [
        outcome_of(SHAPR, scores[0], subject=subject.fingerprint),
        outcome_of(PDTP, scores[1], subject=subject.fingerprint),
    ]
    assert np.isnan(xw.joint(runs, subject).pairs.loc[0, "partial"])
    named = replace(few, train_ids=np.arange(len(few.X_train)))
    runs = [replace(one, subject=named.fingerprint) for one in runs]
    assert not np.isnan(xw.joint(runs, named).pairs.loc[0, "partial"])
