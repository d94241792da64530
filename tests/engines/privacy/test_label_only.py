"""The label-only attack on models whose leak and whose distances are known."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Constraint, NotApplicable, Predict, Subject
from xrai_widgets.core.step import quiet
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.privacy import label_only
from xrai_widgets.engines.privacy.label_only.noise_robustness import Noise, kept_shares, spread_of
from xrai_widgets.results.combined import combined

pytestmark = pytest.mark.usefixtures("without_controls")

BOUNDARY = {"attack": "boundary distance"}


def finding_of(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "privacy.label_only", **params)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def labels_of(model: object, k: int) -> Predict:
    """The model as a function that gives labels only."""

    def predict(X: Array) -> Array:
        return np.eye(k)[model.predict(X)]  # type: ignore[attr-defined]

    return predict


def box(*parts: Array) -> Array:
    flat = np.concatenate(parts)
    return np.stack([flat.min(axis=0), flat.max(axis=0)])


def nearest_neighbour() -> tuple[Predict, Array, Array, Array, Array]:
    """One neighbour, ten classes that nothing explains: it can only memorise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), np.r_[np.arange(10), rng.integers(0, 10, 290)]
    model = KNeighborsClassifier(1).fit(X[:150], y[:150])
    return labels_of(model, 10), X[:150], y[:150], X[150:], y[150:]


def linear(n: int) -> tuple[LogisticRegression, Array, Array, Array, Array]:
    X, y = make_classification(2 * n, 6, n_informative=4, flip_y=0.1, random_state=1)
    return LogisticRegression().fit(X[:n], y[:n]), X[:n], y[:n], X[n:], y[n:]


@pytest.mark.parametrize("params", [{}, {**BOUNDARY, "max_iter": 3}], ids=["noise", "boundary"])
def test_labels_alone_give_the_members_of_a_memorising_model_away(params: dict[str, object]) -> None:
    predict, X_train, y_train, X, y = nearest_neighbour()
    finding = label_only(predict, X_train, y_train, X, y, box(X_train, X), **params)  # type: ignore[arg-type]
    assert finding.values["auc"] > 0.93
    assert finding.intervals["auc"][0] > 0.88
    assert finding.values["advantage"] > 0.8
    assert finding.values["accuracy_gap"] == pytest.approx(1 - np.mean(predict(X).argmax(axis=1) == y))


