"""How an engine runs: without a runtime, on a budget, and until it is cancelled."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.cancel import MOMENTS, cancelled
from tests.contract.catalog import BARE, every_engine, example_for, first, small, subject_for
from xrai_widgets.core import Assessment, Cancelled, Step
from xrai_widgets.runtime import Meter, RunStep, run


class Refusing(Step):
    """A step that stops the run the first time it is told anything."""

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        raise Cancelled("stop")

    def spread(
        self, function: Callable[[Any], Any], work: Collection[Any], at_most: int | None = None
    ) -> Iterable[Any]:
        raise Cancelled("stop")


@every_engine
def test_the_engine_works_on_bare_arrays_without_a_runtime(entry: Assessment) -> None:
    subject = subject_for(entry)
    required = {name: getattr(subject, name) for name in (*entry.needs, *BARE.get(entry.name, ()))}
    assert entry.engine(**required, **small(entry)).values


@pytest.mark.flaky(reruns=2)  # by a clock
@pytest.mark.parametrize("moment", MOMENTS)
@every_engine
def test_cancel_lands_within_a_second(entry: Assessment, moment: str) -> None:
    ended = cancelled(subject_for(entry), entry, moment)
    assert ended.status == "cancelled" or not ended.asked, "it ended before there was anything to cancel"
    assert ended.seconds < ended.allowed


@every_engine
def test_a_query_budget_ends_the_run_as_cancelled_with_its_reason(entry: Assessment) -> None:
    """A budget below what the engine asks in a whole run; one that asks the model nothing needs no budget."""
    asked = first(entry, example_for(entry)).outcome.queries
    budget = min(100, max(asked - 1, 0))
    outcome = run(subject_for(entry), entry, small(entry), step=RunStep(Meter(max_queries=budget)))
    assert outcome.queries <= budget
    if not asked:
        assert outcome.status == "ok", outcome.reason
        return
    assert outcome.status == "cancelled"
    assert f"{budget} model queries" in outcome.reason


@every_engine
def test_an_engine_lets_cancelled_pass(entry: Assessment) -> None:
    """Whatever it asks first: a function of the model, or the step."""
    subject = subject_for(entry)
    if first(entry, example_for(entry)).outcome.queries:
        with pytest.raises(Cancelled):
            entry.engine(**_refusing(entry, subject), **small(entry))
    with pytest.raises(Cancelled):
        entry.engine(**entry.inputs_of(subject), **small(entry), step=Refusing())


def _refusing(entry: Assessment, subject: Any) -> dict[str, Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Cancelled("stop")

    functions = ("predict", "logits", "gradient", "logit_gradient", "embed")
    return {
        name: refuse if name in functions and given is not None else given
        for name, given in entry.inputs_of(replace(subject)).items()
    }
