"""Drift of a table: both questions, what was planted, and nothing where nothing is."""

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.core import Array, Constraint, Names
from xrai_widgets.core.step import quiet
from xrai_widgets.engines.monitoring import data_drift
from xrai_widgets.engines.monitoring.data_drift.columns import moved
from xrai_widgets.engines.monitoring.data_drift.decision import Limits, decided
from xrai_widgets.engines.monitoring.data_drift.mmd import discrepancy, gaussian, standardised
from xrai_widgets.engines.monitoring.data_drift.two_sample import separation

LIMITS = Limits(psi=0.1, missing=0.05, new=0.01, alpha=0.05, correction="bh")
PLAIN = Constraint()
LETTERS = Constraint("category", ("a", "b", "c"))


def one(before: Array, now: Array, kind: Constraint = PLAIN) -> dict[str, dict[str, bool]]:
    table = decided({"x": moved(before, now, kind, 10, np.random.default_rng(0))}, LIMITS).set_index("about")
    return {str(about): {"real": bool(row["real"]), "big": bool(row["big"])} for about, row in table.iterrows()}


def test_real_and_big_are_two_questions() -> None:
    rng = np.random.default_rng(0)
    far = one(rng.normal(size=2000), rng.normal(1, size=1000))
    near = one(rng.normal(size=50_000), rng.normal(0.05, size=50_000))
    few = one(*(stats.norm.ppf((np.arange(n) + 0.5) / n) + mu for n, mu in ((40, 0.0), (12, 0.3))))
    assert far["values"] == {"real": True, "big": True}
    assert near["values"] == {"real": True, "big": False}
    assert few["values"]["real"] is False


def test_missing_cells_new_words_and_empty_columns_are_found() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.normal(size=600), rng.normal(size=300)
    now[:150] = np.nan
    half = one(before, now)
    assert half["missing"] == {"real": True, "big": True}
    assert half["values"]["real"] is False  # those that are there have not moved
    assert one(before, np.full(300, np.nan))["missing"] == {"real": True, "big": True}
    words, others = rng.integers(0, 3, 600).astype(float), rng.integers(0, 3, 300).astype(float)
    others[:60] = 3.0
    assert one(words, others, LETTERS)["new"] == {"real": True, "big": True}
    assert one(np.zeros(600), np.zeros(300))["values"] == {"real": False, "big": False}
    assert one(np.full(600, np.nan), np.full(300, np.nan))["missing"]["real"] is False
    assert one(before, rng.normal(size=1))["values"]["real"] is False


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg() -> None:
    p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    made = stats.false_discovery_control(p)
    assert made == pytest.approx([0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.105714, 0.216, 0.216, 0.216], abs=1e-6)
    rng = np.random.default_rng(2)
    X, Z = rng.normal(size=(300, 6)), rng.normal(size=(200, 6))
    for correction in ("bh", "by"):
        table = data_drift(X, Z, joint=False, correction=correction).tables["columns"]
        assert table["p_adjusted"].to_numpy() == pytest.approx(
            stats.false_discovery_control(table["p"], method=correction)
        )


def test_a_clean_table_drifts_nowhere_and_a_moved_one_where_it_was_moved() -> None:
    rng = np.random.default_rng(3)
    X, Z = rng.normal(size=(2000, 10)), rng.normal(size=(1000, 10))
    clean = data_drift(X, Z, joint=False)
    assert clean.values["drifted_share"] == 0.0
    assert clean.intervals["drifted_share"] == (0.0, 0.0)
    Z[:, [2, 5]] += 1.0
    named = data_drift(X, Z, (), Names(feature_names=tuple("abcdefghij")), joint=False)
    table = named.tables["columns"]
    assert table.loc[table["moved"], "column"].tolist() == ["c", "f"]
    assert named.values["drifted_share"] == pytest.approx(0.2)
    assert named.intervals["drifted_share"] == pytest.approx((0.2, 0.2))
    assert named.values["largest_psi"] == pytest.approx(table["value"].max())
    assert any("Drifted: c, f." in note for note in named.notes)
    assert any("less than ten times" in note for note in named.notes)


def test_columns_that_move_together_are_seen_by_the_tests_of_the_whole_table() -> None:
    rng = np.random.default_rng(4)
    X, Z = rng.normal(size=(800, 3)), rng.normal(size=(800, 3))
    X[:, 1] = X[:, 0] + 0.1 * rng.normal(size=800)
    Z[:, 1] = -Z[:, 0] + 0.1 * rng.normal(size=800)
    X[:, 1], Z[:, 1] = X[:, 1] / X[:, 1].std(), Z[:, 1] / Z[:, 1].std()
    finding = data_drift(X, Z)
    assert finding.values["drifted_share"] == 0.0
    assert finding.intervals["c2st_auc"][0] > 0.8
    joint = finding.tables["joint"].set_index("test")
    assert joint.loc["kernel", "p"] == pytest.approx(1 / 200)
    assert joint.loc["classifier", "p"] < 1e-6
    assert set(finding.tables["tells"]["column"].tolist()[:2]) == {"x0", "x1"}
    samples = finding.tables["samples"]
    assert set(samples["part"]) == {"X", "X_new"}
    assert len(samples) == 800
    again = samples.groupby("part")["looks_new"].mean()
    assert again["X_new"] > again["X"]


