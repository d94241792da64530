"""The interval of an area under the curve holds the truth as often as it says, tied or not, few samples or many."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from scipy import stats

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics

LEVELS = np.arange(-14.0, 15.0)


def normal(area: float, spread: float, width: float) -> tuple[Array, Array]:
    """Masses of two normal distributions of standard deviations ``spread`` and 1, on levels ``width`` apart."""
    shift = np.sqrt(spread**2 + 1) * stats.norm.ppf(area)
    ends = (LEVELS[:-1] + 0.5) * width
    upper, lower = (np.r_[0, stats.norm.cdf(ends, *at), 1] for at in ((shift, spread), (0, 1)))
    return np.diff(upper), np.diff(lower)


def kinds() -> Iterator[tuple[str, Array, Array]]:
    """Name, and the masses of members and of others on ordered levels."""
    for area, (spread, width) in product((0.5, 0.7, 0.9, 0.98), ((1.0, 0.25), (1.0, 1.0), (3.0, 0.7))):
        members, others = normal(area, spread, width)
        yield f"normal {area} {spread} {width}", members, others
    for error in (0.0, 0.01, 0.05, 0.1, 0.2, 0.5):
        certain, missed = np.array([0.0, 1.0]), np.array([error, 1 - error])
        yield f"constant members, tied but for {error}", certain, missed
        yield f"constant others, {error} above", missed[::-1], certain[::-1]
        yield f"constant members, others below but for {error}", certain, missed[::-1]
        yield f"constant members, {error} of the others above", certain, missed
        yield f"errors on both sides {error}", missed, np.array([0.95, 0.05])
        yield f"outliers {error}", np.array([error, 0, 1 - error]), np.array([0, 1.0, 0])


def misses(members: Array, others: Array, m: int, n: int, repeats: int, seed: int) -> tuple[float, float]:
    """How often the truth lies above, and below, the interval."""
    truth = float(members @ (np.cumsum(others) - others / 2))
    rng = np.random.default_rng(seed)
    counts = zip(rng.multinomial(m, members, repeats), rng.multinomial(n, others, repeats), strict=True)
    levels, seen = np.arange(len(members), dtype=float), {}
    missed = np.zeros(2)
    for high, low in counts:
        key = (high.tobytes(), low.tobytes())
        if key not in seen:
            _, bottom, top = statistics.auc(np.repeat(levels, high), np.repeat(levels, low))
            seen[key] = np.array([top < truth - 1e-9, bottom > truth + 1e-9])
        missed += seen[key]
    return float(missed[0] / repeats), float(missed[1] / repeats)


def held(members: Array, others: Array, m: int, n: int, repeats: int, name: str) -> None:
    above, below = misses(members, others, m, n, repeats, seed=m + 7 * n)
    assert max(above, below) <= 0.04 + 2 * np.sqrt(0.04 * 0.96 / repeats), (name, m, n, above, below)
    assert above + below <= 0.07 + 2 * np.sqrt(0.07 * 0.93 / repeats), (name, m, n, above, below)


@pytest.mark.parametrize(("m", "n", "error"), [(100, 100, 0.05), (200, 10, 0.2), (20, 200, 0.02)])
def test_one_constant_side_leaves_room_above(m: int, n: int, error: float) -> None:
    certain, missed = np.array([0.0, 1.0]), np.array([error, 1 - error])
    held(certain, missed, m, n, 1500, "members constant")
    held(missed[::-1], certain[::-1], n, m, 1500, "others constant")


def test_few_members_beside_many_others_near_area_1_are_covered() -> None:
    held(*normal(0.98, 1.0, 0.25), 20, 200, 800, "normal")


@pytest.mark.slow
@pytest.mark.parametrize("m", [3, 10, 20, 100, 200])
@pytest.mark.parametrize("n", [3, 10, 20, 100, 200])
def test_the_interval_of_the_area_covers_it_over_a_grid(m: int, n: int) -> None:
    for name, members, others in kinds():
        held(members, others, m, n, 1000, name)
