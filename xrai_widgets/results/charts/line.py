"""A step function ``y`` of ``x`` for each group, with a band between ``low`` and ``high``."""

from typing import TYPE_CHECKING

import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts import roc
from xrai_widgets.results.charts.parts import DASHES, at, groups_of, named, styled
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RATES = (0.05, 0.2, 0.5)  # false-positive rates at which a ROC curve is read out


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return where each line begins and ends."""
    groups = groups_of(chart, data)
    if roc.is_roc(chart):
        return roc.describe(chart, groups, finding)
    if (chart.x, chart.y) == ("fpr", "tpr"):
        return [f"{named(name)}{_heights(part, chart, label)}" for name, part in groups if len(part)]
    return [
        f"{named(name)}from {at(part, chart, 0, label)} to {at(part, chart, -1, label)}"
        for name, part in groups
        if len(part)
    ]


def _heights(part: pd.DataFrame, chart: Chart, label: Labels) -> str:
    """Return how high a ROC curve is at a few places."""
    tops = [(rate, float(part.loc[part[chart.x] <= rate, chart.y].max())) for rate in _RATES]
    return ", ".join(f"{label(chart.y)} {number(top)} at {label(chart.x)} {number(rate)}" for rate, top in tops)


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the lines with their bands; the curve of an attack as far as the samples reach."""
    if roc.is_roc(chart):
        roc.draw(chart, data, finding, label, axes)
        return
    for name, part, colour, dash in styled(groups_of(chart, data), DASHES):
        axes.step(part[chart.x], part[chart.y], dash, where="post", color=colour, label=name or None)
        if chart.low and chart.high:
            x, low, high = part[[chart.x, chart.low, chart.high]].to_numpy(dtype=float).T
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    if chart.log:
        axes.set(xscale="log", yscale="log")
    elif chart.high and data[chart.high].max() <= 1:
        axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(label(chart.y))
    if chart.by:
        axes.legend(frameon=False)
