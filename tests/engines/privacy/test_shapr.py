"""SHAPr against the definition of the Shapley value, its identities, and the Adversarial Robustness Toolbox."""

import itertools
from collections.abc import Callable
from math import factorial

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, NotApplicable, Subject, quiet
from xrai_widgets.engines.privacy import shapr
from xrai_widgets.engines.privacy.shapr.knn_shapley import knn_shapley

pytestmark = pytest.mark.usefixtures("without_controls")


def lookup(outputs: Array) -> Callable[[Array], Array]:
    """A model that answers row number x with the outputs of row x."""
    return lambda X: outputs[X[:, 0].astype(int)]


def rows(start: int, n: int) -> Array:
    return np.arange(start, start + n, dtype=float)[:, None]


def on_outputs(train: Array, y_train: Array, test: Array, y_test: Array, **params: object) -> xw.Finding:
    """SHAPr of a model that gives these outputs."""
    n, m = len(train), len(test)
    return shapr(lookup(np.vstack([train, test])), rows(0, n), y_train, rows(n, m), y_test, **params)


def random_case(seed: int, n: int, m: int, k: int = 3) -> tuple[Array, Array, Array, Array]:
    """Outputs without ties."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), n), rng.integers(0, k, n), rng.dirichlet(np.ones(k), m), rng.integers(0, k, m)


def tied_case(seed: int, n: int, m: int) -> tuple[Array, Array, Array, Array]:
    """Outputs on a coarse grid, whose distances are exact: many are equal or equally far."""
    rng = np.random.default_rng(seed)
    grid = np.array([(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)]) / 4
    return grid[rng.integers(0, 15, n)], rng.integers(0, 3, n), grid[rng.integers(0, 15, m)], rng.integers(0, 3, m)


def vote(distance: Array, match: Array, members: tuple[int, ...], k: int) -> float:
    """Expected share of right labels among the K nearest of a coalition; tied members come in random order."""
    slots, won = k, 0.0
    for value in sorted({distance[i] for i in members}):
        group = [i for i in members if distance[i] == value]
        taken = min(slots, len(group))
        won += taken * sum(match[i] for i in group) / len(group)
        slots -= taken
    return won / k


def by_enumeration(train: Array, y_train: Array, test: Array, y_test: Array, k: int) -> Array:
    """Shapley values by their definition: every coalition, mean over test samples."""
    n, values = len(train), np.zeros(len(train))
    for point, label in zip(test, y_test, strict=True):
        distance, match = np.square(train - point).sum(axis=1), y_train == label
        for i in range(n):
            others = [j for j in range(n) if j != i]
            for size in range(n):
                weight = factorial(size) * factorial(n - size - 1) / factorial(n)
                for coalition in itertools.combinations(others, size):
                    gain = vote(distance, match, (*coalition, i), k) - vote(distance, match, coalition, k)
                    values[i] += weight * gain
    return values / len(test)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("case", [random_case, tied_case])
def test_the_values_are_those_of_every_coalition(case: Callable[..., tuple[Array, ...]], k: int) -> None:
    for seed in range(3):
        arrays = case(seed, 6, 4)
        found = on_outputs(*arrays, n_neighbors=k).tables["samples"]["shapr"] / 6
        assert found.to_numpy() == pytest.approx(by_enumeration(*arrays, k), abs=1e-12)


def test_the_values_are_those_of_every_coalition_of_eight_samples_of_which_seven_tie() -> None:
    train = np.array([[0.5, 0.5]] * 7 + [[1.0, 0.0]])
    y_train, test, y_test = np.array([0, 0, 1, 1, 1, 0, 1, 0]), np.array([[0.5, 0.5], [0.875, 0.125]]), np.array([0, 1])
    for k in (1, 3, 8):
        found = on_outputs(train, y_train, test, y_test, n_neighbors=k).tables["samples"]["shapr"] / 8
        assert found.to_numpy() == pytest.approx(by_enumeration(train, y_train, test, y_test, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("case", [random_case, tied_case])
def test_the_mean_value_is_the_mean_share_of_right_neighbours(case: Callable[..., tuple[Array, ...]], k: int) -> None:
    train, y_train, test, y_test = case(7, 120, 60)
    finding = on_outputs(train, y_train, test, y_test, n_neighbors=k)
    everyone = tuple(range(120))
    shares = [
        vote(np.square(train - point).sum(axis=1), y_train == label, everyone, k)
        for point, label in zip(test, y_test, strict=True)
    ]
    assert finding.tables["samples"]["shapr"].mean() == pytest.approx(np.mean(shares), abs=1e-12)
    assert finding.values["knn_accuracy"] == pytest.approx(np.mean(shares), abs=1e-12)
    assert "not a leakage" in finding.notes[0]


def test_the_vote_is_that_of_scikit_learns_nearest_neighbours(logistic: Subject) -> None:
    assert logistic.X_train is not None
    assert logistic.y_train is not None
    near = NearestNeighbors(n_neighbors=5).fit(logistic.predict(logistic.X_train))
    found = near.kneighbors(logistic.predict(logistic.X), return_distance=False)
    share = (logistic.y_train[found] == logistic.y[:, None]).mean()
    outcome = xw.assess(logistic, "privacy.shapr", n_neighbors=5)
    assert outcome.finding is not None
    assert outcome.finding.values["knn_accuracy"] == pytest.approx(share)
    low, high = outcome.finding.intervals["knn_accuracy"]
    assert low < share < high <= 1


@pytest.mark.parametrize("k", [1, 3])
def test_the_only_rightly_labelled_neighbour_of_many_test_samples_ranks_first(k: int) -> None:
    rng = np.random.default_rng(0)
    here = np.clip(rng.normal(0.2, 0.02, 80), 0, 1)
    there = np.clip(rng.normal(0.8, 0.02, 80), 0, 1)
    one = np.r_[here, 0.8, there[:40]]  # sample 80 is the only one of class 1 where all class 1 tests lie
    y_train = np.r_[np.zeros(80, int), 1, np.zeros(40, int)]
    test = np.column_stack([1 - there[40:], there[40:]])
    samples = on_outputs(np.column_stack([1 - one, one]), y_train, test, np.ones(40, int), n_neighbors=k).tables[
        "samples"
    ]
    assert samples["shapr"].idxmax() == 80
    assert samples["low"][80] > samples["high"].drop(80).max()


def test_equal_outputs_give_equal_values_to_samples_of_one_class() -> None:
    train, y_train, test, y_test = tied_case(3, 200, 50)
    samples = on_outputs(train, y_train, test, y_test, n_neighbors=3).tables["samples"]
    groups = samples.groupby([*(train[:, c] for c in range(3)), y_train])["shapr"]
    assert groups.size().max() > 5
    assert groups.agg(np.ptp).max() == 0


@pytest.mark.parametrize("tied", [False, True])
def test_the_order_of_the_training_rows_does_not_matter(tied: bool) -> None:
    train, y_train, test, y_test = (tied_case if tied else random_case)(4, 150, 80)
    order = np.random.default_rng(1).permutation(150)
    plain = on_outputs(train, y_train, test, y_test).tables["samples"]["shapr"].to_numpy()
    mixed = on_outputs(train[order], y_train[order], test, y_test).tables["samples"]["shapr"].to_numpy()
    assert mixed == pytest.approx(plain[order], abs=1e-12)


def test_a_tree_with_few_distinct_outputs_gets_the_same_values_however_its_rows_are_ordered(forest: Subject) -> None:
    X_train, y_train = forest.X_train, forest.y_train
    assert X_train is not None
    assert y_train is not None
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X_train, y_train)
    order = np.random.default_rng(0).permutation(len(X_train))
    plain = shapr(tree.predict_proba, X_train, y_train, forest.X, forest.y).tables["samples"]["shapr"].to_numpy()
    mixed = shapr(tree.predict_proba, X_train[order], y_train[order], forest.X, forest.y)
    assert mixed.tables["samples"]["shapr"].to_numpy() == pytest.approx(plain[order], abs=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_the_size_of_the_blocks_does_not_change_the_result(tied: bool) -> None:
    train, y_train, test, y_test = (tied_case if tied else random_case)(5, 300, 100)
    whole, single = (
        knn_shapley(train, y_train, test, y_test, n_neighbors=2, memory=memory, step=quiet) for memory in (1.0, 1e-7)
    )
    for a, b in zip(whole, single, strict=True):
        assert b == pytest.approx(a, abs=1e-12)


def test_the_memory_limit_does_not_change_the_result() -> None:
    arrays = random_case(6, 2000, 1000)
    small, large = (on_outputs(*arrays, memory_limit=limit) for limit in (0.05, 64.0))
    assert small.values == pytest.approx(large.values, abs=1e-12)


def test_the_interval_of_a_sample_is_students_over_test_samples() -> None:
    train, y_train, test, y_test = tied_case(8, 40, 25)
    samples = on_outputs(train, y_train, test, y_test, n_neighbors=2).tables["samples"]
    single = np.array(
        [
            on_outputs(train, y_train, test[[j]], y_test[[j]], n_neighbors=2).tables["samples"]["shapr"]
            for j in range(25)
        ]
    )
    error = 2.063898561628021 * single.std(axis=0, ddof=1) / np.sqrt(25)  # t of 24 degrees of freedom
    assert samples["shapr"].to_numpy() == pytest.approx(single.mean(axis=0), abs=1e-12)
    assert samples["low"].to_numpy() == pytest.approx(single.mean(axis=0) - error, abs=1e-9)
    assert samples["high"].to_numpy() == pytest.approx(single.mean(axis=0) + error, abs=1e-9)


def test_the_tail_quantiles_are_those_of_the_table_and_lie_in_their_intervals() -> None:
    finding = on_outputs(*random_case(9, 500, 200))
    scores = finding.tables["samples"]["shapr"]
    for q in (50, 95, 99):
        low, high = finding.intervals[f"shapr_p{q}"]
        assert finding.values[f"shapr_p{q}"] == pytest.approx(scores.quantile(q / 100))
        assert low < finding.values[f"shapr_p{q}"] < high
        assert low in set(scores)
    assert finding.counts == {"knn_accuracy": 200, "shapr_p50": 500, "shapr_p95": 500, "shapr_p99": 500}


def test_the_table_names_samples_and_classes_as_the_user_does(credit: Subject) -> None:
    outcome = xw.assess(credit, "privacy.shapr")
    assert outcome.finding is not None
    assert credit.y_train is not None
    samples = outcome.finding.tables["samples"]
    assert samples["id"].tolist() == credit.train_ids.tolist()  # type: ignore[union-attr]
    assert samples["class"].tolist() == [credit.classes[label] for label in credit.y_train]
    classes = outcome.finding.tables["classes"].set_index("class")
    assert classes["n"].to_dict() == samples["class"].value_counts().to_dict()
    assert classes.loc["bad", "p95"] == pytest.approx(samples.loc[samples["class"] == "bad", "shapr"].quantile(0.95))


def test_without_ties_the_values_are_those_of_art() -> None:
    for seed in range(3):
        arrays = random_case(seed, 150, 70)
        ours, theirs = (
            on_outputs(*arrays, implementation=name).tables["samples"]["shapr"].to_numpy() for name in ("native", "art")
        )
        assert np.abs(ours).max() > 1
        assert theirs == pytest.approx(ours, abs=1e-6 * np.abs(ours).max())


def test_art_is_a_second_opinion_with_the_same_headline_and_no_interval_per_sample() -> None:
    arrays = random_case(2, 200, 90)
    ours, theirs = (on_outputs(*arrays, implementation=name) for name in ("native", "art"))
    assert theirs.values == pytest.approx(ours.values, abs=1e-5)
    assert theirs.intervals["knn_accuracy"] == pytest.approx(ours.intervals["knn_accuracy"], abs=1e-5)
    assert theirs.tables["samples"][["low", "high"]].isna().all(axis=None)


def test_art_answers_although_the_highest_class_has_no_sample() -> None:
    train, y_train, test, y_test = random_case(1, 40, 30)
    finding = on_outputs(train, y_train % 2, test, y_test % 2, implementation="art")
    native = on_outputs(train, y_train % 2, test, y_test % 2)
    assert finding.values == pytest.approx(native.values, abs=1e-5)


def test_art_with_several_neighbours_is_not_applicable_and_names_the_native_code(logistic: Subject) -> None:
    with pytest.raises(NotApplicable, match="one neighbour only, got n_neighbors=3"):
        on_outputs(*random_case(0, 10, 5), n_neighbors=3, implementation="art")
    outcome = xw.assess(logistic, "privacy.shapr", n_neighbors=3, implementation="art")
    assert outcome.status == "not applicable"
    assert "native" in outcome.instead


def test_more_neighbours_than_training_samples_are_refused_with_the_number_allowed() -> None:
    with pytest.raises(ValueError, match="n_neighbors must be at most the 4 training samples, got 5"):
        on_outputs(*random_case(0, 4, 5), n_neighbors=5)


def test_one_test_sample_is_enough_for_values_though_not_for_intervals() -> None:
    train, y_train, test, y_test = random_case(0, 6, 1)
    samples = on_outputs(train, y_train, test, y_test).tables["samples"]
    expected = by_enumeration(train, y_train, test, y_test, 1)
    assert samples["shapr"].to_numpy() / 6 == pytest.approx(expected, abs=1e-12)
    assert (samples["low"] == -np.inf).all()
    assert (samples["high"] == np.inf).all()


def test_the_arrays_of_the_user_are_left_as_they_were() -> None:
    arrays = tied_case(2, 50, 20)
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    on_outputs(*arrays, n_neighbors=2)
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("case", [random_case, tied_case])
def test_the_null_is_the_values_of_permuted_labels(case: Callable[..., tuple[Array, ...]], k: int) -> None:
    train, y_train, test, y_test = case(11, 60, 40)
    rng = np.random.default_rng(5)
    permuted = np.array([rng.permutation(y_train) for _ in range(4)])
    options = {"n_neighbors": k, "memory": 1.0, "step": quiet}
    finding = knn_shapley(train, y_train, test, y_test, permuted=permuted, **options)
    assert finding.null.shape == (4, 60)
    for row, labels in zip(finding.null, permuted, strict=True):
        assert row == pytest.approx(knn_shapley(train, labels, test, y_test, **options).values, abs=1e-12)
    small = knn_shapley(train, y_train, test, y_test, permuted=permuted, **(options | {"memory": 1e-7}))
    assert small.null == pytest.approx(finding.null, abs=1e-12)


def test_the_null_is_shown_beside_the_values_and_nothing_is_judged_by_it(forest: Subject) -> None:
    outcome = xw.assess(forest, "privacy.shapr", permutations=30, strict=True)
    finding = outcome.finding
    assert finding is not None
    null = finding.tables["null"]
    measured, chance = (null[null["line"] == line] for line in ("measured", "training labels permuted"))
    scores = finding.tables["samples"]["shapr"].to_numpy()
    for _, row in measured.iloc[::9].iterrows():
        assert row["share_above"] == pytest.approx((scores > row["shapr"]).mean())
        assert row["low"] <= row["share_above"] <= row["high"]
    assert chance["shapr"].tolist() == measured["shapr"].tolist()
    assert (chance["low"] <= chance["share_above"]).all()
    assert (chance["share_above"] <= chance["high"]).all()
    assert chance["high"].max() <= 1
    assert any(chart.table == "null" and chart.kind == "line" for chart in finding.charts)
    assert "permuted 30 times" in finding.notes[1]
    assert "no threshold" in finding.notes[1]
    assert not any("null" in key or "permut" in key for key in finding.values)
    assert outcome.verdict().status == "not judged"
    without = xw.assess(forest, "privacy.shapr", permutations=0, strict=True).finding
    assert without is not None
    assert "null" not in without.tables
    assert without.values == finding.values
    assert len(without.charts) == len(finding.charts) - 1


def test_classes_have_their_median_quartiles_and_tail(credit: Subject) -> None:
    finding = xw.assess(credit, "privacy.shapr", permutations=0, strict=True).finding
    assert finding is not None
    samples, classes = finding.tables["samples"], finding.tables["classes"].set_index("class")
    for label, group in samples.groupby("class"):
        row = classes.loc[label]
        low, middle, high = group["shapr"].quantile([0.25, 0.5, 0.75])
        assert (row["median"], row["q1"], row["q3"], row["iqr"]) == pytest.approx((middle, low, high, high - low))
        assert row["low"] <= row["p95"] <= row["high"]


def test_the_most_exposed_samples_come_first_with_id_and_class(credit: Subject) -> None:
    finding = xw.assess(credit, "privacy.shapr", permutations=0, strict=True).finding
    assert finding is not None
    samples, most = finding.tables["samples"], finding.tables["most_exposed"]
    assert most["shapr"].tolist() == sorted(samples["shapr"], reverse=True)[:20]
    first = samples.loc[samples["id"] == most["id"][0]].iloc[0]
    assert (first["class"], first["shapr"]) == (most["class"][0], most["shapr"][0])


def test_even_a_model_that_memorises_noise_is_not_above_the_null() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(400, 4)), rng.integers(0, 2, 400)
    tree = DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200])
    finding = shapr(tree.predict_proba, X[:200], y[:200], X[200:], y[200:])
    null = finding.tables["null"]
    chance = null[null["line"] == "training labels permuted"]
    rare = chance["shapr"][chance["share_above"] < 0.05].min()
    assert (finding.tables["samples"]["shapr"] > rare).mean() == 0
