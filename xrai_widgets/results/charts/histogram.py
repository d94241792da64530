"""How often each value of ``x`` occurs, in shares within each group."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import groups_of, named, palette
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return how many samples there are in each group, and their median."""
    return [
        f"{named(name)}{len(part)} samples, median {number(float(part[chart.x].median()))}"
        for name, part in groups_of(chart, data)
    ]


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the histogram, and the cut with the side on which samples stand out."""
    import seaborn as sns

    edges = np.histogram_bin_edges(data[chart.x], bins=30)
    names = [str(name) for name in data[chart.by].unique()] if chart.by else []
    # shares within each group, so that groups of different size can be compared
    sns.histplot(
        data=data,
        x=chart.x,
        hue=chart.by or None,
        palette=palette(names) if names else None,
        bins=edges.tolist(),
        stat="percent",
        common_norm=False,
        element="step",
        alpha=0.35,
        ax=axes,
    )
    axes.set_ylabel("share of the group in %" if names else "share in %")
    legend = axes.get_legend()
    if legend is not None:
        legend.set_frame_on(False)  # its white would hide light ink
    if chart.cut is not None:
        axes.axvline(chart.cut, linestyle="--", linewidth=1, color="0.45")
        ends = axes.get_xlim()
        beyond = (chart.cut, ends[1]) if chart.beyond == "above" else (ends[0], chart.cut)
        if beyond[0] < beyond[1]:
            axes.axvspan(*beyond, color="#d55e00", alpha=0.08, linewidth=0)
        axes.set_xlim(ends)
