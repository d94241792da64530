import math

import numpy as np
import pytest

from xrai_widgets.results.detector import (
    confidence_sequence,
    half_width,
    log_evidence,
    log_growth,
    spread_of_looks,
    watch_losses,
)

_YEAR = 365


def _by_hand(rows: list[list[int]], limit: float) -> list[float]:
    """The definition, row by row, with no logarithm."""
    stakes = [stake * min(1.0, 0.9 / (1.6 * limit)) for stake in (0.1, 0.2, 0.4, 0.8, 1.6)]
    held = [0.0] * len(stakes)
    path = []
    for losses in rows:
        for number, stake in enumerate(stakes):
            held[number] += 1
            for loss in losses:
                held[number] *= 1 + stake * (loss - limit)
        path.append(sum(held) / len(held))
    return path


@pytest.mark.parametrize("limit", [0.1, 0.4, 0.95])
def test_the_evidence_is_that_of_its_definition(limit: float) -> None:
    rng = np.random.default_rng(3)
    rows = [list(rng.integers(0, 2, size)) for size in (5, 1, 12, 7, 3)]
    looks = watch_losses([sum(row) for row in rows], [len(row) for row in rows], limit)
    assert np.exp(looks.log_evidence) == pytest.approx(_by_hand(rows, limit), rel=1e-12)


def test_one_bet_of_one_on_a_wrong_and_a_right_answer() -> None:
    # (1 + 0.9) (1 - 0.1) = 1.71 for a stake of 1 and a limit of 0.1: between the stakes 0.8 and 1.6
    grown = np.exp(log_growth(np.array([1.0]), np.array([2]), np.array([0.1])))[0]
    assert grown == pytest.approx([(1 + s * 0.9) * (1 - s * 0.1) for s in (0.1, 0.2, 0.4, 0.8, 1.6)])


def test_no_bet_loses_more_than_it_holds() -> None:
    for limit in (0.01, 0.5, 0.7, 0.99):
        grown = log_growth(np.array([0.0]), np.array([1]), np.array([limit]))
        assert np.all(np.isfinite(grown)), limit
        assert np.exp(grown).min() >= 0.1 - 1e-12


def test_ten_thousand_bad_days_stay_finite() -> None:
    looks = watch_losses([200] * 400, [200] * 400, 0.1)
    assert np.all(np.isfinite(looks.log_evidence))
    assert looks.alarms == (0,)


def test_an_unchanged_model_rings_as_seldom_as_is_said() -> None:
    rng = np.random.default_rng(0)
    years, run_length = 2000, 100.0
    wrong = rng.binomial(50, 0.1, (years, _YEAR))
    over = log_evidence(log_growth(wrong, np.full_like(wrong, 50), np.full((years, 1), 0.1))) >= math.log(run_length)
    rang = over.any(axis=1)
    ran = np.where(rang, over.argmax(axis=1) + 1, _YEAR)
    estimate = ran.sum() / rang.sum()  # looks an alarm; those cut off by the end of the year count with what they ran
    assert estimate * (1 - 2 / math.sqrt(rang.sum())) >= run_length
    assert rang.mean() >= 0.05  # one that never rings would pass the line above


def test_a_model_that_falls_is_found_and_an_acknowledged_alarm_begins_again() -> None:
    rng = np.random.default_rng(1)
    wrong = np.r_[rng.binomial(200, 0.1, 60), rng.binomial(200, 0.2, 40)]
    looks = watch_losses(wrong, [200] * 100, 0.1)
    (alarm,) = looks.alarms
    assert 60 <= alarm < 64
    again = watch_losses(wrong, [200] * 100, 0.1, restarts=[alarm + 5])
    assert again.alarms[0] == alarm
    assert alarm + 5 <= again.alarms[1] < alarm + 9
    assert again.log_evidence[alarm + 5] == pytest.approx(
        watch_losses(wrong[alarm + 5 :], [200] * (95 - alarm), 0.1).log_evidence[0]
    )


