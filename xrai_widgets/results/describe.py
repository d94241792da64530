"""What a chart says without being drawn: its text alternative and its colours."""

from collections.abc import Iterable

import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.words import label, number

# seaborn's palette "colorblind", written down: loading seaborn for ten colours takes half a second
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9")


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
    else:
        said = [
            f"{_named(name)}from {_at(part, chart, 0)} to {_at(part, chart, -1)}" for name, part in groups if len(part)
        ]
    return f"{chart.title}. {'; '.join(said)}."


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


def _named(name: str) -> str:
    return f"{name}: " if name else ""


def _at(part: pd.DataFrame, chart: Chart, place: int) -> str:
    row = part.iloc[place]
    return f"{label(chart.y)} {number(float(row[chart.y]))} at {label(chart.x)} {number(float(row[chart.x]))}"
