"""What lies between two bounds: one row per category ``y``, ``low`` and ``high``, and ``x`` where it is known exactly.

Not an interval of a measured value: nothing in between is likelier. A bound that is missing is open: the row ends in an
arrow at the edge.
"""

from typing import TYPE_CHECKING, Any

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
    """Return the first rows: exact, between two bounds, or beyond one."""
    return [_row_text(row, chart) for _, row in data.head(_MOST_LISTED).iterrows()]


def _row_text(row: "pd.Series[Any]", chart: Chart) -> str:
    exact, low, high = (float(row[name]) for name in (chart.x, chart.low, chart.high))
    if np.isfinite(exact):
        return f"{row[chart.y]}: exactly {number(exact)}"
    if np.isfinite(low) and np.isfinite(high):
        return f"{row[chart.y]}: between {number(low)} and {number(high)}"
    if np.isfinite(low):
        return f"{row[chart.y]}: at least {number(low)}"
    return f"{row[chart.y]}: at most {number(high)}" if np.isfinite(high) else f"{row[chart.y]}: not known"


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw a bar per row between its bounds, the first row on top, and a point where the value is exact."""
    rows = np.arange(len(data))[::-1]
    exact, low, high = (data[name].to_numpy(dtype=float) for name in (chart.x, chart.low, chart.high))
    finite = np.concatenate([part[np.isfinite(part)] for part in (exact, low, high)])
    left, right = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    room = 0.08 * (right - left) or 1.0
    left, right = left - room, right + room
    ends = np.where(np.isfinite(low), low, left), np.where(np.isfinite(high), high, right)
    open_ = ~np.isfinite(exact)
    axes.hlines(rows[open_], ends[0][open_], ends[1][open_], color=COLOURS[0], linewidth=5, alpha=0.35)
    axes.plot(low, rows, linestyle="none", marker=5, color=COLOURS[0], label="lower bound")
    axes.plot(high, rows, linestyle="none", marker=4, color=COLOURS[3], label="upper bound")
    axes.plot(exact, rows, "o", color="black", label="exact")
    for side, end, mark in ((low, left, "$←$"), (high, right, "$→$")):
        beyond = open_ & ~np.isfinite(side)
        axes.plot(np.full(beyond.sum(), end), rows[beyond], linestyle="none", marker=mark, color="0.45")
    axes.set_xlim(left, right)
    axes.set_yticks(rows, [str(name) for name in data[chart.y]])
    axes.set_ylim(-0.7, len(data) - 0.3)
    axes.set_ylabel(label(chart.y))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