def test_labels_that_come_late_give_the_state_of_labels_in_time() -> None:
    wrong, n = [3.0, 0.0, 9.0], [20, 0, 20]
    before = watch_losses(wrong, n, 0.1)
    wrong[1], n[1] = 5.0, 20
    after = watch_losses(wrong, n, 0.1)
    assert before.log_evidence[0] == after.log_evidence[0]
    assert np.exp(after.log_evidence) == pytest.approx(
        _by_hand([[1] * 3 + [0] * 17, [1] * 5 + [0] * 15, [1] * 9 + [0] * 11], 0.1)
    )


def test_dependent_rows_are_one_bet_a_look() -> None:
    grown = np.exp(log_growth(np.array([20.0, 0.0]), np.array([40, 0]), np.array([0.1, 0.1]), rows_depend=True))
    assert grown[0] == pytest.approx([1 + s * 0.4 for s in (0.1, 0.2, 0.4, 0.8, 1.6)])
    assert np.all(grown[1] == 1)


def test_a_limit_for_each_weekday() -> None:
    rng = np.random.default_rng(5)
    weekend = np.arange(_YEAR) % 7 >= 5
    wrong = rng.binomial(200, np.where(weekend, 0.2, 0.1))
    assert watch_losses(wrong, [200] * _YEAR, 0.12).alarms
    assert not watch_losses(wrong, [200] * _YEAR, np.where(weekend, 0.22, 0.12)).alarms


@pytest.mark.parametrize(("wobble", "beyond"), [(0.0, False), (0.05, True)])
def test_days_that_differ_by_more_than_chance_are_noticed(wobble: float, beyond: bool) -> None:
    rng = np.random.default_rng(2)
    spread = spread_of_looks(rng.binomial(200, np.clip(rng.normal(0.1, wobble, _YEAR), 0, 1)), [200] * _YEAR)
    assert spread is not None
    assert spread.more_than_chance is beyond
    assert spread.low < spread.factor < spread.high


def test_the_spread_of_chance_alone_holds_its_level() -> None:
    rng = np.random.default_rng(4)
    found = [spread_of_looks(rng.binomial(100, 0.1, 30), [100] * 30) for _ in range(1000)]
    noticed = np.mean([spread is not None and spread.more_than_chance for spread in found])
    assert 0.005 <= noticed <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 1000)


def test_the_spread_needs_three_looks_and_both_answers() -> None:
    assert spread_of_looks([1, 2], [10, 10]) is None
    assert spread_of_looks([0, 0, 0], [10, 10, 10]) is None


@pytest.mark.parametrize(
    ("rows", "tuned", "truth"), [(100, 100, 0.36563949), (30, 30, 0.66756332), (365, 30, 0.15939498)]
)
def test_half_widths_of_the_normal_mixture(rows: float, tuned: float, truth: float) -> None:
    assert half_width(rows, 1.0, tuned, 0.05) == pytest.approx(truth, abs=1e-8)


def test_the_confidence_sequence_holds_at_all_looks_at_once() -> None:
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(300):
        mean, low, high = confidence_sequence(rng.binomial(50, 0.5, 200), [50] * 200)
        missed += bool(np.any((low > 0.5) | (high < 0.5)))
    assert missed <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)
    assert 0 < high[-1] - low[-1] < 0.05
    assert low[-1] < mean[-1] < high[-1]


def test_a_look_without_rows_changes_nothing() -> None:
    mean, low, high = confidence_sequence([0, 3, 0], [0, 10, 0])
    assert np.isnan([mean[0], low[0], high[0]]).all()
    assert mean[1] == mean[2] == pytest.approx(0.3)
    assert (low[1], high[1]) == (low[2], high[2])


@pytest.mark.parametrize(
    ("losses", "n", "limit", "said"),
    [
        ([1, 2], [10], 0.1, "one number a look each"),
        ([11], [10], 0.1, "look 0: a sum of losses in \\[0, 1\\] lies between 0 and its 10 rows, got 11"),
        ([1, math.nan], [10, 10], 0.1, "look 1"),
        ([1], [10], 1.0, "limit is a mean loss between 0 and 1"),
        ([1], [10], math.nan, "limit is a mean loss between 0 and 1"),
    ],
)
def test_bad_histories(losses: list[float], n: list[int], limit: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        watch_losses(losses, n, limit)


def test_a_run_length_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="run_length"):
        watch_losses([1], [10], 0.1, run_length=1)
