"""ProtoDash against its published case, brute force and AIX360."""

import itertools
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import optimize
from threadpoolctl import threadpool_info

from tests.pace import slowness
from xrai_widgets.core import Array, Cancelled, Constraint, Finding, Names, NotApplicable, Step, Subject
from xrai_widgets.engines.explanations import protodash
from xrai_widgets.engines.explanations.protodash import similarity
from xrai_widgets.runtime import run

pytestmark = pytest.mark.usefixtures("without_controls")

NUMBERS = (Constraint(),) * 3


def unit_rows(count: int, seed: np.random.RandomState) -> Array:
    rows = seed.normal(0.0, 1.0, (count, 100))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def published() -> tuple[Array, Array]:
    legacy = np.random.RandomState(0)
    return unit_rows(300, legacy), unit_rows(4000, legacy)


def gaussian(a: Array, b: Array, sigma: float) -> Array:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-squared / (2 * sigma**2)))


def best_weights(K: Array, u: Array) -> tuple[Array, float]:
    """Minimise ½ wᵀKw − uᵀw over w ≥ 0 by trying every set of positive weights."""
    best, value = np.zeros(len(u)), 0.0
    for size in range(1, len(u) + 1):
        for chosen in map(list, itertools.combinations(range(len(u)), size)):
            w = np.linalg.solve(K[np.ix_(chosen, chosen)], u[chosen])
            if (w >= 0).all() and 0.5 * u[chosen] @ w > value:
                best, value = np.zeros(len(u)), float(0.5 * u[chosen] @ w)
                best[chosen] = w
    return best, value


def objectives(finding: Finding) -> Array:
    curve = finding.tables["curve"]
    return curve.loc[curve["chosen by"] == "ProtoDash", "objective"].to_numpy()


def test_the_published_case_of_aix360_is_met(published: tuple[Array, Array]) -> None:
    X, Y = published
    arrays = protodash(X, Y, n_prototypes=5, sigma=2.0).arrays
    assert arrays["indices"].tolist() == [3940, 2539, 2168, 2189, 1170]
    wanted = [0.20611992, 0.24524021, 0.19131892, 0.17175183, 0.16123833]
    assert np.abs(arrays["weights"] - wanted).max() < 1e-6
    assert np.allclose(arrays["weights_normalised"], arrays["weights"] / sum(wanted), atol=1e-7)


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_candidate_0_is_found_when_it_is_best(kernel: Any, rng: np.random.Generator) -> None:
    X = rng.random((40, 3)) + 1.0
    pool = np.vstack([X.mean(axis=0), rng.random((30, 3)) + np.array([4.0, 0.0, -3.0])])
    finding = protodash(X, pool, n_prototypes=1, kernel=kernel, sigma=1.0)
    assert finding.arrays["indices"].tolist() == [0]


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_every_step_is_the_best_step_and_every_weight_the_best_weight(kernel: Any) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, pool = rng.normal(0.5, 1.0, (15, 3)), rng.normal(0.5, 1.0, (9, 3))
        finding = protodash(X, pool, n_prototypes=5, kernel=kernel, sigma=1.3)
        K = gaussian(pool, pool, 1.3) if kernel == "gaussian" else pool @ pool.T
        u = gaussian(pool, X, 1.3).mean(axis=1) if kernel == "gaussian" else pool @ X.mean(axis=0)
        picks, path = finding.arrays["indices"], finding.arrays["weights_path"]
        singles = np.where(u > 0, u**2 / (2 * K.diagonal()), 0.0)
        assert picks[0] == singles.argmax()
        for t in range(len(picks)):
            some = picks[: t + 1]
            weights, value = best_weights(K[np.ix_(some, some)], u[some])
            assert np.allclose(path[t, : t + 1], weights, atol=1e-9)
            assert objectives(finding)[t] == pytest.approx(value, abs=1e-12)
            slope = u - K[:, some] @ weights
            slope[some] = -np.inf
            if t + 1 < len(picks):
                assert picks[t + 1] == slope.argmax()
            elif t + 1 < 5:
                assert slope.max() < 1e-9


