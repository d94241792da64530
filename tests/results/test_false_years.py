import math

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.results.false_years import false_years, upper_end


def test_a_known_limit_rings_in_one_year_of_seven_and_finds_three_points_in_a_week() -> None:
    table = false_years(0.9, 20_000, 200, limit=0.1, falls=(0.03,))
    unchanged, fallen = table.iloc[0], table.iloc[1]
    assert unchanged["years_with_alarm"] <= 0.135 + 2 * math.sqrt(0.135 * 0.865 / 1000)
    assert unchanged["years_with_alarm"] >= 0.05
    assert fallen["median_looks"] <= 8
    assert fallen["never_found"] == 0


@pytest.mark.parametrize(
    ("baseline", "medians", "never"), [(20_000, (11, 5, 2), 0.0), (5_000, (15, 6, 2), 0.0), (1_000, (55, 10, 2), 0.25)]
)
def test_a_baseline_that_is_drawn_anew_every_year(baseline: int, medians: tuple[int, ...], never: float) -> None:
    table = false_years(0.9, baseline, 200)
    assert table["years_with_alarm"].iloc[0] <= 0.03 + 2 * math.sqrt(0.03 * 0.97 / 1000)
    assert table["low"].iloc[0] < table["years_with_alarm"].iloc[0] < table["high"].iloc[0]
    assert np.all(table["median_looks"].iloc[1:].to_numpy() <= medians)
    assert np.all(np.diff(table["median_looks"].iloc[1:]) < 0)
    # at 1,000 rows the true share is 1 in 4: with 1,000 years it is known to 3 points
    assert table["never_found"].iloc[1] <= never + 2 * math.sqrt(never * (1 - never) / 1000)


def test_a_fall_that_is_allowed_is_not_looked_for() -> None:
    table = false_years(0.9, 5_000, 200, allowed=0.1, falls=(0.03,), years=100)
    assert table["years_with_alarm"].iloc[0] == 0
    assert table["median_looks"].iloc[1] == math.inf
    assert table["never_found"].iloc[1] == 1


def test_the_upper_end_of_a_baseline_is_exact() -> None:
    for wrong, rows in ((0, 10), (3, 30), (30, 30)):
        exact = stats.binomtest(wrong, rows).proportion_ci(method="exact").high
        assert upper_end(wrong, rows) == pytest.approx(exact)


def test_bad_questions() -> None:
    with pytest.raises(ValueError, match="accuracy lies between 0 and 1"):
        false_years(1.0, 100, 100)
    with pytest.raises(ValueError, match="batch_rows is at least 1: got 0"):
        false_years(0.9, 100, 0)
