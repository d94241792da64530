"""The contract can fail: for each promise, an engine that breaks it is caught."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.contract import cancel, test_results, test_running
from tests.contract.cancel import MOMENTS, START
from tests.contract.catalog import example_for, first
from xrai_widgets.core import Array, Assessment, Cancelled, Finding, Predict, Step, find, quiet

ANY = "breast_cancer_logistic"


def made(engine: Callable[..., Finding]) -> Assessment:
    """Return an entry that is in no catalog."""
    return replace(find("privacy.shapr"), name=f"custom.{engine.__name__}", engine=engine, measures=(), controls=())


def finding(value: float = 0.5) -> Finding:
    return Finding({"value": value}, {"value": (0.0, 1.0)}, {"value": 1})


def works(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def obeys(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask a little, look up often."""
    for done in step.over(range(200)):
        predict(X[: 1 + done % 3])
    return finding()


def deaf(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Work long without looking up."""
    works(1.4)
    for _ in range(3):
        predict(X[:1])
    works(1.4)
    return finding()


def asleep(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Wait for something without looking up."""
    time.sleep(1.5)
    return finding()


def swallows(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Take Cancelled for an error of the model."""
    for done in (0.3, 0.6):
        try:
            step(done)
            predict(X[:200])
        except Cancelled:
            continue
    return finding()


def asks_nothing(X: Array, *, step: Step = quiet) -> Finding:
    """Look at the samples only."""
    step(0.5, "half")
    return finding(float(X.mean() > 0))


@pytest.fixture
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel, "slowness", lambda: 1.0)


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_ignores_cancel_is_caught(moment: str, quiet_machine: None) -> None:
    with pytest.raises(AssertionError):
        test_running.test_cancel_lands_within_a_second(made(deaf), moment)


def test_an_engine_that_waits_for_something_else_is_caught(quiet_machine: None) -> None:
    with pytest.raises(AssertionError):
        test_running.test_cancel_lands_within_a_second(made(asleep), START)


@pytest.mark.flaky(reruns=2)  # by a clock
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_looks_up_passes(moment: str) -> None:
    test_running.test_cancel_lands_within_a_second(made(obeys), moment)


def test_an_engine_that_swallows_cancelled_is_caught() -> None:
    for promise in (
        test_running.test_an_engine_lets_cancelled_pass,
        test_running.test_a_query_budget_ends_the_run_as_cancelled_with_its_reason,
    ):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            promise(made(swallows))


@pytest.mark.flaky(reruns=2)  # by a clock
def test_an_engine_that_never_asks_the_model_fits_the_contract() -> None:
    entry = made(asks_nothing)
    assert first(entry, example_for(entry)).outcome.queries == 0
    test_running.test_a_query_budget_ends_the_run_as_cancelled_with_its_reason(entry)
    test_running.test_an_engine_lets_cancelled_pass(entry)
    for moment in MOMENTS:
        test_running.test_cancel_lands_within_a_second(entry, moment)


def test_a_missing_example_is_a_sentence_that_names_the_field() -> None:
    def hungry(X_new: Array, embed: Predict, *, step: Step = quiet) -> Finding:
        """Ask for what no subject of the contract has."""
        return finding()

    message = r"no subject of the contract fits custom\.hungry: breast_cancer_logistic lacks X_new, embed; .*SUBJECTS"
    with pytest.raises(LookupError, match=message):
        example_for(made(hungry))


@pytest.mark.parametrize("kind", ["numpy", "random", "torch"])
def test_an_engine_that_draws_from_a_global_state_is_caught(kind: str) -> None:
    torch = pytest.importorskip("torch")
    draw: dict[str, Callable[[], Any]] = {
        "numpy": np.random.rand,
        "random": random.random,
        "torch": lambda: torch.rand(1),
    }

    def draws(X: Array, *, step: Step = quiet) -> Finding:
        """Draw from a global random state."""
        return finding(float(draw[kind]()))

    entry = made(draws)
    assert first(entry, ANY).moved == [kind]
    with pytest.raises(AssertionError):
        test_results.test_no_global_random_state_is_written(entry, ANY)
    with pytest.raises(AssertionError):
        test_results.test_the_same_seed_gives_the_same_result(entry, ANY)


def test_an_engine_that_puts_the_state_back_is_caught_all_the_same() -> None:
    def draws_in_secret(X: Array, *, step: Step = quiet) -> Finding:
        """Draw from a global random state, and restore it."""
        state = np.random.get_state()  # noqa: NPY002 - what no engine may do
        value = float(np.random.rand())  # noqa: NPY002
        np.random.set_state(state)  # noqa: NPY002
        return finding(value)

    entry = made(draws_in_secret)
    test_results.test_no_global_random_state_is_written(entry, ANY)
    with pytest.raises(AssertionError):
        test_results.test_the_same_seed_gives_the_same_result(entry, ANY)


def test_an_engine_that_changes_a_sample_is_caught() -> None:
    def changes(X: Array, *, step: Step = quiet) -> Finding:
        """Unlock the samples and change one for the time being."""
        X.setflags(write=True)
        X[0, 0] += 1.0
        X.setflags(write=False)
        return finding()

    entry = made(changes)
    from tests.contract.catalog import load, small, watched

    subject = replace(load(ANY), X=load(ANY).X.copy())
    assert watched(subject, entry, small(entry), seed=1).changed == ["X"]
