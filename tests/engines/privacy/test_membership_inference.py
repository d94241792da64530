"""Membership inference on models whose leak is known, and against scikit-learn and ART."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score, roc_curve
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import xrai_widgets as xw
from xrai_widgets.core import Array, NotApplicable, Subject, quiet
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.privacy import membership_inference
from xrai_widgets.engines.privacy.attacks.threshold import Attack, best_threshold, threshold_attack

pytestmark = pytest.mark.usefixtures("without_controls")


def on_scores(members: Array, others: Array, **params: object) -> xw.Finding:
    """Attack a model that gives the true class 1 of two these probabilities."""

    def predict(X: Array) -> Array:
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    one = [np.ones(len(part), dtype=int) for part in (members, others)]
    return membership_inference(predict, members[:, None], one[0], others[:, None], one[1], **params)


def one_group(scores: Array) -> tuple[Array, Array]:
    return scores, np.zeros(len(scores), dtype=int)


def attack(members: Array, others: Array, repeats: int = 5, ratio: float = 0.5, seed: int = 0) -> Attack:
    return threshold_attack(
        one_group(members),
        one_group(others),
        per_class=False,
        train_ratio=ratio,
        repeats=repeats,
        seed=seed,
        step=quiet,
    )


def noise_tree() -> Subject:
    """An unpruned tree on labels that nothing explains: it can only memorise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(800, 5)), np.r_[np.arange(40), rng.integers(0, 40, 760)]
    tree = DecisionTreeClassifier(random_state=0).fit(X[:400], y[:400])
    return Subject.of(tree, X[400:], y[400:], X_train=X[:400], y_train=y[:400])


def plain_logistic(n: int) -> Subject:
    """A small linear model on plenty of data: there is nothing to memorise."""
    X, y = make_classification(2 * n, 8, n_informative=5, flip_y=0.1, random_state=0)
    model = LogisticRegression().fit(X[:n], y[:n])
    return Subject.of(model, X[n:], y[n:], X_train=X[:n], y_train=y[:n])


def finding_of(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "privacy.membership_inference", **params)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def test_a_tree_that_memorises_noise_gives_its_members_away() -> None:
    finding = finding_of(noise_tree())
    for key in ("advantage", "auc", "balanced_accuracy", "precision"):
        assert finding.values[key] > 0.95
        assert finding.intervals[key][0] > 0.9
    assert xw.assess(noise_tree(), "privacy.membership_inference").verdict().status == "fail"


def test_a_regression_tree_that_memorises_noise_gives_every_member_away() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(400, 4)), rng.normal(size=400)
    tree = DecisionTreeRegressor(random_state=0).fit(X[:200], y[:200])
    finding = finding_of(Subject.of(tree, X[200:], y[200:], X_train=X[:200], y_train=y[:200]))
    assert finding.values["auc"] == finding.values["tpr_at_fpr_0_1pct"] == 1
    assert finding.values["advantage"] > 0.98
    assert 0.9 < finding.intervals["auc"][0] < 1
    assert 0.9 < finding.intervals["advantage"][0] < 1


def test_a_linear_model_on_plenty_of_data_cannot_be_told_from_chance() -> None:
    finding = finding_of(plain_logistic(3000))
    for key, chance in {"advantage": 0.0, "auc": 0.5, "balanced_accuracy": 0.5, "precision": 0.5}.items():
        low, high = finding.intervals[key]
        assert low < chance < high
        assert high - low < 0.15
    assert xw.assess(plain_logistic(3000), "privacy.membership_inference").verdict().status == "pass"


def test_a_linear_regression_on_plenty_of_data_cannot_be_told_from_chance() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(4000, 5))
    y = X @ np.arange(5.0) + rng.normal(size=4000)
    model = LinearRegression().fit(X[:2000], y[:2000])
    finding = finding_of(Subject.of(model, X[2000:], y[2000:], X_train=X[:2000], y_train=y[:2000]))
    assert finding.intervals["advantage"][0] < 0 < finding.intervals["advantage"][1]
    assert finding.intervals["auc"][0] < 0.5 < finding.intervals["auc"][1]


def test_the_score_of_a_regression_is_minus_the_squared_error(regression: Subject) -> None:
    samples = finding_of(regression, score="loss").tables["samples"]
    outside = samples[samples["part"] == "X"]
    assert outside["loss"].to_numpy() == pytest.approx(-np.square(regression.y - regression.predict(regression.X)))
    assert "class" not in samples


