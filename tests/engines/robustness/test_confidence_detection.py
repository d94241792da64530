"""Detection by confidence: both attackers against grids and closed forms, thresholds, and what is never claimed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import xrai_widgets as xw
from tests.engines import grid
from tests.subjects import small_credit
from xrai_widgets.core import Array, Finding, Outcome, Subject, quiet
from xrai_widgets.engines._confidence import SCORES
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._space import Norm, Space
from xrai_widgets.engines.robustness import confidence_detection
from xrai_widgets.engines.robustness.confidence_detection import climb, scan
from xrai_widgets.engines.robustness.confidence_detection.detector import Detector
from xrai_widgets.engines.robustness.confidence_detection.guarded import Guarded
from xrai_widgets.results.charts import describe
from xrai_widgets.results.views.detector.html import reported
from xrai_widgets.results.views.detector.reading import at_threshold, named_thresholds
from xrai_widgets.widgets import DetectorSlider, OutcomeView

NAME = "robustness.confidence_detection"


def run(subject: Subject, **params: object) -> Outcome:
    return xw.assess(subject, NAME, strict=True, **params)


def finding(subject: Subject, **params: object) -> Finding:
    made = run(subject, **params).finding
    assert made is not None
    return made


def attacked(made: Finding) -> Any:
    samples = made.tables["samples"]
    return samples[samples["status"].isin(["found", "not found"])]


def separable(n: int = 600, d: int = 6, scale: float = 1.0, seed: int = 0) -> Subject:
    """Logistic regression of two groups that lie well apart, in a wide box."""
    X, y = make_classification(
        n, d, n_informative=d, n_redundant=0, n_clusters_per_class=1, class_sep=2.0, random_state=seed
    )
    half = n // 2
    model = LogisticRegression(C=scale).fit(X[:half], y[:half])
    return Subject.of(model, X[half:], y[half:], X_train=X[:half], y_train=y[:half], bounds=(-30.0, 30.0))


def two_moods(p: float) -> Callable[[Array], Array]:
    """A model that is ``p`` sure of class 1 right of 0, and of class 0 left of it, whatever it is asked."""

    def predict(X: Array) -> Array:
        one = np.where(X[:, 0] > 0, p, 1 - p)
        return np.column_stack([1 - one, one])

    return predict


# --- the adaptive attack ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "norm", "score"),
    [
        ("network", "l2", "confidence"),
        ("forest", "l2", "confidence"),
        ("boosting", "linf", "margin"),
        pytest.param("network", "linf", "GEN", marks=pytest.mark.slow),
        pytest.param("kernels", "linf", "confidence", marks=pytest.mark.slow),
        pytest.param("5 neighbours", "l2", "confidence", marks=pytest.mark.slow),
        pytest.param("extra trees", "linf", "entropy", marks=pytest.mark.slow),
    ],
)
def test_the_adaptive_attack_reaches_the_most_trusted_point_of_the_grid(kind: str, norm: str, score: str) -> None:
    subject, epsilon = grid.subject(kind, 2), 0.2
    made = finding(subject, norm=norm, epsilon=epsilon, score=score, n_samples=25)
    points, outputs = grid.outputs_on_grid(kind, 2)
    labels, trust = outputs.argmax(axis=1), SCORES[score].value(outputs)
    lowest = trust.min()
    reached, best = [], []
    for row in attacked(made).itertuples():
        x = subject.X[row.Index]
        size = np.abs(points - x).max(axis=1) if norm == "linf" else np.linalg.norm(points - x, axis=1)
        inside = (size <= epsilon) & (labels != subject.y[row.Index])
        if inside.any():
            best.append(float(trust[inside].max()) - lowest)
            reached.append(row.adaptive_score - lowest)
    assert len(best) >= 5
    assert np.isfinite(reached).all()
    share = np.array(reached) >= 0.95 * np.array(best)
    assert share.mean() >= (1.0 if kind in ("network", "kernels", "5 neighbours") else 0.92)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_on_a_linear_model_the_adaptive_attack_reaches_the_optimum(norm: str) -> None:
    subject = separable(d=12)
    assert subject.linear is not None
    weights, bias = subject.linear
    w, b = weights[1] - weights[0], float(bias[1] - bias[0])
    epsilon = 2.0
    for part in (subject, replace(subject, linear=None, gradient=None, logit_gradient=None, logits=None)):
        made = finding(part, norm=norm, epsilon=epsilon, scale="raw", n_samples=15)
        for row in attacked(made).itertuples():
            z = float(subject.X[row.Index] @ w + b)
            reach = epsilon * (np.linalg.norm(w) if norm == "l2" else np.abs(w).sum())
            lead = reach - abs(z)
            if lead > 0.01 * reach:
                best = 1 / (1 + np.exp(-lead))
                assert row.adaptive_score <= best + 1e-9
                assert row.adaptive_score >= (0.995 if part.gradient is not None else 0.93) * best
            elif lead < 0:
                assert row.status == "not found"


@pytest.mark.parametrize(("norm", "epsilon"), [("l2", 1.0), pytest.param("linf", 0.2, marks=pytest.mark.slow)])
def test_by_scores_alone_a_model_of_many_numbers_is_attacked_as_by_its_gradients(norm: str, epsilon: float) -> None:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    model = make_pipeline(StandardScaler(with_std=False), LogisticRegression(C=1.0, max_iter=2000)).fit(
        X[:600], y[:600]
    )
    held = {"X": X[600:760], "y": y[600:760], "bounds": (0.0, 1.0)}
    limits = {f"x{place}": {"kind": "continuous"} for place in range(64)}
    inside, outside = (Subject.of(one, **held, constraints=limits) for one in (model, model.predict_proba))
    assert inside.logit_gradient is not None
    assert outside.logit_gradient is None
    params: dict[str, Any] = {"norm": norm, "epsilon": epsilon, "n_samples": 9, "steps": 20, "restarts": 0}
    first, second = (finding(one, **params) for one in (inside, outside))
    scores = [attacked(one)["adaptive_score"].to_numpy() for one in (first, second)]
    assert np.isfinite(scores[0]).sum() >= 6
    assert np.array_equal(np.isfinite(scores[0]), np.isfinite(scores[1]))
    assert np.nanmin(scores[1] / scores[0]) >= 0.95
    assert second.values["adaptive_detection"] < second.values["plain_detection"]


def problem_of(subject: Subject, epsilon: float, norm: Norm = "l2") -> tuple[Guarded, Array]:
    """Return samples under attack of which nothing is found yet, and the most confidence that a linear model gives."""
    assert subject.linear is not None
    assert subject.bounds is not None
    weights, bias = subject.linear
    w, b = weights[1] - weights[0], float(bias[1] - bias[0])
    z = subject.X @ w + b
    near = np.flatnonzero((np.abs(z) < 0.6 * epsilon * np.linalg.norm(w)) & ((z > 0) == subject.y))[:12]
    space = Space(subject.bounds, subject.constraints, "raw")
    X, y = subject.X[near], subject.y[near]
    problem = Problem(subject.predict, space, X, y, near, X.shape[1:], norm, 10_000)
    best = 1 / (1 + np.exp(np.abs(z[near]) - epsilon * np.linalg.norm(w)))
    return Guarded(problem, Detector("confidence", subject.predict, subject.logits), epsilon), best


def test_each_part_of_the_adaptive_attack_reaches_the_optimum_alone() -> None:
    subject = separable(d=12)
    assert subject.logit_gradient is not None
    guarded, best = problem_of(subject, 3.0)
    assert len(best) >= 8
    climb.climb(guarded, subject.logit_gradient, [], climb.Settings(40, 0), quiet, None)
    assert (guarded.score >= 0.999 * best).all()
    scores = []
    for rounds in (1, 60):
        guarded, _ = problem_of(subject, 3.0)
        scan.scan(guarded, [], None, scan.Settings(rounds), quiet, None)
        scores.append(guarded.score)
    assert (scores[1] >= 0.97 * best).all()
    assert np.median(scores[0] / best) < 0.9, "the rounds are what does it, not the first draws"


def test_what_is_found_for_a_sample_depends_on_no_other_sample() -> None:
    subject = separable(d=12)
    assert subject.logit_gradient is not None
    ways: list[list[Array]] = []
    for some in (slice(None), slice(3, 5)):
        guarded, _ = problem_of(subject, 3.0)
        problem = guarded.problem
        part = replace(
            problem, samples=problem.samples[some], labels=problem.labels[some], numbers=problem.numbers[some]
        )
        one, other = (Guarded(part, guarded.detector, 3.0) for _ in range(2))
        scan.scan(one, [], None, scan.Settings(3), quiet, None)
        climb.climb(other, subject.logit_gradient, [], climb.Settings(5, 1), quiet, None)
        ways.append([one.samples, other.samples])
    for every, alone in zip(*ways, strict=True):
        assert np.allclose(every[3:5], alone, atol=1e-12)


@pytest.mark.parametrize("score", ["energy", "confidence"])
def test_of_several_classes_it_is_the_detectors_score_that_is_climbed(score: str) -> None:
    """The lead over one class and the detector's trust have other directions."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 1.0], [0.9, -0.5], [-0.9, -0.5]])
    y = rng.integers(0, 3, 300)
    X = centres[y] + rng.normal(size=(300, 2)) * 0.4
    subject = Subject.of(LogisticRegression().fit(X, y), X, y, bounds=(-3.0, 3.0))
    assert subject.logit_gradient is not None
    assert subject.logits is not None
    assert subject.bounds is not None
    near = np.flatnonzero(subject.predict(X).argmax(axis=1) == y)[:20]
    space = Space(subject.bounds, subject.constraints, "raw")
    problem = Problem(subject.predict, space, X[near], y[near], near, (2,), "l2", 10_000)
    guarded = Guarded(problem, Detector(score, subject.predict, subject.logits), 1.2)
    climb.climb(guarded, subject.logit_gradient, [], climb.Settings(60, 0), quiet, None)
    angle, radius = (part.ravel() for part in np.meshgrid(np.linspace(0, 2 * np.pi, 721), np.linspace(0, 1.2, 61)))
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]
    best = []
    for x, label in zip(X[near], y[near], strict=True):
        points = np.clip(x + ring, -3, 3)
        outputs = subject.predict(points)
        value = guarded.detector.scores(points, outputs)
        best.append(value[outputs.argmax(axis=1) != label].max(initial=-np.inf))
    there = np.isfinite(best)
    assert there.sum() >= 15
    short = np.array(best)[there] - guarded.score[there]
    # an energy may be largest on either side of a boundary: one climb may miss the better one
    assert (short <= 0.01).mean() >= (0.85 if score == "energy" else 1.0)
    assert short.max() <= 0.1