@pytest.mark.parametrize("params", [{"copies": 5}, {**BOUNDARY, "max_iter": 2}], ids=["noise", "boundary"])
def test_a_leak_is_found_where_every_answer_is_right_and_the_accuracy_gap_is_zero(params: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(-10, 10, (80, 2))
    radius = np.r_[np.full(40, 1.0), np.full(40, 0.05)]  # the model is right around each sample, and far for members

    def predict(rows: Array) -> Array:
        near = (np.linalg.norm(rows[:, None] - X, axis=2) < radius).any(axis=1)
        return np.eye(2)[np.where(near, 0, 1)]

    zeros = np.zeros(40, dtype=int)
    finding = label_only(predict, X[:40], zeros, X[40:], zeros, box(X), **params)  # type: ignore[arg-type]
    assert finding.values["accuracy_gap"] == 0
    assert finding.values["auc"] > 0.95
    assert finding.values["advantage"] > 0.8


@pytest.mark.parametrize("params", [{"copies": 10}, {**BOUNDARY, "max_iter": 3}], ids=["noise", "boundary"])
def test_a_linear_model_on_plenty_of_data_cannot_be_told_from_chance(params: dict[str, object]) -> None:
    model, X_train, y_train, X, y = linear(1500)
    subject = Subject.of(model.predict, X, y, X_train=X_train, y_train=y_train)
    assert subject.outputs == "labels"
    outcome = xw.assess(subject, "privacy.label_only", n_samples=1500, **params)
    assert outcome.finding is not None
    for key, chance in {"advantage": 0.0, "auc": 0.5, "balanced_accuracy": 0.5}.items():
        low, high = outcome.finding.intervals[key]
        assert low < chance < high
        assert high - low < 0.15
    checks = {check.key: check.status for check in outcome.verdict().checks}
    assert checks["advantage"] == "pass"
    assert "fail" not in checks.values()


def test_the_distance_of_a_linear_model_is_the_closed_form_one_and_that_of_a_wrong_answer_is_zero() -> None:
    model, X_train, y_train, X, y = linear(60)
    wide = np.stack([np.full(6, -50.0), np.full(6, 50.0)])
    arguments = (model.predict_proba, X_train, y_train, X, y, wide)
    finding = label_only(*arguments, attack="boundary distance", scale="raw", max_iter=25, init_eval=100)
    samples = finding.tables["samples"]
    both = np.concatenate([X_train, X])
    expected = np.abs(model.decision_function(both)) / np.linalg.norm(model.coef_)
    right = model.predict(both) == np.concatenate([y_train, y])
    ratio = samples["distance"].to_numpy()[right] / expected[right]
    assert ratio.min() > 1 - 1e-3  # never short of the boundary
    assert np.median(ratio) < 1.01
    assert np.quantile(ratio, 0.95) < 1.05
    assert (~right).sum() > 0
    assert (samples["distance"].to_numpy()[~right] == 0).all()
    assert samples["status"].tolist() == ["found" if ok else "answered wrongly" for ok in right]


def test_scaled_by_the_range_a_feature_in_other_units_makes_no_difference() -> None:
    model, X_train, y_train, X, y = linear(40)
    units = np.array([1.0, 1e3, 1e-3, 1.0, 10.0, 1.0])

    def predict(rows: Array) -> Array:
        return model.predict_proba(rows / units)

    params = {"attack": "boundary distance", "max_iter": 3}
    plain = label_only(model.predict_proba, X_train, y_train, X, y, box(X_train, X), **params)  # type: ignore[arg-type]
    scaled = label_only(  # type: ignore[call-overload]
        predict, X_train * units, y_train, X * units, y, box(X_train, X) * units, **params
    )
    distances = [finding.tables["samples"]["distance"].to_numpy() for finding in (plain, scaled)]
    assert distances[1] == pytest.approx(distances[0], rel=1e-3)


def test_where_no_boundary_is_found_there_is_no_distance_and_never_zero() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(80, 2)), rng.integers(0, 2, 80)

    def always_one(rows: Array) -> Array:
        return np.tile([0.0, 1.0], (len(rows), 1))

    finding = label_only(always_one, X[:40], y[:40], X[40:], y[40:], box(X), attack="boundary distance", max_iter=2)
    samples = finding.tables["samples"]
    missing = samples["status"] == "not found"
    assert missing.tolist() == (y == 1).tolist()
    assert samples.loc[missing, "distance"].isna().all()
    assert (samples.loc[~missing, "distance"] == 0).all()
    assert any(
        f"For {y.sum()} of {y.sum()} correctly classified samples no other label" in note for note in finding.notes
    )
    # right ones are tied on top, wrong ones below: the area is that of right against wrong answers
    gap = y[:40].mean() - y[40:].mean()
    assert finding.values["auc"] == pytest.approx((1 + gap) / 2)


def test_samples_that_were_not_found_rank_above_every_distance() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.repeat([0.0, 1.0], 30), rng.uniform(0, 0.8, 60)])
    zeros, unit = np.zeros(30, dtype=int), np.array([[0.0, 0.0], [1.0, 1.0]])

    def by_code(rows: Array) -> Array:  # the answer changes beyond all samples, and in one category only
        return np.eye(2)[((rows[:, 0] == 1) & (rows[:, 1] > 0.9)).astype(int)]

    kinds = (Constraint("category", (0.2, 0.8)), Constraint())
    finding = label_only(by_code, X[:30], zeros, X[30:], zeros, unit, kinds, attack="boundary distance", max_iter=2)
    samples = finding.tables["samples"]
    member = samples["is"] == "member"
    # a member is answered otherwise only with the other category and a large second feature, or is not found at all
    assert samples.loc[member, "distance"].fillna(np.inf).min() > samples.loc[~member, "distance"].max()
    assert finding.values["auc"] == 1


def test_every_question_is_a_sample_that_may_exist() -> None:
    rng = np.random.default_rng(4)
    kinds = (
        Constraint("category", ("a", "b", "c")),
        Constraint("integer"),
        Constraint(),
        Constraint("integer", group="colour"),
        Constraint("integer", group="colour"),
        Constraint("integer", group="colour"),
        Constraint(immutable=True),
    )
    n = 60
    colour = np.eye(3)[rng.integers(0, 3, n)]
    numbers = np.column_stack([rng.integers(0, 3, n), rng.integers(0, 9, n), rng.uniform(0, 1, n)])
    X = np.column_stack([numbers, colour, rng.uniform(0, 1, n)])
    y = (X[:, 1] + X[:, 3] > 4).astype(int)
    limits, moved = box(X), []

    def predict(rows: Array) -> Array:
        assert np.isin(rows[:, 0], (0, 1, 2)).all()
        assert (rows[:, 1] == np.rint(rows[:, 1])).all()
        assert (np.sort(rows[:, 3:6], axis=1) == [0, 0, 1]).all()
        assert ((rows >= limits[0]) & (rows <= limits[1])).all()
        moved.append(rows[:, 6].copy())
        return np.eye(2)[(rows[:, 1] + rows[:, 3] > 4).astype(int)]

    for params in ({"copies": 5, "noise": (0.1, 2.0)}, {"attack": "boundary distance", "max_iter": 2}):
        label_only(predict, X[:30], y[:30], X[30:], y[30:], limits, kinds, **params)  # type: ignore[arg-type]
    assert len(np.unique(np.concatenate(moved))) > n  # what a person cannot change, an outsider can ask about


