"""Histogram of a score per sample, with a cut that the user drags."""

from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts import describe
from xrai_widgets.results.charts.parts import palette
from xrai_widgets.results.words import label

_HERE = Path(__file__).parent


class SampleHistogram(anywidget.AnyWidget):
    """Histogram with a draggable, keyboard-operable cut. The share beyond it is counted in the browser.

    Parameters
    ----------
    chart : Chart
        Of kind ``histogram`` with a ``cut``.
    finding : Finding
        Holds the chart's table.
    assessment : str, optional
        Whose finding it is: its words are used.

    Attributes
    ----------
    cut : float
        Where the cut is.
    marks : list of [value, name]
        Marked samples, shown under the axis.
    picked : float or None
        The value that was last clicked; it is None again once it was read.
    """

    _esm = _HERE / "sample_histogram.js"
    _css = _HERE / "sample_histogram.css"
    groups = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    values = traitlets.List(traitlets.Bytes()).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    cut = traitlets.Float().tag(sync=True)
    beyond = traitlets.Unicode("above").tag(sync=True)
    marks: Any = traitlets.List().tag(sync=True)
    picked = traitlets.Float(None, allow_none=True).tag(sync=True)

    def __init__(self, chart: Chart, finding: Finding, assessment: str = "", **kwargs: Any) -> None:
        if chart.kind != "histogram" or chart.cut is None:
            raise ValueError(f"the chart must be a histogram with a cut, got {chart.kind!r} with cut {chart.cut!r}")
        data = finding.tables[chart.table].dropna(subset=[chart.x])
        parts = {"all": data} if not chart.by else {str(key): part for key, part in data.groupby(chart.by, sort=False)}
        colours = palette(list(parts))
        super().__init__(
            groups=list(parts),
            colours=[colours[name] for name in parts],
            values=[np.ascontiguousarray(part[chart.x], dtype="<f8").tobytes() for part in parts.values()],
            label=label(chart.x, assessment),
            title=chart.title,
            alt=describe(chart, finding, assessment),
            cut=chart.cut,
            beyond=chart.beyond,
            **kwargs,
        )

    def __repr__(self) -> str:
        return f"SampleHistogram({self.label}, cut={self.cut:g})"