def test_the_kernel_statistic_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(5)
    X, Z = rng.normal(size=(70, 2)), rng.normal(0.5, size=(40, 2))
    found = discrepancy(X, Z, 1.0, np.random.default_rng(0), quiet)
    both = np.concatenate([X, Z])
    apart = np.sqrt(np.square(both[:, None] - both[None]).sum(axis=2))[np.triu_indices(110, 1)]
    width = np.median(apart)
    kernel = np.mean([gaussian(both, both, width * factor) for factor in (0.5, 1, 2)], axis=0)
    np.fill_diagonal(kernel, 0.0)
    truth = kernel[:70, :70].sum() / (70 * 69) + kernel[70:, 70:].sum() / (40 * 39) - 2 * kernel[:70, 70:].mean()
    assert found.mmd2 == pytest.approx(truth, abs=1e-6)
    assert found.p == pytest.approx(1 / 200)


def test_the_population_kernel_distance_of_two_normals() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(3000, 1)), rng.normal(1, size=(3000, 1))

    def mean(first: Array, second: Array) -> float:
        return float(gaussian(first, second, 1.0).mean())

    shifted = mean(a, a) + mean(b, b) - 2 * mean(a, b)
    assert shifted == pytest.approx(0.1772676349, abs=0.015)


def test_tables_are_standardised_by_the_baseline() -> None:
    before = np.array([[0.0, 0], [1, 1], [2, 1], [3, 0], [4, np.nan]])
    now = np.array([[4.0, 2], [np.nan, 0]])
    kinds = (PLAIN, PLAIN)
    a, b = standardised(before, now, kinds)
    unit = 2 / 1.349
    assert a[:, 0] == pytest.approx((before[:, 0] - 2) / unit)
    assert b[:, :2].tolist() == [[pytest.approx(2 / unit), 0.0], [0.0, 1.0]]
    words, _ = standardised(np.array([[0.0], [1]]), np.array([[2.0]]), (LETTERS,))
    assert words == pytest.approx(np.eye(3)[:2] / np.sqrt(2))


def test_a_batch_of_one_row_is_read_and_says_what_it_cannot_tell() -> None:
    rng = np.random.default_rng(7)
    finding = data_drift(rng.normal(size=(100, 3)), rng.normal(size=(1, 3)))
    assert finding.values["drifted_share"] == 0.0
    assert any("not tested, either side needs 20 rows" in note for note in finding.notes)
    assert any("is known to about ±" in note for note in finding.notes)


def test_new_words_are_named_where_samples_contents_are() -> None:
    rng = np.random.default_rng(8)
    X, Z = rng.integers(0, 3, (200, 1)).astype(float), rng.integers(0, 4, (100, 1)).astype(float)
    rows = data_drift(X, Z, (LETTERS,), joint=False).tables["rows"]
    assert rows.to_numpy().tolist() == [["x0", "3", int((Z == 3).sum())]]


@pytest.mark.slow
def test_false_discoveries_are_as_few_as_asked_for() -> None:
    rng, shares = np.random.default_rng(9), []
    limits = Limits(0.0, 0.0, 0.0, 0.05, "bh")
    for _ in range(300):
        X, Z = rng.normal(size=(500, 30)), rng.normal(size=(500, 30))
        Z[:, :5] += 0.5
        columns = {str(c): moved(X[:, c], Z[:, c], PLAIN, 10, rng) for c in range(30)}
        table = decided(columns, limits)
        named = table.loc[table["real"], "column"].astype(int)
        shares.append(float((named >= 5).mean()) if len(named) else 0.0)
    assert np.mean(shares) <= 0.05 + 2 * np.std(shares) / np.sqrt(300)


@pytest.mark.slow
def test_the_tests_of_the_whole_table_have_uniform_p_values() -> None:
    rng, kernel, trees = np.random.default_rng(10), [], []
    for seed in range(100):
        X, Z = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
        X[:, 2], Z[:, 2] = np.round(X[:, 2]), np.round(Z[:, 2])
        kernel.append(discrepancy(X, Z, 1.0, np.random.default_rng(seed), quiet).p)
        trees.append(separation(X, Z, (), seed, quiet).p)
    assert stats.kstest(np.array(kernel) - rng.random(100) / 200, "uniform").pvalue > 0.001
    assert stats.kstest(trees, "uniform").pvalue > 0.001


@pytest.mark.parametrize("rest", [0.03, 0.0])
def test_a_column_whose_largest_value_nearly_all_rows_hold_can_move(rest: float) -> None:
    rng = np.random.default_rng(0)
    before, now = (rng.random(1000) > rest).astype(float), (rng.random(1000) > 0.5).astype(float)
    assert one(before, now)["values"] == {"real": True, "big": True}
    finding = data_drift(before[:, None], now[:, None], joint=False)
    assert finding.intervals["drifted_share"][0] == 1.0
    again = data_drift(before[:, None], np.roll(before, 5)[:, None], joint=False)
    assert again.values["drifted_share"] == again.values["largest_psi"] == 0.0


def test_of_a_few_rows_no_upper_end_of_the_stability_index_is_known() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(400, 1))
    for rows, known in ((1, False), (10, False), (39, False), (100, True)):
        finding = data_drift(before, rng.normal(2, 1, (rows, 1)), joint=False)
        assert np.isfinite(finding.intervals["largest_psi"][1]) == known
