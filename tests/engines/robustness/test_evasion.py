"""Evasion attacks against exact distances, the models' own answers, and the Adversarial Robustness Toolbox."""

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Constraint, Subject, find
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.engines.robustness.evasion.finding import evasion_finding
from xrai_widgets.engines.robustness.evasion.noise import near_hits
from xrai_widgets.engines.robustness.evasion.parts import Attacked
from xrai_widgets.engines.robustness.evasion.search import Search
from xrai_widgets.runtime import run as measure

RADII = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
both_attacks = pytest.mark.parametrize("attack", ["hop_skip_jump", "pgd"])
both_norms = pytest.mark.parametrize("norm", ["l2", "linf"])


def run(subject: Subject, **params: object) -> xw.Finding:
    """Attack, without the controls: they have tests of their own."""
    outcome = measure(subject, replace(find("robustness.evasion"), controls=()), params, strict=True)
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def run_and_keep(subject: Subject, **params: object) -> tuple[xw.Finding, Array, Array]:
    """Attack, and return the finding with the samples that were broken and what they became."""
    kept: list[Attacked] = []

    def keep(attacked: Attacked, *args: Any, **kwargs: Any) -> xw.Finding:
        kept.append(attacked)
        return evasion_finding(attacked, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            importlib.import_module("xrai_widgets.engines.robustness.evasion.evasion"), "evasion_finding", keep
        )
        finding = run(subject, **params)
    problem, best = kept[-1].problem, kept[-1].best
    broken = problem.samples[best.success]
    return finding, broken, problem.space.to_samples(best.points[best.success], broken)


def guessing(subject: Subject) -> Subject:
    """The same model, of which nothing is known from inside but its gradient: no distance is exact."""
    return replace(subject, linear=None, regions=None, thresholds=None)


def found(finding: xw.Finding) -> pd.DataFrame:
    samples = finding.tables["samples"]
    return samples[samples["status"] == "found"].set_index("id")


def bare(predict: Callable[[Array], Array], X: Array, **others: Any) -> xw.Finding:
    """Attack a function on the unit cube; its answers count as right."""
    bounds = np.repeat([[0.0], [1.0]], X.shape[1], axis=1)
    return evasion(predict, X, predict(X).argmax(axis=1), bounds, **others)


def is_class_1(mask: Array) -> Array:
    return np.eye(2)[np.asarray(mask).astype(int)]


def linear(k: int, limit: float = 50.0) -> Subject:
    """Logistic regression on standardised columns in a wide box."""
    X, y = make_classification(
        500, 10, n_informative=8, n_redundant=2, n_classes=k, n_clusters_per_class=1, class_sep=1.5, random_state=0
    )
    X = np.clip(StandardScaler().fit_transform(X), -limit, limit)
    model = LogisticRegression().fit(X[:300], y[:300])
    return Subject.of(model, X[300:], y[300:], X_train=X[:300], y_train=y[:300], bounds=(-limit, limit))


def margins(subject: Subject) -> tuple[Array, Array]:
    """f_y − f_j and w_j − w_y of every sample and other class j; y is the class that the model answers."""
    model = subject.model
    weights, biases = model.coef_, model.intercept_  # type: ignore[attr-defined]
    if len(weights) == 1:
        weights, biases = np.vstack([0 * weights, weights]), np.r_[0.0, biases]
    logits = subject.X @ weights.T + biases
    answer = logits.argmax(axis=1)
    others = np.array([[j for j in range(len(weights)) if j != a] for a in answer])
    gaps = logits[np.arange(len(logits)), answer][:, None] - np.take_along_axis(logits, others, axis=1)
    return gaps, weights[others] - weights[answer][:, None]


def exact_linear(subject: Subject, norm: str) -> Array:
    """min_j |f_y − f_j| / ‖w_y − w_j‖_q with 1/p + 1/q = 1."""
    gaps, slopes = margins(subject)
    dual = np.linalg.norm(slopes, axis=2) if norm == "l2" else np.abs(slopes).sum(axis=2)
    return (gaps / dual).min(axis=1)


