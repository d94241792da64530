"""Scores of several models against how robust they are: planted relations are found, nothing else is shown."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding, Outcome
from xrai_widgets.results.correlation import of_counts
from xrai_widgets.results.mechanism import mechanism

IASIDE, CORRUPTIONS, EVASION = "robustness.iaside", "robustness.corruptions", "robustness.evasion"
KINDS = [f"kind {place}" for place in range(12)]
M, N = 4, 40


def read(name: str, score: float | None, shares: Array | None = None, **params: Any) -> Outcome:
    bands = pd.DataFrame(
        {"band": [str(i + 1) for i in range(M)], "share": np.full(M, 1 / M) if shares is None else shares}
    )
    bands["share_low"], bands["share_high"] = bands["share"] - 0.01, bands["share"] + 0.01
    values = {"gain": 1.0} if score is None else {"gain": 1.0, "score": score}
    intervals = {key: (value - 0.05, value + 0.05) for key, value in values.items()}
    given = {"shells": "linf", "bands": None} | params
    return Outcome(IASIDE, name, name, given, "ok", Finding(values, intervals, tables={"bands": bands}))


def corrupted(name: str, wrong: Array, noise: Array | None = None, **params: Any) -> Outcome:
    """wrong: per sample and kind at how many of five severities the model errs."""
    errors = pd.DataFrame({"part": "X", "id": np.arange(len(wrong)), **dict(zip(KINDS, wrong.T, strict=True))})
    tables = {"errors": errors, "samples": pd.DataFrame({"part": "X", "id": errors["id"], "right": True})}
    tables["severities"] = pd.DataFrame({"severity": np.tile(np.arange(1, 6), 12), "corruption": np.repeat(KINDS, 5)})
    if noise is not None:
        rows = [
            {
                "corruption": kind,
                "severity": severity,
                "band": str(band + 1),
                "signal": 1.0,
                "noise": noise[place, band],
            }
            for place, kind in enumerate(KINDS)
            for severity in range(1, 6)
            for band in range(M)
        ]
        tables["spectrum"] = pd.DataFrame(rows)
    given = {"seed": 0, "n_samples": N} | params
    return Outcome(CORRUPTIONS, name, name, given, "ok", Finding({}, tables=tables))


def attacked(name: str, accuracy: float) -> Outcome:
    low, high = accuracy - 0.1, accuracy + 0.1
    return Outcome(
        EVASION, name, name, {}, "ok", Finding({"robust_accuracy": accuracy}, {"robust_accuracy": (low, high)})
    )


def errs(share: float, seed: int) -> Array:
    return np.random.default_rng(seed).binomial(5, share, (N, 12))


def of_models(n: int) -> list[Outcome]:
    """The higher the score, the fewer errors; accuracy under attack has nothing to do with it."""
    scores, drawn = np.linspace(-0.4, 0.9, n), np.random.default_rng(2).permutation(n) / n
    made = [(read(f"m{i}", s), corrupted(f"m{i}", errs(0.5 - 0.4 * s, i))) for i, s in enumerate(scores)]
    return [one for pair in made for one in pair] + [attacked(f"m{i}", share) for i, share in enumerate(drawn)]


def test_a_planted_relation_is_found_and_another_one_is_not_claimed() -> None:
    made = xw.validation(of_models(16))
    error, attack = made.relations.to_dict("records")
    assert error["n"] == attack["n"] == 16
    assert error["high"] < -0.8
    assert error["p"] < 0.01
    assert error["reading"] == "models that read lower frequencies are more robust"
    rows = made.models
    assert error["rho"] == pytest.approx(stats.spearmanr(rows["score"], rows["error"]).statistic)
    assert attack["low"] < 0 < attack["high"]
    assert attack["reading"] == "no relation shown"
    shown = made.to_html()
    assert shown.count("<svg") == 2
    assert "error under corruption against spectral score, 16 models" in shown


def test_errors_are_shares_or_relative_to_a_reference_in_pairs() -> None:
    outcomes = of_models(15)
    plain, relative = xw.validation(outcomes).models, xw.validation(outcomes, reference="m0").models
    wrong = outcomes[3].finding.tables["errors"][KINDS].to_numpy()  # type: ignore[union-attr]
    assert plain.loc[1, "error"] == pytest.approx(wrong.mean() / 5)
    assert plain.loc[1, "error_low"] < plain.loc[1, "error"] < plain.loc[1, "error_high"]
    assert relative.loc[0, ["error", "error_low", "error_high"]].tolist() == [1.0, 1.0, 1.0]
    base = outcomes[1].finding.tables["errors"][KINDS].to_numpy()  # type: ignore[union-attr]
    assert relative.loc[1, "error"] == pytest.approx((wrong.sum(axis=0) / base.sum(axis=0)).mean())


def test_a_model_that_refuses_the_worst_corruptions_has_no_smaller_error_for_it() -> None:
    outcomes, hard = of_models(16), errs(0.1, 50)
    hard[:, :2] = 5
    finding = corrupted("m3", hard).finding
    assert finding is not None
    fewer = replace(finding, tables={**finding.tables, "errors": finding.tables["errors"].drop(columns=KINDS[:2])})
    shy = Outcome(CORRUPTIONS, "m3", "m3", {"seed": 0, "n_samples": N}, "ok", fewer)
    for reference in (None, "m0"):
        made = xw.validation(
            [shy if one.subject == "m3" and one.assessment == CORRUPTIONS else one for one in outcomes],
            reference=reference,
        )
        assert made.models.set_index("subject").loc["m3", ["error", "error_low", "error_high"]].isna().all()
        assert made.relations["n"].tolist() == [15, 16]
        assert (
            "m3 has no error under corruption: it was not measured under kind 0, kind 1, as others were." in made.notes
        )


@pytest.mark.parametrize("n", [2, 14])
def test_below_fifteen_models_there_is_no_relation_and_a_sentence_says_so(n: int) -> None:
    made = xw.validation(of_models(n))
    assert made.relations[["rho", "low", "high", "p"]].isna().all(axis=None)
    assert f"15 models that have both are needed, got {n}." in made.notes[0]
    assert "<table" not in made.to_html()
    assert made.to_html().count("<svg") == 2  # the points are there


def test_where_nothing_is_shown_one_sentence_says_why() -> None:
    made = xw.validation([read(f"m{i}", 0.1 * i) for i in range(15)])
    assert made.notes == (f"Nothing is shown: no model has a score and an outcome of {CORRUPTIONS} or {EVASION}.",)
    assert "<svg" not in made.to_html()


def test_a_model_without_a_score_is_named_and_left_out_and_not_counted_as_0() -> None:
    outcomes = of_models(16)
    made = xw.validation([read("m0", None), *outcomes[1:]])
    assert made.notes[0] == "m0 is left out: it has no score."
    assert "m0" not in set(made.models["subject"])
    assert made.relations["n"].tolist() == [15, 15]


def test_outcomes_in_lists_and_mappings_are_taken_and_others_left_out() -> None:
    first, *others = of_models(15)
    other = Outcome("robustness.clever", "m0", "m0", {}, "ok", Finding({"median": 1.0}))
    nested = xw.validation([first, {"a": others[:9]}, [other, *others[9:]]])
    pd.testing.assert_frame_equal(nested.models, xw.validation([first, *others]).models)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([read("m0", 0.3)], "one outcome of robustness.iaside is needed for each model, got two of m0"),
        ([read("new", 0.3, bands=8)], "had bands=None on m0 and 8 on new"),
        ([corrupted("new", errs(0.2, 9), seed=4)], "had seed=0 on m0 and 4 on new"),
    ],
)
def test_models_must_be_measured_alike_and_once(more: list[Outcome], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        xw.validation([*of_models(3), *more])


def test_a_reference_that_is_no_model_and_outcomes_without_a_score_are_refused() -> None:
    with pytest.raises(ValueError, match="reference must name one of the models, got 'm9'; allowed: m0, m1, m2"):
        xw.validation(of_models(3), reference="m9")
    with pytest.raises(
        ValueError, match=r"needs outcomes of robustness\.iaside that ended well, got robustness\.evasion"
    ):
        xw.validation([attacked("m0", 0.5)])


def mechanical(models: int, seed: int, *, planted: bool = True) -> list[Outcome]:
    """Accuracy falls by the share of what is read that is drowned, or by something else."""
    rng = np.random.default_rng(seed)
    noise, made = rng.gamma(0.5, 1.0, (12, M)), []
    for place in range(models):
        shares = rng.dirichlet(np.full(M, 0.7))
        falls = (noise / (1 + noise)) @ shares if planted else rng.random(12)
        wrong = rng.binomial(5, np.tile(falls, (N, 1)))
        made += [read(f"m{place}", 0.1 * place, shares), corrupted(f"m{place}", wrong, noise)]
    return made


def test_the_mechanism_predicts_the_fall_where_it_is_the_reason() -> None:
    made = xw.validation(mechanical(5, 0)).mechanism
    assert made is not None
    assert len(made.falls) == 60
    assert made.relation.low > 0.5
    assert made.reading.startswith("where more of what is read is drowned")
    row = made.falls.iloc[0]
    noise = made.noise[made.noise["corruption"] == row["corruption"]]["noise_share"].to_numpy()
    shares = mechanical(5, 0)[0].finding.tables["bands"]["share"].to_numpy()  # type: ignore[union-attr]
    assert row["predicted"] == pytest.approx(noise @ shares)
    assert row["measured_low"] < row["measured"] < row["measured_high"]


def test_the_interval_of_the_mechanism_covers_0_where_nothing_predicts() -> None:
    """Pairs of one corruption are alike: with an interval over pairs, many more would claim a relation."""
    claimed = 0
    for seed in range(30):
        outcomes = mechanical(4, seed, planted=False)
        made, _ = mechanism({f"m{place}": (outcomes[2 * place], outcomes[2 * place + 1]) for place in range(4)}, seed)
        assert made is not None
        claimed += not made.relation.low <= 0 <= made.relation.high
    assert claimed <= 5


def test_a_score_of_other_bands_predicts_nothing_and_a_note_says_so() -> None:
    outcomes = mechanical(2, 0)
    made = xw.validation([read("m0", 0.1, shells="l2"), outcomes[1]])
    assert made.mechanism is None
    assert "No prediction for m0: its score is of other bands than the spectrum of its corruptions." in made.notes


def test_a_resample_of_each_pair_once_is_the_plain_rank_correlation() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, (2, 30)).astype(float)
    plain = of_counts([first, second], lambda size: np.ones((size, 30)), 10, 4)
    assert plain.rho == pytest.approx(stats.spearmanr(first, second).statistic)
    assert plain.low == pytest.approx(plain.rho)
    assert plain.high == pytest.approx(plain.rho)
    twice = of_counts([first, second], lambda size: np.full((size, 30), 2.0), 10, 4)
    assert twice.low == pytest.approx(plain.rho)