def test_what_is_found_lies_inside_gets_another_label_and_the_score_that_is_said() -> None:
    subject = small_credit()
    kinds = tuple(
        replace(kind, immutable=True) if place == 0 else kind for place, kind in enumerate(subject.constraints)
    )
    subject = replace(subject, constraints=kinds)
    made = finding(subject, epsilon=0.3, norm="l2", n_samples=12, rounds=12)
    index, changed = made.arrays["index"], made.arrays["adaptive"]
    rows = np.flatnonzero(np.isfinite(changed).all(axis=1))
    assert len(rows) >= 2
    before, after = subject.X[index[rows]], changed[rows]
    assert subject.bounds is not None
    low, high = subject.bounds
    change = np.abs(after - before) / np.where(high > low, high - low, 1.0)
    for column, kind in enumerate(subject.constraints):
        if kind.kind == "category":
            change[:, column] = after[:, column] != before[:, column]
        if kind.kind == "integer":
            assert np.array_equal(after[:, column], np.rint(after[:, column]))
    assert np.linalg.norm(change, axis=1).max() <= 0.3 + 1e-9
    assert np.array_equal(after[:, 0], before[:, 0])
    outputs = subject.predict(after)
    assert (outputs.argmax(axis=1) != subject.y[index[rows]]).all()
    scores = made.tables["samples"]["adaptive_score"].to_numpy()[index[rows]]
    assert np.allclose(outputs.max(axis=1), scores)