def exact_boxed(subject: Subject, norm: str, limit: float) -> Array:
    """The nearest point of another answer inside the box, for two classes."""
    gaps, slopes = margins(subject)

    def move(x: Array, slope: Array, size: float) -> Array:
        step = size * slope if norm == "l2" else size * np.sign(slope)
        return np.clip(x + step, -limit, limit) - x

    distances = []
    for x, gap, slope in zip(subject.X, gaps[:, 0], slopes[:, 0], strict=True):
        far = 1e4
        if move(x, slope, far) @ slope < gap:
            distances.append(np.inf)
            continue
        size = brentq(lambda s, x=x, slope=slope, gap=gap: move(x, slope, s) @ slope - gap, 0, far, xtol=1e-12)
        change = move(x, slope, size)
        distances.append(np.linalg.norm(change) if norm == "l2" else np.abs(change).max())
    return np.array(distances)


def exact_tree(tree: DecisionTreeClassifier, X: Array, norm: str) -> Array:
    """Distance to the nearest leaf of another class, each leaf a box inside the unit cube."""
    inner = tree.tree_
    boxes: list[tuple[int, Array, Array]] = []

    def walk(node: int, low: Array, high: Array) -> None:
        if inner.children_left[node] < 0:
            boxes.append((int(inner.value[node, 0].argmax()), low, high))
            return
        column, cut = inner.feature[node], inner.threshold[node]
        left_high, right_low = high.copy(), low.copy()
        left_high[column], right_low[column] = min(high[column], cut), max(low[column], cut)
        if (low <= left_high).all():
            walk(inner.children_left[node], low, left_high)
        if (right_low <= high).all():
            walk(inner.children_right[node], right_low, high)

    d = X.shape[1]
    walk(0, np.zeros(d), np.ones(d))
    answers = tree.predict_proba(X).argmax(axis=1)
    distances = np.full(len(X), np.inf)
    for label, low, high in boxes:
        change = np.abs(np.clip(X, low, high) - X)
        size = np.linalg.norm(change, axis=1) if norm == "l2" else change.max(axis=1)
        distances = np.where(answers != label, np.minimum(distances, size), distances)
    return distances


@both_norms
@both_attacks
def test_for_two_classes_every_distance_of_a_linear_model_is_its_margin_over_its_norm(attack: str, norm: str) -> None:
    subject = linear(2)
    finding = run(subject, attack=attack, norm=norm, scale="raw", n_samples=40, epsilons=RADII)
    table = found(finding)
    ratio = table["distance"] / exact_linear(subject, norm)[table.index]
    assert finding.values["found_share"] == 1
    assert ratio.min() >= 1 - 1e-9
    assert ratio.max() < 1.03
    assert ratio.median() < 1.005


@both_norms
@both_attacks
def test_for_several_classes_no_distance_is_below_the_exact_one_and_the_median_is_near(attack: str, norm: str) -> None:
    subject = linear(4)
    table = found(run(subject, attack=attack, norm=norm, scale="raw", n_samples=60, epsilons=RADII))
    exact = exact_linear(subject, norm)[table.index]
    ratio = table["distance"] / exact
    assert ratio.min() >= 1 - 1e-9
    assert ratio.median() < 1.01
    if attack == "hop_skip_jump":
        assert ratio.mean() < 1.02
        assert ratio.max() < 1.2
        assert table["distance"].median() < 1.01 * np.median(exact)
    else:  # the loss leads to the most probable other class, which need not be the nearest one
        assert ratio.mean() < 1.1


def test_distances_are_shares_of_the_range_unless_raw_units_are_asked_for() -> None:
    subject = linear(2)
    table = found(run(subject, attack="pgd", n_samples=20, epsilons=tuple(r / 100 for r in RADII)))
    assert (100 * table["distance"]).to_numpy() == pytest.approx(exact_linear(subject, "l2")[table.index], rel=1e-4)


@both_norms
@both_attacks
def test_inside_narrow_ranges_the_distance_is_that_of_the_box(attack: str, norm: str) -> None:
    subject = linear(2, limit=0.8)
    finding, broken, changed = run_and_keep(
        subject, attack=attack, norm=norm, scale="raw", n_samples=60, epsilons=RADII, restarts=1
    )
    table = found(finding)
    exact = exact_boxed(subject, norm, 0.8)
    free = exact_linear(subject, norm)
    assert np.median(exact[table.index] / free[table.index]) > 1.02  # the box matters
    ratio = table["distance"] / exact[table.index]
    assert np.abs(changed).max() <= 0.8
    assert len(broken) == len(table)
    assert ratio.min() >= 1 - 1e-9
    assert ratio.median() < 1.05


