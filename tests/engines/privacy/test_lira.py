"""LiRA and RMIA: the formulas by hand, against naive loops and sacroml, planted leaks, and what cannot be attacked."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import xrai_widgets as xw
from xrai_widgets.core import Array, NotApplicable, Subject
from xrai_widgets.engines.privacy import lira
from xrai_widgets.engines.privacy.lira.likelihood_ratio import (
    gaussian_confidence,
    log_odds,
    moments,
    offline_ratio,
    online_ratio,
    relative_ratio,
)
from xrai_widgets.engines.privacy.lira.references import Pool, Train
from xrai_widgets.runtime import Meter, RunStep, run

pytestmark = pytest.mark.usefixtures("without_controls")

ATTACKS = ("online LiRA", "offline LiRA", "RMIA")
SAME = 1e-12


def finding_of(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "privacy.lira", strict=True, **params)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def subject_of(model: Any, X: Array, y: Array, members: int) -> Subject:
    fitted = model.fit(X[:members], y[:members])
    return Subject.of(fitted, X[members:], y[members:], X_train=X[:members], y_train=y[:members])


def noise(n: int = 400, classes: int = 20) -> tuple[Array, Array]:
    """Labels that nothing explains: they can only be memorised."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)), np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]


def logistic_data(n: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, (rng.random(n) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(int)


def engine(fit: Callable[..., Any], n: int = 40, **params: Any) -> xw.Finding:
    """Attack a rule that was never trained, with reference models that ``fit`` makes."""
    X, y = logistic_data(n)
    half = n // 2
    return lira(rule, X[:half], y[:half], X[half:], y[half:], fit, n_references=4, **params)


def rule(X: Array) -> Array:
    one = 1 / (1 + np.exp(-X[:, 0]))
    return np.column_stack([1 - one, one])


# --- the formulas -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made() -> tuple[Array, Array, Array]:
    """The model's confidence in six samples, that of four reference models, and who was in which."""
    rng = np.random.default_rng(1)
    inside = np.array([[1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 0, 0]], dtype=bool)
    return rng.uniform(0.1, 0.9, 6), rng.uniform(0.1, 0.9, (4, 6)), inside


def by_sample(references: Array, inside: Array, column: int) -> tuple[Array, Array]:
    phi = np.log(references[:, column] / (1 - references[:, column]))
    return phi[inside[:, column]], phi[~inside[:, column]]


@pytest.mark.parametrize("pooled", [False, True])
def test_lira_is_the_ratio_of_two_normal_densities(made: tuple[Array, Array, Array], pooled: bool) -> None:
    own, references, inside = made
    held, left = moments(references, inside, 1e-6, 1.0)
    online = online_ratio(log_odds(own, 1e-6), held, left, pooled)
    offline = offline_ratio(log_odds(own, 1e-6), left, pooled)
    arms = [by_sample(references, inside, column) for column in range(6)]
    spread = [[arm.std(ddof=1) for arm in pair] for pair in arms]
    if pooled:  # two models per arm: the root of the mean variance
        spread = [list(np.sqrt(np.mean(np.square(spread), axis=0)))] * 6
    for column, (with_it, without) in enumerate(arms):
        phi = np.log(own[column] / (1 - own[column]))
        a, b = stats.norm(with_it.mean(), spread[column][0]), stats.norm(without.mean(), spread[column][1])
        assert online[column] == pytest.approx(a.logpdf(phi) - b.logpdf(phi), rel=SAME)
        assert stats.norm.cdf(offline[column]) == pytest.approx(1 - b.sf(phi), abs=SAME)


def test_the_log_odds_of_hand_made_models_give_the_score_worked_out_by_hand() -> None:
    # φ = ln 2 and ln 8 with the sample (mean ln 4), ln 1 and ln 4 without it (mean ln 2): both spreads are ln 4/√2
    p = np.array([[2 / 3], [8 / 9], [1 / 2], [4 / 5]])
    held, left = moments(p, np.array([[True], [True], [False], [False]]), 1e-9, 1.0)
    phi = log_odds(np.array([4 / 5]), 1e-9)
    assert offline_ratio(phi, left, False) == pytest.approx([np.log(2) / (np.log(4) / np.sqrt(2))])
    assert online_ratio(phi, held, left, False) == pytest.approx([0.5 * (np.log(2) / (np.log(4) / np.sqrt(2))) ** 2])


def test_rmia_is_the_share_of_samples_that_stand_out_less_by_the_factor() -> None:
    p, average = np.array([0.9, 0.6, 0.4, 0.2]), np.array([0.6, 0.6, 0.2, 0.4])  # ratios 1.5, 1, 2, 0.5
    assert relative_ratio(p, average, 1.0, 1e-6).tolist() == [0.75, 0.5, 1, 0.25]
    assert relative_ratio(p, average, 2.0, 1e-6).tolist() == [0.25, 0.25, 0.5, 0]
    assert relative_ratio(np.array([0.0, 1.0]), np.array([0.0, 0.5]), 1.0, 0.01).tolist() == [0.5, 1]  # 0/0 is even


@pytest.mark.parametrize("gamma", [1.0, 1.3, 2.0])
def test_rmia_of_many_samples_is_that_of_a_double_loop(gamma: float) -> None:
    rng = np.random.default_rng(2)
    p, average = rng.uniform(size=(2, 60))
    share = [np.mean([(p[x] / average[x]) >= gamma * (p[z] / average[z]) for z in range(60)]) for x in range(60)]
    assert relative_ratio(p, average, gamma, 1e-9) == pytest.approx(share, abs=SAME)


def test_the_scores_are_those_of_sacroml() -> None:
    """The file was written by ``tests/benchmarks/lira_sacroml.py fixture`` with sacroml 2.0.1, which lives apart."""
    theirs = json.loads((Path(__file__).parent / "sacroml_scores.json").read_text())
    own, references, inside = (np.array(theirs[key]) for key in ("own", "references", "inside"))
    held, left = moments(references, inside, 1e-9, 1.0)
    # theirs divides the squares by n, ours by n - 1: four models per arm
    held, left = (part._replace(squares=part.squares * 3 / 4) for part in (held, left))
    phi = log_odds(own, 1e-9)
    assert stats.norm.cdf(offline_ratio(phi, left, False)) == pytest.approx(np.array(theirs["offline"]), abs=1e-9)
    assert online_ratio(phi, held, left, False) == pytest.approx(np.array(theirs["online-carlini"]), rel=1e-9)


def test_scores_follow_their_samples_into_another_order(made: tuple[Array, Array, Array]) -> None:
    own, references, inside = made
    order = np.random.default_rng(3).permutation(6)
    plain, mixed = moments(references, inside, 0.01, 1.0), moments(references[:, order], inside[:, order], 0.01, 1.0)
    phi = log_odds(own, 0.01)
    for pooled in (True, False):
        assert online_ratio(phi, *plain, pooled)[order] == pytest.approx(online_ratio(phi[order], *mixed, pooled))
        assert offline_ratio(phi, plain[1], pooled)[order] == pytest.approx(offline_ratio(phi[order], mixed[1], pooled))
    average = references.mean(axis=0)
    assert (
        relative_ratio(own, average, 1.0, 0.01)[order].tolist()
        == relative_ratio(own[order], average[order], 1.0, 0.01).tolist()
    )


def test_blocks_of_any_size_give_the_same_moments(made: tuple[Array, Array, Array]) -> None:
    _, references, inside = made
    for whole, blocks in zip(
        moments(references, inside, 0.01, 1.0), moments(references, inside, 0.01, 1e-9), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(whole, blocks, strict=True))


def test_probabilities_of_0_and_1_end_at_the_floor_and_equal_models_at_the_least_spread() -> None:
    assert log_odds(np.array([0.0, 0.5, 1.0]), 0.005) == pytest.approx([-np.log(200), 0, np.log(200)])
    held, left = moments(np.full((4, 1), 0.7), np.array([[True], [False], [True], [False]]), 0.005, 1.0)
    score = offline_ratio(log_odds(np.array([0.7 + 1e-12]), 0.005), left, False)
    assert abs(score[0]) < 1e-6  # rounding is no evidence
    assert np.isfinite(online_ratio(log_odds(np.array([0.1]), 0.005), held, left, True)).all()


def test_the_confidence_of_a_regression_is_a_density_beside_that_at_the_prediction() -> None:
    residuals = np.array([0.0, -2.0, 5.0])
    assert gaussian_confidence(residuals, 2.0) == pytest.approx(
        stats.norm.pdf(residuals, 0, 2) / stats.norm.pdf(0, 0, 2)
    )


# --- the halves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [0, 3])
def test_a_pair_of_reference_models_shares_every_class_out_evenly(classes: int) -> None:
    y = np.r_[np.zeros(31, int), np.ones(8, int), np.full(2, 2)]
    pool = Pool(np.zeros((41, 1)), y, classes, 0)
    halves = np.array([pool.half(number) for number in range(10)])
    assert (halves.sum(axis=0) == 5).all()
    assert (halves[::2] != halves[1::2]).all()
    assert set(halves.sum(axis=1)) <= {20, 21}
    assert len(np.unique(halves[::2], axis=0)) == 5
    if classes:
        for code in range(3):
            counts = halves[:, y == code].sum(axis=1)
            assert counts.max() - counts.min() <= 1


def test_every_sample_is_in_half_of_the_models_and_the_table_says_so() -> None:
    samples = finding_of(subject_of(GaussianNB(), *logistic_data(101), 60), n_references=6).tables["samples"]
    assert (samples["references_with"] == 3).all()
    assert (samples["references_without"] == 3).all()
    assert samples["part"].value_counts().to_dict() == {"X_train": 60, "X": 41}


def test_the_scores_of_a_run_are_those_of_a_plain_loop_over_models_and_samples() -> None:
    X, y = logistic_data(60)
    subject = subject_of(GaussianNB(), X, y, 30)
    finding = finding_of(subject, n_references=4, seed=3, variance="per sample", floor=1e-9)
    pool = Pool(X, y, 2, 3)
    phi: list[tuple[list[float], list[float]]] = [([], []) for _ in y]
    for number in range(4):
        half = pool.half(number)
        answers = GaussianNB().fit(X[half], y[half]).predict_proba(X)
        for i, p in enumerate(answers[np.arange(60), y]):
            phi[i][0 if half[i] else 1].append(float(np.log(p / (1 - p))))
    own = subject.predict(X)[np.arange(60), y]
    online = []
    for (held, left), p in zip(phi, own, strict=True):
        arms = [stats.norm(np.mean(arm), max(np.std(arm, ddof=1), 1e-3)) for arm in (held, left)]
        online.append(arms[0].logpdf(np.log(p / (1 - p))) - arms[1].logpdf(np.log(p / (1 - p))))
    assert finding.tables["samples"]["online LiRA"].to_numpy() == pytest.approx(online, rel=1e-6)
    expected = roc_auc_score(np.r_[np.ones(30), np.zeros(30)], online)
    assert finding.tables["scores"].set_index("score").loc["online LiRA", "auc"] == pytest.approx(expected)


# --- leaks and their absence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), KNeighborsClassifier(1)], ids=str)
def test_a_model_that_memorises_noise_gives_its_members_away_to_every_attack(model: Any) -> None:
    X, y = noise()
    subject = subject_of(model, X, y, 200)
    finding = finding_of(subject, n_references=8)
    assert finding.tables["scores"]["auc"].min() > 0.95
    assert finding.intervals["advantage"][0] > 0.8
    assert xw.assess(subject, "privacy.lira", n_references=8).verdict().status == "fail"


def test_a_regression_tree_that_memorises_noise_gives_its_members_away() -> None:
    rng = np.random.default_rng(0)
    subject = subject_of(DecisionTreeRegressor(random_state=0), rng.normal(size=(300, 4)), rng.normal(size=300), 150)
    finding = finding_of(subject, n_references=8)
    assert finding.values["auc"] > 0.99
    assert "class" not in finding.tables["samples"]
    assert any("Gaussian density" in note for note in finding.notes)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_wrong_label_that_was_memorised_ranks_first(attack: str) -> None:
    X, y = logistic_data(300, 1)
    y = (X[:, 0] > 0).astype(int)
    far = int(np.argmax(X[:150, 0]))
    y[far] = 0
    subject = subject_of(DecisionTreeClassifier(random_state=0), X, y, 150)
    samples = finding_of(subject, attack=attack, n_references=16).tables["samples"]
    top = samples.loc[samples[attack].idxmax()]
    assert (top["part"], top["id"]) == ("X_train", far)


def test_reference_models_find_what_the_loss_alone_does_not(credit: Subject) -> None:
    alone = xw.assess(credit, "privacy.membership_inference", strict=True).finding
    assert alone is not None
    assert finding_of(credit, n_references=4).intervals["auc"][0] > alone.intervals["auc"][1]


@pytest.mark.parametrize("seed", range(3))
def test_a_rule_that_was_never_trained_cannot_be_told_from_chance(seed: int) -> None:
    X, y = logistic_data(1200, seed)
    finding = lira(rule, X[:600], y[:600], X[600:], y[600:], fitted, n_references=8)
    for low, high in finding.tables["scores"][["low", "high"]].to_numpy():
        assert low < 0.5 < high
    assert finding.intervals["advantage"][0] < 0.02


def fitted(X: Array, y: Array, *, seed: int) -> Callable[[Array], Array]:
    return LogisticRegression().fit(X, y).predict_proba  # type: ignore[no-any-return]


def test_a_linear_regression_on_plenty_of_data_passes() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    subject = subject_of(LinearRegression(), X, X @ np.ones(2) + rng.normal(size=2000), 1000)
    outcome = xw.assess(subject, "privacy.lira", n_references=8)
    assert outcome.verdict().status == "pass"


def test_all_attacks_look_at_the_same_reference_models_and_one_of_them_is_judged() -> None:
    subject = subject_of(GaussianNB(), *logistic_data(200), 100)
    found = {attack: finding_of(subject, attack=attack, n_references=4) for attack in ATTACKS}
    for attack, finding in found.items():
        scores = finding.tables["scores"].set_index("score")
        assert finding.values["auc"] == scores.loc[attack, "auc"]
        assert scores.equals(found["online LiRA"].tables["scores"].set_index("score"))
        assert finding.charts[0].x == attack
    assert finding_of(subject, n_references=4).charts[0].x == "online LiRA"


@pytest.mark.parametrize(("references", "same"), [(14, "pooled"), (16, "per sample")])
def test_a_spread_per_sample_needs_many_models_and_automatic_knows_it(references: int, same: str) -> None:
    subject = subject_of(GaussianNB(), *logistic_data(60), 30)
    scores = {
        variance: finding_of(subject, n_references=references, variance=variance).tables["samples"]["online LiRA"]
        for variance in ("automatic", "pooled", "per sample")
    }
    assert [name for name in ("pooled", "per sample") if scores["automatic"].equals(scores[name])] == [same]


# --- what the reader is told ------------------------------------------------------------------------------------------


def test_the_reader_is_told_when_reference_models_see_less_than_the_model_did() -> None:
    X, y = logistic_data(500)
    uneven, even = (finding_of(subject_of(GaussianNB(), X, y, n), n_references=4) for n in (400, 250))
    said = "The model was trained on 400 samples and each reference model on 250: they predict less surely"
    assert any(said in note for note in uneven.notes)
    assert not any("less surely" in note for note in even.notes)
    assert any("4 reference models, each trained on half of the 500 members and non-members" in n for n in even.notes)


def test_a_class_of_one_sample_stays_in_every_model_and_is_not_attacked() -> None:
    X, y = noise(200, 4)
    y[0] = 4  # alone, a member
    y[y == 3] = 2
    y[150] = 3  # one member, one not: each model of a pair knows one
    y[1] = 3
    subject = subject_of(DecisionTreeClassifier(random_state=0), X, y, 100)
    finding = finding_of(subject, n_references=4)
    samples = finding.tables["samples"]
    assert len(samples) == 199
    assert 0 not in set(samples.loc[samples["part"] == "X_train", "id"])
    assert finding.counts["auc"] == 199
    assert any(
        "The only sample of its class stays in every reference model" in n and "attacked: 4." in n
        for n in finding.notes
    )
    assert {(s["references_with"], s["references_without"]) for _, s in samples.iterrows()} == {(2, 2)}


def test_the_only_sample_of_a_class_is_in_every_half_so_that_none_lacks_the_class() -> None:
    pool = Pool(np.zeros((21, 1)), np.r_[1, np.zeros(20, int)], 2, 0)
    halves = np.array([pool.half(number) for number in range(8)])
    assert halves[:, 0].all()
    assert (halves[:, 1:].sum(axis=0) == 4).all()


def test_ids_follow_their_samples() -> None:
    X, y = logistic_data(80)
    model = GaussianNB().fit(X[:40], y[:40])
    names = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(40)]
    subject = Subject.of(model, X[40:], y[40:], X_train=X[:40], y_train=y[:40], train_ids=names[0], ids=names[1])
    samples = finding_of(subject, n_references=4).tables["samples"]
    assert samples["id"].tolist() == names[0] + names[1]
    own = subject.predict(X)[np.arange(80), y]
    assert samples["log_odds"].to_numpy() == pytest.approx(log_odds(own, 0.005))


# --- cancel, workers, bad input ---------------------------------------------------------------------------------------


def test_cancel_keeps_the_finished_pairs_of_reference_models(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(DecisionTreeClassifier(), *logistic_data(200), 100)
    monkeypatch.setattr("xrai_widgets.runtime.run_step._PERIOD", 0.0)  # every word is heard
    cancel = threading.Event()
    notes: list[str] = []

    def listen(progress: Any) -> None:
        notes.append(progress.note)
        if progress.note.startswith("7 of 12"):
            cancel.set()

    outcome = run(subject, "privacy.lira", {"n_references": 12}, step=RunStep(Meter(cancel), listen))
    assert outcome.status == "cancelled"
    assert "3 of 12 reference models" in notes
    assert outcome.finding is not None
    assert (outcome.finding.tables["samples"]["references_with"] == 3).all()
    assert any(note.startswith("So far 6 of 12 reference models") for note in outcome.finding.notes)
    six = finding_of(subject, n_references=6)  # the same seeds
    assert outcome.finding.values == six.values
    assert outcome.finding.intervals == six.intervals


def test_workers_give_the_same_result() -> None:
    subject = subject_of(DecisionTreeClassifier(), *logistic_data(200), 100)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        spread = finding_of(subject, n_references=4)
    assert spread.tables["samples"].equals(finding_of(subject, n_references=4).tables["samples"])


def test_an_odd_number_of_reference_models_is_refused() -> None:
    X, y = logistic_data(60)
    with pytest.raises(
        ValueError, match="n_references must be even, so that each sample is in half of the reference models, got 5"
    ):
        finding_of(subject_of(GaussianNB(), X, y, 30), n_references=5)


@pytest.mark.parametrize(("members", "others"), [(9, 50), (50, 9)])
def test_fewer_than_ten_members_or_non_members_are_refused(members: int, others: int) -> None:
    X, y = logistic_data(members + others)
    parts = (X[:members], y[:members], X[members:], y[members:])
    with pytest.raises(ValueError, match=f"at least 10 members and 10 non-members, got {members} and {others}"):
        lira(rule, *parts, fitted)


def test_a_reference_model_that_cannot_be_trained_is_named() -> None:
    def fails(X: Array, y: Array, *, seed: int) -> Any:
        raise ValueError("singular matrix")

    said = (
        "which leaves too few whole pairs of them: reference model 1 could not be trained on 20 of 40 samples: singular"
    )
    with pytest.raises(NotApplicable, match=said):
        engine(fails)


def test_a_reference_model_with_outputs_that_are_not_finite_is_named() -> None:
    def broken(X: Array, y: Array, *, seed: int) -> Any:
        return lambda rows: np.full((len(rows), 2), np.nan)

    with pytest.raises(
        NotApplicable, match=r"reference model 1 .*: it must give finite outputs, got NaN or infinite ones"
    ):
        engine(broken)


def test_an_estimator_that_cannot_be_cloned_is_not_applicable_and_another_method_is_named() -> None:
    class Odd(GaussianNB):
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {**super().get_params(deep), "extra": 1}

    X, y = logistic_data(60)
    outcome = xw.assess(subject_of(Odd(), X, y, 30), "privacy.lira", n_references=4)
    assert outcome.status == "not applicable"
    assert "cannot be trained anew" in outcome.reason
    assert outcome.instead == "privacy.membership_inference"
    with pytest.raises(NotApplicable):
        Train(xw.Subject.of(Odd().fit(X, y), X, y).fit, Pool(X, y, 2, 0))(0)  # type: ignore[arg-type]


def test_a_model_of_labels_and_a_model_without_training_are_not_applicable() -> None:
    X, y = logistic_data(60)
    assert xw.assess(subject_of(LinearSVC(), X, y, 30), "privacy.lira").status == "not applicable"
    plain = Subject.of(rule, X[30:], y[30:], X_train=X[:30], y_train=y[:30])
    assert "refitting" in xw.assess(plain, "privacy.lira").reason


def test_more_models_than_the_memory_holds_are_refused_with_what_they_need() -> None:
    X, y = np.zeros((60_000, 1)), np.arange(60_000) % 2
    with pytest.raises(ValueError, match=r"1024 reference models of 60,000 samples need 0.55 GB, memory_limit must be"):
        lira(rule, X[:100], y[:100], X[100:], y[100:], fitted, n_references=1024, memory_limit=0.05)
