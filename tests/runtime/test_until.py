"""A run that stops when its interval is narrow: at fixed numbers of items, and with the looking paid for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding, Subject, find
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.results.as_code import as_command, as_python
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.run_as_code import run_as_plan
from xrai_widgets.runtime.until import FIRST, GROWTH, WIDER, Until

PDTP = "privacy.pdtp"


def mean_of(items: Array) -> Finding:
    estimate = statistics.mean(items)
    return Finding({"mean": estimate.value}, {"mean": (estimate.low, estimate.high)}, {"mean": len(items)})


def stopped(items: Array, width: float) -> Finding:
    until = Until({"mean": width}, ("mean",))
    for done in range(1, len(items) + 1):
        if until.reached(done, lambda done=done: mean_of(items[:done])):  # type: ignore[misc]  # bound in the loop
            break
    return until.with_note(mean_of(items[:done]))


def test_it_stops_at_the_first_look_that_is_narrow_enough(rng: np.random.Generator) -> None:
    items = rng.normal(size=2000)
    got = stopped(items, 0.4)
    low, high = got.intervals["mean"]
    assert high - low <= 0.4
    n = got.counts["mean"]
    earlier = statistics.mean(items[: int(n / GROWTH)])
    assert WIDER * (earlier.high - earlier.low) > 0.4
    assert f"Stopped after {n} items" in got.notes[-1]


def test_the_interval_is_wider_for_having_been_looked_at(rng: np.random.Generator) -> None:
    items = rng.normal(size=100)
    plain, got = mean_of(items), stopped(items, 1e-9)
    assert np.ptp(got.intervals["mean"]) == pytest.approx(WIDER * np.ptp(plain.intervals["mean"]))
    assert "Went through all items" in got.notes[-1]


def test_few_items_are_not_looked_at() -> None:
    assert stopped(np.zeros(100), 1.0).counts["mean"] == FIRST


def test_pdtp_stops_when_its_mean_is_known(logistic: Subject, without_controls: None) -> None:
    whole = xw.assess(logistic, PDTP, n_samples=341, closed_form_allowed=False)
    assert whole.finding is not None
    width = 3 * np.ptp(xw.assess(logistic, PDTP, n_samples=60).finding.intervals["mean_excess"])  # type: ignore[union-attr]  # it has one
    got = xw.assess(logistic, PDTP, n_samples=341, closed_form_allowed=False, until={"mean_excess": width})
    assert got.status == "ok"
    assert got.finding is not None
    assert len(got.finding.tables["samples"]) < 341
    assert np.ptp(got.finding.intervals["mean_excess"]) <= width
    low, high = got.finding.intervals["mean_excess"]
    assert low <= whole.finding.values["mean_excess"] <= high
    assert got.params["until"] == {"mean_excess": width}
    assert "mean excess log-ratio to" in got.finding.notes[-1]


def test_a_run_that_was_cancelled_stops_where_a_run_in_one_go_does(rng: np.random.Generator) -> None:
    items, looks = rng.normal(size=500), []

    def look(until: Until, numbers: range) -> int | None:
        for done in numbers:
            if until.reached(done, lambda done=done: looks.append(done) or mean_of(items[:done])):  # type: ignore[func-returns-value, misc]  # noted
                return done
        return None

    at_once = look(Until({"mean": 0.4}, ("mean",)), range(1, 501))
    seen = {*looks}
    again = Until({"mean": 0.4}, ("mean",))
    assert look(again, range(57, 501)) == at_once
    assert {*looks[len(seen) :]} <= seen | {57}


@pytest.mark.parametrize(
    ("until", "error", "message"),
    [
        ({"worst_excess": 0.1}, ValueError, "one of mean_excess, share_significant to a width above 0"),
        ({"mean_excess": 0}, ValueError, "above 0, got 'mean_excess': 0"),
        ({"mean_excess": float("nan")}, ValueError, "width above 0"),
        ({"mean_excess": True}, ValueError, "width above 0"),
        ({"mean_excess": "narrow"}, ValueError, "got 'mean_excess': 'narrow'"),
        ({}, TypeError, "must map one of"),
        (0.02, TypeError, "got 0.02"),
        ("mean_excess", ValueError, "got 'mean_excess': ''"),
    ],
)
def test_a_width_that_makes_no_sense_is_refused(until: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find(PDTP).check({"until": until})


def test_an_engine_that_does_not_go_item_by_item_says_so() -> None:
    with pytest.raises(ValueError, match=r"privacy\.shapr does not go item by item"):
        find("privacy.shapr").check({"until": {"auc": 0.1}})


def test_widths_may_be_text_as_on_the_command_line() -> None:
    assert find(PDTP).check({"until": "mean_excess=0.02"})["until"] == {"mean_excess": 0.02}


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.2, 0.4, 0.8])
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_means_that_were_looked_at_keep_their_coverage(kind: str, width: float) -> None:
    covered = []
    for seed in range(500):
        rng = np.random.default_rng([seed, int(10 * width)])
        items = rng.normal(1, 1, 3000) if kind == "normal" else rng.exponential(1, 3000)
        low, high = stopped(items, width).intervals["mean"]
        covered.append(low <= 1 <= high)
    assert np.mean(covered) >= 0.93


def test_widths_are_kept_and_given_again_as_code(logistic: Subject, without_controls: None, tmp_path: Path) -> None:
    outcome = xw.assess(logistic, PDTP, n_samples=30, until={"mean_excess": 0.5})
    again = outcome_from_dict(json.loads(json.dumps(outcome_to_dict(outcome))))
    assert again.params == outcome.params
    assert "until={'mean_excess': 0.5}" in as_python(outcome)
    assert "--set until=mean_excess=0.5" in as_command(outcome)
    plan = tmp_path / "plan.toml"
    plan.write_text(run_as_plan([outcome], Policy.default()))
    (again,) = xw.run_plan(logistic, plan)
    assert again.params == outcome.params
    store = xw.Store(tmp_path / "store.sqlite")
    first = xw.assess(logistic, PDTP, n_samples=30, store=store)
    assert not xw.assess(logistic, PDTP, n_samples=30, until={"mean_excess": 0.5}, store=store).recalled
    assert first.params != outcome.params
    assert xw.assess(logistic, PDTP, n_samples=30, until={"mean_excess": 0.5}, store=store).recalled
