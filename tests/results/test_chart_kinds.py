"""Every kind of chart: it is drawn, it says what it shows, and it refuses what it cannot show."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from xrai_widgets.core import Chart, Finding
from xrai_widgets.core.finding import CHART_KINDS
from xrai_widgets.io.outcomes import finding_from_dict, finding_to_dict
from xrai_widgets.results.charts import describe, kind_of
from xrai_widgets.results.charts.figure import draw, svg


def made(table: pd.DataFrame, chart: Chart, **arrays: np.ndarray) -> Finding:
    return Finding({"v": 1.0}, tables={"t": table}, charts=(chart,), arrays=arrays, shareable=())


BOUNDS = pd.DataFrame(
    {
        "model": ["tree", "forest", "net", "svm", "black box"],
        "exact": [0.4, np.nan, np.nan, np.nan, np.nan],
        "low": [0.4, 0.25, 0.1, np.nan, np.nan],
        "high": [0.4, 0.5, np.nan, 0.7, np.nan],
    }
)
POINTS = pd.DataFrame(
    {
        "a": [1.0, 2.0, 3.0, 4.0, np.nan, 6.0],
        "b": [2.0, 1.0, 4.0, 8.0, 1.0, np.nan],
        "g": ["u", "u", "v", "v", "u", "v"],
        "name": [f"m{number}" for number in range(6)],
    }
)
MAP = pd.DataFrame(
    {
        "band": [1, 2, 3, 1, 2, 3],
        "epoch": ["one", "one", "one", "two", "two", "two"],
        "share": [0.1, 0.2, 0.7, 0.5, np.nan, 0.3],
    }
)
DAYS = pd.DataFrame(
    {
        "day": ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-05"],
        "accuracy": [0.9, 0.8, np.nan, 0.95],
        "low": [0.8, 0.7, np.nan, 0.9],
        "high": [0.95, 0.9, np.nan, 1.0],
    }
)
CHARTS = {
    "bounds": (BOUNDS, Chart("t", "bounds", "exact", "model", low="low", high="high", title="T")),
    "scatter": (POINTS, Chart("t", "scatter", "a", "b", by="g", label="name", title="T")),
    "heat": (MAP, Chart("t", "heat", "band", "epoch", value="share", title="T")),
    "time": (DAYS, Chart("t", "time", "day", "accuracy", low="low", high="high", band=(0.85, 1.0), title="T")),
    "images": (POINTS[["name"]], Chart("t", "images", "name", array="pictures", title="T")),
}
PICTURES = np.linspace(0.0, 1.0, 6 * 16).reshape(6, 1, 4, 4)


def finding_of(kind: str) -> Finding:
    table, chart = CHARTS[kind]
    return made(table, chart, **({"pictures": PICTURES} if kind == "images" else {}))


def axes_of(kind: str) -> Axes:
    return draw(CHARTS[kind][1], finding_of(kind)).axes[0]


@pytest.mark.parametrize("kind", sorted(CHARTS))
def test_a_kind_is_drawn_described_and_comes_back_from_json(kind: str) -> None:
    finding, chart = finding_of(kind), CHARTS[kind][1]
    said = describe(chart, finding)
    text = svg(draw(chart, finding), said)
    assert text.startswith('<svg role="img" aria-label="T. ')
    assert "nan" not in said
    back = finding_from_dict(json.loads(json.dumps(finding_to_dict(finding, include_rows=True))))
    assert asdict(back.charts[0]) == asdict(chart)
    assert describe(back.charts[0], back) == said


def test_every_kind_that_the_core_knows_has_its_module() -> None:
    for kind in CHART_KINDS:
        module = kind_of(Chart("t", kind, "x", "y", low="l", high="h", value="v", array="p"))
        assert callable(module.describe)
        assert callable(module.draw)


def test_bounds_say_exact_between_and_beyond() -> None:
    finding, chart = finding_of("bounds"), CHARTS["bounds"][1]
    assert describe(chart, finding) == (
        "T. tree: exactly 0.4; forest: between 0.25 and 0.5; net: at least 0.1; svm: at most 0.7; black box: not known."
    )
    axes = axes_of("bounds")
    (bars,) = [part for part in axes.collections if isinstance(part, LineCollection)]
    spans = [(round(float(at[0, 0]), 3), round(float(at[1, 0]), 3)) for at in bars.get_segments()]
    left, right = axes.get_xlim()
    assert left < 0.1
    assert right > 0.7
    edges = (round(left, 3), round(right, 3))
    assert spans == [(0.25, 0.5), (0.1, edges[1]), (edges[0], 0.7), edges], "an open side reaches the edge"
    assert [label.get_text() for label in axes.get_yticklabels()] == list(BOUNDS["model"])


def test_a_scatter_leaves_out_what_has_no_place_and_names_the_rest() -> None:
    axes = axes_of("scatter")
    drawn = {str(line.get_label()): np.asarray(line.get_xdata()).size for line in axes.get_lines()}
    assert drawn == {"u": 2, "v": 2}
    assert [text.get_text() for text in axes.texts] == ["m0", "m1", "m2", "m3"]
    markers = {line.get_marker() for line in axes.get_lines()}
    assert len(markers) == 2, "colour alone tells nobody apart"
    said = describe(CHARTS["scatter"][1], finding_of("scatter"))
    assert "u: 2 points, a from 1 to 2, b from 1 to 2" in said
    assert "rank correlation 0.8" in said, "Spearman's of (1, 2), (2, 1), (3, 4), (4, 8)"


def test_a_name_with_mathematics_in_it_is_shown_as_it_is() -> None:
    table = POINTS.assign(name="$\\frac{$")
    figure = draw(CHARTS["scatter"][1], made(table, CHARTS["scatter"][1]))
    assert "frac" in svg(figure, "")


def test_a_map_keeps_the_order_of_the_table_and_says_where_the_ends_are() -> None:
    axes = axes_of("heat")
    (image,) = axes.get_images()
    values = np.ma.filled(np.ma.asarray(image.get_array()), np.nan)
    assert np.allclose(values, [[0.1, 0.2, 0.7], [0.5, np.nan, 0.3]], equal_nan=True)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two"]
    text = describe(CHARTS["heat"][1], finding_of("heat"))
    assert "smallest share 0.1 at epoch one, band 1" in text
    assert "largest share 0.7 at epoch one, band 3" in text
    assert "1 of 6 are not known" in text
    nothing = made(MAP.assign(share=np.nan), CHARTS["heat"][1])
    assert describe(CHARTS["heat"][1], nothing) == "T. no value is known."
    assert svg(draw(CHARTS["heat"][1], nothing), "")


def test_a_time_line_has_a_gap_where_nothing_is_known() -> None:
    axes = axes_of("time")
    line = axes.get_lines()[0]
    assert np.isnan(np.asarray(line.get_ydata(), dtype=float)).tolist() == [False, False, True, False]
    text = describe(CHARTS["time"][1], finding_of("time"))
    assert "accuracy 0.9 at 2026-03-01, 0.95 at 2026-03-05, between 0.8 and 0.95, 1 of 4 missing" in text
    assert "1 of 3 outside of 0.85 to 1" in text


def test_a_time_line_takes_epochs_and_unsorted_times() -> None:
    epochs = pd.DataFrame({"epoch": [3, 1, 2], "loss": [0.1, 0.9, 0.4]})
    chart = Chart("t", "time", "epoch", "loss", title="T")
    assert "loss 0.9 at 1, 0.1 at 3" in describe(chart, made(epochs, chart))
    line = draw(chart, made(epochs, chart)).axes[0].get_lines()[0]
    assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3]


def test_pictures_stand_beside_their_captions_and_are_no_part_of_a_report() -> None:
    finding, chart = finding_of("images"), CHARTS["images"][1]
    insets = draw(chart, finding).axes[0].child_axes
    assert [inset.get_title() for inset in insets] == [f"m{number}" for number in range(6)]
    third = np.asarray(insets[2].get_images()[0].get_array())
    assert np.allclose(third, PICTURES[2, 0])
    assert describe(chart, finding) == "T. 6 pictures of 4 × 4 pixels; m0; m1; m2; m3; m4; m5."
    assert finding.without_contents().charts == (), "what is in the samples goes with them"
    many = made(pd.DataFrame({"name": range(40)}), chart, pictures=np.zeros((40, 3, 4, 4), dtype=np.uint8))
    assert "16 of 40 pictures" in describe(chart, many)
    assert len(draw(chart, many).axes[0].child_axes) == 16


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        ({"kind": "pie", "x": "a"}, "must be one of bounds, heat, histogram, images, line, points, scatter, time"),
        ({"kind": "heat", "x": "a", "y": "b"}, "the chart 'T' of kind 'heat' needs value"),
        ({"kind": "bounds", "x": "a", "y": "b", "low": "a"}, "the chart 'T' of kind 'bounds' needs high"),
        ({"kind": "images", "x": "a"}, "the chart 'T' of kind 'images' needs array"),
        ({"kind": "time", "x": "a"}, "the chart 'T' of kind 'time' needs y"),
    ],
)
def test_a_chart_that_lacks_a_field_is_refused_with_its_name(chart: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Chart("t", title="T", **chart)  # type: ignore[arg-type]  # what is refused


def test_pictures_that_do_not_fit_the_table_are_refused() -> None:
    chart = CHARTS["images"][1]
    with pytest.raises(ValueError, match=r"must have a picture for each row of 't', got 5 pictures for 6 rows"):
        made(POINTS, chart, pictures=PICTURES[:5])
    with pytest.raises(ValueError, match=r"names the array 'pictures'; the arrays are none"):
        made(POINTS, chart)
