"""``y`` against ``x``, a point per row; groups by colour and shape, names beside the points where there are few."""

from typing import TYPE_CHECKING

import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import MARKS, groups_of, named, styled
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 20  # points whose names can be read


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return how many points each group has, where they lie, and whether they rise together."""
    data = data.dropna(subset=[chart.y])
    phrases = [
        f"{named(name)}{len(part)} points, {label(chart.x)} from {_ends(part[chart.x])}, "
        f"{label(chart.y)} from {_ends(part[chart.y])}"
        for name, part in groups_of(chart, data)
        if len(part)
    ]
    if len(data) > 2 and data[chart.x].nunique() > 1 and data[chart.y].nunique() > 1:
        together = data[chart.x].rank().corr(data[chart.y].rank())
        phrases.append(f"rank correlation {number(float(together))}")
    return phrases


def _ends(column: "pd.Series[float]") -> str:
    return f"{number(float(column.min()))} to {number(float(column.max()))}"


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the points, with intervals of ``y`` where ``low`` and ``high`` are given."""
    data = data.dropna(subset=[chart.y])
    for name, part, colour, mark in styled(groups_of(chart, data), MARKS):
        if chart.low and chart.high:
            axes.vlines(part[chart.x], part[chart.low], part[chart.high], color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(part[chart.x], part[chart.y], linestyle="none", marker=mark, color=colour, label=name or None)
    if chart.log:
        axes.set(xscale="log", yscale="log")
    if chart.label and len(data) <= _NAMED:
        for _, row in data.iterrows():
            axes.annotate(
                str(row[chart.label]),
                (row[chart.x], row[chart.y]),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=8,
                parse_math=False,
            )
    axes.set_ylabel(label(chart.y))
    if chart.by:
        axes.legend(frameon=False)