def test_a_model_that_gives_labels_only_is_attacked_at_its_exact_distance() -> None:
    X, y = make_classification(400, 6, n_informative=5, n_redundant=1, random_state=1)
    X = StandardScaler().fit_transform(X)
    model = LinearSVC(random_state=0).fit(X[:300], y[:300])
    subject = Subject.of(model, X[300:], y[300:], bounds=(-50.0, 50.0))
    assert subject.outputs == "labels"
    table = found(run(subject, scale="raw", n_samples=30))
    exact = np.abs(model.decision_function(X[300:])) / np.linalg.norm(model.coef_)
    assert table["distance"].to_numpy() == pytest.approx(exact[table.index], rel=0.01)


@both_norms
def test_on_a_single_tree_no_distance_is_below_that_to_the_nearest_leaf(forest: Subject, norm: str) -> None:
    columns = slice(0, 6)
    X_train = np.asarray(forest.X_train)[:, columns]
    tree = DecisionTreeClassifier(random_state=0).fit(X_train, np.asarray(forest.y_train))
    subject = Subject.of(tree, forest.X[:, columns], forest.y, bounds=(0.0, 1.0))
    table = found(run(subject, norm=norm, n_samples=60))
    ratio = table["distance"] / exact_tree(tree, subject.X, norm)[table.index]
    assert len(table) > 50
    assert ratio.min() >= 1 - 1e-4  # the tree compares in single precision
    assert ratio.median() < 1.05


def test_a_model_that_always_answers_alike_is_never_broken_and_has_no_distance(rng: np.random.Generator) -> None:
    finding = bare(lambda X: np.tile([0.9, 0.1], (len(X), 1)), rng.uniform(size=(20, 3)), n_samples=20)
    samples = finding.tables["samples"]
    assert (samples["status"] == "not found").all()
    assert samples["distance"].isna().all()
    assert (samples["becomes"] == "").all()
    assert "median_distance" not in finding.values
    assert finding.values["robust_accuracy"] == finding.values["accuracy"] == 1
    assert finding.values["found_share"] == 0
    assert "For 20 of 20 samples nothing was found: that is no distance and no proof." in finding.notes
    assert "No median distance: nothing was found for half of the samples or more." in finding.notes
    assert [chart.table for chart in finding.charts] == ["curve"]


def test_a_sample_that_cannot_be_broken_counts_as_farther_than_all_in_the_median(rng: np.random.Generator) -> None:
    X = np.column_stack([rng.uniform(0, 0.45, 30), np.r_[np.full(10, 0.1), np.full(20, 0.9)]])
    finding = bare(
        lambda Z: is_class_1((Z[:, 0] > 0.5) & (Z[:, 1] > 0.5)),
        X,
        constraints=(Constraint(), Constraint(immutable=True)),
        n_samples=30,
    )
    true = np.r_[np.full(10, np.inf), 0.5 - X[10:, 0]]
    samples = finding.tables["samples"]
    assert (samples["status"] == np.where(X[:, 1] < 0.5, "not found", "found")).all()
    assert samples["distance"][10:].to_numpy() == pytest.approx(true[10:], rel=1e-3)
    assert finding.values["median_distance"] == pytest.approx(np.median(true), rel=1e-3)
    low, high = finding.intervals["median_distance"]
    assert low == pytest.approx(np.sort(true)[9], rel=1e-3)  # ranks 10 and 21 of 30 hold the median with 95 %
    assert high == np.inf
    assert finding.values["found_share"] == pytest.approx(2 / 3)


def test_where_half_is_not_found_there_is_no_median(rng: np.random.Generator) -> None:
    X = np.column_stack([rng.uniform(0, 0.45, 20), np.repeat([0.1, 0.9], 10)])
    finding = bare(
        lambda Z: is_class_1((Z[:, 0] > 0.5) & (Z[:, 1] > 0.5)),
        X,
        constraints=(Constraint(), Constraint(immutable=True)),
        n_samples=20,
    )
    assert finding.values["found_share"] == 0.5
    assert "median_distance" not in finding.values


def test_where_no_real_sample_is_answered_otherwise_random_starts_are_tried(rng: np.random.Generator) -> None:
    X = rng.uniform(0, 0.7, size=(15, 4))
    finding = bare(lambda Z: is_class_1(Z[:, 0] > 0.9), X, n_samples=15)
    assert finding.tables["samples"]["distance"].to_numpy() == pytest.approx(0.9 - X[:, 0], rel=0.01)