def test_noise_has_the_size_of_the_spread_and_categories_change_as_often_as_said() -> None:
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.normal(0, 3, 4000), rng.choice(3, 4000, p=[0.5, 0.3, 0.2])])
    space = Space(np.array([[-1e3, 0.0], [1e3, 2.0]]), (Constraint(), Constraint("category", ("a", "b", "c"))))
    problem = Problem(lambda rows: rows, space, X, X[:, 1], np.arange(4000), (2,), "l2", 100)
    copies = Noise(problem, spread_of(X, False), X, (0.4,)).copies(X, 0.4, rng)
    assert np.std(copies[:, 0] - X[:, 0]) == pytest.approx(0.4 * 3, rel=0.05)
    changed = 0.4 * (1 - (0.25 + 0.09 + 0.04))
    assert np.mean(copies[:, 1] != X[:, 1]) == pytest.approx(changed, abs=0.025)


def test_copies_are_asked_about_together_and_counted_as_one_by_one() -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(int)

    def counted(rows: int) -> tuple[list[int], Array]:
        asked: list[int] = []

        def predict(changed: Array) -> Array:
            asked.append(len(changed))
            return np.eye(2)[(changed[:, 0] > 0).astype(int)]

        space = Space(np.array([[-9.0] * 2, [9.0] * 2]), (Constraint(), Constraint()))
        problem, kept = Problem(predict, space, X, y, np.arange(30), (2,), "l2", rows), np.zeros(30)
        kept_shares(Noise(problem, spread_of(X, False), X, (0.3, 1.0)), kept, 40, 0, quiet, lambda _: None)
        return asked, kept

    (many, one_by_one), (few, together) = counted(60), counted(10_000)
    assert set(many) == {60}, "a copy of either size, and no more than the memory takes"
    assert few == [4 * 60] * 10, "and it still tells ten times what it has counted"
    assert one_by_one.tolist() == together.tolist()
    assert max(counted(7)[0]) == 7
    assert 0 < one_by_one.min() < one_by_one.max() <= 80


def test_the_kept_share_of_a_linear_model_is_the_normal_probability_of_its_margin() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(40, 1))
    y = (X[:, 0] > 0).astype(int)

    def predict(rows: Array) -> Array:
        return np.eye(2)[(rows[:, 0] > 0).astype(int)]

    wide = np.array([[-100.0], [100.0]])
    finding = label_only(predict, X[:20], y[:20], X[20:], y[20:], wide, noise=(0.5,), copies=2000)
    expected = stats.norm.cdf(np.abs(X[:, 0]) / (0.5 * X.std()))
    kept = finding.tables["samples"]["kept"].to_numpy()
    assert np.abs(kept - expected).max() < 4.5 * np.sqrt(0.25 / 2000)


def test_arts_distances_are_ours_but_for_its_last_step_that_is_not_projected() -> None:
    model, X_train, y_train, X, y = linear(10)
    wide = np.stack([np.full(6, -6.0), np.full(6, 6.0)])
    arguments = (model.predict_proba, X_train, y_train, X, y, wide)
    params = {"attack": "boundary distance", "max_iter": 15, "init_eval": 60, "scale": "raw"}
    ours, theirs = (
        label_only(*arguments, implementation=name, **params).tables["samples"]  # type: ignore[arg-type]
        for name in ("native", "art")
    )
    both = np.concatenate([X_train, X])
    exact = np.abs(model.decision_function(both)) / np.linalg.norm(model.coef_)
    found = ((ours["status"] == "found") & (theirs["status"] == "found")).to_numpy()
    assert (ours["status"] == "answered wrongly").equals(theirs["status"] == "answered wrongly")
    assert found.sum() >= 10
    near, far = ours["distance"].to_numpy()[found], theirs["distance"].to_numpy()[found]
    assert near / exact[found] == pytest.approx(1, abs=0.01)
    # its last step away from the boundary, of size distance/√(iterations), is never projected back
    assert far / near == pytest.approx(1 + 1 / np.sqrt(15), abs=0.03)
    assert stats.spearmanr(near, far).statistic > 0.95


def test_art_measures_the_boundary_distance_only() -> None:
    predict, X_train, y_train, X, y = nearest_neighbour()
    with pytest.raises(NotApplicable, match="ART's label-only attack measures the boundary distance") as caught:
        label_only(predict, X_train, y_train, X, y, box(X), implementation="art")
    assert caught.value.instead == "attack='boundary distance'"