def test_the_greedy_search_comes_near_the_best_of_all_subsets() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, pool = rng.normal(size=(20, 2)), rng.normal(size=(8, 2))
        reached = objectives(protodash(X, pool, n_prototypes=3, sigma=0.8))[-1]
        K, u = gaussian(pool, pool, 0.8), gaussian(pool, X, 0.8).mean(axis=1)
        subsets = map(list, itertools.combinations(range(8), 3))
        best = max(best_weights(K[np.ix_(s, s)], u[s])[1] for s in subsets)
        assert (1 - 1 / np.e) * best <= reached <= best + 1e-12


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_the_objective_never_decreases_and_weights_are_not_negative(kernel: Any) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, pool = np.abs(rng.normal(size=(60, 5))), np.abs(rng.normal(size=(80, 5)))
        pool[40:60] = pool[:20]  # duplicates
        finding = protodash(X, pool, n_prototypes=60, kernel=kernel)
        assert (np.diff(objectives(finding)) >= -1e-12).all()
        assert (finding.arrays["weights"] >= 0).all()
        assert len(set(finding.arrays["indices"].tolist())) == len(finding.arrays["indices"])


def test_weights_of_many_prototypes_are_those_of_a_solver(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(300, 4)), rng.normal(size=(200, 4))
    finding = protodash(X, pool, n_prototypes=80, sigma=1.0)
    chosen = pool[finding.arrays["indices"]]
    K, u = gaussian(chosen, chosen, 1.0), gaussian(chosen, X, 1.0).mean(axis=1)
    root = np.linalg.cholesky(K + 1e-14 * np.eye(len(K))).T
    weights, _ = optimize.nnls(root, np.linalg.solve(root.T, u), maxiter=10_000)
    assert np.allclose(finding.arrays["weights"], weights, atol=1e-6)


def test_one_run_with_the_largest_number_answers_for_every_smaller_one(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(50, 3)), rng.normal(size=(60, 3))
    long = protodash(X, pool, n_prototypes=9, sigma=1.0).arrays
    for number in (1, 4, 8):
        short = protodash(X, pool, n_prototypes=number, sigma=1.0).arrays
        assert np.array_equal(short["indices"], long["indices"][:number])
        assert np.array_equal(short["weights"], long["weights_path"][number - 1, :number])
        assert not long["weights_path"][number - 1, number:].any()


def test_order_units_and_copies_do_not_matter(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(50, 3)), rng.normal(size=(60, 3))
    plain = protodash(X, pool, constraints=NUMBERS).arrays
    order = rng.permutation(60)
    shuffled = protodash(rng.permutation(X), pool[order], constraints=NUMBERS).arrays
    assert np.array_equal(order[shuffled["indices"]], plain["indices"])
    others = protodash(
        X[:, ::-1] * [1e4, 0.1, 3.0] + 7, pool[:, ::-1] * [1e4, 0.1, 3.0] + 7, constraints=NUMBERS
    ).arrays
    doubled = protodash(np.repeat(X, 2, axis=0), pool, constraints=NUMBERS).arrays
    for same in (others, doubled):
        assert np.array_equal(same["indices"], plain["indices"])
        assert np.allclose(same["weights"], plain["weights"], atol=1e-9)


