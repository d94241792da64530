"""A bound may fail a model and never pass it."""

from itertools import product
from typing import get_args

import pytest

from xrai_widgets.core import Bound
from xrai_widgets.results import words
from xrai_widgets.results.threshold import WORST_FIRST, Status, Threshold, standing
from xrai_widgets.results.verdict_words import MEANT

LIMIT = 0.5
PLACES = (float("-inf"), 0.1, 0.49, LIMIT, 0.51, 0.9, float("inf"))
INTERVALS = [(low, high) for low, high in product(PLACES, PLACES) if low <= high]
BOUNDS: tuple[Bound | None, ...] = (None, *get_args(Bound))


@pytest.mark.parametrize(("kind", "bound"), list(product(("max", "min"), BOUNDS)))
def test_a_bound_changes_a_pass_on_its_favourable_side_and_nothing_else(kind: str, bound: Bound | None) -> None:
    threshold = Threshold(kind, LIMIT)  # type: ignore[arg-type]
    favourable = (kind, bound) in {("min", "upper"), ("max", "lower")}
    for low, high in INTERVALS:
        good = high <= LIMIT if kind == "max" else low >= LIMIT
        bad = low > LIMIT if kind == "max" else high < LIMIT
        plain = "pass" if good else "fail" if bad else "warn"
        expected = "not refuted" if plain == "pass" and favourable else plain
        assert standing(threshold, low, high, bound) == expected, (low, high)


def test_every_status_has_a_shape_of_its_own_and_a_meaning_in_one_order() -> None:
    assert get_args(Status) == WORST_FIRST == ("fail", "warn", "not refuted", "pass", "not judged")
    assert tuple(words.SHAPES) == tuple(MEANT) == WORST_FIRST
    assert len(set(words.SHAPES.values())) == len(WORST_FIRST)