def test_the_adaptive_attack_is_trusted_at_least_as_much_as_the_plain_one() -> None:
    for kind in ("network", "forest"):
        table = attacked(finding(grid.subject(kind, 2), epsilon=0.2, n_samples=12, rounds=2, steps=2, restarts=0))
        both = table.dropna(subset=["plain_score"])
        assert len(both) >= 3
        assert (both["adaptive_score"] >= both["plain_score"]).all()


def test_a_detector_that_is_good_under_the_plain_attack_is_useless_under_the_adaptive_one() -> None:
    outcome = run(separable(), epsilon=12.0, scale="raw", n_samples=60, rounds=8)
    made = outcome.finding
    assert made is not None
    assert made.values["plain_detection"] >= 0.95
    assert made.values["plain_auc"] >= 0.98
    assert made.values["adaptive_detection"] <= made.values["false_alarms"] + 0.02
    assert made.values["adaptive_auc"] <= 0.5
    assert outcome.verdict().status == "fail"


def test_a_detector_that_detects_everything_does_not_pass() -> None:
    """A search that finds nothing better is no proof."""
    X = np.random.default_rng(0).uniform(-1, 1, (400, 2))

    def predict(X: Array) -> Array:  # sure but near the boundary
        one = 1 / (1 + np.exp(-40 * X[:, 0]))
        return np.column_stack([1 - one, one])

    subject = Subject.of(
        predict, X[np.abs(X[:, 0]) > 0.15], (X[np.abs(X[:, 0]) > 0.15, 0] > 0).astype(int), bounds=(-1.0, 1.0)
    )
    outcome = run(subject, epsilon=0.2, scale="raw", n_samples=150, rounds=5)
    assert outcome.finding is not None
    assert outcome.finding.values["adaptive_detection"] >= 0.9
    assert outcome.verdict().status == "not refuted"


