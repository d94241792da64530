"""The ROC curve of an attack, for reading at low false-positive rates: log-log, as far as the samples reach."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import named, palette
from xrai_widgets.results.words import Labels, interval, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# the true-positive rates that are read off an attack's curve, by the false-positive rate where they are read
RATES = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_0_1pct": 0.001}

_DASHES = ("-", "-.", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 3)))
CHANCE = "chance"


@dataclass(frozen=True)
class _Frame:
    """What the axes hold: below 1/n a rate rests on fewer than one sample."""

    left: float
    bottom: float
    reach: float


def is_roc(chart: Chart) -> bool:
    """Return whether a chart is the curve of an attack on logarithmic axes."""
    return chart.log and (chart.x, chart.y) == ("fpr", "tpr")


def reach(chart: Chart, data: pd.DataFrame) -> float:
    """Return 1/n, the smallest false-positive rate that n non-members can show.

    n is the largest of the column ``n_non_members`` if there is one; else it is read off the smallest rate on the
    curve.
    """
    if "n_non_members" in data.columns and data["n_non_members"].notna().any():
        return 1.0 / float(data["n_non_members"].max())
    return float(data.loc[data[chart.x] > 0, chart.x].min())


def describe(chart: Chart, groups: list[tuple[str, pd.DataFrame]], finding: Finding) -> list[str]:
    """Return the rates that are judged, and how far each attack reaches at one false alarm in ten."""
    limit = reach(chart, finding.tables[chart.table])
    phrases = []
    for key, rate in RATES.items():
        if key in finding.values:
            value = finding.values[key]
            within = f" {interval(*finding.intervals[key])}" if key in finding.intervals else ""
            short = ", more than so few samples can show" if rate < limit * (1 - 1e-9) else ""
            phrases.append(
                f"true-positive rate {number(value)}{within} at a false-positive rate of {100 * rate:g} %{short}"
            )
    for name, part in groups:
        if name != CHANCE and len(part):
            near = part[part[chart.x] <= 0.1]
            top = float(near[chart.y].max()) if len(near) else 0.0
            phrases.append(f"{named(name)}{number(top)} at a false-positive rate of 10 %")
    return [*phrases, f"the axis is grey below 1 in {round(1 / limit)}"]


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw one line per attack, the diagonal of guessing, what n samples cannot show, and the rates that are judged."""
    frame = _frame(chart, data, finding)
    names = [str(name) for name in data[chart.by].unique()] if chart.by else [""]
    attacks = [name for name in names if name != CHANCE]
    colours = palette(attacks)
    for place, name in enumerate(attacks):
        part = data[data[chart.by].astype(str) == name] if chart.by else data
        _line(chart, part, frame, axes, colours[name], _DASHES[place % len(_DASHES)], name)
    ends = np.array([frame.left, 1.0])
    axes.plot(ends, ends, ":", color="0.5", linewidth=1.5, label="guessing")
    axes.axvspan(frame.left, frame.reach, color="0.5", alpha=0.18, linewidth=0)
    axes.text(
        frame.left * 1.1,
        0.97,
        f"fewer than 1 false alarm\nin {round(1 / frame.reach)}: not shown by\nso few samples",
        fontsize=7.5,
        va="top",
        transform=axes.get_xaxis_transform(),
    )
    _marks(finding, frame, axes)
    axes.set(xscale="log", yscale="log", xlim=(frame.left, 1.0), ylim=(frame.bottom, 1.25), ylabel=label(chart.y))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _frame(chart: Chart, data: pd.DataFrame, finding: Finding) -> _Frame:
    limit = reach(chart, data)
    shown = [rate for key, rate in RATES.items() if key in finding.values]
    left = min([limit, *shown]) / 2
    tpr = data.loc[data[chart.y] > 0, chart.y]
    lows = [low for key in RATES for low in (finding.intervals.get(key, (0.0,))[0],) if low > 0]
    bottom = min([float(tpr.min()) if len(tpr) else 1.0, limit, *lows]) / 1.5
    return _Frame(left, bottom, limit)


def _line(chart: Chart, part: pd.DataFrame, frame: _Frame, axes: "Axes", colour: str, style: object, name: str) -> None:
    part = part.sort_values([chart.x, chart.y])
    none = part.loc[part[chart.x] <= 0, chart.y]
    start = float(none.max()) if len(none) else 0.0
    seen = part[part[chart.x] > 0]
    x = np.r_[frame.reach, seen[chart.x]]
    y = np.r_[start, seen[chart.y]]
    axes.step(x, y, where="post", color=colour, linestyle=style, linewidth=1.8, label=name or None)
    if start > 0:  # at no false alarm at all: a rate below 1/n, but it is unknown how far below
        axes.plot([frame.left, frame.reach], [start, start], linestyle=(0, (1, 2)), color=colour, linewidth=1.5)
    if chart.low and chart.high:
        low, high = (seen[side].to_numpy(dtype=float) for side in (chart.low, chart.high))
        axes.fill_between(seen[chart.x], low, high, step="post", color=colour, alpha=0.2, linewidth=0)


def _marks(finding: Finding, frame: _Frame, axes: "Axes") -> None:
    """Mark the true-positive rates that are judged, with their intervals; a 0 as an arrow below its upper limit."""
    for key, rate in RATES.items():
        value = finding.values.get(key)
        if value is None or value != value:
            continue
        low, high = finding.intervals.get(key, (value, value))
        face = "white" if rate < frame.reach * (1 - 1e-9) else "black"
        axes.plot([rate, rate], [max(low, frame.bottom), high], color="black", linewidth=1.6, zorder=4)
        if value > 0:
            axes.plot(rate, value, "o", color="black", markerfacecolor=face, zorder=5)
        else:
            axes.plot(rate, high, "_", color="black", markersize=9, zorder=5)
            axes.plot(rate, frame.bottom * 1.08, "v", color="black", markerfacecolor="white", zorder=5)
        axes.annotate(
            f"{rate:.1%}".replace(".0%", "%").replace("%", " %"),
            (rate, high),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
