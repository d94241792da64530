"""Charts drawn as matplotlib figures: colour-blind-safe, with a text alternative, without pyplot state."""

import io
import re
import threading
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xrai_widgets.core import Chart, Finding, Outcome
from xrai_widgets.results.describe import COLOURS, is_roc, palette, rows_of
from xrai_widgets.results.roc import draw_roc
from xrai_widgets.results.words import label

_saving = threading.Lock()  # matplotlib's settings are global while an SVG is written


def outcome_figure(outcome: Outcome, index: int = 0) -> Figure:
    """Draw chart number ``index`` of an outcome.

    Raises
    ------
    ValueError
        if there is no finding or no such chart.
    """
    if outcome.finding is None:
        raise ValueError(f"{outcome.assessment} has no figure: {outcome.status}, {outcome.reason}")
    charts = outcome.finding.charts
    if not 0 <= index < len(charts):
        raise ValueError(f"{outcome.assessment} has {len(charts)} figures, numbered from 0, got {index}")
    return draw(charts[index], outcome.finding)


def draw(chart: Chart, finding: Finding) -> Figure:
    """Draw one chart on a figure of its own."""
    data = rows_of(chart, finding)
    height = 1.2 + 0.32 * len(data) if chart.kind == "points" else 3.6
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    if is_roc(chart):
        draw_roc(chart, data, finding, axes)
    else:
        _DRAWN[chart.kind](chart, data, axes)
    axes.set_title(chart.title, fontsize=11, loc="left")
    axes.set_xlabel(label(chart.x))
    sns.despine(ax=axes)
    return figure


def svg(figure: Figure, alt: str) -> Markup:
    """Return a figure as inline SVG whose ink follows the text colour around it.

    Parameters
    ----------
    figure : Figure
    alt : str
        Text alternative.
    """
    buffer = io.StringIO()
    with _saving, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": None}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#000000", "currentColor").replace("#262626", "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head = f'<svg role="img" aria-label="{escape(alt)}" class="xrai-figure" '
    return Markup(text.replace("<svg ", head, 1))


def _histogram(chart: Chart, data: pd.DataFrame, axes: Axes) -> None:
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


def _line(chart: Chart, data: pd.DataFrame, axes: Axes) -> None:
    names = [str(name) for name in data[chart.by].unique()] if chart.by else [""]
    colours, dashes = palette(names), ["-", "--", "-.", ":"]
    for number_, name in enumerate(names):
        part = data[data[chart.by].astype(str) == name] if chart.by else data
        style = dashes[number_ % len(dashes)]
        axes.step(part[chart.x], part[chart.y], style, where="post", color=colours[name], label=name or None)
        if chart.low and chart.high:
            x, low, high = part[[chart.x, chart.low, chart.high]].to_numpy(dtype=float).T
            axes.fill_between(x, low, high, step="post", color=colours[name], alpha=0.2, linewidth=0)
    if chart.log:
        axes.set(xscale="log", yscale="log")
    elif chart.high and data[chart.high].max() <= 1:
        axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(label(chart.y))
    if chart.by:
        axes.legend(frameon=False)


def _points(chart: Chart, data: pd.DataFrame, axes: Axes) -> None:
    rows = np.arange(len(data))[::-1]
    x = data[chart.x].to_numpy(dtype=float)
    if chart.low and chart.high:
        low, high = (data[name].to_numpy(dtype=float) for name in (chart.low, chart.high))
        axes.hlines(rows, low, high, color=COLOURS[0], linewidth=2)
    axes.plot(x, rows, "o", color=COLOURS[0])
    axes.set_yticks(rows, [str(name) for name in data[chart.y]])
    axes.set_ylim(-0.7, len(data) - 0.3)
    axes.set_ylabel(label(chart.y))


_DRAWN: dict[str, Callable[[Chart, pd.DataFrame, Axes], None]] = {
    "histogram": _histogram,
    "line": _line,
    "points": _points,
}
