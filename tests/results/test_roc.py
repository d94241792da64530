"""The curve of an attack: as far to the left as the samples reach, and no further."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from xrai_widgets.core import Chart, Finding, Outcome, Subject
from xrai_widgets.results.charts import describe
from xrai_widgets.results.charts.figure import draw
from xrai_widgets.results.charts.roc import reach
from xrai_widgets.results.words import interval
from xrai_widgets.runtime import assess


@pytest.fixture(scope="module")
def membership(credit: Subject) -> Outcome:
    return assess(credit, "privacy.membership_inference")


def curve(finding: Finding) -> Chart:
    return next(chart for chart in finding.charts if chart.log)


def drawn(finding: Finding) -> Axes:
    return draw(curve(finding), finding).axes[0]


def lines(axes: Axes) -> dict[str, np.ndarray]:
    return {str(line.get_label()): line.get_xydata() for line in axes.get_lines()}  # type: ignore[misc]


def test_the_axis_is_grey_below_one_false_alarm_in_n(membership: Outcome) -> None:
    assert membership.finding is not None
    axes = drawn(membership.finding)
    assert reach(curve(membership.finding), membership.finding.tables["roc"]) == pytest.approx(1 / 400)
    (grey,) = axes.patches
    assert grey.get_window_extent().x0 <= axes.get_window_extent().x0 + 1
    assert grey.get_extents().x1 == pytest.approx(axes.transData.transform((1 / 400, 1))[0])
    assert "in 400" in axes.texts[0].get_text()


def test_the_rates_that_are_judged_are_marked_with_their_intervals(membership: Outcome) -> None:
    assert membership.finding is not None
    axes = drawn(membership.finding)
    assert axes.get_xlim()[0] < 0.001
    segments = [np.asarray(line.get_xydata()) for line in axes.get_lines()]
    spans = {float(at[0, 0]): at[:, 1].tolist() for at in segments if len(at) == 2 and at[0, 0] == at[1, 0]}
    low, high = membership.finding.intervals["tpr_at_fpr_1pct"]
    assert spans[0.01] == pytest.approx([max(low, axes.get_ylim()[0]), high])
    marks = [
        (*np.asarray(line.get_xydata())[0].tolist(), line.get_marker())
        for line in axes.get_lines()
        if line.get_marker() in ("o", "v")
    ]
    assert (0.01, membership.finding.values["tpr_at_fpr_1pct"], "o") in marks
    assert [mark for at, _, mark in marks if at == 0.001] == ["v"], "a rate of 0 has an upper limit and no point"


def test_the_line_starts_where_the_samples_begin_to_tell(membership: Outcome) -> None:
    assert membership.finding is not None
    attack = lines(drawn(membership.finding))["attack"]
    assert attack[0, 0] == pytest.approx(1 / 400)
    assert attack[-1].tolist() == [1.0, 1.0]


def test_hits_without_any_false_alarm_are_drawn_as_a_dotted_line() -> None:
    roc = pd.DataFrame({"fpr": [0.0, 0.0, 0.01, 1.0], "tpr": [0.0, 0.4, 0.5, 1.0], "line": "attack"})
    chart = Chart("roc", "line", "fpr", y="tpr", by="line", title="T", log=True)
    axes = drawn(Finding({}, tables={"roc": roc}, charts=(chart,)))
    heights = [line.get_ydata().tolist() for line in axes.get_lines()]  # type: ignore[union-attr]
    assert [0.4, 0.4] in heights
    assert lines(axes)["attack"][0].tolist() == [0.01, 0.4]


def test_several_attacks_have_a_line_each_and_one_of_guessing() -> None:
    parts = [
        pd.DataFrame({"fpr": [0.0, 0.01, 1.0], "tpr": [0.0, top, 1.0], "line": name})
        for name, top in (("a", 0.1), ("b", 0.3))
    ]
    roc = pd.concat([*parts, pd.DataFrame({"fpr": [0.01, 1.0], "tpr": [0.01, 1.0], "line": "chance"})])
    chart = Chart("roc", "line", "fpr", y="tpr", by="line", title="T", log=True)
    finding = Finding({}, tables={"roc": roc}, charts=(chart,))
    axes = drawn(finding)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "guessing"]
    styles = {line.get_linestyle() for line in axes.get_lines() if line.get_label() in ("a", "b")}
    assert len(styles) == 2, "not told apart by colour alone"


def test_a_table_may_say_how_many_non_members_there_are() -> None:
    roc = pd.DataFrame({"fpr": [0.0, 0.1, 1.0], "tpr": [0.0, 0.2, 1.0], "n_non_members": 5000})
    chart = Chart("roc", "line", "fpr", y="tpr", title="T", log=True)
    assert reach(chart, roc) == pytest.approx(1 / 5000)
    assert "1 in 5000" in describe(chart, Finding({}, tables={"roc": roc}, charts=(chart,)))


def test_the_text_alternative_says_the_numbers(membership: Outcome) -> None:
    assert membership.finding is not None
    text = describe(curve(membership.finding), membership.finding)
    span = interval(*membership.finding.intervals["tpr_at_fpr_1pct"])
    assert f"true-positive rate 0.0533 {span} at a false-positive rate of 1 %" in text
    low_span = interval(*membership.finding.intervals["tpr_at_fpr_0_1pct"])
    assert f"{low_span} at a false-positive rate of 0.1 %, more than so few samples can show" in text
    assert "the axis is grey below 1 in 400" in text
