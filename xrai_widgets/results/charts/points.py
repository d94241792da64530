"""One row of ``x`` per category ``y``, with its interval from ``low`` to ``high``."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import COLOURS, height_of_rows
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LISTED = 12
height = height_of_rows


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return the first rows."""
    return [f"{row[chart.y]}: {number(float(row[chart.x]))}" for _, row in data.head(_MOST_LISTED).iterrows()]


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw a point per row, the first one on top."""
    rows = np.arange(len(data))[::-1]
    x = data[chart.x].to_numpy(dtype=float)
    if chart.low and chart.high:
        low, high = (data[name].to_numpy(dtype=float) for name in (chart.low, chart.high))
        axes.hlines(rows, low, high, color=COLOURS[0], linewidth=2)
    axes.plot(x, rows, "o", color=COLOURS[0])
    axes.set_yticks(rows, [str(name) for name in data[chart.y]])
    axes.set_ylim(-0.7, len(data) - 0.3)
    axes.set_ylabel(label(chart.y))
