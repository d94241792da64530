from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

from xrai_widgets.core import Cancelled, Finding, Step, quiet


class Loud(Step):
    """A step that writes down what it hears and in which order work is done."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str]] = []
        self.partials: list[Any] = []

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        self.heard.append((round(done, 6), note))
        self.partials.append(partial)

    def spread(
        self, function: Callable[[Any], Any], work: Collection[Any], at_most: int | None = None
    ) -> Iterable[Any]:
        return reversed(list(reversed([function(item) for item in work])))


def square(x: int) -> int:
    return x * x


def test_the_quiet_step_does_everything_and_says_nothing() -> None:
    assert quiet(0.5, "half", Finding({})) is None  # type: ignore[func-returns-value]
    assert list(quiet.over([1, 2])) == [1, 2]
    assert list(quiet.map(square, iter([1, 2, 3]))) == [1, 4, 9]
    assert list(quiet.part(0, 0.5).map(square, [2])) == [4]


def test_over_reports_the_share_that_is_done() -> None:
    step = Loud()
    assert list(step.over("abcd", "letters")) == list("abcd")
    assert step.heard == [(0.0, "letters"), (0.25, "letters"), (0.5, "letters"), (0.75, "letters"), (1.0, "letters")]


def test_map_keeps_the_order_and_reports_each_result() -> None:
    step = Loud()
    assert list(step.map(square, range(4), "squares")) == [0, 1, 4, 9]
    assert [done for done, _ in step.heard] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_nothing_to_do_is_done_at_once() -> None:
    step = Loud()
    assert list(step.over([])) == []
    assert list(step.map(square, [])) == []
    assert step.heard == [(1.0, ""), (0.0, "")]


def test_a_part_moves_between_its_ends() -> None:
    step = Loud()
    part = step.part(0.2, 0.6)
    part(0.0)
    part(0.5, "half", Finding({"a": 1.0}))
    part(1.0)
    assert [done for done, _ in step.heard] == [0.2, 0.4, 0.6]
    assert step.partials[1].values == {"a": 1.0}


def test_a_part_of_a_part_stays_within_both_and_uses_the_same_workers() -> None:
    step = Loud()
    inner = step.part(0.5, 1.0).part(0.0, 0.5)
    assert list(inner.map(square, [1, 2])) == [1, 4]
    assert [done for done, _ in step.heard] == [0.5, 0.625, 0.75]


def test_an_error_in_the_work_passes_through() -> None:
    def fail(_: int) -> int:
        raise Cancelled("stop")

    with pytest.raises(Cancelled, match="stop"):
        list(quiet.map(fail, [1]))