@both_attacks
def test_a_model_that_is_always_wrong_leaves_nothing_to_attack(logistic: Subject, attack: str) -> None:
    finding = run(replace(logistic, y=1 - logistic.predict(logistic.X).argmax(axis=1)), attack=attack)
    assert finding.values["accuracy"] == finding.values["robust_accuracy"] == 0
    assert np.isnan(finding.values["found_share"])
    assert (finding.tables["samples"]["status"] == "answered wrongly before").all()
    assert "The model classifies none of the drawn samples correctly: there is nothing to attack." in finding.notes
    assert not any("nothing was found" in note for note in finding.notes)


@pytest.mark.parametrize("implementation", ["native", "art"])
def test_a_class_without_samples_may_be_what_a_sample_becomes(implementation: str) -> None:
    subject = linear(3)
    kept = subject.y < 2
    finding = evasion(
        subject.predict,
        subject.X[kept],
        subject.y[kept],
        subject.bounds,  # type: ignore[arg-type]
        attack="strongest" if implementation == "native" else "hop_skip_jump",
        n_samples=20 if implementation == "native" else 4,
        max_iter=5,
        implementation=implementation,  # type: ignore[arg-type]
    )
    assert set(found(finding)["becomes"]) <= {"0", "1", "2"}
    assert implementation == "art" or "2" in set(found(finding)["becomes"])


Kept = tuple[xw.Finding, Array, Array]


@pytest.fixture(scope="module")
def applicants(credit: Subject) -> Kept:
    """What is found for 40 applicants, the samples that are broken, and what they become."""
    return run_and_keep(credit, n_samples=40, max_iter=2)


def test_samples_that_were_answered_wrongly_are_not_attacked_but_count(credit: Subject, applicants: Kept) -> None:
    finding = applicants[0]
    samples = finding.tables["samples"]
    answers = credit.predict(credit.X).argmax(axis=1)
    wrong = {identity for identity, a, y in zip(credit.ids, answers, credit.y, strict=True) if a != y}
    before = samples["status"] == "answered wrongly before"
    assert set(samples.loc[before, "id"]) == wrong & set(samples["id"])
    assert samples.loc[before, "distance"].isna().all()
    assert finding.values["accuracy"] == pytest.approx(1 - before.mean())
    standing = ~before & ~(samples["distance"] <= 0.1)
    assert finding.values["robust_accuracy"] == pytest.approx(standing.mean())
    assert finding.counts["found_share"] == (~before).sum() < finding.counts["accuracy"] == 40


def test_adversarial_applicants_may_exist_and_are_answered_otherwise_by_the_model_itself(
    credit: Subject, applicants: Kept
) -> None:
    finding, broken, changed = applicants
    assert credit.decode is not None
    model: Any = credit.model
    before, after = credit.decode(broken), credit.decode(changed)
    table = found(finding)
    assert len(table) == len(after) > 20
    assert (before.index == after.index).all()
    assert (model.predict(after) != model.predict(before)).all()
    assert model.predict(after).tolist() == table["becomes"].tolist()
    assert model.predict(before).tolist() == table["class"].tolist()
    for column, kind in enumerate(credit.constraints):
        name = credit.feature_names[column]
        if kind.immutable:
            assert before[name].equals(after[name])
        if kind.kind == "category":
            assert set(after[name].astype(str)) <= set(kind.categories)
        if kind.kind == "integer":
            assert np.array_equal(changed[:, column], np.rint(changed[:, column]))
    low, high = credit.bounds  # type: ignore[misc]
    assert (changed >= low).all()
    assert (changed <= high).all()


def test_distances_of_applicants_are_those_of_their_own_columns(credit: Subject, applicants: Kept) -> None:
    finding, broken, changed = applicants
    assert credit.decode is not None
    assert credit.bounds is not None
    before, after = credit.decode(broken), credit.decode(changed)
    squares = np.zeros(len(before))
    for column, name in enumerate(before.columns):
        if credit.constraints[column].kind == "category":
            squares += before[name].astype(str) != after[name].astype(str)
        else:
            squares += ((before[name] - after[name]) / np.ptp(credit.bounds[:, column])).astype(float) ** 2
    assert found(finding)["distance"].to_numpy() == pytest.approx(np.sqrt(squares), rel=1e-9)