def test_single_precision_decides_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    X, pool = rng.normal(size=(400, 6)), rng.normal(size=(3000, 6))
    pool[1000:2000] = pool[:1000] + 1e-7  # hardly different: single precision cannot tell which is better
    exact = protodash(X, pool, n_prototypes=15).arrays
    own = protodash(pool, pool, n_prototypes=15)
    monkeypatch.setattr(similarity, "_EXACT_PAIRS", 0)
    rough = protodash(X, pool, n_prototypes=15).arrays
    assert np.array_equal(rough["indices"], exact["indices"])
    assert np.allclose(rough["weights"], exact["weights"], atol=1e-12)
    again = protodash(pool, pool, n_prototypes=15)
    assert np.array_equal(again.arrays["indices"], own.arrays["indices"])
    assert again.values["mmd2"] == pytest.approx(own.values["mmd2"], abs=1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_a_small_memory_limit_gives_the_same_result(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    X, pool = rng.random((3000, 40)), rng.random((5000, 40))
    large = [protodash(part, pool, n_prototypes=6, kernel=kernel) for part in (X, pool)]
    rows = [chunk for chunk, _ in similarity.Rows(_kernel(kernel, pool), pool, 1e-6).chunks()]
    assert len(rows) == 5
    small = [protodash(part, pool, n_prototypes=6, kernel=kernel, memory_limit=1e-6) for part in (X, pool)]
    for one, other in zip(large, small, strict=True):
        assert np.array_equal(one.arrays["indices"], other.arrays["indices"])
        assert np.allclose(one.arrays["weights"], other.arrays["weights"], atol=1e-12)
        assert one.values == pytest.approx(other.values, abs=1e-9)
        assert one.tables["criticisms"]["id"].tolist() == other.tables["criticisms"]["id"].tolist()


def _kernel(kind: Any, samples: Array) -> Any:
    from xrai_widgets.engines.explanations.protodash.kernel import make_kernel

    return make_kernel(kind, None, False, samples, (), 0)


def test_categories_overlap_and_numbers_are_near(rng: np.random.Generator) -> None:
    from xrai_widgets.engines.explanations.protodash.kernel import make_kernel

    kinds = (
        Constraint(),
        Constraint("category", ("a", "b", "c")),
        Constraint("integer"),
        Constraint("category", (0, 1)),
    )
    samples = np.column_stack(
        [rng.normal(5, 9, 40), rng.integers(0, 3, 40), rng.integers(0, 99, 40), rng.integers(0, 2, 40)]
    )
    kernel = make_kernel("gaussian", 1.7, True, samples, kinds, 0)
    K = kernel.matrix(kernel.embed(samples), kernel.embed(samples))
    numbers = samples[:, [0, 2]] / samples[:, [0, 2]].std(axis=0)
    different = (samples[:, None, [1, 3]] != samples[None, :, [1, 3]]).sum(axis=2)
    assert np.allclose(K, gaussian(numbers, numbers, 1.7) * np.exp(-1 / 1.7**2) ** different)
    assert np.linalg.eigvalsh(K).min() > -1e-12
    linear = make_kernel("linear", None, True, samples, kinds, 0)
    L = linear.matrix(linear.embed(samples), linear.embed(samples))
    low, high = samples[:, [0, 2]].min(axis=0), samples[:, [0, 2]].max(axis=0)
    unit = (samples[:, [0, 2]] - low) / (high - low)
    assert np.allclose(L, unit @ unit.T + (2 - different))


def test_a_width_far_too_small_still_tells_samples_apart() -> None:
    pool = np.array([[1e6], [1e6 + 1e-3], [2e6]])
    weights = protodash(pool, pool, n_prototypes=3, sigma=1e-3).arrays["weights"]
    K = gaussian(pool, pool, 1e-3)
    wanted, _ = best_weights(K, K.mean(axis=1))
    assert np.allclose(np.sort(weights), np.sort(wanted), atol=1e-9)


def clusters(rng: np.random.Generator, sizes: tuple[int, ...]) -> Array:
    centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]
    parts = [centre + rng.normal(0, 0.5, (n, 2)) for centre, n in zip(centres, sizes, strict=False)]
    return np.vstack(parts)


def test_planted_clusters_get_a_prototype_each_with_their_share(rng: np.random.Generator) -> None:
    X, pool = clusters(rng, (100, 60, 40)), clusters(rng, (50, 50, 50))
    finding = protodash(X, pool, n_prototypes=3, sigma=2.0)
    samples = finding.tables["samples"]
    assert (finding.arrays["indices"] // 50).tolist() == [0, 1, 2]
    assert samples["share"].to_numpy() == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert finding.values["explained"] > 0.95
    random = finding.tables["curve"].query("`chosen by` == 'random draws' and n == 3")["mmd2"].item()
    assert finding.values["mmd2"] < 0.5 * random


def test_what_no_prototype_stands_for_is_the_first_criticism(rng: np.random.Generator) -> None:
    X, pool = clusters(rng, (90, 60)), clusters(rng, (50, 50))
    X = np.vstack([X, [[30.0, 30.0]] * 5])  # alike: one of them is enough
    criticisms = protodash(X, pool, n_prototypes=8, sigma=2.0, n_criticisms=3).tables["criticisms"]
    assert len(criticisms) == 3
    assert criticisms["id"].iloc[0] == 150
    assert criticisms["witness"].iloc[0] == pytest.approx(5 / 155, abs=1e-6)
    assert not set(criticisms["id"].iloc[1:]) & set(range(150, 155))


def test_samples_that_are_training_samples_are_explained_wholly_and_the_search_stops(rng: np.random.Generator) -> None:
    pool = rng.normal(size=(30, 4))
    finding = protodash(np.repeat(pool[:4], 5, axis=0), pool, n_prototypes=10, sigma=1.0)
    assert sorted(finding.arrays["indices"].tolist()) == [0, 1, 2, 3]
    assert np.allclose(finding.arrays["weights"], 0.25)
    assert finding.values["mmd2"] == pytest.approx(0.0, abs=1e-12)
    assert finding.arrays["weights_path"].shape == (4, 4)
    assert any("stopped after 4 prototypes" in note for note in finding.notes)


def test_mmd2_is_the_distance_of_the_definition(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(40, 3)), rng.normal(size=(50, 3))
    finding = protodash(X, pool, n_prototypes=4, sigma=1.5)
    Z, w = pool[finding.arrays["indices"]], finding.arrays["weights"]
    K = gaussian(X, X, 1.5)
    mmd2 = K.mean() - 2 * (gaussian(X, Z, 1.5) @ w).mean() + w @ gaussian(Z, Z, 1.5) @ w
    assert finding.values["mmd2"] == pytest.approx(mmd2, abs=1e-12)
    assert finding.values["explained"] == pytest.approx(1 - mmd2 / K.mean(), abs=1e-12)
    curve = finding.tables["curve"].query("`chosen by` == 'ProtoDash'")
    assert curve["mmd2"].iloc[-1] == pytest.approx(mmd2, abs=1e-12)
    assert (curve["low"] <= curve["mmd2"]).all()
    assert (curve["mmd2"] <= curve["high"]).all()


def test_agreement_counts_answers_like_that_of_the_nearest_prototype(rng: np.random.Generator) -> None:
    X, pool = clusters(rng, (30, 70)), clusters(rng, (50, 50))

    def predict(samples: Array) -> Array:
        right = (samples[:, 0] > 5).astype(int)
        right[samples[:, 1] > 1.0] = 0  # against its cluster
        return np.eye(2)[right]

    finding = protodash(X, pool, predict=predict, n_prototypes=2, sigma=2.0)
    against = int((X[30:, 1] > 1.0).sum())
    assert finding.values["agreement"] == pytest.approx(1 - against / 100)
    assert finding.intervals["agreement"][0] < 1 - against / 100 < finding.intervals["agreement"][1]
    assert finding.counts["agreement"] == 100


def test_each_class_gets_prototypes_of_its_own(credit: Subject) -> None:
    outcome = run(credit, "explanations.protodash", {"per_class": True, "n_prototypes": 4}, strict=True)
    assert outcome.finding is not None
    samples = outcome.finding.tables["samples"]
    assert samples["answer"].tolist() == samples["explains"].tolist() == ["bad"] * 4 + ["good"] * 4
    assert outcome.finding.arrays["weights_path"].shape == (2, 4, 4)
    assert outcome.finding.arrays["group"].tolist() == [0] * 4 + [1] * 4
    by_label = run(credit, "explanations.protodash", {"per_class": True, "class_by": "label"}, strict=True)
    assert by_label.finding is not None
    samples = by_label.finding.tables["samples"]
    assert samples["class"].tolist() == samples["explains"].tolist()
    alone = run(credit, "explanations.protodash", {"only_class": "bad", "n_prototypes": 4}, strict=True)
    assert alone.finding is not None
    assert np.array_equal(alone.finding.arrays["weights"], outcome.finding.arrays["weights"][:4])


def test_one_applicant_is_explained_by_applicants_with_the_same_answer(credit: Subject) -> None:
    name = str(credit.ids[3])
    outcome = run(credit, "explanations.protodash", {"sample": name, "n_prototypes": 5}, strict=True)
    assert outcome.finding is not None
    answer = credit.classes[credit.predict(credit.X[3:4]).argmax()]
    assert set(outcome.finding.tables["samples"]["answer"]) == {answer}
    others = run(credit, "explanations.protodash", {"sample": name, "choose_from": "other classes"}, strict=True)
    assert others.finding is not None
    assert answer not in set(others.finding.tables["samples"]["answer"])
    rows = outcome.finding.tables["rows"]
    assert credit.decode is not None
    assert rows["explained"].tolist() == [str(cell) for cell in credit.decode(credit.X[3:4]).iloc[0]]
    features = outcome.finding.tables["features"].set_index("feature")
    equal = (rows["explained"] == rows["1"]).to_numpy()
    assert np.array_equal(features["1"].to_numpy() == 1.0, equal)
    assert features["similarity"].between(0, 1).all()


def test_a_training_sample_is_not_its_own_prototype(credit: Subject) -> None:
    assert credit.train_ids is not None
    params = {"sample": str(credit.train_ids[7]), "explain": "X_train", "choose_from": "all"}
    finding = run(credit, "explanations.protodash", params, strict=True).finding
    assert finding is not None
    assert 7 not in finding.arrays["indices"]


def test_regression_and_images_are_served(regression: Subject, digits: Subject) -> None:
    numbers = run(regression, "explanations.protodash", {"n_prototypes": 3}, strict=True).finding
    assert numbers is not None
    assert {"target", "answer"} <= set(numbers.tables["samples"].columns)
    assert "agreement" not in numbers.values
    pictures = run(digits, "explanations.protodash", {"n_prototypes": 3}, strict=True).finding
    assert pictures is not None
    assert digits.X_train is not None
    assert np.array_equal(pictures.arrays["prototypes"], digits.X_train[pictures.arrays["indices"]])
    assert "features" not in pictures.tables


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"n_prototypes": 31},
            r"n_prototypes must be at most the 30 training samples to choose from for 'all', got 31",
        ),
        ({"n_prototypes": 0}, "n_prototypes must be at least 1, got 0"),
        ({"sigma": 0.0}, "sigma must be a positive number, or None for the median distance, got 0.0"),
        ({"sigma": float("nan")}, "sigma must be a positive number"),
        ({"kernel": "gausian"}, "kernel must be 'gaussian' or 'linear', got 'gausian'"),
        ({"X": np.full((3, 3), np.inf)}, "X must hold finite numbers, or missing ones in a table, got 9 other cells"),
        ({"X": np.zeros((3, 2))}, r"X and X_train must have the same columns, got \(2,\) and \(3,\)"),
        ({"X": np.zeros((0, 3))}, r"X must hold samples as rows, got shape \(0, 3\)"),
        ({"constraints": (Constraint(),)}, r"constraints must be one per column of X \(3\), got 1"),
        ({"sample": "99"}, "sample must be the id of a sample of X, such as 0, 1, 2, got '99'"),
        ({"sample": "1", "per_class": True}, "only one of per_class, only_class and sample can be given"),
        ({"per_class": True}, "per_class=True needs classes: class_by='answer' needs predict"),
        ({"sample": "1"}, "choose_from='same class' needs classes: class_by='answer' needs predict"),
        ({"choose_from": "other classes"}, "needs per_class, only_class or sample, got none of them"),
        ({"per_class": True, "task": "regression"}, "needs classes: this is regression"),
        (
            {"only_class": "god", "class_by": "label", "naming": Names(classes=("bad", "good"))},
            "only_class must be one of bad, good, got 'god'; did you mean 'good'",
        ),
        (
            {"only_class": "c", "class_by": "label", "naming": Names(classes=("a", "b", "c"))},
            "no sample of X is of the class 'c'",
        ),
        ({"kernel": "linear", "X": -np.ones((3, 3))}, "no training sample has a positive mean similarity"),
    ],
)
def test_bad_input_is_told_with_the_allowed_and_the_got(changes: dict[str, Any], said: str) -> None:
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {"X": rng.random((20, 3)), "X_train": rng.random((30, 3)), "n_prototypes": 5}
    labels = {"y": np.arange(20) % 2, "y_train": np.arange(30) % 2} if "class_by" in changes else {}
    with pytest.raises(ValueError, match=said):
        protodash(**(given | labels | changes))


