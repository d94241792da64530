import math
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Chart, Finding

SAMPLES = pd.DataFrame({"part": ["X", "X"], "id": [7, 8], "score": [0.1, 0.2]})


def test_numbers_become_plain_floats() -> None:
    finding = Finding({"a": np.float32(0.5)}, {"a": (np.float64(0.25), 1)})
    assert finding.values == {"a": 0.5}
    assert type(finding.values["a"]) is float
    assert [type(end) for end in finding.intervals["a"]] == [float, float]
    assert type(Finding({"a": 1.0}, counts={"a": np.int64(3)}).counts["a"]) is int


def test_charts_and_notes_may_be_given_as_lists() -> None:
    finding = Finding({}, tables={"samples": SAMPLES}, charts=[Chart("samples", "histogram", "score")], notes=["so"])  # type: ignore[arg-type]
    assert finding.notes == ("so",)
    assert isinstance(finding.charts, tuple)


def test_a_finding_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Finding({}).notes = ()  # type: ignore[misc]


def test_an_interval_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="interval 'b' has no value; the values are a"):
        Finding({"a": 1.0}, {"b": (0.0, 1.0)})
    with pytest.raises(ValueError, match="interval 'b' has no value; the values are none"):
        Finding({}, {"b": (0.0, 1.0)})


def test_a_count_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="count 'b' has no value; the values are a"):
        Finding({"a": 1.0}, counts={"b": 3})


@pytest.mark.parametrize("interval", [(0.6, 1.0), (0.0, 0.4), (1.0, 0.0), (math.nan, math.nan)])
def test_a_value_outside_its_interval_is_refused(interval: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"a = 0.5 must lie in its interval, got \["):
        Finding({"a": 0.5}, {"a": interval})


def test_an_infinite_value_must_lie_in_its_interval_too() -> None:
    assert Finding({"a": math.inf}, {"a": (1.0, math.inf)}).values["a"] == math.inf
    with pytest.raises(ValueError, match=r"a = inf must lie in its interval, got \[0, 1\]"):
        Finding({"a": math.inf}, {"a": (0.0, 1.0)})


def test_rounding_at_the_ends_of_an_interval_and_unknown_values_are_let_pass() -> None:
    assert Finding({"a": 1.0}, {"a": (0.0, 1.0 - 1e-12)})
    assert math.isnan(Finding({"a": math.nan}, {"a": (0.0, 1.0)}).values["a"])


def test_a_chart_of_a_table_or_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="chart 'T' names the table 'sample'; the tables are samples"):
        Finding({}, tables={"samples": SAMPLES}, charts=(Chart("sample", "histogram", "score", title="T"),))
    with pytest.raises(ValueError, match="chart 'T' names the table 'samples'; the tables are none"):
        Finding({}, charts=(Chart("samples", "histogram", "score", title="T"),))
    message = r"chart 'T' names columns \['scor'\]; the table 'samples' has part, id, score"
    with pytest.raises(ValueError, match=message):
        Finding({}, tables={"samples": SAMPLES}, charts=(Chart("samples", "histogram", "scor", title="T"),))


def test_an_unknown_kind_of_chart_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="the chart 'T' must be one of bounds, heat, histogram, images, line, points, scatter, time, got 'pie'",
    ):
        Chart("samples", "pie", "score", title="T")  # type: ignore[arg-type]


def test_the_columns_of_a_chart_are_those_it_draws() -> None:
    assert Chart("t", "points", "x", y="y", low="l", high="h").columns == ("x", "y", "l", "h")


@pytest.mark.parametrize(
    "frame", [SAMPLES[["id", "part", "score"]], SAMPLES[["score"]], pd.DataFrame()], ids=["turned", "lacking", "empty"]
)
def test_the_table_of_samples_starts_with_part_and_id(frame: Any) -> None:
    with pytest.raises(ValueError, match=r"the table 'samples' must start with the columns 'part' and 'id', got \["):
        Finding({}, tables={"samples": frame})


def test_an_array_is_the_contents_of_samples_unless_it_is_declared_shareable() -> None:
    tables = {"samples": SAMPLES, "rows": pd.DataFrame({"id": ["a"], "age": [44]})}
    charts = (Chart("samples", "histogram", "score"), Chart("rows", "histogram", "age"))
    arrays = {"ages": np.array([44.0, 51.0]), "path": np.eye(2), "images": np.zeros((1, 1, 2, 2))}
    finding = Finding({"a": 1.0}, tables=tables, charts=charts, arrays=arrays, shareable=("path",))
    left = finding.without_contents()
    assert set(left.tables) == {"samples"}
    assert left.charts == charts[:1]
    assert set(left.arrays) == {"path"}
    assert left.shareable == ("path",)
    assert left.values == finding.values
    assert set(finding.arrays) == set(arrays), "the finding itself is as it was"
    assert Finding({}, arrays=arrays).without_contents().arrays == {}


def test_an_array_that_is_declared_and_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="shareable names the array 'weight'; the arrays are weights"):
        Finding({}, arrays={"weights": np.ones(2)}, shareable=("weight",))