def test_the_rows_show_what_changed_in_the_users_own_units(credit: Subject, applicants: Kept) -> None:
    finding, broken, changed = applicants
    assert credit.decode is not None
    rows = finding.tables["rows"]
    before, after = (credit.decode(part).set_index(found(finding).index) for part in (broken, changed))
    assert set(rows["id"]) == set(before.index)
    for row in rows.itertuples():
        assert row.original == str(before.loc[row.id, row.feature])
        assert row.adversarial == str(after.loc[row.id, row.feature])
        assert row.original != row.adversarial
    assert not {"age", "personal_status_sex", "foreign_worker"} & set(rows["feature"])


def test_a_one_hot_group_and_a_monotone_column_stay_what_they_are(rng: np.random.Generator) -> None:
    colour = np.eye(3)[rng.integers(0, 3, 200)]
    X = np.column_stack([colour, rng.uniform(size=(200, 2))])
    y = (2 * X[:, 0] - 2 * X[:, 1] + 3 * X[:, 3] + X[:, 4] > 2.0).astype(int)
    model = LogisticRegression(C=100).fit(X, y)
    kinds = {f"x{c}": Constraint("integer", group="colour") for c in range(3)} | {"x3": Constraint(monotone=1)}
    subject = Subject.of(model, X, y, constraints=kinds)
    for attack in ("hop_skip_jump", "pgd"):
        _, broken, changed = run_and_keep(subject, attack=attack, n_samples=60, max_iter=10, epsilons=(0.1, 0.4, 1, 2))
        assert len(broken) > 20
        assert (changed[:, :3].sum(axis=1) == 1).all()
        assert np.isin(changed[:, :3], (0, 1)).all()
        assert (changed[:, 3] >= broken[:, 3] - 1e-12).all()
        assert (model.predict(changed) != model.predict(broken)).all()


@both_attacks
def test_the_same_seed_gives_the_same_result_and_another_one_other_samples(logistic: Subject, attack: str) -> None:
    settings = {"attack": attack, "n_samples": 15, "max_iter": 5, "epsilons": (0.1, 0.4), "steps": 10}
    first, again, other = (run(logistic, seed=seed, **settings) for seed in (3, 3, 4))
    assert first.values == again.values
    for name, table in first.tables.items():
        assert table.equals(again.tables[name])
    assert first.tables["samples"]["id"].tolist() != other.tables["samples"]["id"].tolist()


def flat(X: Array, y: Array) -> Array:
    """A gradient that vanishes everywhere."""
    return np.zeros_like(X)


@both_attacks
def test_a_result_of_a_sample_does_not_depend_on_which_others_are_attacked(digits: Subject, attack: str) -> None:
    subject = replace(digits, gradient=flat)  # leaves PGD nothing but its random starts
    settings = {"attack": attack, "max_iter": 10, "epsilons": (3.0, 6.0), "steps": 1}
    few, many = (found(run(subject, n_samples=n, **settings)) for n in (20, 80))
    assert 5 < len(few.index.intersection(many.index)) == len(few)
    assert few["distance"].to_numpy() == pytest.approx(many["distance"][few.index].to_numpy(), rel=1e-9)


@both_attacks
def test_the_memory_limit_does_not_change_the_result(digits: Subject, attack: str) -> None:
    settings = {"attack": attack, "n_samples": 40, "max_iter": 3, "init_eval": 300, "steps": 5}
    small, large = (run(digits, memory_limit=limit, **settings) for limit in (0.05, 64.0))
    assert found(small)["distance"].to_numpy() == pytest.approx(found(large)["distance"].to_numpy(), rel=1e-9)


@both_attacks
def test_accuracy_falls_with_the_size_of_the_change(logistic: Subject, attack: str) -> None:
    settings = {"attack": attack, "n_samples": 20, "max_iter": 10, "epsilons": (0.05, 0.2, 1.0), "restarts": 1}
    finding = run(logistic, **settings)
    curve = finding.tables["curve"]
    assert curve["epsilon"].iloc[0] == 0
    assert curve["accuracy"].iloc[0] == finding.values["accuracy"]
    assert curve["epsilon"].is_monotonic_increasing
    assert curve["accuracy"].is_monotonic_decreasing
    assert curve["accuracy"].iloc[-1] < 0.1
    assert ((curve["low"] <= curve["accuracy"]) & (curve["accuracy"] <= curve["high"])).all()
    headline = [
        run(logistic, epsilon=epsilon, **settings).values["robust_accuracy"] for epsilon in (0.0, 0.02, 0.1, 0.3, 1.0)
    ]
    assert headline == sorted(headline, reverse=True)
    assert headline[0] == finding.values["accuracy"]
    below = curve[curve["epsilon"] <= 0.02]
    assert headline[1] == below["accuracy"].iloc[-1]