def test_columns_that_never_vary_are_left_out_and_named(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(30, 3)), rng.normal(size=(40, 3))
    plain = protodash(X[:, :2], pool[:, :2], constraints=NUMBERS[:2])
    pool[:, 2] = 5.0
    finding = protodash(X, pool, constraints=NUMBERS, naming=Names(feature_names=("a", "b", "still")))
    assert np.array_equal(finding.arrays["indices"], plain.arrays["indices"])
    assert any("do not vary in the training samples: still" in note for note in finding.notes)


def test_training_samples_that_are_all_alike_are_answered(rng: np.random.Generator) -> None:
    finding = protodash(rng.normal(size=(9, 3)), np.ones((20, 3)), n_prototypes=5)
    assert finding.arrays["indices"].tolist() == [0]
    assert any("stopped after 1 prototypes" in note for note in finding.notes)


def test_a_linear_kernel_on_standardised_samples_is_warned_of(rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(300, 5)), rng.normal(size=(300, 5))
    assert any("centred" in note for note in protodash(X, pool, kernel="linear").notes)
    assert not any("centred" in note for note in protodash(X + 3, pool + 3, kernel="linear").notes)
    assert not any("centred" in note for note in protodash(X, pool, kernel="linear", scale="columns").notes)


def test_a_class_without_samples_is_said_and_the_others_are_answered(credit: Subject) -> None:
    assert credit.y_train is not None
    without = replace(credit, y=np.where(credit.y == 0, 1, credit.y))
    params = {"per_class": True, "class_by": "label", "n_prototypes": 3}
    finding = run(without, "explanations.protodash", params, strict=True).finding
    assert finding is not None
    assert set(finding.tables["samples"]["explains"]) == {"good"}
    assert any("no sample of X is of the class 'bad'" in note for note in finding.notes)


