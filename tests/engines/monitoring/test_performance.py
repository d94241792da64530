"""How much worse the model is on a batch: closed forms, parts that add up, and what is found."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.core import Array, Finding
from xrai_widgets.engines._statistics import wilson
from xrai_widgets.engines.monitoring import performance
from xrai_widgets.engines.monitoring._arms import fall, parts_of_fall, rise_of_means


def one_hot(X: Array) -> Array:
    """The model says what is in the first column."""
    return np.eye(2)[X[:, 0].astype(int)]


def batch(right: int, n: int, y: Array | None = None) -> tuple[Array, Array]:
    y = np.arange(n) % 2 if y is None else y
    return np.where(np.arange(n) < right, y, 1 - y)[:, None].astype(float), y


def measured(before: tuple[Array, Array], now: tuple[Array, Array], **words: Any) -> Finding:
    return performance(one_hot, *before, *now, **({"outputs": "labels"} | words))


def test_a_fall_of_shares_is_newcombes() -> None:
    finding = measured(batch(180, 200), batch(150, 200))
    assert finding.values["accuracy_fall"] == pytest.approx(0.15)
    assert finding.intervals["accuracy_fall"] == pytest.approx((0.07612879, 0.22292654), abs=1e-8)
    table = finding.tables["metrics"].set_index("metric")
    assert table.loc["accuracy", "p"] < 0.001
    assert set(finding.values) == {
        *("accuracy_fall", "balanced_accuracy_fall", "accuracy", "fall_by_mix", "fall_within"),
    }


def test_the_same_sample_twice_falls_by_nothing() -> None:
    finding = measured(batch(170, 200), batch(170, 200), outputs="probabilities")
    for key in ("accuracy_fall", "balanced_accuracy_fall", "auroc_fall", "brier_rise", "log_loss_rise"):
        assert finding.values[key] == 0.0
        low, high = finding.intervals[key]
        assert low < 0 < high
    assert (finding.tables["metrics"]["p"] == 1.0).all()


def test_each_sample_says_what_it_adds() -> None:
    finding = measured(batch(180, 200), batch(150, 100 * 2), outputs="probabilities")
    pairs = finding.tables["contributions"]
    for key in ("accuracy_fall", "brier_rise", "log_loss_rise"):
        assert pairs.groupby("part")[key].mean().sum() == pytest.approx(finding.values[key])


def test_another_mix_and_another_model_add_up() -> None:
    rng = np.random.default_rng(0)
    y = [rng.choice(3, n, p=p) for n, p in ((900, [0.5, 0.3, 0.2]), (500, [0.2, 0.3, 0.5]))]
    chances = [np.array([0.95, 0.8, 0.6]), np.array([0.9, 0.8, 0.5])]
    right = [rng.random(len(part)) < chance[part] for part, chance in zip(y, chances, strict=True)]
    parts = parts_of_fall((right[0], right[1]), (y[0], y[1]), 3)
    assert parts is not None
    assert parts.mix.value + parts.within.value == pytest.approx(right[0].mean() - right[1].mean(), abs=1e-12)
    accuracy = [np.array([hits[part == c].mean() for c in range(3)]) for hits, part in zip(right, y, strict=True)]
    shares = [np.bincount(part) / len(part) for part in y]
    assert parts.mix.value == pytest.approx(((shares[0] - shares[1]) * accuracy[0]).sum())
    assert parts.within.value == pytest.approx((shares[1] * (accuracy[0] - accuracy[1])).sum())
    assert parts.mix.low > 0


def test_a_mean_loss_rises_by_welchs_interval() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.gamma(2, size=60), rng.gamma(3, size=35)
    rise = rise_of_means(before, now)
    test = stats.ttest_ind(now, before, equal_var=False)
    interval = test.confidence_interval()
    assert (rise.worse.low, rise.worse.high) == pytest.approx((interval.low, interval.high))
    assert rise.p == pytest.approx(test.pvalue, abs=0.02)


def test_labels_that_are_flipped_are_found_and_clean_ones_are_not() -> None:
    rng = np.random.default_rng(2)

    def rows(n: int, flipped: float) -> tuple[Array, Array]:
        y = rng.integers(0, 2, n)
        return np.where(rng.random(n) < 0.9, y, 1 - y)[:, None].astype(float), np.where(
            rng.random(n) < flipped, 1 - y, y
        )

    found = measured(rows(2000, 0.0), rows(1000, 0.2))
    assert found.intervals["accuracy_fall"][0] > 0.1
    clean = measured(rows(2000, 0.0), rows(1000, 0.0))
    assert clean.intervals["accuracy_fall"][0] < 0.05
    assert clean.intervals["accuracy_fall"][1] < 0.1


def test_a_class_that_one_side_lacks_is_said() -> None:
    finding = measured(batch(90, 100), batch(10, 20, np.zeros(20, dtype=int)))
    notes = " ".join(finding.notes)
    assert "one side lacks a class" in notes
    assert "not 1." in notes
    assert "fall_by_mix" not in finding.values
    assert "±" in notes


def test_a_regression_by_hand() -> None:
    rng = np.random.default_rng(3)
    X, Z = rng.normal(size=(300, 1)), rng.normal(size=(200, 1))
    y, z = X[:, 0] + 0.1 * rng.normal(size=300), Z[:, 0] + 0.5 * rng.normal(size=200) + 0.3
    finding = performance(lambda rows: rows[:, 0], X, y, Z, z, outputs="values")
    errors = [np.abs(X[:, 0] - y), np.abs(Z[:, 0] - z)]
    assert finding.values["mae_rise"] == pytest.approx(errors[1].mean() - errors[0].mean())
    assert finding.values["rmse_rise"] == pytest.approx(
        np.sqrt((errors[1] ** 2).mean()) - np.sqrt((errors[0] ** 2).mean())
    )
    scores = [1 - (e**2).sum() / ((t - t.mean()) ** 2).sum() for e, t in zip(errors, (y, z), strict=True)]
    assert finding.values["r2_fall"] == pytest.approx(scores[0] - scores[1])
    assert finding.values["bias_change"] == pytest.approx((Z[:, 0] - z).mean() - (X[:, 0] - y).mean())
    assert all(low > 0 for low, _ in [finding.intervals[key] for key in ("mae_rise", "rmse_rise", "r2_fall")])


def test_one_row_and_a_constant_target_are_no_exception() -> None:
    finding = measured(batch(90, 100), batch(1, 1), outputs="probabilities")
    low, high = finding.intervals["accuracy_fall"]
    assert low < 0.0 < high
    X = np.zeros((20, 1))
    values = performance(lambda rows: rows[:, 0], X, np.ones(20), X[:1], np.ones(1), outputs="values")
    assert values.values["mae_rise"] == 0.0
    assert "r2_fall" not in values.values


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 1000])
def test_the_intervals_of_the_fall_cover(n: int) -> None:
    rng = np.random.default_rng(4)
    hits = rng.binomial(n, (0.9, 0.8), size=(2000, 2))
    ends = [fall(wilson(a, n), wilson(b, n)).worse for a, b in hits.tolist()]
    assert 0.93 <= np.mean([end.low <= 0.1 <= end.high for end in ends]) <= 0.97


def test_errors_that_are_all_alike_do_not_make_a_change_certain() -> None:
    finding = measured(batch(160, 200), batch(2, 2), outputs="probabilities")
    low, high = finding.intervals["brier_rise"]
    assert low < finding.values["brier_rise"] == -0.2
    missed = 1 - 0.025 ** (1 / 2)  # share of wrong answers that two right ones leave possible
    below = 0.2 - stats.t.ppf(0.975, 199) * np.sqrt(0.16 / 199)
    assert high == pytest.approx(-0.2 + np.hypot(0.2 - below, missed))
    exact = rise_of_means(np.zeros(50), np.zeros(40))
    assert (exact.worse.value, exact.worse.high) == (0.0, np.inf)


def test_of_few_rows_no_root_of_squares_is_known() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1))
    for rows, known in ((1, False), (29, False), (300, True)):
        Z = rng.normal(size=(rows, 1))
        args = X, X[:, 0] + rng.normal(size=300), Z, Z[:, 0] + rng.normal(size=rows)
        finding = performance(lambda part: part[:, 0], *args)
        assert np.isfinite(finding.intervals["rmse_rise"]).all() == known
