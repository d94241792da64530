import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Chart, Finding, Origin, Outcome
from xrai_widgets.core.origin import Files
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict

SAMPLES = pd.DataFrame(
    {
        "part": ["X", "X_train", "X_new"],
        "id": ["a", 7, "ünï"],
        "score": [0.1, math.nan, -math.inf],
        "count": np.array([1, 2, 2**40]),
        "small": np.array([1, 2, 3], dtype="uint8"),
        "single": np.array([0.5, np.inf, 0.25], dtype="float32"),
        "right": [True, False, True],
        "class": pd.Categorical(["good", "bad", "good"]),
        "word": ["x", None, "NaN"],
        "gap": pd.array([1, None, 3], dtype="Int64"),
        "part of": pd.array([0.5, None, 1.0], dtype="Float64"),
        "day": pd.date_range("2020", periods=3),
    }
)
ROWS = pd.DataFrame({"id": ["a"], "age": [44], "job": ["nurse"]})


def outcome(**fields: Any) -> Outcome:
    finding = Finding(
        values={"share": 0.5, "unknown": math.nan, "far": math.inf},
        intervals={"share": (0.25, 0.75), "far": (1.0, math.inf)},
        counts={"share": np.int64(3)},
        tables={"samples": SAMPLES, "rows": ROWS, "empty": pd.DataFrame({"part": [], "x": []})},
        charts=(
            Chart("samples", "histogram", "score", by="class", title="Scores", cut=0.125),
            Chart("samples", "line", "count", "score", low="score", high="score", log=True),
            Chart("rows", "histogram", "age"),
            Chart("samples", "histogram", "score", cut=math.inf),
        ),
        arrays={
            "index": np.array([3, 1, 2]),
            "weights": np.array([0.1, math.nan], dtype="float32"),
            "names": np.array(["a", "longer"], dtype=object),
            "images": np.arange(12.0).reshape(1, 1, 3, 4),
            "ages": np.array([44.0, 51.0]),
            "path": np.array([[1.0, 0.0], [0.25, 0.75]]),
        },
        shareable=("index", "weights", "path"),
        notes=("One note.", "Another: <b>&</b>"),
    )
    given = {
        "assessment": "privacy.shapr",
        "subject": "abc",
        "subject_name": "a forest",
        "params": {"n": np.int64(5), "sizes": (0.1, 0.2), "depth": None, "attack": "pgd", "flag": True, "x": 0.5},
        "status": "ok",
        "finding": finding,
        "seconds": 1.5,
        "queries": 12,
        "versions": {"numpy": "2.3"},
        "seed": 3,
        "started": "2026-01-01T00:00:00+00:00",
        "origin": Origin(Files("m.onnx", "t.csv", {"target": "y", "split": 0.5, "text": ("a", "b")})),
    }
    return Outcome(**{**given, **fields})


def through_json(made: Outcome, **options: Any) -> Outcome:
    return outcome_from_dict(json.loads(json.dumps(outcome_to_dict(made, **options), allow_nan=False)))


def test_everything_but_rows_and_images_comes_back_from_json() -> None:
    made = outcome()
    back = through_json(made)
    for name in (
        "assessment",
        "subject",
        "subject_name",
        "status",
        "seconds",
        "queries",
        "versions",
        "seed",
        "started",
        "origin",
    ):
        assert getattr(back, name) == getattr(made, name), name
    assert back.params == {**made.params, "n": 5}
    assert type(back.params["sizes"]) is tuple
    assert back.key == outcome(params={**made.params, "n": 5}).key
    assert back.finding is not None
    assert made.finding is not None
    assert back.finding.notes == made.finding.notes
    assert back.finding.counts == {"share": 3}
    assert back.finding.intervals == made.finding.intervals


def test_numbers_that_json_lacks_come_back() -> None:
    back = through_json(outcome()).finding
    assert back is not None
    assert math.isnan(back.values["unknown"])
    assert back.values["far"] == math.inf
    assert back.tables["samples"]["score"].tolist()[2] == -math.inf
    assert math.isnan(back.tables["samples"]["score"][1])
    text = json.dumps(outcome_to_dict(outcome()))
    assert '"NaN"' in text
    assert '"-Infinity"' in text


def test_columns_of_every_type_come_back() -> None:
    back = through_json(outcome()).finding
    assert back is not None
    table = back.tables["samples"]
    assert list(table.columns) == list(SAMPLES.columns)
    assert table["part"].tolist() == SAMPLES["part"].tolist()
    assert table["id"].tolist() == ["a", 7, "ünï"]
    assert table["count"].tolist() == [1, 2, 2**40]
    assert table["count"].dtype == table["small"].dtype == np.int64
    assert table["single"].tolist() == [0.5, math.inf, 0.25]
    assert table["right"].dtype == bool
    assert table["right"].tolist() == [True, False, True]
    assert table["class"].tolist() == ["good", "bad", "good"]
    assert table["word"].tolist() == ["x", None, "NaN"]
    assert table["gap"].isna().tolist() == [False, True, False]
    assert table["part of"].tolist()[::2] == [0.5, 1.0]
    assert table["day"].tolist()[0].startswith("2020-01-01")
    assert back.tables["empty"].shape == (0, 2)


def test_charts_come_back() -> None:
    back = through_json(outcome(), include_rows=True).finding
    assert back is not None
    assert outcome().finding is not None
    assert back.charts == outcome().finding.charts  # type: ignore[union-attr]


