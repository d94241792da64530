"""Every judged number of every engine stands beside something of which the answer is known, and that can stop it."""

from dataclasses import replace

from tests.contract.catalog import every_engine, examples_of, first, judged, subject_for
from xrai_widgets.core import Assessment, Finding, Step, quiet
from xrai_widgets.core.control import CONTROLS, MODEL_ROW
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.threshold import Threshold
from xrai_widgets.runtime import run
from xrai_widgets.runtime.control_subjects import name_of
from xrai_widgets.runtime.control_warnings import Wrong, unjudged_by


@every_engine
def test_an_assessment_has_controls_or_says_why_not(entry: Assessment) -> None:
    assert entry.controls or entry.no_controls


@every_engine
def test_every_judged_measure_has_a_control_that_can_come_out_wrong(entry: Assessment) -> None:
    if entry.no_controls:
        return
    for measure in entry.measures:
        mine = [control for control in entry.controls if not control.about or measure.key in control.about]
        assert any(control.expect != "anything" for control in mine), f"nothing can stop {measure.key} of {entry.name}"
    for control in entry.controls:
        names = {measure.key for measure in entry.measures}
        assert not entry.measures or {*control.about} <= names, f"{name_of(control)} is about what is not judged"


@every_engine
def test_every_judged_number_stands_beside_its_controls(entry: Assessment) -> None:
    for name in [] if entry.no_controls else examples_of(entry):
        beside_controls(entry, name)


def beside_controls(entry: Assessment, name: str) -> None:
    outcome = first(entry, name).outcome
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    table = outcome.finding.tables[CONTROLS]
    others = table[table["control"] != MODEL_ROW]
    assert (others["note"] != "").all(), "each one says what a reader should see"
    assert not others["note"].str.startswith("failed").any()
    assert judged(entry, name) <= set(others["measure"])
    assert others["value"].notna().any()
    values = outcome.finding.values
    about = [control for control in entry.controls if not control.about or {*control.about} & set(values)]
    assert about
    assert {name_of(control) for control in about} == set(others["control"])
    assert outcome.finding.unjudged == {}, "no control of a plain example is wrong"


@every_engine
def test_a_control_that_comes_out_wrong_stops_every_verdict_that_it_is_about(entry: Assessment) -> None:
    values = {measure.key: 0.0 for measure in entry.measures}
    finding = Finding(values, tables={}, bounds={})
    limits = {measure.key: Threshold("max" if measure.better == "lower" else "min", 0.0) for measure in entry.measures}
    outcome = run(subject_for(entry), _silent(entry, finding), {})
    assert judge(outcome, Policy({entry.name: limits})).status != "not judged" or not values
    for control in entry.controls:
        stopped = unjudged_by([Wrong(control, "leak 1", "why")], finding, entry)
        allowed = {*control.about} or set(values)
        assert set(stopped) == (allowed & set(values) if control.kind != "blind" else set())
        assert all(name_of(control) in reason for reason in stopped.values())


def _silent(entry: Assessment, finding: Finding) -> Assessment:
    def nothing(*, step: Step = quiet) -> Finding:
        return finding

    return replace(entry, engine=nothing, controls=())
