"""A sortable table of samples."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from xrai_widgets.results.words import label

_HERE = Path(__file__).parent
MOST = 2000  # rows sent to the browser; more would make the page slow and nobody reads them


class SampleTable(anywidget.AnyWidget):
    """Rows of a DataFrame, sorted by clicking a header.

    Where it has the columns ``part`` and ``id``, samples can be marked; the marked ones stand first.

    Parameters
    ----------
    frame : DataFrame
        Of more than `MOST` rows, those with the largest value of ``first`` are shown.
    caption : str
    first : str, optional
        Column that it is sorted by at the start, largest first.
    selected : iterable of (part, id), optional

    Attributes
    ----------
    selected : list of [part, id]
        The marked samples, ids as text; also those that are not in this table.
    """

    _esm = _HERE / "sample_table.js"
    _css = _HERE / "sample_table.css"
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    first = traitlets.Unicode().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    samples: Any = traitlets.List().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)

    def __init__(
        self, frame: pd.DataFrame, caption: str, first: str = "", selected: Iterable[Any] = (), **kwargs: Any
    ) -> None:
        total = len(frame)
        marked = [[str(part), str(name)] for part, name in selected]
        named = {"part", "id"} <= set(frame.columns)
        if total > MOST:
            shown = frame.nlargest(MOST, first) if first else frame.head(MOST)
            also = frame[[key in marked for key in _keys(frame)]] if named and marked else frame.head(0)
            frame = pd.concat([shown, also.loc[~also.index.isin(shown.index)]])
        columns = [{"label": label(str(name)), "numeric": frame[name].dtype.kind in "iuf"} for name in frame.columns]
        rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
        samples, marked = (_keys(frame), marked) if named else ([], [])
        fixed = {"caption": caption, "first": label(first) if first else "", "total": total}
        super().__init__(columns=columns, rows=rows, samples=samples, selected=marked, **fixed, **kwargs)

    def __repr__(self) -> str:
        return f"SampleTable({self.caption!r}, {len(self.rows)} of {self.total} rows)"


def _keys(frame: pd.DataFrame) -> list[list[str]]:
    return [[str(part), str(name)] for part, name in zip(frame["part"], frame["id"], strict=True)]


def _cell(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else ("∞" if value > 0 else "−∞")
    return value if isinstance(value, int | str) else str(value)