@pytest.mark.slow
def test_the_intervals_hold_the_distance_to_the_population_95_times_in_100() -> None:
    from xrai_widgets.core import quiet
    from xrai_widgets.engines.explanations.protodash.fit import Fit, around

    rng = np.random.default_rng(0)
    population = rng.normal(size=(4000, 2))
    kernel = replace(_kernel("gaussian", population), sigma=1.5)
    everybody = similarity.Rows(kernel, population, 1.0)
    for most, n in ((2, 60), (12, 60), (12, 400)):
        found = protodash(population, population, n_prototypes=most, sigma=1.5)
        weights, points = found.arrays["weights"], everybody.points(found.arrays["indices"])
        truth = Fit.of(everybody, similarity.within_similarity(everybody, quiet, ""), points).distance(weights).mmd2
        held = 0
        for _ in range(400):
            rows = similarity.Rows(kernel, population[rng.integers(0, 4000, n)], 1.0)
            apart = Fit.of(rows, similarity.within_similarity(rows, quiet, ""), points).distance(weights)
            band = around(apart.mmd2, apart.unbiased, float(np.sqrt(apart.variance)), n, 0.0, np.inf)
            held += band.low <= truth <= band.high
        assert held / 400 > 0.92


def test_aix360_is_not_applicable_where_numpy_breaks_it(monkeypatch: pytest.MonkeyPatch, forest: Subject) -> None:
    monkeypatch.setattr(np, "__version__", "2.4.1")
    outcome = run(forest, "explanations.protodash", {"implementation": "aix360"})
    assert outcome.status == "not applicable"
    assert "needs numpy<2.4, this is 2.4.1" in outcome.reason
    assert outcome.instead == "implementation='native'"


