"""A sample that is marked in one result is marked in the others."""

from dataclasses import replace

import ipywidgets as w
import pandas as pd
import pytest
import traitlets
from ipywidgets.widgets.widget_link import Link

from tests.subjects import small_credit
from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Chart, Finding, Outcome, Subject
from xrai_widgets.reporting.compose import report
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import OutcomeView, SampleHistogram, SampleTable
from xrai_widgets.widgets.linked_samples import LinkedSamples
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


# --- the most exposed samples -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapr(credit: Subject) -> Outcome:
    return assess(credit, "privacy.shapr")


def linked(view: OutcomeView) -> LinkedSamples:
    (found,) = view._linked
    return found


def exposed(view: OutcomeView) -> SampleTable:
    found = linked(view).table
    assert found is not None
    return found


def labels(made: SampleTable) -> list[str]:
    return [column["label"] for column in made.columns]


def test_the_most_exposed_samples_are_shown_in_original_units(credit: Subject, shapr: Outcome) -> None:
    made = exposed(OutcomeView(shapr, subject=credit))
    assert labels(made)[:4] == ["id", "class", "SHAPr", "interval"]
    assert [column["label"] for column in made.columns if column.get("inside")][:2] == [
        "checking status",
        "duration months",
    ]
    place = labels(made).index("credit history")
    assert made.rows[0][place] in credit.constraints[2].categories
    scores = [row[2] for row in made.rows]
    assert scores == sorted(scores, reverse=True)
    assert (made.page, made.total, len(made.rows)) == (20, 600, 200)
    assert made.samples[0] == ["X_train", made.rows[0][0]]
    assert made.cut == linked_cut(shapr)


def linked_cut(given: Outcome) -> float | None:
    assert given.finding is not None
    return given.finding.charts[0].cut


def test_without_the_model_samples_are_named_by_id_only_and_that_is_said(shapr: Outcome) -> None:
    made = exposed(OutcomeView(shapr))
    assert labels(made) == ["id", "class", "SHAPr", "interval"]
    assert made.note == "Samples are named by id only: the model and its data are not at hand."


def test_another_models_rows_are_never_shown_also_where_the_ids_are_the_same(credit: Subject, shapr: Outcome) -> None:
    assert credit.X_train is not None
    other = replace(credit, X_train=credit.X_train[::-1].copy())
    assert labels(exposed(OutcomeView(shapr, subject=other))) == ["id", "class", "SHAPr", "interval"]


def test_a_model_that_comes_later_fills_the_table(credit: Subject, shapr: Outcome) -> None:
    view = OutcomeView(shapr)
    view.selected = ((credit.fingerprint, "X_train", exposed(view).rows[3][0]),)
    view.subject = credit
    assert "credit history" in labels(exposed(view))
    assert exposed(view).note == ""
    assert exposed(view).selected == [["X_train", exposed(view).rows[3][0]]]
    view.subject = None
    assert "credit history" not in labels(exposed(view))


def test_images_are_shown_as_pictures(digits: Subject) -> None:
    made = exposed(OutcomeView(assess(digits, "privacy.shapr"), subject=digits))
    assert len(made.pictures) == len(made.rows)
    assert all(picture.startswith("data:image/png;base64,") for picture in made.pictures)
    assert not any(column.get("inside") for column in made.columns)


def test_a_marked_sample_is_marked_in_the_histogram_and_in_every_table(credit: Subject, shapr: Outcome) -> None:
    view = OutcomeView(shapr, subject=credit)
    made = exposed(view)
    made.selected = [made.samples[2]]
    assert linked(view).histogram.marks == [[made.rows[2][2], made.rows[2][0]]]
    assert view.selected == ((credit.fingerprint, *made.samples[2]),)
    assert table(view).selected == [made.samples[2]]
    table(view).selected = []
    assert made.selected == []
    assert linked(view).histogram.marks == []


