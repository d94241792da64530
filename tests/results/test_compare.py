"""Subjects side by side: paired where the samples are the same, unpaired and said so where not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from tests.contract.catalog import GAPS, load
from tests.contract.catalog import SMALL as FEW
from xrai_widgets.core import Array, Finding, Outcome, Subject, find, registered
from xrai_widgets.data import examples
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.results.compare import compare
from xrai_widgets.results.differences import difference
from xrai_widgets.results.html import by_subject
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess, run

MIA, EVASION = "privacy.membership_inference", "robustness.evasion"
SMALL = {"n_samples": 10, "max_iter": 1}


@pytest.fixture(scope="module")
def runs(credit: Subject) -> tuple[list[Outcome], list[Outcome]]:
    pruned = examples.load("german_credit_pruned")
    members, attack = (replace(find(name), controls=()) for name in (MIA, EVASION))  # nothing of them is compared
    deep, flat = ([run(s, members), run(s, attack, SMALL)] for s in (credit, pruned))
    return deep, flat


def test_the_deep_and_the_pruned_forest_differ_in_pairs(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    made = xw.compare(*runs)
    row = next(row for row in made.rows if row.key == "advantage")
    apart = row.differences[1]
    assert apart is not None
    assert (apart.pairs, apart.why) == (1000, "")
    assert row.readings[1] == "lower, better"
    assert apart.high < 0
    assert apart.value == pytest.approx(row.checks[1].value - row.checks[0].value)  # type: ignore[union-attr]


def test_pairs_tell_more_than_two_separate_intervals(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    (first, *_), (second, *_) = runs
    for key in ("advantage", "auc"):
        pairs, separate = (difference(first, second, key, paired) for paired in (None, False))
        assert pairs is not None
        assert separate is not None
        assert pairs.high - pairs.low < 0.8 * (separate.high - separate.low)
        assert separate.why == "as asked"


def test_a_number_that_is_no_mean_is_compared_unpaired_and_says_so(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    apart = difference(runs[0][1], runs[1][1], "median_distance")
    assert apart is not None
    assert (apart.pairs, apart.why) == (0, "this number is no mean over samples")


def test_other_samples_are_compared_unpaired_and_the_part_is_named(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    first, second = runs[0][0], replace(runs[1][0], parts={**runs[1][0].parts, "X_train": "other"})
    apart = difference(first, second, "advantage")
    assert apart is not None
    assert (apart.pairs, apart.why) == (0, "the samples of X_train differ")
    said = compare(first, second).to_html()
    assert "unpaired: the samples of X_train differ" in said
    asked = difference(first, second, "advantage", paired=True)
    assert asked is not None
    assert asked.pairs == 1000


def test_equal_ids_alone_make_no_pairs() -> None:
    """Both tables are numbered from 0, and that says nothing."""
    rng = np.random.default_rng(0)

    def subject(seed: int) -> Subject:
        X = np.random.default_rng(seed).normal(size=(80, 2))
        y = rng.integers(0, 2, 80)

        def model(rows: Array) -> Array:
            return np.tile([0.4, 0.6], (len(rows), 1))

        return Subject.of(model, X[:40], y[:40], X_train=X[40:], y_train=y[40:], name=f"model {seed}")

    apart = difference(assess(subject(1), MIA), assess(subject(2), MIA), "auc")
    assert apart is not None
    assert apart.pairs == 0
    assert apart.why == "the samples of X and X_train differ"


def test_other_draws_of_the_same_samples_make_no_pairs(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    pruned = examples.load("german_credit_pruned")
    other = run(pruned, replace(find(EVASION), controls=()), {"seed": 1, **SMALL})
    apart = difference(runs[0][1], other, "robust_accuracy")
    assert apart is not None
    assert (apart.pairs, apart.why) == (0, "not the same samples were measured")


def test_other_parameters_are_not_compared_and_named(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    made = compare(runs[0][0], assess(examples.load("german_credit_pruned"), MIA, repeats=3))
    assert "was run with other parameters: random splits 3 instead of 10" in " ".join(made.notes)
    assert all(apart is None for row in made.rows for apart in row.differences)


def test_what_did_not_end_well_is_named(runs: tuple[list[Outcome], list[Outcome]], regression: Subject) -> None:
    made = compare(runs[0][1], assess(regression, EVASION, **SMALL))
    assert "diabetes_tree: not applicable, a regression needs a tolerance" in " ".join(made.notes)


def test_three_subjects_are_compared_with_the_first(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    third = [replace(outcome, subject="f" * 64) for outcome in runs[1]]
    made = compare(*runs, third)
    assert made.names == (
        "german_credit_forest",
        f"german_credit_pruned ({runs[1][0].subject[:6]})",
        "german_credit_pruned (ffffff)",
    )
    row = made.rows[0]
    assert row.differences[1] == row.differences[2]
    assert by_subject([*runs[0], *runs[1], *third]) == [*map(list, runs), third]


def test_the_table_has_a_row_per_value_and_subject(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    table = compare(*runs).table()
    assert len(table) == 2 * len(compare(*runs).rows)
    assert table.loc[table["subject"] == "german_credit_forest", "difference"].isna().all()


def test_saved_outcomes_compare_like_fresh_ones(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    back = [[outcome_from_dict(outcome_to_dict(outcome)) for outcome in run] for run in runs]
    assert compare(*back).table().equals(compare(*runs).table())


def test_a_model_compared_with_itself_shows_no_difference(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    twin = replace(runs[0][1], subject="f" * 64)
    apart = difference(runs[0][1], twin, "robust_accuracy")
    assert apart is not None
    assert apart.value == 0
    assert apart.low < 0 < apart.high


@pytest.mark.parametrize("count", [0, 1])
def test_a_comparison_needs_two_subjects(runs: tuple[list[Outcome], list[Outcome]], count: int) -> None:
    with pytest.raises(ValueError, match=f"at least two subjects, got {count}"):
        compare(*runs[:count])
    with pytest.raises(ValueError, match=r"run 1 must hold the outcomes of one subject, got .*forest, .*pruned"):
        compare([runs[0][0], runs[1][0]], runs[1])
    with pytest.raises(ValueError, match="run 2 must hold the outcomes of one subject, got none"):
        compare(runs[0], [])


def test_names_from_outside_are_escaped(runs: tuple[list[Outcome], list[Outcome]]) -> None:
    odd = [replace(outcome, subject_name="<img src=x>") for outcome in runs[1]]
    assert "<img" not in compare(runs[0], odd, policy=Policy()).to_html()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [n for n, entry in registered().items() if not n.startswith("custom.")])
def test_contributions_add_up_to_the_value(name: str) -> None:
    """What adds up for a few samples of a small model adds up for many."""
    names = ("small_credit_forest", "breast_cancer_logistic", "small_digits_network", GAPS)
    subjects = map(load, names)
    subject = next(one for one in subjects if registered()[name].gap(one) is None)  # gradients, pictures, a batch
    outcome = assess(subject, name, **FEW.get(name, {}))
    assert outcome.finding is not None
    table = outcome.finding.tables.get("contributions")
    if table is None:
        assert not registered()[name].measures or name not in (MIA, EVASION)
        return
    for key in table.columns[2:]:
        total = sum(part[key].mean() for _, part in table.groupby("part") if part[key].notna().any())
        assert total == pytest.approx(outcome.finding.values[key], abs=1e-12), key


def outcome_of(values: Array, part: str = "X", key: str = "robust_accuracy") -> Outcome:
    estimate = statistics.wilson(float(values.sum()), len(values))
    table = pd.DataFrame({"part": part, "id": np.arange(len(values)), key: values.astype(float)})
    finding = Finding({key: estimate.value}, {key: (estimate.low, estimate.high)}, tables={"contributions": table})
    return Outcome(EVASION, "a", "a", {}, "ok", finding, parts={part: "same"})


def covered(draw: Callable[[np.random.Generator], tuple[Outcome, Outcome]], truth: float, paired: bool) -> float:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(1000):
        first, second = draw(rng)
        apart = difference(first, second, "robust_accuracy", None if paired else False)
        assert apart is not None
        assert bool(apart.pairs) is paired
        hits += apart.low <= truth <= apart.high
    return hits / 1000


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 100, 400])
@pytest.mark.parametrize(("only_first", "only_second"), [(0.1, 0.1), (0.3, 0.05), (0.02, 0.02), (0.0, 0.4)])
def test_the_paired_interval_covers_the_difference_of_two_shares(n: int, only_first: float, only_second: float) -> None:
    def draw(rng: np.random.Generator) -> tuple[Outcome, Outcome]:
        u = rng.random(n)
        both = (u > 0.6).astype(float)
        first = np.where(u < only_first, 1.0, both)
        second = np.where((u >= only_first) & (u < only_first + only_second), 1.0, both)
        return outcome_of(first), outcome_of(second)

    assert covered(draw, only_second - only_first, True) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 200])
def test_the_unpaired_interval_covers_the_difference_of_independent_shares(n: int) -> None:
    def draw(rng: np.random.Generator) -> tuple[Outcome, Outcome]:
        return outcome_of(rng.random(n) < 0.8), outcome_of(rng.random(n) < 0.6)

    assert covered(draw, -0.2, False) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 300])
def test_the_paired_interval_covers_the_difference_of_two_correlated_areas(n: int) -> None:
    """Two scores of the same samples, correlated 0.8, with areas Φ(1/√2) and Φ(0.6/√2)."""
    from scipy.stats import norm

    rng, hits = np.random.default_rng(5), 0
    truth = float(norm.cdf(0.6 / np.sqrt(2)) - norm.cdf(1 / np.sqrt(2)))
    for _ in range(1000):
        noise = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=2 * n)
        made = []
        for score, shift in ((0, 1.0), (1, 0.6)):
            members, others = noise[:n, score] + shift, noise[n:, score]
            above, below = statistics.placements(members, others)
            estimate = statistics.auc(members, others)
            table = pd.DataFrame(
                {
                    "part": ["X_train"] * n + ["X"] * n,
                    "id": [*range(n), *range(n)],
                    "auc": np.r_[above, below - below.mean()],
                }
            )
            finding = Finding({"auc": estimate.value}, tables={"contributions": table})
            made.append(Outcome(MIA, "a", "a", {}, "ok", finding, parts={"X": "same", "X_train": "same"}))
        apart = difference(made[0], made[1], "auc")
        assert apart is not None
        assert apart.pairs == 2 * n
        hits += apart.low <= truth <= apart.high
    assert 0.93 <= hits / 1000 <= 0.975
