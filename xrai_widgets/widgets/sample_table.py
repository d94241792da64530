"""A sortable table of samples."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from xrai_widgets.results.words import Labels, label, labels_of, readable

_HERE = Path(__file__).parent
MOST = 2000  # rows sent to the browser; more would make the page slow and no one reads them


class SampleTable(anywidget.AnyWidget):
    """Rows of a DataFrame, sorted by clicking a header.

    Where it has the columns ``part`` and ``id``, samples can be marked; the marked ones stand first. With a ``cut``,
    the samples beyond it are flagged, in the browser and at once.

    Parameters
    ----------
    frame : DataFrame
        Of more than `MOST` rows, those with the largest value of ``first`` are shown.
    caption : str
    first : str, optional
        Column that it is sorted by at the start, largest first; the cut is on it.
    selected : iterable of (part, id), optional
    cut : float, optional
    beyond : {"above", "below"}
        Which side of the cut is flagged; below also sorts the smallest first.
    page : int
        Rows that are shown before one asks for more.
    total : int, optional
        How many samples the rows are taken from.
    assessment : str, optional
        Whose table it is: its words are used.

    Attributes
    ----------
    selected : list of [part, id]
        The marked samples, ids as text; also those that are not in this table.
    cut : float or None
    """

    _esm = _HERE / "sample_table.js"
    _css = _HERE / "sample_table.css"
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    pictures: Any = traitlets.List().tag(sync=True)
    first = traitlets.Unicode().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    page = traitlets.Int().tag(sync=True)
    samples: Any = traitlets.List().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)
    cut = traitlets.Float(None, allow_none=True).tag(sync=True)
    beyond = traitlets.Unicode("above").tag(sync=True)

    def __init__(
        self,
        frame: pd.DataFrame,
        caption: str,
        first: str = "",
        selected: Iterable[Any] = (),
        *,
        cut: float | None = None,
        beyond: str = "above",
        page: int = 12,
        total: int | None = None,
        assessment: str = "",
        **kwargs: Any,
    ) -> None:
        self._label = labels_of(assessment)
        total = len(frame) if total is None else total
        marked = [[str(part), str(name)] for part, name in selected]
        named = {"part", "id"} <= set(frame.columns)
        if len(frame) > MOST:
            nearest = frame.nsmallest if beyond == "below" else frame.nlargest
            shown = nearest(MOST, first) if first else frame.head(MOST)
            also = frame[[key in marked for key in keys(frame)]] if named and marked else frame.head(0)
            frame = pd.concat([shown, also.loc[~also.index.isin(shown.index)]])
        fixed = {"caption": caption, "first": self._label(first) if first else "", "total": total}
        shape = {"cut": cut, "beyond": beyond, "page": page}
        super().__init__(selected=marked if named else [], **_state(frame, self._label), **fixed, **shape, **kwargs)

    def show(self, frame: pd.DataFrame, contents: pd.DataFrame, pictures: Sequence[str] = (), note: str = "") -> None:
        """Show other samples, and beside each its contents or its picture; the part is said where there are several."""
        with self.hold_sync():
            state = _state(frame if frame["part"].nunique() > 1 else frame.drop(columns="part"), self._label)
            state["samples"] = keys(frame)
            if len(contents.columns):
                inside = _state(contents, label)
                state["columns"] += [{**column, "inside": True} for column in inside["columns"]]
                state["rows"] = [[*row, *more] for row, more in zip(state["rows"], inside["rows"], strict=True)]
            self.pictures, self.note = list(pictures), note
            for name, value in state.items():
                self.set_trait(name, value)

    def __repr__(self) -> str:
        return f"SampleTable({self.caption!r}, {len(self.rows)} of {self.total} rows)"


def _state(frame: pd.DataFrame, label: Labels) -> dict[str, Any]:
    frame = readable(frame, label)
    numeric = [frame.dtypes.iloc[place].kind in "iuf" for place in range(frame.shape[1])]
    columns = [{"label": label(str(name)), "numeric": is_} for name, is_ in zip(frame.columns, numeric, strict=True)]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return {
        "columns": columns,
        "rows": rows,
        "samples": keys(frame) if {"part", "id"} <= set(frame.columns) else [],
    }


def keys(frame: pd.DataFrame) -> list[list[str]]:
    """Return the (part, id) of each row as text."""
    return [[str(part), str(name)] for part, name in zip(frame["part"], frame["id"], strict=True)]


def _cell(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else ("∞" if value > 0 else "−∞")
    return value if isinstance(value, int | str) else str(value)
