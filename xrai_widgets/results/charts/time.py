"""A number over time: ``y`` at each moment ``x`` with its interval, gaps where nothing is known, and a band.

Moments are times, or whole numbers such as epochs.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import COLOURS, MARKS, groups_of, named, styled
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _moments(column: Any) -> Any:
    """Return a column of numbers as it is, one of times or of their ISO 8601 text as times."""
    return column if column.dtype.kind in "iuf" else pd.to_datetime(column, utc=True).dt.tz_localize(None)


def _moment_text(moment: Any) -> str:
    if isinstance(moment, pd.Timestamp):
        return moment.strftime("%Y-%m-%d" if moment == moment.normalize() else "%Y-%m-%d %H:%M")
    return number(float(moment))


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return the first and the last moment of each line, its extremes, how many are missing or outside of the band."""
    phrases = []
    for name, part in groups_of(chart, data.assign(**{chart.x: _moments(data[chart.x])})):
        ordered = part.sort_values(chart.x)
        present = ordered.dropna(subset=[chart.y])
        if not len(present):
            phrases.append(f"{named(name)}nothing is known")
            continue
        first, last = present.iloc[0], present.iloc[-1]
        text = f"{named(name)}{label(chart.y)} {number(float(first[chart.y]))} at {_moment_text(first[chart.x])}, "
        text += f"{number(float(last[chart.y]))} at {_moment_text(last[chart.x])}, "
        text += f"between {number(float(present[chart.y].min()))} and {number(float(present[chart.y].max()))}"
        gone = len(ordered) - len(present)
        phrases.append(text + (f", {gone} of {len(ordered)} missing" if gone else ""))
    if chart.band is not None:
        low, high = chart.band
        outside = int(((data[chart.y] < low) | (data[chart.y] > high)).sum())
        phrases.append(f"{outside} of {int(data[chart.y].notna().sum())} outside of {number(low)} to {number(high)}")
    return phrases


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the lines, broken where a value is missing, their intervals, and the band."""
    data = data.assign(**{chart.x: _moments(data[chart.x])}).sort_values(chart.x, kind="stable")
    if chart.band is not None:
        axes.axhspan(*chart.band, color=COLOURS[7], alpha=0.25, linewidth=0, label="band")
    for name, part, colour, mark in styled(groups_of(chart, data), MARKS):
        x = part[chart.x].to_numpy()
        axes.plot(x, part[chart.y].to_numpy(dtype=float), marker=mark, markersize=4, color=colour, label=name or None)
        if chart.low and chart.high:
            low, high = (part[side].to_numpy(dtype=float) for side in (chart.low, chart.high))
            axes.fill_between(x, low, high, where=np.isfinite(low + high), color=colour, alpha=0.2, linewidth=0)
    axes.set_ylabel(label(chart.y))
    axes.tick_params(axis="x", rotation=30 if data[chart.x].dtype.kind == "M" else 0)
    if chart.by or chart.band is not None:
        axes.legend(frameon=False)
