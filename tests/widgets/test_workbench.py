"""The components together."""

import threading

import pytest

from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Subject
from xrai_widgets.data import examples
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import Forecast
from xrai_widgets.widgets import metric_selector

MIA = "privacy.membership_inference"


def test_pick_tick_run_slide_and_take_the_report(forest: Subject) -> None:
    bench = Workbench()
    assert bench.runner.button.disabled
    bench.picker.subject = forest
    assert bench.board._job is not None
    assert bench.board._job.wait(10)
    assert "AUROC" in bench.board.view.value
    bench.selector.box("privacy.shapr").value = True
    bench.selector.box(MIA).value = True
    bench.runner.button.click()
    assert bench.runner.wait(20)
    assert len(bench.session.outcomes) == 2
    assert "▲</span>warn" in bench.board.view.value
    bench.view.outcome = bench.session.outcomes[0]
    lenient = bench.session.policy.with_threshold(MIA, "advantage", 0.9)
    bench.session.policy = lenient.with_threshold(MIA, "tpr_at_fpr_1pct", 0.9)
    assert "▲</span>warn" not in bench.board.view.value
    assert "warn" not in {verdict.status for verdict in bench.report.report().verdicts}
    assert "0.9" in bench.policy.text.value


def test_another_subject_empties_the_board_and_the_first_one_comes_back_with_its_results(
    forest: Subject, regression: Subject
) -> None:
    bench = Workbench(forest, selection=("privacy.shapr",))
    bench.runner.run()
    assert bench.runner.wait(20)
    bench.session.subject = regression
    assert "No results yet" in bench.board.view.value
    assert bench.runner.button.disabled
    bench.session.subject = forest
    assert "SHAPr membership exposure" in bench.board.view.value


def test_nobody_runs_the_model_before_while_another_one_is_read(
    forest: Subject, regression: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, go = Workbench(forest, selection=("privacy.shapr",)), threading.Event()

    def load(_: str) -> Subject:
        assert go.wait(60)
        return regression

    assert not bench.runner.button.disabled
    monkeypatch.setattr(examples, "load", load)
    bench.picker._example.value = "diabetes_tree"
    assert bench.runner.button.disabled
    assert "Another model is being read" in bench.runner.status.value
    bench.picker.upload.reading = True
    bench.picker.upload.reading = False
    assert bench.runner.button.disabled, "the example is still being fitted"
    go.set()
    assert bench.picker._job is not None
    assert bench.picker._job.wait(60)
    assert bench.runner.subject is regression
    assert not bench.picker.loading
    bench.picker.upload.reading = True
    assert bench.runner.button.disabled
    assert "Another model is being read" in bench.runner.status.value
    bench.picker.upload.reading = False
    bench.session.subject = forest
    assert not bench.runner.button.disabled


def test_an_entry_out_of_range_greys_run_and_earlier_outcomes_stay(forest: Subject) -> None:
    bench = Workbench(forest, selection=("robustness.evasion",))
    bench.runner.plan = (("privacy.shapr", {}),)
    bench.runner.run()
    assert bench.runner.wait(20)
    bench.forms.form("robustness.evasion").control("n_samples").value = -3
    assert bench.runner.button.disabled
    assert "samples to attack must lie in" in bench.runner.status.value
    assert len(bench.session.current) == 1


def test_a_forecast_reaches_the_run_button(forest: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    # what the pilot finds on a busy machine is no concern of this test
    monkeypatch.setattr(metric_selector, "forecast", lambda *_, **__: Forecast(4.0, 0.1))
    bench = Workbench(forest, selection=("privacy.shapr",))
    assert bench.selector._job is not None
    assert bench.selector._job.wait(60)
    assert bench.runner.button.description == "Run · about 4.0 s"


def test_a_policy_of_ones_own_judges_from_the_start(forest: Subject) -> None:
    policy = Policy.default().with_threshold(MIA, "advantage", 0.9)
    assert Workbench(forest, policy).board.policy is policy
