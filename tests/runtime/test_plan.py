"""Plans: checked whole, run one by one, whatever happens to each."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pace import slowness
from tests.subjects import small_credit
from xrai_widgets.core import Array, Finding, Outcome, Predict, Step, Subject, find, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.runtime import PlanProgress, assess, catalog, check_plan, forecast, model_quality, run_plan


def breaks(predict: Predict, *, step: Step = quiet) -> Finding:
    """Break."""
    raise ZeroDivisionError("by zero")


def stumbles(predict: Predict, *, step: Step = quiet) -> Finding:
    """Break half-way."""
    step(0.5, "half", Finding(values={"found": 1.0}))
    raise ZeroDivisionError("by zero")


def silent(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask the model again and again, and say nothing of it."""
    while True:
        predict(X[:1])


@pytest.fixture(autouse=True)
def broken() -> Iterator[None]:
    register(title="breaks")(breaks)
    register(title="stumbles")(stumbles)
    register(title="silent")(silent)
    yield
    _registry.pop("custom.breaks")
    _registry.pop("custom.stumbles")
    _registry.pop("custom.silent")


def test_a_failure_does_not_stop_the_others(forest: Subject) -> None:
    outcomes = run_plan(forest, ["custom.breaks", "privacy.shapr"])
    assert [outcome.status for outcome in outcomes] == ["error", "ok"]


def test_an_error_has_a_number_and_its_traceback_is_in_the_log(
    forest: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = assess(forest, "custom.breaks")
    number = outcome.reason.split("(error ")[1][:8]
    assert "ZeroDivisionError: by zero" in outcome.reason
    assert number in caplog.text
    assert "Traceback" in caplog.text


def test_what_was_found_before_an_error_is_kept_and_not_judged(forest: Subject) -> None:
    outcome = assess(forest, "custom.stumbles")
    assert outcome.status == "error"
    assert outcome.finding is not None
    assert outcome.finding.values == {"found": 1.0}
    assert outcome.verdict().status == "not judged"


def test_strict_raises_what_the_engine_raised(forest: Subject) -> None:
    with pytest.raises(ZeroDivisionError, match="by zero"):
        assess(forest, "custom.breaks", strict=True)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (["privacy.shap"], r"no assessment 'privacy.shap'.*did you mean 'privacy.shapr'"),
        ([("privacy.shapr", {"n_neighbors": 0})], r"n_neighbors must lie in \[1, 50\], got 0"),
        ([("privacy.shapr", {"k": 1})], r"no parameter 'k'; allowed: n_neighbors"),
        ([], "at least one assessment, got none"),
        ("no_such_plan.toml", "does not exist"),
    ],
)
def test_a_plan_with_a_mistake_runs_nothing(forest: Subject, plan: Any, message: str) -> None:
    heard: list[Any] = []
    given = plan if isinstance(plan, str) else ["privacy.shapr", *plan] if plan else plan
    with pytest.raises(ValueError, match=message):
        run_plan(forest, given, each=heard.append)
    assert heard == []


def test_a_plan_is_read_from_toml_in_its_order(tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('["privacy.shapr"]\nn_neighbors = 3\n\n["privacy.membership_inference"]\nscore = "margin"\n')
    outcomes = run_plan(forest, file)
    assert [(o.assessment, o.status) for o in outcomes] == [
        ("privacy.shapr", "ok"),
        ("privacy.membership_inference", "ok"),
    ]
    assert outcomes[0].params["n_neighbors"] == 3


def test_cancel_keeps_what_ended_and_every_assessment_appears_once(forest: Subject) -> None:
    cancel = threading.Event()
    outcomes = run_plan(
        forest,
        ["privacy.shapr", "robustness.evasion", "privacy.membership_inference"],
        cancel=cancel,
        each=lambda news: cancel.set() if isinstance(news, Outcome) else None,
    )
    assert [outcome.status for outcome in outcomes] == ["ok", "cancelled", "cancelled"]
    assert outcomes[2].reason == "cancelled before it started"


def test_progress_grows_over_the_whole_plan(forest: Subject) -> None:
    heard: list[PlanProgress] = []
    names = ["privacy.shapr", ("robustness.evasion", {"n_samples": 10, "max_iter": 5})]
    run_plan(forest, names, each=lambda news: heard.append(news) if isinstance(news, PlanProgress) else None)
    done = [progress.done for progress in heard]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert heard[-1].total == 2


def test_an_outcome_records_what_is_needed_to_run_it_again(forest: Subject) -> None:
    outcome = assess(forest, "privacy.membership_inference", seed=7)
    assert outcome.seed == 7
    assert outcome.subject == forest.fingerprint
    assert outcome.params["attack_train_ratio"] == 0.5
    assert {"python", "numpy", "xrai-widgets"} <= set(outcome.versions)
    assert outcome.started.endswith("+00:00")
    asked = len(forest.X) + len(forest.X_train if forest.X_train is not None else ())
    assert outcome.queries == 2 * asked, "once for the finding, once for its control with members dealt at random"


def test_the_catalog_lists_what_is_registered() -> None:
    table = catalog()
    assert {"privacy.shapr", "custom.breaks"} <= set(table.index)
    assert table.loc["privacy.shapr", "needs"] == "predict, X_train, y_train, X, y"


def test_a_plan_of_names_and_pairs_is_filled_with_defaults() -> None:
    (entry, params), (_, other) = check_plan(["privacy.shapr", ("privacy.shapr", {"n_neighbors": 2})])
    assert entry.name == "privacy.shapr"
    assert (params["n_neighbors"], other["n_neighbors"]) == (1, 2)


def test_a_forecast_is_of_the_right_size() -> None:
    entry, subject = find("robustness.evasion"), small_credit()
    told = forecast(subject, entry, {"n_samples": 120}, budget=0.5)  # a small part of the whole
    took = assess(subject, "robustness.evasion", n_samples=120).seconds
    assert told.seconds is not None
    assert took / 4 < told.seconds < took * 4
    assert told.pilot < 1.5 * slowness()


def test_a_forecast_of_something_quick_is_what_it_took(forest: Subject) -> None:
    told = forecast(forest, find("privacy.shapr"), {}, budget=60.0)
    assert told.seconds is not None
    assert told.seconds == told.pilot, "the pilot was the whole run"
    assert told.seconds < 1 * slowness()
    assert str(replace(told, seconds=told.seconds / slowness() / 2)) == "< 1 s"


def test_an_engine_that_fails_has_no_forecast(forest: Subject) -> None:
    assert str(forecast(forest, find("custom.breaks"), {})) == "time unknown"


def test_an_engine_that_says_nothing_of_its_progress_is_forecast_to_take_longer_than_its_pilot(forest: Subject) -> None:
    told = forecast(forest, find("custom.silent"), {}, budget=0.2)
    assert told.seconds is None
    assert 0.2 <= told.least < 2
    assert str(told) == f"> {told.least:.1f} s"


def test_the_quality_of_a_model_has_intervals(forest: Subject, digits: Subject, regression: Subject) -> None:
    for subject, keys in (
        (forest, {"accuracy", "auroc", "calibration_error"}),
        (digits, {"accuracy", "auroc", "calibration_error"}),
        (regression, {"r2", "mean_absolute_error"}),
    ):
        finding = model_quality(subject)
        assert set(finding.values) == set(finding.intervals) == keys
