"""What a chart says without being drawn: its text alternative and its colours."""

from collections.abc import Iterable

import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.words import interval, label, number

# seaborn's palette "colorblind", written down: loading seaborn for ten colours takes half a second
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9")

# the true-positive rates that are read off an attack's curve, by the false-positive rate where they are read
RATES = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_0_1pct": 0.001}


def describe(chart: Chart, finding: Finding) -> str:
    """Return the text alternative of a chart: what it shows, and its main numbers."""
    data = rows_of(chart, finding)
    groups = [("", data)] if not chart.by else [(str(key), part) for key, part in data.groupby(chart.by, sort=False)]
    if chart.kind == "histogram":
        said = [
            f"{_named(name)}{len(part)} samples, median {number(float(part[chart.x].median()))}"
            for name, part in groups
        ]
    elif chart.kind == "points":
        said = [f"{row[chart.y]}: {number(float(row[chart.x]))}" for _, row in data.head(12).iterrows()]
    elif is_roc(chart):
        said = _roc(chart, finding, groups)
    else:
        said = [
            f"{_named(name)}from {_at(part, chart, 0)} to {_at(part, chart, -1)}" for name, part in groups if len(part)
        ]
    return f"{chart.title}. {'; '.join(said)}."


def is_roc(chart: Chart) -> bool:
    """Return whether a chart is the curve of an attack on logarithmic axes."""
    return chart.log and (chart.x, chart.y) == ("fpr", "tpr")


def reach(chart: Chart, data: pd.DataFrame) -> float:
    """Return 1/n, the smallest false-positive rate that n non-members can show.

    n is the largest of the column ``n_non_members`` if there is one; else the smallest rate on the curve tells it.
    """
    if "n_non_members" in data.columns and data["n_non_members"].notna().any():
        return 1.0 / float(data["n_non_members"].max())
    return float(data.loc[data[chart.x] > 0, chart.x].min())


def rows_of(chart: Chart, finding: Finding) -> pd.DataFrame:
    """Return the rows that are drawn."""
    data = finding.tables[chart.table].dropna(subset=[chart.x])
    return data if not chart.only else data[data[chart.by].astype(str) == chart.only]


def palette(names: list[str]) -> dict[str, str]:
    """Return a colour-blind-safe colour for each name."""
    colours: Iterable[str] = COLOURS
    if len(names) > len(COLOURS):
        import seaborn as sns

        colours = sns.color_palette("cividis", len(names)).as_hex()
    return dict(zip(names, colours, strict=False))


def _roc(chart: Chart, finding: Finding, groups: list[tuple[str, pd.DataFrame]]) -> list[str]:
    limit = reach(chart, finding.tables[chart.table])
    said = []
    for key, rate in RATES.items():
        if key in finding.values:
            value = finding.values[key]
            known = f" {interval(*finding.intervals[key])}" if key in finding.intervals else ""
            short = ", more than so few samples can show" if rate < limit * (1 - 1e-9) else ""
            said.append(
                f"true-positive rate {number(value)}{known} at a false-positive rate of {100 * rate:g} %{short}"
            )
    for name, part in groups:
        if name != "chance" and len(part):
            near = part[part[chart.x] <= 0.1]
            top = float(near[chart.y].max()) if len(near) else 0.0
            said.append(f"{_named(name)}{number(top)} at a false-positive rate of 10 %")
    return [*said, f"the axis is grey below 1 in {round(1 / limit)}"]


def _named(name: str) -> str:
    return f"{name}: " if name else ""


def _at(part: pd.DataFrame, chart: Chart, place: int) -> str:
    row = part.iloc[place]
    return f"{label(chart.y)} {number(float(row[chart.y]))} at {label(chart.x)} {number(float(row[chart.x]))}"