def test_a_click_in_the_histogram_marks_the_nearest_sample_and_a_second_one_unmarks_it(
    credit: Subject, shapr: Outcome
) -> None:
    view = OutcomeView(shapr, subject=credit)
    made = exposed(view)
    linked(view).histogram.picked = made.rows[0][2] + 0.01
    assert made.selected == [made.samples[0]]
    assert linked(view).histogram.picked is None, "the same place can be clicked again"
    linked(view).histogram.picked = made.rows[0][2] + 0.01
    assert made.selected == []


def test_no_row_gets_into_the_finding_or_a_report(credit: Subject, shapr: Outcome) -> None:
    view = OutcomeView(shapr, subject=credit)
    assert "no checking account" in str(exposed(view).rows)
    assert view.outcome is shapr
    made = report([shapr], Policy.default())
    for text in (made.to_html(), made.to_json(), made.to_markdown()):
        assert "checking account" not in text
        assert "credit_history" not in text


def test_the_flags_follow_the_cut_in_the_browser(shapr: Outcome) -> None:
    view = OutcomeView(shapr)
    before = set(w.widgets.widget._instances)
    made = table(view)
    assert made.cut == linked(view).histogram.cut
    new = [w.widgets.widget._instances[key] for key in set(w.widgets.widget._instances) - before]
    links = [one for one in new if isinstance(one, Link)]
    assert [(one.source, one.target) for one in links] == [((linked(view).histogram, "cut"), (made, "cut"))]


def test_a_score_that_is_worse_when_it_is_low_is_flagged_below() -> None:
    subject = small_credit()
    found = assess(subject, "robustness.evasion", n_samples=10, max_iter=1)
    made = exposed(OutcomeView(found, subject=subject))
    assert made.beyond == "below"
    place = labels(made).index("distance")
    distances = [row[place] for row in made.rows]
    assert distances == sorted(distances)


def test_a_histogram_of_another_table_has_no_table_of_samples() -> None:
    rest = pd.DataFrame({"a": [1.0, 2.0]})
    found = Finding({}, tables={"rest": rest}, charts=(Chart("rest", "histogram", "a", title="T", cut=1.5),))
    view = OutcomeView(Outcome("custom.a", "s" * 64, "model", {}, "ok", found))
    (child,) = view._pages[0].children
    assert isinstance(child, SampleHistogram)
    view.selected = (("s" * 64, "X", "1"),)


def test_the_first_page_of_a_result_takes_no_more_widgets_than_this(credit: Subject, shapr: Outcome) -> None:
    view = OutcomeView(subject=credit)
    before = len(w.widgets.widget._instances)
    view.outcomes = (shapr,)
    assert len(w.widgets.widget._instances) - before <= 12


def test_samples_of_two_parts_with_the_same_name_show_their_own_contents_and_their_part(logistic: Subject) -> None:
    subject = replace(
        logistic, decode=None, X_new=logistic.X[::-1][:3], y_new=logistic.y[::-1][:3], new_ids=logistic.ids[:3]
    )
    samples = pd.DataFrame({"part": ["X", "X_new", "X_new"], "id": logistic.ids[[0, 0, 1]], "score": [3.0, 2.0, 1.0]})
    chart = Chart("samples", "histogram", "score", title="T", cut=0.0)
    linked = LinkedSamples(chart, Finding({}, tables={"samples": samples}), subject)
    assert linked.table is not None
    assert linked.table.caption == "Most exposed samples"
    assert [row[0] for row in linked.table.rows] == ["X", "X_new", "X_new"]
    shown = [row[-logistic.X.shape[1] :] for row in linked.table.rows]
    assert shown == [logistic.X[0].tolist(), logistic.X[-1].tolist(), logistic.X[-2].tolist()]
    new = LinkedSamples(replace(chart, part="X_new"), Finding({}, tables={"samples": samples}), subject)
    assert new.table is not None
    assert new.table.caption == "Most exposed new samples"
    assert new.table.samples == [["X_new", str(logistic.ids[0])], ["X_new", str(logistic.ids[1])]]