# --- thresholds -------------------------------------------------------------------------------------------------------


def test_a_chicken_passes_the_fixed_threshold_and_not_the_calibrated_one() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * 0.2 + np.where(rng.random((400, 1)) < 0.5, -1.0, 1.0)
    chicken = np.full((30, 2), 500.0)

    def predict(X: Array) -> Array:
        one = np.where(np.abs(X[:, 0]) > 100, 0.9, np.where(X[:, 0] > 0, 0.99, 0.01))
        return np.column_stack([1 - one, one])

    subject = Subject.of(
        predict, X, (X[:, 0] > 0).astype(int), X_new=np.vstack([X[:10], chicken]), foreign=[False] * 10 + [True] * 30
    )
    made = finding(subject, epsilon=0.0, n_samples=5)
    assert made.values["foreign_detection_fixed"] == 0.0
    assert made.values["foreign_detection"] == 1.0
    assert made.counts["foreign_detection"] == 30
    assert made.values["foreign_auc"] == 1.0
    assert any(
        "30 of 30 foreign inputs pass the fixed threshold of 0.85; the most trusted one has 0.9" in n
        for n in made.notes
    )


def test_too_few_samples_say_nothing_of_what_is_detected() -> None:
    subject = separable(n=72)
    outcome = run(subject, epsilon=6.0, scale="raw", n_samples=18, rounds=2)
    made = outcome.finding
    assert made is not None
    assert not {"adaptive_detection", "false_alarms", "guarded_accuracy"} & set(made.values)
    assert {"false_alarms_fixed", "adaptive_detection_fixed"} <= set(made.values)
    assert any(
        "18 samples to calibrate on are too few for false alarms of at most 0.05, which takes 19" in n
        for n in made.notes
    )
    assert outcome.verdict().status == "not judged"
    assert "adaptive_detection" in finding(subject, epsilon=6.0, scale="raw", n_samples=18, rounds=2, alpha=0.1).values


def test_where_all_scores_are_tied_nothing_is_flagged() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    made = finding(Subject.of(two_moods(0.9), X, (X[:, 0] > 0).astype(int)), epsilon=0.5, n_samples=20, rounds=3)
    assert made.values["false_alarms"] == 0.0
    assert made.values["adaptive_detection"] == 0.0
    assert made.values["adaptive_auc"] == 0.5
    assert any("tie" in note for note in made.notes)


def test_nothing_found_is_no_detection() -> None:
    outcome = run(separable(), epsilon=1e-6, n_samples=10, rounds=2)
    made = outcome.finding
    assert made is not None
    assert not {"adaptive_detection", "plain_detection", "adaptive_auc"} & set(made.values)
    assert any("no proof that there is nothing" in note for note in made.notes)
    assert outcome.verdict().status == "not judged"


