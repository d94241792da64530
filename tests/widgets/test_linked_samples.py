"""A sample that is marked in one result is marked in the others."""

import pandas as pd
import traitlets

from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.widgets import OutcomeView, SampleTable
from xrai_widgets.widgets.sample_table import MOST


def outcome(name: str, subject: str = "s" * 64, rows: int = 5) -> Outcome:
    samples = pd.DataFrame({"part": "X", "id": range(rows), "score": [1.0 * i for i in range(rows)]})
    finding = Finding({"value": 1.0}, tables={"samples": samples, "rest": pd.DataFrame({"a": [1]})})
    return Outcome(f"custom.{name}", subject, "model", {}, "ok", finding)


def table(view: OutcomeView) -> SampleTable:
    view._tabs.selected_index = 1
    return next(child for child in view._tables.children if child.samples)


def test_a_mark_travels_from_one_result_to_another() -> None:
    first, second = OutcomeView(outcome("a")), OutcomeView(outcome("b"))
    traitlets.link((first, "selected"), (second, "selected"))
    table(first).selected = [["X", "3"]]
    assert first.selected == (("s" * 64, "X", "3"),)
    assert table(second).selected == [["X", "3"]]
    table(second).selected = []
    assert table(first).selected == []


def test_a_mark_does_not_travel_to_another_model() -> None:
    first, second = OutcomeView(outcome("a")), OutcomeView(outcome("a", subject="t" * 64))
    traitlets.link((first, "selected"), (second, "selected"))
    table(first).selected = [["X", "3"]]
    assert table(second).selected == []
    table(second).selected = [["X", "1"]]
    assert table(first).selected == [["X", "3"]]
    assert set(second.selected) == {("s" * 64, "X", "3"), ("t" * 64, "X", "1")}


def test_a_mark_stays_when_another_result_is_looked_at() -> None:
    view = OutcomeView()
    view.outcomes = (outcome("a"), outcome("b"))
    table(view).selected = [["X", "3"]]
    view.outcome = view.outcomes[0]
    assert table(view).selected == [["X", "3"]]


def test_a_marked_sample_is_shown_however_long_the_table_is() -> None:
    frame = pd.DataFrame({"part": "X", "id": range(MOST + 50), "score": [1.0 * i for i in range(MOST + 50)]})
    made = SampleTable(frame, "samples", "score", [("X", 0)])
    assert ["X", "0"] in made.samples
    assert len(made.rows) == len(made.samples) == MOST + 1


def test_a_table_without_ids_has_nothing_to_mark() -> None:
    assert SampleTable(pd.DataFrame({"a": [1]}), "rest").samples == []


def test_the_session_knows_what_is_marked(forest: Subject) -> None:
    bench = Workbench(forest, selection=("privacy.shapr",))
    bench.runner.run()
    assert bench.runner.wait(20)
    marks = table(bench.view)
    marks.selected = [marks.samples[0]]
    assert bench.session.selected == ((forest.fingerprint, *marks.samples[0]),)