def test_the_order_of_the_radii_does_not_matter(logistic: Subject) -> None:
    up, down = (run(logistic, attack="pgd", n_samples=20, epsilons=radii) for radii in ((0.05, 0.2), (0.2, 0.05)))
    assert up.values == down.values


@pytest.mark.parametrize(("norm", "radius"), [("l2", 0.1), ("linf", 0.03)])
def test_pgd_breaks_nothing_beyond_its_largest_radius(logistic: Subject, norm: str, radius: float) -> None:
    subject = guessing(logistic)
    table = found(run(subject, attack="pgd", norm=norm, n_samples=60, epsilons=(radius / 2, radius)))
    by_pgd = table[table["found_by"] == "projected gradient descent"]
    assert 0 < len(by_pgd) < len(table)
    assert by_pgd["distance"].max() <= radius * (1 + 1e-9)


@both_norms
@both_attacks
def test_what_is_found_lies_on_the_boundary(digits: Subject, attack: str, norm: str) -> None:
    _, broken, changed = run_and_keep(
        digits, attack=attack, norm=norm, n_samples=20, max_iter=6, epsilons=(0.2, 1.0, 3.0)
    )
    change = changed - broken
    size = np.abs(change).max(axis=1, keepdims=True)
    shorter = 0.999 * change if norm == "l2" else np.clip(change, -0.999 * size, 0.999 * size)
    answers = [digits.predict(part.reshape(-1, 1, 8, 8)).argmax(axis=1) for part in (broken, broken + shorter, changed)]
    assert len(broken) > 15
    assert (answers[1] == answers[0]).all()
    assert (answers[2] != answers[0]).all()


def test_pgd_without_gradients_is_not_applicable_and_the_other_attack_is_named(forest: Subject) -> None:
    outcome = xw.assess(forest, "robustness.evasion", attack="pgd")
    assert outcome.status == "not applicable"
    assert outcome.instead == "attack='strongest'"
    with pytest.raises(ValueError, match=r"attack='pgd' needs gradient=, got None"):
        evasion(forest.predict, forest.X, forest.y, forest.bounds, attack="pgd")  # type: ignore[arg-type]


def test_pgd_on_a_model_whose_gradient_vanishes_says_so(logistic: Subject) -> None:
    few: dict[str, Any] = {"attack": "pgd", "n_samples": 10, "epsilons": (0.05,), "epsilon": 0.05}
    blind = run(replace(guessing(logistic), gradient=flat), **few)
    told = [note for note in blind.notes if "gradient vanishes for 100% of the samples" in note]
    assert len(told) == 1
    assert "hop_skip_jump" in told[0]
    assert not any("vanishes" in note for note in run(guessing(logistic), **few).notes)