@pytest.mark.parametrize("score", ["confidence", "margin", "modified entropy"])
def test_a_regression_has_no_other_score_and_is_told_which_one_it_has(regression: Subject, score: str) -> None:
    outcome = xw.assess(regression, "privacy.membership_inference", score=score)
    assert outcome.status == "not applicable"
    assert outcome.reason == f"a regression has no {score}: it gives no class probabilities"
    assert outcome.instead == "score='loss'"
    with pytest.raises(NotApplicable, match=f"a regression has no {score}"):
        membership_inference(
            regression.predict,
            regression.X_train,  # type: ignore[arg-type]
            regression.y_train,  # type: ignore[arg-type]
            regression.X,
            regression.y,
            "regression",
            score=score,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(("members", "others"), [(9, 50), (50, 9)])
def test_fewer_than_ten_members_or_non_members_are_refused(members: int, others: int) -> None:
    with pytest.raises(ValueError, match=f"at least 10 members and 10 non-members, got {members} and {others}"):
        on_scores(np.full(members, 0.9), np.full(others, 0.8))
    assert on_scores(np.linspace(0.6, 0.9, 10), np.linspace(0.5, 0.8, 10)).values


@pytest.mark.parametrize("score", ["loss", "confidence", "margin", "modified entropy"])
def test_the_auc_is_that_of_scikit_learn_for_every_score(credit: Subject, score: str) -> None:
    finding = finding_of(credit, score=score)
    samples, scores = finding.tables["samples"], finding.tables["scores"].set_index("score")
    expected = roc_auc_score(samples["is"] == "member", samples[score])
    assert finding.values["auc"] == pytest.approx(expected, abs=1e-12)
    assert scores.loc[score, "auc"] == pytest.approx(expected, abs=1e-12)
    assert finding.intervals["auc"] == pytest.approx(tuple(scores.loc[score, ["low", "high"]]))


def test_the_scores_are_log_probability_largest_probability_and_margin(digits: Subject) -> None:
    samples = finding_of(digits).tables["samples"]
    outside, outputs = samples[samples["part"] == "X"], digits.predict(digits.X)
    own = outputs[np.arange(len(outputs)), digits.y]
    rest = np.where(np.eye(10, dtype=bool)[digits.y], 0, outputs).max(axis=1)
    assert -outside["loss"].mean() == pytest.approx(log_loss(digits.y, outputs), rel=1e-6)
    assert outside["confidence"].to_numpy() == pytest.approx(outputs.max(axis=1))
    assert outside["margin"].to_numpy() == pytest.approx(own - rest)


@pytest.mark.parametrize(("key", "limit"), [("tpr_at_fpr_1pct", 0.01), ("tpr_at_fpr_0_1pct", 0.001)])
def test_the_hits_at_a_low_rate_are_those_of_scikit_learns_curve_and_their_interval_allows_for_the_rate(
    credit: Subject, key: str, limit: float
) -> None:
    finding = finding_of(credit)
    samples = finding.tables["samples"]
    fpr, tpr, _ = roc_curve(samples["is"] == "member", samples["loss"], drop_intermediate=False)
    expected = tpr[fpr <= limit].max()
    assert finding.values[key] == pytest.approx(expected)
    low, high = finding.intervals[key]
    _, binomial_low, binomial_high = statistics.clopper_pearson(round(expected * 600), 600)
    assert low <= binomial_low
    assert high > binomial_high
    assert finding.counts[key] == 600


def test_on_a_model_of_labels_the_attack_is_arts_rule_that_members_are_answered_rightly(forest: Subject) -> None:
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBoxRuleBased
    from art.estimators.classification import SklearnClassifier

    X_train, y_train = forest.X_train, forest.y_train
    assert X_train is not None
    assert y_train is not None
    rng = np.random.default_rng(0)
    y_train, y = (np.where(rng.random(len(part)) < 0.3, 1 - part, part) for part in (y_train, forest.y))
    tree = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
    rule = MembershipInferenceBlackBoxRuleBased(SklearnClassifier(tree))
    hits, alarms = (np.mean(rule.infer(*part)) for part in ((X_train, y_train), (forest.X, y)))
    finding = membership_inference(tree.predict_proba, X_train, y_train, forest.X, y)
    assert hits == 1
    assert finding.values["advantage"] == pytest.approx(hits - alarms)
    assert finding.values["balanced_accuracy"] == pytest.approx((1 + hits - alarms) / 2)
    assert finding.values["auc"] == pytest.approx((1 + hits - alarms) / 2)


def test_thresholds_per_class_find_a_leak_that_one_threshold_misses() -> None:
    rng = np.random.default_rng(3)
    y = np.tile([0, 1], 200)
    levels = np.where(y == 0, 0.8, 0.3)

    def predict(X: Array) -> Array:
        return np.where(np.eye(2, dtype=bool)[X[:, 1].astype(int)], X[:, [0]], 1 - X[:, [0]])

    parts = [np.column_stack([levels + rise + rng.uniform(0, 0.05, 400), y]) for rise in (0.1, 0.0)]
    arrays = (parts[0], y, parts[1], y)
    single = membership_inference(predict, *arrays)
    each = membership_inference(predict, *arrays, thresholds="per class")
    assert single.values["advantage"] < 0.6
    assert each.values["advantage"] == 1
    assert each.tables["classes"]["auc"].tolist() == [1, 1]
    assert single.values["auc"] == each.values["auc"] < 0.8


def test_a_class_without_non_members_gets_no_threshold_of_its_own_and_the_reader_is_told() -> None:
    rng = np.random.default_rng(4)
    outputs = rng.dirichlet(np.ones(3), 150)
    y_train = np.r_[np.zeros(40, int), np.ones(40, int), np.full(20, 2)]

    def predict(X: Array) -> Array:
        return outputs[X[:, 0].astype(int)]

    place = np.arange(150.0)[:, None]
    arrays = (place[:100], y_train, place[100:], np.arange(50) % 2)
    finding = membership_inference(predict, *arrays, thresholds="per class")
    assert finding.counts["advantage"] == 130
    assert finding.counts["auc"] == 150
    assert any("20 samples had no threshold" in note for note in finding.notes)
    assert finding.tables["classes"]["class"].tolist() == ["0", "1"]
    assert not any("no threshold" in note for note in membership_inference(predict, *arrays).notes)


def test_on_noise_the_advantage_is_zero_on_average_and_the_best_one_on_the_scored_data_is_not() -> None:
    honest, biased = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        members, others = rng.normal(size=200), rng.normal(size=200)
        honest.append(attack(members, others, seed=seed).advantage.value)
        fpr, tpr, _ = statistics.roc(members, others)
        biased.append((tpr - fpr).max())
    error = np.std(honest) / np.sqrt(200)
    assert abs(np.mean(honest)) < 3 * error < 0.01
    assert np.mean(biased) > 0.05


def test_a_sample_is_never_called_by_a_threshold_that_it_helped_to_choose() -> None:
    members, others = np.r_[np.zeros(19), 1.0], np.r_[np.zeros(19), 0.5]
    called = attack(members, others, repeats=40)
    # without the lone high member the samples name no rule but "all"; with it, the rule is tried on others than it
    assert called.members[19] == 1
    assert called.advantage.value <= 1e-12
    fpr, tpr, _ = statistics.roc(members, others)
    assert (tpr - fpr).max() == pytest.approx(0.05)


@pytest.mark.parametrize("ratio", [0.1, 0.33, 0.5, 0.75, 0.9])
def test_every_sample_is_called_whatever_share_chooses_the_threshold(ratio: float) -> None:
    rng = np.random.default_rng(0)
    called = attack(rng.normal(2, 1, 37), rng.normal(0, 1, 53), repeats=1, ratio=ratio)
    assert (len(called.members), len(called.others)) == (37, 53)
    assert called.advantage.value > 0.4


def test_the_interval_is_over_samples_and_does_not_shrink_with_repeats() -> None:
    rng = np.random.default_rng(5)
    members, others = rng.beta(4, 2, 150), rng.beta(3, 3, 150)
    once, often = (on_scores(members, others, repeats=repeats).intervals["advantage"] for repeats in (1, 200))
    assert often[1] - often[0] > 0.9 * (once[1] - once[0])
    quadruple = on_scores(np.tile(members, 4), np.tile(others, 4), repeats=1).intervals["advantage"]
    assert quadruple[1] - quadruple[0] < 0.6 * (once[1] - once[0])


def test_the_advantage_has_newcombes_interval_of_both_rates() -> None:
    calls = Attack(np.r_[np.ones(56), np.zeros(14)], np.r_[np.ones(48), np.zeros(32)])
    assert calls.advantage == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_precision_is_meant_at_the_base_rate() -> None:
    calls = Attack(np.r_[np.ones(30), np.zeros(70)], np.r_[np.ones(10), np.zeros(90)])
    for base in (0.5, 0.8, 0.01):
        value, low, high = calls.precision(base)
        assert value == pytest.approx(base * 0.3 / (base * 0.3 + (1 - base) * 0.1))
        assert low < value < high
    assert Attack(np.zeros(5), np.zeros(5)).precision(0.3).value == 0.3


def test_precision_of_an_attack_on_nothing_is_the_base_rate_and_the_reader_is_told() -> None:
    rng = np.random.default_rng(6)
    finding = on_scores(rng.uniform(size=800), rng.uniform(size=200))
    low, high = finding.intervals["precision"]
    assert low < 0.8 < high
    assert finding.values["precision"] == pytest.approx(0.8, abs=0.05)
    assert "80.0% members; guessing reaches that" in finding.notes[0]


def test_ties_that_leave_no_rule_at_a_rate_are_said_in_words() -> None:
    finding = on_scores(np.full(500, 0.9), np.r_[np.full(100, 0.9), np.full(400, 0.6)])
    assert finding.values["tpr_at_fpr_1pct"] == 0
    assert any(
        "Ties in the score leave no rule with a false-positive rate between 0.00% and 1.0%" in n for n in finding.notes
    )


def test_members_that_look_less_familiar_are_not_counted_as_a_leak() -> None:
    rng = np.random.default_rng(8)
    finding = on_scores(rng.uniform(0, 0.5, 300), rng.uniform(0.5, 1, 300))
    assert finding.values["auc"] == 0
    assert -0.02 <= finding.values["advantage"] <= 0


def test_the_same_seed_deals_the_same_samples_and_another_one_others(credit: Subject) -> None:
    first, again, other = (finding_of(credit, seed=seed, repeats=1) for seed in (1, 1, 2))
    assert first.values == again.values
    assert first.intervals == again.intervals
    assert first.values["advantage"] != other.values["advantage"]
    assert first.values["auc"] == other.values["auc"]


def test_the_threshold_lies_midway_between_the_scores_it_separates() -> None:
    assert best_threshold(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 2.5
    assert best_threshold(np.array([3.0]), np.array([1.0, 2.0])) == 2.5


def test_equal_scores_have_the_rule_of_the_larger_side_and_never_one_that_nothing_is_known_of() -> None:
    assert best_threshold(np.ones(100), np.ones(5)) == 1.0  # all are called: fewer of the others not seen may be
    assert best_threshold(np.ones(5), np.ones(100)) == math.inf  # nobody is called: more of the members not seen may be
    assert best_threshold(np.ones(50), np.ones(50)) == 1.0
    assert best_threshold(np.ones(5), np.ones(6), (100, 50)) == 1.0  # a class leans as all classes do together


@pytest.mark.parametrize(("m", "n"), [(200, 10), (10, 200), (40, 20), (20, 40)])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_tied_scores_leave_room_above_whichever_side_is_small(m: int, n: int, score: float) -> None:
    finding = on_scores(np.full(m, score), np.full(n, score))
    low, high = finding.intervals["advantage"]
    few = statistics.wilson(0, min(m, n)).high
    assert finding.values["advantage"] == 0
    assert high == pytest.approx(few)
    assert -0.1 < low <= 0


@pytest.mark.parametrize("attack", ["random forest", "gradient boosting", "logistic regression", "neural network"])
def test_a_trained_attack_that_sees_nothing_leaves_room_above_too(attack: str) -> None:
    def certain(rows: Array) -> Array:
        return np.eye(2)[np.zeros(len(rows), dtype=int)]

    X_train, X = np.random.default_rng(0).random((200, 1)), np.random.default_rng(1).random((24, 1))
    given = (certain, X_train, np.zeros(200, dtype=int), X, np.zeros(24, dtype=int))
    for repeats in (1, 3):
        finding = membership_inference(*given, attack=attack, repeats=repeats)  # type: ignore[arg-type]
        assert finding.intervals["advantage"][1] > 0.1


def test_a_rule_that_calls_nobody_has_the_room_of_one_that_calls_all() -> None:
    none, everyone = (Attack(np.full(200, call), np.full(10, call)).advantage for call in (0.0, 1.0))
    assert none == pytest.approx((0.0, -0.0188, 0.2775), abs=1e-4)
    assert everyone == pytest.approx(none)


LEAKS = {  # members, others: masses on ordered levels of the score; the best rule has an advantage of 0.15
    "others are missed": ([0.0, 1.0], [0.15, 0.85]),
    "members are hit": ([0.85, 0.15], [1.0, 0.0]),
    "both vary": ([0.1, 0.3, 0.6], [0.2, 0.35, 0.45]),
    "beside a level of noise": ([0.0, 0.99, 0.01], [0.15, 0.84, 0.01]),
}


def passes_and_misses(kind: str, m: int, n: int, repeats: int) -> tuple[float, float, float]:
    """How often an advantage limit of 0.1 is passed, and how often the truth given the rules lies above, and below."""
    from xrai_widgets.engines.privacy.attacks import threshold as module

    members, others = (np.array(part) for part in LEAKS[kind])
    rng, found, cuts = np.random.default_rng(0), np.zeros(3), []
    real = module.best_threshold

    def watched(*given: Any) -> float:
        cuts.append(real(*given))
        return cuts[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "best_threshold", watched)
        for _ in range(repeats):
            cuts.clear()
            drawn = [rng.choice(len(part), size, p=part).astype(float) for part, size in ((members, m), (others, n))]
            _, low, high = attack(*drawn, repeats=2).advantage
            levels = np.arange(len(members))
            truth = np.mean([members[levels >= cut].sum() - others[levels >= cut].sum() for cut in cuts])
            found += [high <= 0.1, high < truth - 1e-9, low > truth + 1e-9]
    return tuple((found / repeats).tolist())


@pytest.mark.parametrize("kind", LEAKS)
def test_few_others_cannot_pass_a_leak(kind: str) -> None:
    passed, above, below = passes_and_misses(kind, 200, 10, 150)
    assert passed <= 0.02
    assert above <= 0.06
    assert below <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("kind", LEAKS)
@pytest.mark.parametrize(("m", "n"), [(200, 10), (10, 200), (10, 10), (40, 20), (100, 100), (400, 400)])
def test_the_advantage_covers_that_of_its_rules_and_a_leak_is_hardly_ever_passed(kind: str, m: int, n: int) -> None:
    passed, above, below = passes_and_misses(kind, m, n, 1000)
    assert passed <= 0.025
    assert above <= 0.06
    assert below <= 0.08  # Wilson's limits of ten samples: too much is said to leak, never too little


def test_recall_stands_beside_precision_and_the_base_rate() -> None:
    rng = np.random.default_rng(6)
    finding = on_scores(rng.uniform(size=800), rng.uniform(size=200))
    table = finding.tables["calls"].set_index("share")
    assert list(table.index) == ["precision", "recall", "base rate"]
    for key in ("precision", "recall"):
        assert table.loc[key, "value"] == finding.values[key]
        assert (table.loc[key, "low"], table.loc[key, "high"]) == finding.intervals[key]
    assert table.loc["base rate", "value"] == 0.8
    assert finding.counts["recall"] == 800
    called = finding.tables["contributions"]
    assert finding.values["recall"] == called.loc[called["part"] == "X_train", "recall"].mean()
    assert finding.intervals["recall"] == statistics.wilson(finding.values["recall"] * 800, 800)[1:]
    assert "of the members are called" in finding.notes[0]
    assert any(chart.table == "calls" for chart in finding.charts)


def test_the_roc_table_runs_from_nothing_to_everything_beside_the_line_of_chance(credit: Subject) -> None:
    table = finding_of(credit).tables["roc"]
    curve, chance = (table[table["line"] == line] for line in ("attack", "chance"))
    assert tuple(curve.iloc[0][["fpr", "tpr"]]) == (0, 0)
    assert tuple(curve.iloc[-1][["fpr", "tpr"]]) == (1, 1)
    assert curve["fpr"].is_monotonic_increasing
    assert curve["tpr"].is_monotonic_increasing
    assert (chance["fpr"] == chance["tpr"]).all()
    assert len(curve) <= 400


def test_a_forest_that_memorises_leaks_more_than_a_pruned_one(credit: Subject) -> None:
    from xrai_widgets.data import examples

    grown, pruned = finding_of(credit), finding_of(examples.load("german_credit_pruned"))
    assert grown.intervals["advantage"][0] > pruned.intervals["advantage"][1]
    assert grown.intervals["auc"][0] > pruned.intervals["auc"][1]
