"""Outcomes as JSON and back. Numbers that JSON lacks are the words NaN, Infinity and -Infinity."""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from xrai_widgets.core import Chart, Finding, Origin, Outcome
from xrai_widgets.io.origins import origin_from_dict, origin_from_text, origin_to_dict


def outcome_to_dict(outcome: Outcome, *, include_rows: bool = False) -> dict[str, Any]:
    """Return an outcome as JSON-ready types.

    Parameters
    ----------
    outcome : Outcome
    include_rows : bool
        Also write the samples' own contents: the table ``rows``, and the arrays that the finding does not declare
        shareable. Left out by default, because an audit must not leak the people it found exposed.
    """
    data = {
        f.name: getattr(outcome, f.name)
        for f in fields(Outcome)
        if f.name not in {"finding", "origin", "params", "versions", "parts"}
    }
    data["origin"] = origin_to_dict(outcome.origin)
    data["seconds"] = _number(outcome.seconds)
    data["params"] = params_to_dict(outcome.params)
    data["versions"], data["parts"] = dict(outcome.versions), dict(outcome.parts)
    data["finding"] = None if outcome.finding is None else finding_to_dict(outcome.finding, include_rows=include_rows)
    return data


def params_to_dict(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON-ready types."""
    return {key: _plain(value) for key, value in params.items()}


def outcome_from_dict(data: Mapping[str, Any]) -> Outcome:
    """Return the outcome that `outcome_to_dict` wrote.

    Raises
    ------
    ValueError
        if something is missing or of the wrong kind.
    """
    try:
        names = {f.name for f in fields(Outcome)} - {
            "finding",
            "origin",
            "params",
        }  # what a newer program adds is left out
        rest = {key: value for key, value in data.items() if key in names}
        params = {key: tuple(value) if isinstance(value, list) else value for key, value in data["params"].items()}
        finding = None if data["finding"] is None else finding_from_dict(data["finding"])
        return Outcome(
            **{**rest, "seconds": float(data["seconds"])}, params=params, finding=finding, origin=_origin(data)
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"this is no outcome as xrai-widgets writes it: {reason}") from None


def _origin(data: Mapping[str, Any]) -> Origin:
    if "origin" in data:
        return origin_from_dict(data["origin"])
    return origin_from_text(data.get("subject_source", ""))  # of older versions


def finding_to_dict(finding: Finding, *, include_rows: bool = False) -> dict[str, Any]:
    """Return a finding as JSON-ready types; ``include_rows`` as for an outcome."""
    finding = finding if include_rows else finding.without_contents()
    return {
        "values": {key: _number(value) for key, value in finding.values.items()},
        "intervals": {key: [_number(low), _number(high)] for key, (low, high) in finding.intervals.items()},
        "counts": dict(finding.counts),
        "tables": {key: table_to_dict(frame) for key, frame in finding.tables.items()},
        "charts": [{**asdict(chart), "cut": _plain(chart.cut)} for chart in finding.charts],
        "arrays": {key: _array_to_dict(array) for key, array in finding.arrays.items()},
        "shareable": list(finding.shareable),
        "notes": list(finding.notes),
        "bounds": dict(finding.bounds),
        "unjudged": dict(finding.unjudged),
    }


def finding_from_dict(data: Mapping[str, Any]) -> Finding:
    """Return the finding that `finding_to_dict` wrote; fields that are not known are left out."""
    return Finding(
        values={key: float(value) for key, value in data["values"].items()},
        intervals={key: (float(low), float(high)) for key, (low, high) in data["intervals"].items()},
        counts=data["counts"],
        tables={key: table_from_dict(table) for key, table in data["tables"].items()},
        charts=tuple(_chart_from_dict(chart) for chart in data["charts"]),
        arrays={key: _array_from_dict(array) for key, array in data["arrays"].items()},
        notes=tuple(data["notes"]),
        bounds=data.get("bounds", {}),
        unjudged=data.get("unjudged", {}),
        # of an outcome that an earlier version wrote nothing is known: its arrays count as contents
        shareable=tuple(name for name in data.get("shareable", ()) if name in data["arrays"]),
    )


def _chart_from_dict(data: Mapping[str, Any]) -> Chart:
    cut = data.get("cut")
    names = {f.name for f in fields(Chart)}
    rest = {key: value for key, value in data.items() if key in names}
    return Chart(**{**rest, "cut": None if cut is None else float(cut)})


def table_to_dict(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table as JSON-ready types."""
    columns = []
    for name in frame.columns:
        kind, values = _column_to_list(frame[name])
        columns.append({"name": str(name), "type": kind, "values": values})
    return {"columns": columns}


def _column_to_list(column: pd.Series) -> tuple[str, list[Any]]:
    if column.dtype.kind not in "iuf":
        return "text", [_text(value) for value in column.tolist()]
    if column.dtype.kind == "f" or column.isna().any():
        return "number", [_plain(value) for value in column.to_numpy(dtype=np.float64, na_value=np.nan).tolist()]
    return "integer", column.tolist()


def table_from_dict(data: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table that `table_to_dict` wrote."""
    made = {}
    for column in data["columns"]:
        if column["type"] == "number":
            made[column["name"]] = pd.Series([float(value) for value in column["values"]], dtype=np.float64)
        elif column["type"] == "integer":
            made[column["name"]] = pd.Series(column["values"], dtype=np.int64)
        else:
            truths = bool(column["values"]) and all(isinstance(value, bool) for value in column["values"])
            made[column["name"]] = pd.Series(column["values"], dtype=bool if truths else object)
    lengths = {len(series) for series in made.values()}
    if len(lengths) > 1:
        raise ValueError(f"the columns of a table must have one length, got {sorted(lengths)}")
    return pd.DataFrame(made)


def _array_to_dict(array: npt.NDArray[Any]) -> dict[str, Any]:
    if array.dtype.hasobject:  # names: their bytes would be addresses
        array = array.astype(str)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _array_from_dict(data: Mapping[str, Any]) -> npt.NDArray[Any]:
    dtype = np.dtype(data["dtype"])
    if dtype.hasobject:
        raise ValueError(f"arrays must hold numbers, got dtype {data['dtype']}")
    return np.frombuffer(base64.b64decode(data["data"]), dtype=dtype).reshape(data["shape"]).copy()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return _number(value) if isinstance(value, float) else value


def _text(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str | bool | int) else str(value)


def _number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)