def test_noise_that_breaks_what_the_searches_did_not_counts(logistic: Subject) -> None:
    """No search is run: plain noise of twice the exact distances breaks most samples, and they are broken for good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Search, "run", lambda *_: None)
        settings = {"attack": "pgd", "n_samples": 20, "epsilons": (1e-6,), "steps": 1, "restarts": 1, "epsilon": 2.0}
        finding = run(guessing(logistic), **settings)
    table = found(finding)
    broken = table[table["found_by"] == "plain noise"]
    assert len(broken) > 0
    assert (broken["distance"] <= 2.0).all()
    assert finding.values["robust_accuracy"] == pytest.approx(finding.values["accuracy"] - len(broken) / 20)
    assert any(f"Plain noise of size 2 broke {len(broken)} samples" in note for note in finding.notes)
    assert not any("Plain noise" in note for note in run(logistic, attack="pgd", n_samples=20).notes)


def test_noise_is_tried_within_the_memory_limit_and_breaks_the_same_samples_then(logistic: Subject) -> None:
    sizes: list[int] = []

    def counted(X: Array) -> Array:
        sizes.append(len(X))
        return logistic.predict(X)

    assert logistic.bounds is not None
    X = logistic.X[:60]
    space, labels = Space(logistic.bounds, logistic.constraints), logistic.predict(X).argmax(axis=1)
    hits = []
    for rows in (7, 100_000):
        numbers = np.arange(len(labels))
        problem = Problem(counted, space, X, labels, numbers, X.shape[1:], "l2", rows)
        best = Best.nothing(problem)
        hits.append((near_hits(problem, best, 0.5, 20, 0), best.distance))
        if rows == 7:
            assert max(sizes) == 7
    assert 0 < hits[0][0].sum() < len(labels)
    assert np.array_equal(hits[0][0], hits[1][0])
    assert np.isfinite(hits[0][1][hits[0][0]]).all()


def test_an_attack_that_still_makes_progress_asks_for_more_iterations(digits: Subject) -> None:
    module = importlib.import_module("xrai_widgets.engines.robustness.evasion.lint")
    falling = np.repeat(np.linspace(2.0, 1.0, 20)[:, None], 5, axis=1)
    assert module.still_falling(falling) == [
        "The median distance still fell by 14% in the last fifth of the attack: raise max_iter."
    ]
    settled = np.vstack([falling, np.ones((10, 5))])
    assert module.still_falling(settled) == module.still_falling(falling[:9]) == []
    assert not any("raise max_iter" in note for note in run(digits, n_samples=20).notes)


def test_more_first_questions_than_the_most_allowed_are_refused(logistic: Subject) -> None:
    with pytest.raises(ValueError, match="init_eval must be at most max_eval = 50, got 100"):
        run(logistic, max_eval=50)


def test_images_keep_their_shape_and_range_and_are_answered_otherwise(digits: Subject) -> None:
    for attack in ("hop_skip_jump", "pgd"):
        finding = run(digits, attack=attack, n_samples=15, max_iter=8)
        original, adversarial = finding.arrays["original"], finding.arrays["adversarial"]
        table = found(finding)
        assert original.shape == adversarial.shape == (len(table), 1, 8, 8)
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
        place = {identity: row for row, identity in enumerate(digits.ids.tolist())}
        assert np.array_equal(original, digits.X[[place[identity] for identity in table.index]])
        answers = digits.predict(adversarial).argmax(axis=1)
        assert (answers != digits.predict(original).argmax(axis=1)).all()
        assert [str(digits.classes[a]) for a in answers] == table["becomes"].tolist()
        change = (adversarial - original).reshape(len(table), -1)
        assert np.linalg.norm(change, axis=1) == pytest.approx(table["distance"].to_numpy(), rel=1e-6)
        assert finding.tables["rows"].empty


def test_gradients_and_labels_find_about_the_same_distances_on_a_network(digits: Subject) -> None:
    by_labels = run(digits, n_samples=20).values["median_distance"]
    by_gradient = run(digits, attack="pgd", n_samples=20, epsilons=tuple(np.geomspace(0.1, 4, 12))).values[
        "median_distance"
    ]
    assert by_labels == pytest.approx(by_gradient, rel=0.1)


@pytest.fixture(scope="module")
def small_forest(forest: Subject) -> Subject:
    model = RandomForestClassifier(10, random_state=0).fit(np.asarray(forest.X_train), np.asarray(forest.y_train))
    return Subject.of(model, forest.X, forest.y, bounds=(0.0, 1.0))


def test_our_hop_skip_jump_finds_no_larger_distances_than_arts_on_a_forest(small_forest: Subject) -> None:
    settings = {"attack": "hop_skip_jump", "n_samples": 8, "max_iter": 10, "init_size": 500}
    ours, theirs = (run_and_keep(small_forest, implementation=name, **settings) for name in ("native", "art"))
    for finding, broken, changed in (ours, theirs):
        answers = small_forest.predict(changed).argmax(axis=1)
        assert (answers != small_forest.predict(broken).argmax(axis=1)).all()
        size = np.linalg.norm(changed - broken, axis=1)
        assert size == pytest.approx(found(finding)["distance"].to_numpy(), rel=1e-6)
    near, far = found(ours[0])["distance"], found(theirs[0])["distance"]
    assert len(near) == ours[0].counts["found_share"]  # ART, whose random starts fail now and then, may find fewer
    assert len(far) > 0
    assert near[far.index].median() <= 1.02 * far.median()
    assert any("stops short of the boundary" in note for note in theirs[0].notes)


@both_attacks
def test_art_gives_the_same_result_for_the_same_seed(logistic: Subject, attack: str) -> None:
    settings = {"attack": attack, "implementation": "art", "n_samples": 6, "max_iter": 3, "epsilons": (0.3, 1.0)}
    first, again = (run(logistic, **settings) for _ in range(2))
    assert len(found(first)) > 0
    assert first.tables["samples"].equals(again.tables["samples"])


@both_norms
def test_arts_gradient_descent_breaks_the_same_samples_as_ours(logistic: Subject, norm: str) -> None:
    radii = (0.05, 0.2) if norm == "linf" else (0.2, 0.6)
    settings = {"attack": "pgd", "norm": norm, "n_samples": 12, "epsilons": radii, "epsilon": radii[1]}
    ours = run(logistic, **settings)
    theirs, broken, changed = run_and_keep(logistic, implementation="art", **settings)
    assert len(broken) > 5
    answers = [logistic.predict(part).argmax(axis=1) for part in (broken, changed)]
    assert (answers[0] != answers[1]).all()
    assert found(theirs)["distance"].max() <= radii[1] * (1 + 1e-6)
    assert ours.values["robust_accuracy"] <= theirs.values["robust_accuracy"]
    assert ours.values["median_distance"] <= 1.001 * theirs.values["median_distance"]


@both_attacks
def test_art_attacks_in_raw_units_and_beside_a_column_without_room(attack: str) -> None:
    subject = linear(2, limit=20.0)
    X = np.column_stack([subject.X, np.ones(len(subject.X))])
    model = LogisticRegression().fit(X, subject.y)
    bounds = np.repeat([[-20.0], [20.0]], 11, axis=1)
    bounds[:, 10] = 1.0
    wide = Subject.of(model, X, subject.y, bounds=bounds)
    finding, _, changed = run_and_keep(
        wide, attack=attack, implementation="art", scale="raw", n_samples=6, max_iter=10, epsilons=RADII
    )
    table = found(finding)
    exact = exact_linear(replace(wide, X=X[:, :10], model=_without_last_column(model)), "l2")
    assert len(table) == finding.counts["found_share"]
    assert (changed[:, 10] == 1).all()
    assert (table["distance"] >= exact[table.index] * (1 - 1e-4)).all()
    assert (table["distance"] < 4 * exact[table.index]).all()


def _without_last_column(model: LogisticRegression) -> LogisticRegression:
    """The same model with its last column, always 1, as part of the intercept."""
    smaller = LogisticRegression()
    smaller.coef_, smaller.intercept_ = model.coef_[:, :-1], model.intercept_ + model.coef_[:, -1]
    return smaller


@both_attacks
def test_a_run_out_of_time_keeps_what_it_found(logistic: Subject, attack: str) -> None:
    def slowly(X: Array) -> Array:
        time.sleep(0.005)
        return logistic.predict(X)

    settings = {"attack": attack, "n_samples": 20, "max_iter": 200, "steps": 100, "epsilons": (0.3, 0.31)}
    outcome = xw.assess(replace(guessing(logistic), predict=slowly), "robustness.evasion", max_seconds=1.0, **settings)
    assert outcome.status == "cancelled"
    assert "time budget of 1 s" in outcome.reason
    assert outcome.finding is not None
    assert any("The attack was not finished" in note for note in outcome.finding.notes)
    assert (outcome.finding.tables["samples"]["becomes"] == "").all()
    assert outcome.finding.values["found_share"] > 0


def test_what_a_cancelled_attack_found_is_no_nearer_than_what_it_would_have_found(logistic: Subject) -> None:
    subject = guessing(logistic)
    full = run(subject, n_samples=20)
    outcome = xw.assess(subject, "robustness.evasion", n_samples=20, max_queries=20_000)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    partial, final = found(outcome.finding)["distance"], found(full)["distance"]
    final = final[partial.index]
    assert len(partial) > 10
    assert (partial >= final * (1 - 1e-9)).all()
    assert partial.median() > final.median()


@both_attacks
def test_art_too_keeps_what_it_found_when_the_questions_run_out(logistic: Subject, attack: str) -> None:
    settings = {"attack": attack, "implementation": "art", "n_samples": 10, "max_iter": 2, "epsilons": (0.5, 1.0)}
    outcome = xw.assess(logistic, "robustness.evasion", max_queries=1000, **settings)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    assert 0 < len(found(outcome.finding)) < 10
    assert any("The attack was not finished" in note for note in outcome.finding.notes)
