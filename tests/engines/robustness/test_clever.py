"""CLEVER: exact where the slope is one, near the truth where it is known, and no number where there is none."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xrai_widgets.core import Array, Constraint, Finding, NotApplicable, Subject
from xrai_widgets.data import examples
from xrai_widgets.engines.robustness import clever
from xrai_widgets.engines.robustness.clever import estimate
from xrai_widgets.engines.robustness.clever.ball import Room, unit_ball
from xrai_widgets.engines.robustness.clever.endpoint import endpoints
from xrai_widgets.engines.robustness.clever.finding import _median
from xrai_widgets.runtime import assess

DUAL = {"l1": np.inf, "l2": 2, "linf": 1}
ORDER = {"l1": 1, "l2": 2, "linf": np.inf}
RNG = np.random.default_rng(0)
WEIGHTS, BIAS = RNG.normal(size=(3, 4)), np.array([0.1, 0.0, -0.1])
POINTS = RNG.uniform(size=(20, 4))
UNIT = np.array([np.zeros(4), np.ones(4)])


def softmax(z: Array) -> Array:
    shares: Array = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def linear_predict(X: Array) -> Array:
    return softmax(X @ WEIGHTS.T + BIAS)


def linear_gradient(X: Array, y: Array) -> Array:
    return np.asarray((linear_predict(X) - np.eye(3)[y]) @ WEIGHTS)


def linear_score(norm: str, X: Array, goal: int | None = None) -> Array:
    z = X @ WEIGHTS.T + BIAS
    distances = np.full(z.shape, np.inf)
    for row, label in enumerate(z.argmax(axis=1)):
        for rival in range(3):
            if rival != label and goal in (None, rival):
                slope = np.linalg.norm(WEIGHTS[label] - WEIGHTS[rival], ord=DUAL[norm])
                distances[row, rival] = (z[row, label] - z[row, rival]) / slope
    return np.asarray(distances.min(axis=1))


def scored(**params: Any) -> Finding:
    labels = linear_predict(POINTS).argmax(axis=1)
    return clever(linear_predict, POINTS, labels, UNIT, linear_gradient, n_samples=20, **params)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_the_score_of_a_linear_model_is_its_margin_over_the_dual_norm_of_its_weights(norm: str) -> None:
    table = scored(norm=norm).tables["samples"]
    np.testing.assert_allclose(table["distance"], linear_score(norm, POINTS), rtol=1e-4)
    assert (table["low"] <= table["distance"]).all()
    assert (table["high"] >= table["distance"]).all()
    assert set(table["status"]) == {estimate.CONSTANT}


def test_scores_are_in_shares_of_the_columns_ranges_or_in_raw_units() -> None:
    labels, span = linear_predict(POINTS).argmax(axis=1), np.array([1.0, 10.0, 100.0, 0.1])
    wide = (UNIT * span, lambda X: linear_predict(X / span), lambda X, y: linear_gradient(X / span, y) / span)
    bounds, predict, gradient = wide
    once = clever(predict, POINTS * span, labels, bounds, gradient, n_samples=20).tables["samples"]
    np.testing.assert_allclose(once["distance"], linear_score("l2", POINTS), rtol=1e-4)
    raw = clever(predict, POINTS * span, labels, bounds, gradient, n_samples=20, scale="raw").tables["samples"]
    assert (np.abs(raw["distance"] / once["distance"] - 1) > 0.1).any()


def test_a_target_class_is_the_only_rival_and_its_samples_are_left_out() -> None:
    table = scored(target="1").tables["samples"]
    labels = linear_predict(POINTS).argmax(axis=1)
    scores = table["distance"].to_numpy()
    assert (table["status"][labels == 1] == "of the target class").all()
    np.testing.assert_allclose(scores[labels != 1], linear_score("l2", POINTS, 1)[labels != 1], rtol=1e-4)
    with pytest.raises(ValueError, match="target must be empty or one of the classes 0, 1, 2, got '7'"):
        scored(target="7")


def test_a_radius_caps_the_score_and_what_reaches_it_is_no_number() -> None:
    truth = linear_score("l2", POINTS)
    radius = float(np.quantile(truth, 0.3))
    finding = scored(radius=radius)
    table, beyond = finding.tables["samples"], truth > radius * 1.001
    assert (table["status"][beyond] == estimate.CENSORED).all()
    assert table["distance"][beyond].isna().all()
    np.testing.assert_allclose(table["low"][beyond], radius)
    assert np.isinf(table["high"][beyond]).all()
    assert "median_distance" not in finding.values, "most reach the radius: there is no median"
    assert any("at least the radius" in note for note in finding.notes)


# --- a slope that is not one, and whose largest value in a ball has a closed form -------------------------------------


def bowl_predict(X: Array) -> Array:
    """Two classes; the lead of the first is 1 − ‖x‖², whose slope is 2‖x‖."""
    return softmax(np.column_stack([1 - np.square(X).sum(axis=1), np.zeros(len(X))]))


def bowl_gradient(X: Array, y: Array) -> Array:
    flow = bowl_predict(X)[:, 0] - (y == 0)
    return np.asarray(-2 * X * flow[:, None])


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_largest_slope_of_a_bowl_lies_in_the_interval(dimensions: int) -> None:
    X = np.random.default_rng(1).uniform(0.1, 0.4, size=(30, dimensions))
    bounds = np.array([np.full(dimensions, -5.0), np.full(dimensions, 5.0)])
    finding = clever(bowl_predict, X, np.zeros(30, int), bounds, bowl_gradient, scale="raw", radius=1.0, n_samples=30)
    table, size = finding.tables["samples"], np.linalg.norm(X, axis=1)
    truth = (1 - size**2) / (2 * (size + 1))
    inside = (table["low"] <= truth * (1 + 1e-9)) & (truth <= table["high"] * (1 + 1e-9))
    assert inside.mean() >= 0.8
    np.testing.assert_allclose(table["distance"], truth, rtol=0.1)
    assert set(table["status"]) == {estimate.ESTIMATED}


def test_the_automatic_radius_reaches_as_far_as_the_tangent_and_the_score_no_farther() -> None:
    X = np.random.default_rng(1).uniform(0.1, 0.3, size=(10, 2))
    bounds = np.array([[-9.0, -9.0], [9.0, 9.0]])
    table = clever(bowl_predict, X, np.zeros(10, int), bounds, bowl_gradient, scale="raw").tables["samples"]
    size = np.linalg.norm(X, axis=1)
    np.testing.assert_allclose(table["radius"], (1 - size**2) / (2 * size), rtol=1e-9)
    assert (table["distance"] <= table["radius"]).all()
    assert (table["distance"] <= 1 - size).all(), "the slope grows outwards: no score beyond the boundary"


# --- the end of a distribution ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "most"), [(1, 4), (1.5, 4), (2, 2), (3, 20), (8, 20)])
def test_the_end_of_a_reverse_weibull_lies_in_its_interval(shape: float, most: int) -> None:
    maxima = 5 - np.random.default_rng(0).weibull(shape, (400, 50))
    ends = endpoints(maxima, most)
    assert (ends.low > 5).mean() <= 0.025 + 2 * np.sqrt(0.025 / 400)
    assert (ends.high < 5).mean() <= 0.05 + 2 * np.sqrt(0.05 / 400)
    assert (ends.value >= maxima.max(axis=1)).all()


def test_no_likelier_end_is_known_to_scipy() -> None:
    maxima = 5 - np.random.default_rng(3).weibull(3, (5, 200))
    ends = endpoints(maxima, 50)
    for row, end in zip(maxima, ends.value, strict=True):
        ours = stats.weibull_max.logpdf(row, *stats.weibull_max.fit(row, floc=end)).sum()
        theirs = stats.weibull_max.logpdf(row, *stats.weibull_max.fit(row, 3)).sum()
        assert ours >= theirs - 0.01


# --- balls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_points_fill_the_ball_evenly(norm: Any) -> None:
    points = unit_ball(norm, 4000, 3, np.random.default_rng(0))
    size = np.linalg.norm(points, ord=ORDER[norm], axis=1)
    assert size.max() <= 1
    assert stats.kstest(size**3, "uniform").pvalue > 0.01, "shells hold points by their volume"
    assert abs(points.mean(axis=0)).max() < 0.03


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_no_point_leaves_the_ball_or_the_ranges_or_moves_what_is_fixed(norm: Any) -> None:
    span, bounds = np.array([1.0, 2.0, 1.0, 1.0]), np.array([[0.0, 0, 0, 0], [1.0, 2, 1, 1]])
    room = Room(norm, span, bounds, np.array([False, False, True, False]))
    sample = np.array([0.05, 1.9, 0.5, np.nan])
    points = room.points(sample, 0.3, 500, np.random.default_rng(0))
    assert np.isnan(points[:, 3]).all()
    assert (points[:, 2] == 0.5).all()
    assert (points[:, :2] >= bounds[0, :2]).all()
    assert (points[:, :2] <= bounds[1, :2]).all()
    far = np.linalg.norm((points - sample)[:, :2] / span[:2], ord=ORDER[norm], axis=1)
    assert 0.2 < far.max() <= 0.3 + 1e-12


# --- what has no number -----------------------------------------------------------------------------------------------


def level_gradient(X: Array, y: Array) -> Array:
    return np.zeros_like(X)


@pytest.mark.parametrize("share", [0.7, 0.5])
def test_without_a_slope_the_score_is_at_least_the_whole_range(share: float) -> None:
    def constant(X: Array) -> Array:
        return np.tile([share, 1 - share], (len(X), 1))

    finding = clever(constant, POINTS, np.zeros(20, int), UNIT, level_gradient, n_samples=20)
    assert set(finding.tables["samples"]["status"]) == {estimate.CENSORED}
    assert finding.values == {"measured_share": 0.0}


def test_a_probability_of_zero_leaves_no_lead_to_measure() -> None:
    def sure(X: Array) -> Array:
        return np.tile([1.0, 0.0], (len(X), 1))

    table = clever(sure, POINTS, np.zeros(20, int), UNIT, level_gradient).tables["samples"]
    assert set(table["status"]) == {estimate.NOT_FINITE}
    assert table["distance"].isna().all()
    assert (table["low"] == 0).all()
    assert np.isinf(table["high"]).all()


def test_where_nothing_may_change_there_is_no_score() -> None:
    labels = linear_predict(POINTS).argmax(axis=1)
    held = (Constraint(immutable=True),) * 4
    table = clever(linear_predict, POINTS, labels, UNIT, linear_gradient, held).tables["samples"]
    assert set(table["status"]) == {estimate.NO_ROOM}


def test_a_column_that_may_not_change_adds_no_slope() -> None:
    labels = linear_predict(POINTS).argmax(axis=1)
    held = (Constraint(immutable=True), *(Constraint(),) * 3)
    table = clever(linear_predict, POINTS, labels, UNIT, linear_gradient, held, n_samples=20).tables["samples"]
    assert (table["distance"] > linear_score("l2", POINTS) * 1.0001).any()


def kink_gradient(X: Array, y: Array) -> Array:
    """Nearly everywhere one slope: a smaller one in a two-hundredth of the ball."""
    slope = np.where(X[:, :1] > 0.995, 1.0, 3.0) * np.eye(2)[[0]]
    return np.asarray(np.where((y == 0)[:, None], -0.5, 0.5) * slope)


def test_too_few_other_slopes_are_a_status_and_no_number() -> None:
    X = np.full((3, 2), 0.5)
    predict = np.tile([0.6, 0.4], (3, 1))
    finding = clever(
        lambda X: predict[: len(X)],
        X,
        np.zeros(3, int),
        UNIT[:, :2],
        kink_gradient,
        radius=0.5,
        norm="linf",
        n_blocks=20,
    )
    table = finding.tables["samples"]
    assert set(table["status"]) == {estimate.NO_FIT}
    assert table["distance"].isna().all()
    assert (table["low"] == 0).all()
    assert np.isfinite(table["high"]).all(), "the steepest slope that was met bounds it above"


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_steep_piece_on_the_way_to_the_boundary_counts_although_no_random_point_meets_it(norm: str) -> None:
    """In eight dimensions the last stretch of the way is a corner that holds a millionth of the ball."""

    def gradient(X: Array, y: Array) -> Array:
        steep = np.where((X < 0.12).all(axis=1), 9.0, 1.0)[:, None] * np.ones(8)
        return np.asarray(np.where((y == 0)[:, None], -0.5, 0.5) * steep)

    X, bounds = np.full((2, 8), 0.5), np.array([np.zeros(8), np.ones(8)])
    radius = 0.4 if norm == "linf" else 0.4 * np.sqrt(8)
    table = clever(
        lambda X: np.tile([0.7, 0.3], (len(X), 1)), X, np.zeros(2, int), bounds, gradient, norm=norm, radius=radius
    ).tables["samples"]
    size = {"linf": 8.0, "l2": np.sqrt(8)}[norm]
    assert (table["high"] <= np.log(0.7 / 0.3) / (9 * size) * 1.0001).all()


def test_a_wrong_sample_is_not_scored_and_none_right_is_not_applicable() -> None:
    labels = linear_predict(POINTS).argmax(axis=1)
    labels[0] = (labels[0] + 1) % 3
    table = clever(linear_predict, POINTS, labels, UNIT, linear_gradient, n_samples=20).tables["samples"]
    assert table["status"][0] == "answered wrongly before"
    with pytest.raises(NotApplicable, match="none of the drawn samples correctly"):
        clever(linear_predict, POINTS[:1], labels[:1], UNIT, linear_gradient)


def test_a_rule_of_the_models_own_has_another_boundary() -> None:
    labels = linear_predict(POINTS).argmax(axis=1)
    with pytest.raises(NotApplicable, match="decides by a rule of its own"):
        clever(linear_predict, POINTS, labels, UNIT, linear_gradient, decide=lambda X: np.zeros(len(X), int))


def test_a_model_without_gradients_is_sent_to_an_attack() -> None:
    outcome = assess(examples.load("breast_cancer_forest"), "robustness.clever")
    assert outcome.status == "not applicable"
    assert "needs gradients" in outcome.reason
    assert outcome.instead.startswith("robustness.evasion")


# --- a network --------------------------------------------------------------------------------------------------------


def network(dimensions: int, classes: int, seed: int) -> Subject:
    X, y = make_classification(
        400,
        dimensions,
        n_informative=dimensions,
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=1,
        random_state=seed,
    )
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    model = MLPClassifier((12,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=5000, random_state=seed).fit(
        X, y
    )
    return Subject.of(model, X, model.predict(X), bounds=(0.0, 1.0))


def fields(subject: Subject) -> tuple[Any, ...]:
    assert subject.bounds is not None
    assert subject.gradient is not None
    return subject.predict, subject.X, subject.y, subject.bounds, subject.gradient


def test_rivals_that_are_left_after_the_pilot_are_not_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = network(4, 4, 0)
    quick = clever(*fields(subject), n_samples=20).tables["samples"]
    assert (quick["high"] <= quick["radius"] * 1.0001).all(), "the nearest tangent bounds them all"
    monkeypatch.setattr(estimate, "BEYOND", np.inf)
    whole = clever(*fields(subject), n_samples=20).tables["samples"]
    np.testing.assert_array_equal(quick["distance"], whole["distance"])


def test_a_sample_has_the_same_score_whichever_others_are_scored() -> None:
    subject = network(3, 2, 0)
    many = clever(*fields(subject), n_samples=30).tables["samples"].set_index("id")
    few = clever(*fields(subject), samples=",".join(map(str, many.index[[4, 20]]))).tables["samples"].set_index("id")
    np.testing.assert_allclose(few["distance"], many.loc[few.index, "distance"], rtol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_logits_and_their_gradient_give_the_scores_of_probabilities_and_gradients(classes: int) -> None:
    subject = network(3, classes, 0)
    more = {"logits": subject.logits, "logit_gradient": subject.logit_gradient}
    assert None not in more.values()
    once = clever(*fields(subject), n_samples=10).tables["samples"]
    again = clever(*fields(subject), **more, n_samples=10).tables["samples"]
    np.testing.assert_allclose(once["distance"], again["distance"], rtol=1e-6)


def test_missing_numbers_stay_missing_and_add_no_slope() -> None:
    def filled(X: Array) -> Array:
        return np.nan_to_num(X, nan=0.5)

    X = POINTS.copy()
    X[::2, 1] = np.nan
    predict, labels = (lambda X: linear_predict(filled(X))), linear_predict(filled(X)).argmax(axis=1)

    def gradient(X: Array, y: Array) -> Array:
        return np.where(np.isnan(X), np.nan, linear_gradient(filled(X), y))

    table = clever(predict, X, labels, UNIT, gradient, n_samples=20).tables["samples"]
    z, row = filled(X) @ WEIGHTS.T + BIAS, np.arange(20)
    others = np.array([[rival for rival in range(3) if rival != label] for label in labels])
    change = np.where(np.isnan(X)[:, None], 0.0, WEIGHTS[labels][:, None] - WEIGHTS[others])
    lead = z[row, labels][:, None] - z[row[:, None], others]
    np.testing.assert_allclose(table["distance"], (lead / np.linalg.norm(change, axis=2)).min(axis=1), rtol=1e-4)


def test_what_has_no_score_may_lie_anywhere_in_the_median() -> None:
    value = np.r_[np.arange(1.0, 22), np.full(6, np.nan)]
    low, high = np.r_[np.arange(1.0, 22), np.zeros(6)], np.r_[np.arange(1.0, 22), np.full(6, np.inf)]
    whole, part = _median(value[:21], low[:21], high[:21]), _median(value, low, high)
    assert whole is not None
    assert part is not None
    assert part.value == whole.value == 11
    assert part.low < whole.low
    assert part.high > whole.high
    assert _median(np.full(3, np.inf), np.zeros(3), np.full(3, np.inf)) is None


def relu_network() -> Subject:
    like = examples.load("breast_cancer_logistic")
    assert like.X_train is not None
    model = make_pipeline(StandardScaler(), MLPClassifier((32, 32), solver="lbfgs", max_iter=5000, random_state=0))
    return Subject.of(model.fit(like.X_train, like.y_train), like.X, like.y)


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1, 2, "relu"])
def test_no_attack_comes_nearer_than_the_lower_end_of_a_score(which: int | str) -> None:
    subject = network(3, 3, which) if isinstance(which, int) else relu_network()
    for norm in ("l2", "linf"):
        scores = assess(subject, "robustness.clever", norm=norm, n_samples=40).finding
        attack = assess(subject, "robustness.evasion", norm=norm, n_samples=40, attack="pgd").finding
        assert scores is not None
        assert attack is not None
        both = scores.tables["samples"].merge(attack.tables["samples"], on="id", suffixes=("", "_attack"))
        found = both[(both["status_attack"] == "found") & both["distance"].notna()]
        assert len(found) > 10
        assert (found["low"] <= found["distance_attack"] * 1.0001).all()