def test_aix360_that_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("aix360")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aix360", None)
    monkeypatch.setattr(np, "__version__", "2.3.5")
    with pytest.raises(NotApplicable, match=r"needs aix360.*: pip install 'xrai-widgets\[aix360\]'"):
        protodash(rng.random((9, 2)), rng.random((9, 2)), n_prototypes=2, implementation="aix360")


def test_aix360_that_needs_too_much_memory_is_refused(rng: np.random.Generator) -> None:
    X = rng.random((3000, 2))
    with pytest.raises(
        ValueError, match=r"AIX360 builds an array of 0.072 GB here, memory_limit must be at least that"
    ):
        protodash(X, X, kernel="linear", implementation="aix360", memory_limit=0.05)


def test_cancel_lands_within_a_second_between_tiles() -> None:
    pool = np.random.default_rng(0).normal(size=(60_000, 10))  # minutes
    stopped: list[float] = []

    class Impatient(Step):
        def __call__(self, *_: Any) -> None:
            if time.monotonic() - started > 0.5:
                stopped.append(time.monotonic())
                raise Cancelled("stop")

    threads = [library["num_threads"] for library in threadpool_info()]
    started = time.monotonic()
    with pytest.raises(Cancelled):
        protodash(pool, pool + 1.0, step=Impatient())
    took = time.monotonic() - stopped[0]
    assert 0.4 < stopped[0] - started < 1.5 * slowness()
    assert took < 1.0 * slowness()
    assert [library["num_threads"] for library in threadpool_info()] == threads


def test_what_was_chosen_before_cancel_is_kept(credit: Subject) -> None:
    kept: list[Any] = []
    heard: list[str] = []

    class Stops(Step):
        def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
            assert 0 <= done <= 1
            if partial is not None:
                kept.append(partial)
            heard.append(note)
            if heard.count("3 of 5 prototypes") == 2:
                raise Cancelled("stop")

    assert credit.X_train is not None
    with pytest.raises(Cancelled):
        protodash(
            credit.X,
            credit.X_train,
            predict=credit.predict,
            naming=credit.naming,
            constraints=credit.constraints,
            n_prototypes=5,
            per_class=True,
            step=Stops(),
        )
    finding = kept[-1]()
    assert finding.tables["samples"]["explains"].tolist() == ["bad"] * 5 + ["good"] * 3
    assert finding.arrays["weights_path"].shape == (2, 5, 5)
    assert np.isnan(finding.arrays["weights_path"][1, 3:]).all()
    assert finding.values["mmd2"] > 0