def test_halves_are_apart_and_values_are_those_of_the_table() -> None:
    made = finding(separable(), epsilon=1.5, scale="raw", n_samples=40, rounds=4)
    samples = made.tables["samples"]
    clean = samples[samples["role"] == "measured"]
    assert (samples["role"] == "calibration").sum() == len(samples) // 2
    assert (samples.loc[samples["role"] == "calibration", "status"] == "not attacked").all()
    table = made.tables["thresholds"].set_index("which")
    cut = float(table.loc["calibrated", "threshold"])
    calm = np.sort(samples.loc[samples["role"] == "calibration", "score"])
    assert cut == calm[int(0.05 * (len(calm) + 1)) - 1], "of the half that is not measured, and of no other row"
    assert made.values["false_alarms"] == pytest.approx((clean["score"] < cut).mean())
    assert (samples["status"] == "not found").any(), "what nobody turns is safe"
    found = samples["adaptive_score"].dropna()
    assert made.values["adaptive_detection"] == pytest.approx((found < cut).mean())
    assert made.counts["adaptive_detection"] == len(found)
    drawn = clean[clean["status"] != "not attacked"]
    safe = drawn["right"] & ~(drawn["adaptive_score"] >= cut)
    assert made.values["guarded_accuracy"] == pytest.approx(safe.mean())
    assert table.loc["fixed", "threshold"] == 0.85
    assert table.loc["fixed", "false_alarms"] == made.values["false_alarms_fixed"]


# --- what it does not serve -------------------------------------------------------------------------------------------


def test_what_has_no_confidence_is_refused_with_the_way_out() -> None:
    X, y = make_classification(60, 4, random_state=0)
    labels_only = Subject.of(LinearSVC().fit(X, y), X, y)
    outcome = xw.assess(labels_only, NAME)
    assert (outcome.status, outcome.instead) == ("not applicable", "robustness.evasion")
    assert "labels only" in outcome.reason
    regression = xw.assess(xw.examples.load("diabetes_tree"), NAME)
    assert (regression.status, regression.instead) == ("not applicable", "robustness.evasion")
    forest = xw.assess(grid.subject("forest", 2), NAME, score="energy")
    assert forest.status == "not applicable"
    assert forest.instead == "score='confidence'"
    assert "logits" in forest.reason


def test_bad_input_is_named() -> None:
    subject = separable()
    with pytest.raises(ValueError, match="at least 4 samples"):
        finding(replace(subject, X=subject.X[:3], y=subject.y[:3], ids=subject.ids[:3]))
    outcome = run(replace(subject, unstable=0.1))
    assert outcome.status == "not applicable"
    assert "the same rows get different predictions, by up to 0.1" in outcome.reason
    assert "evaluation mode" in outcome.instead
    nan = replace(subject, predict=lambda X: np.full((len(X), 2), np.nan))
    with pytest.raises(ValueError, match="finite outputs, got NaN or infinite ones for X, row 0"):
        confidence_detection(nan.predict, subject.X, subject.y, subject.bounds)


# --- the slider -------------------------------------------------------------------------------------------------------


def test_the_slider_reads_every_threshold_off_the_scores() -> None:
    subject = separable()
    outcome = run(subject, epsilon=4.0, scale="raw", n_samples=30, rounds=4)
    made = outcome.finding
    assert made is not None

    def never(X: Array) -> Array:
        raise AssertionError("the model is not asked again")

    slider = DetectorSlider(outcome, replace(subject, predict=never))
    assert slider.threshold == 0.85
    assert "the fixed threshold" in slider._table.value
    for _, row in made.tables["thresholds"].iloc[::9].iterrows():
        slider.slider.value = row["threshold"]
        shares = {share.key: share for share in at_threshold(made, slider.threshold)}
        assert shares["false_alarms"].value == pytest.approx(row["false_alarms"])
        assert shares["adaptive_detection"].low == pytest.approx(row["adaptive_detection_low"])
        if "accuracy" in shares:
            assert shares["accuracy"].high == pytest.approx(row["high"])
    slider.buttons[0].click()
    assert slider.threshold == next(iter(named_thresholds(made).values()))
    with pytest.raises(ValueError, match="no scores of a detector"):
        DetectorSlider(replace(outcome, finding=Finding({})))


def test_a_report_has_the_thresholds_and_the_outcome_its_slider() -> None:
    outcome = run(separable(), epsilon=4.0, scale="raw", n_samples=20, rounds=2)
    made = outcome.finding
    assert made is not None
    curve = made.tables["roc"].query("attack == 'adaptive attack'")
    height = curve.loc[curve["fpr"] <= 0.2, "tpr"].max()
    assert f"detected {height:.3g} at false alarms 0.2" in describe(made.charts[0], made, NAME)
    text = str(reported(made, False))
    assert "calibrated" in text
    assert "fixed" in text
    assert "adaptive attack flagged" in text
    assert str(reported(Finding({}), False)) == ""
    view = OutcomeView(outcome)
    assert any(isinstance(part, DetectorSlider) for part in view._method_views)
    assert "Thresholds of the detector" in xw.report([outcome]).to_html()
    view.wait()