def test_as_many_non_members_as_members_are_drawn_and_named(credit: Subject) -> None:
    finding = finding_of(credit, n_samples=30, copies=2)
    samples = finding.tables["samples"]
    assert samples["is"].value_counts().to_dict() == {"member": 30, "non-member": 30}
    assert samples["id"].str.startswith("applicant-").all()
    other = finding_of(credit, n_samples=30, copies=2, seed=1).tables["samples"]
    assert set(other["id"]) != set(samples["id"])


@pytest.mark.parametrize(("members", "others"), [(9, 50), (50, 9)])
def test_fewer_than_ten_members_or_non_members_are_refused(members: int, others: int) -> None:
    predict, X_train, y_train, X, y = nearest_neighbour()
    with pytest.raises(ValueError, match=f"at least 10 members and 10 non-members, got {members} and {others}"):
        label_only(predict, X_train[:members], y_train[:members], X[:others], y[:others], box(X))


def test_a_table_of_answers_cannot_be_asked_anything_new() -> None:
    _, _, y_train, _, y = nearest_neighbour()
    subject = Subject.of(None, np.eye(10)[y], y, X_train=np.eye(10)[y_train], y_train=y_train)
    outcome = xw.assess(subject, "privacy.label_only")
    assert outcome.status == "not applicable"
    assert "cannot be asked anything new" in outcome.reason


@pytest.mark.parametrize("params", [{"copies": 50}, {**BOUNDARY, "max_iter": 50}], ids=["noise", "boundary"])
def test_a_cancelled_attack_keeps_what_it_knows_and_says_how_much(params: dict[str, object]) -> None:
    model, X_train, y_train, X, y = linear(50)
    subject = Subject.of(labels_of(model, 2), X, y, X_train=X_train, y_train=y_train)
    outcome = xw.assess(subject, "privacy.label_only", max_queries=9000, **params)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    assert 0 <= outcome.finding.values["auc"] <= 1
    assert any("noisy copies were asked about" in n or "search was not finished" in n for n in outcome.finding.notes)


def test_a_regression_is_refused_by_name(regression: Subject) -> None:
    assert "regression" in xw.assess(regression, "privacy.label_only").reason


@pytest.mark.slow
@pytest.mark.parametrize("params", [{"copies": 5}, {**BOUNDARY, "max_iter": 2}], ids=["noise", "boundary"])
def test_the_intervals_cover_chance_where_nothing_is_memorised(params: dict[str, object]) -> None:
    covered = {"auc": 0, "advantage": 0, "accuracy_gap": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(300, 3))
        y = (rng.random(300) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(int)

        def rule(rows: Array) -> Array:
            return np.eye(2)[(rows[:, 0] > 0).astype(int)]

        arrays = (X[:150], y[:150], X[150:], y[150:], box(X))
        finding = label_only(rule, *arrays, seed=seed, **params)  # type: ignore[arg-type]
        for key, chance in {"auc": 0.5, "advantage": 0.0, "accuracy_gap": 0.0}.items():
            low, high = finding.intervals[key]
            covered[key] += low <= chance <= high
    assert min(covered.values()) >= 180, covered


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_what_the_boundary_search_finds_is_read_with_the_other_searches(norm: str) -> None:
    predict, X_train, y_train, X, y = nearest_neighbour()
    model = KNeighborsClassifier(1).fit(X_train, y_train)
    subject = Subject.of(model, X, y, X_train=X_train, y_train=y_train)
    found = xw.assess(subject, "privacy.label_only", **BOUNDARY, n_samples=150, max_iter=2, init_eval=20)
    assert found.finding is not None
    table, nearest = found.finding.tables["samples"], found.finding.arrays["nearest"]
    reached = (table["status"] == "found").to_numpy()
    assert np.array_equal(reached, ~np.isnan(nearest).any(axis=1))
    everyone = np.concatenate([X_train, X])
    assert (predict(nearest[reached]).argmax(axis=1) != predict(everyone[reached]).argmax(axis=1)).all()
    assert subject.bounds is not None
    change = np.abs(nearest - everyone)[reached] / (subject.bounds[1] - subject.bounds[0])
    assert np.linalg.norm(change, axis=1) == pytest.approx(table["distance"].to_numpy()[reached], rel=1e-6)
    attacked = xw.assess(subject, "robustness.evasion", norm=norm, n_samples=40, max_iter=1)
    (together,) = combined([attacked, found])
    assert together.methods[1] == "privacy.label_only (boundary distance)"
    assert not together.notes
    fixed = xw.constrained(subject, {"x0": {"immutable": True}})
    assert "nearest" not in finding_of(fixed, **BOUNDARY, n_samples=20, max_iter=1).arrays