def test_arrays_come_back_with_type_and_shape() -> None:
    made, back = outcome().finding, through_json(outcome(), include_rows=True).finding
    assert made is not None
    assert back is not None
    assert back.shareable == made.shareable
    for name in ("index", "weights", "images", "ages", "path"):
        assert back.arrays[name].dtype == made.arrays[name].dtype
        assert np.array_equal(back.arrays[name], made.arrays[name], equal_nan=True)
        assert back.arrays[name].flags.writeable
    assert back.arrays["names"].tolist() == ["a", "longer"]


def test_the_contents_of_samples_stay_at_home_unless_asked_for() -> None:
    kept = outcome_to_dict(outcome())
    assert "rows" not in kept["finding"]["tables"]
    assert set(kept["finding"]["arrays"]) == {"index", "weights", "path"}, "whatever its shape, what is declared"
    assert all(chart["table"] != "rows" for chart in kept["finding"]["charts"])
    assert "nurse" not in json.dumps(kept)
    told = outcome_to_dict(outcome(), include_rows=True)
    assert "nurse" in json.dumps(told)
    assert {"rows", "samples", "empty"} == set(told["finding"]["tables"])
    assert set(told["finding"]["arrays"]) == {"index", "weights", "names", "images", "ages", "path"}
    assert len(told["finding"]["charts"]) == len(kept["finding"]["charts"]) + 1


def test_an_outcome_of_an_earlier_version_keeps_its_arrays_and_shares_none() -> None:
    data = json.loads(json.dumps(outcome_to_dict(outcome(), include_rows=True)))
    del data["finding"]["shareable"]
    back = outcome_from_dict(data)
    assert back.finding is not None
    assert set(back.finding.arrays) == {"index", "weights", "names", "images", "ages", "path"}
    assert outcome_to_dict(back)["finding"]["arrays"] == {}


def test_a_redacted_outcome_that_is_read_and_written_again_says_the_same() -> None:
    text = json.dumps(outcome_to_dict(outcome()))
    assert json.dumps(outcome_to_dict(outcome_from_dict(json.loads(text)))) == text


@pytest.mark.parametrize("status", ["not applicable", "cancelled", "error"])
def test_an_outcome_without_a_finding_comes_back(status: Any) -> None:
    back = through_json(outcome(status=status, finding=None, reason="why", instead="that", seed=None))
    assert (back.status, back.finding, back.reason, back.instead, back.seed) == (status, None, "why", "that", None)


def test_writing_twice_gives_the_same_text() -> None:
    text = json.dumps(outcome_to_dict(outcome(), include_rows=True))
    assert json.dumps(outcome_to_dict(through_json(outcome(), include_rows=True), include_rows=True)) == text


def broken(change: Any) -> Any:
    data = json.loads(json.dumps(outcome_to_dict(outcome(), include_rows=True)))
    return change(data) or data


BROKEN: dict[str, tuple[Any, str]] = {
    "a list": (lambda _: [1], "no attribute"),
    "nothing": (lambda _: {"a": 1}, "it lacks 'params'"),
    "no finding": (lambda d: {k: v for k, v in d.items() if k != "finding"}, "it lacks 'finding'"),
    "no name": (lambda d: {k: v for k, v in d.items() if k != "assessment"}, "missing 1 required"),
    "an unknown status": (lambda d: {**d, "status": "fine"}, "status must be one of ok, not applicable"),
    "seconds in words": (lambda d: {**d, "seconds": "soon"}, "could not convert string to float"),
    "ok without a finding": (lambda d: {**d, "finding": None}, "is ok but has no finding"),
    "a value in words": (lambda d: d["finding"]["values"].update(share="much"), "could not convert string to float"),
    "a value outside its interval": (
        lambda d: d["finding"]["values"].update(share=9),
        "share = 9 must lie in its interval",
    ),
    "half an interval": (lambda d: d["finding"]["intervals"].update(share=[0.1]), "not enough values"),
    "an unknown kind of chart": (lambda d: d["finding"]["charts"][0].update(kind="pie"), "got 'pie'"),
    "a chart of nothing": (lambda d: d["finding"]["charts"][0].update(x="none"), "names columns"),
    "samples without ids": (lambda d: d["finding"]["tables"]["samples"]["columns"].pop(1), None),
    "a column without values": (
        lambda d: {**d, "finding": {**d["finding"], "tables": {"t": {"columns": [{"name": "a", "type": "text"}]}}}},
        "it lacks 'values'",
    ),
    "columns of two lengths": (
        lambda d: d["finding"]["tables"]["rows"]["columns"][0].update(values=["a", "b"]),
        r"columns of a table must have one length, got \[1, 2\]",
    ),
    "an integer beyond 64 bits": (
        lambda d: d["finding"]["tables"]["rows"]["columns"][1].update(values=[2**80]),
        "",
    ),
    "an array of objects": (lambda d: d["finding"]["arrays"]["index"].update(dtype="|O"), "arrays must hold numbers"),
    "a number for what may be shared": (lambda d: d["finding"].update(shareable=3), "not iterable"),
    "an array of another length": (lambda d: d["finding"]["arrays"]["index"].update(shape=[99]), "cannot reshape"),
    "an unknown type of array": (lambda d: d["finding"]["arrays"]["index"].update(dtype="pickle"), "pickle"),
    "no base64": (lambda d: d["finding"]["arrays"]["index"].update(data="§§§"), ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_outcome_is_refused_with_what_is_wrong(case: str) -> None:
    change, message = BROKEN[case]

    def apply(data: Any) -> Any:
        result = change(data)
        return result if isinstance(result, dict | list) and result is not data and message is not None else None

    expected = message if message is not None else "must start with the columns 'part' and 'id'"
    with pytest.raises(ValueError, match=f"^this is no outcome as xrai-widgets writes it: .*{expected}"):
        outcome_from_dict(broken(apply))
