"""What several kinds of charts share: the rows, the colours, the words. Loads no library that draws."""

from collections.abc import Iterable, Iterator

import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.words import Labels, number

# seaborn's palette "colorblind", written down: loading seaborn for ten colours takes half a second
COLOURS = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9")
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


def rows_of(chart: Chart, finding: Finding) -> pd.DataFrame:
    """Return the rows that are drawn."""
    data = finding.tables[chart.table]
    if chart.kind != "bounds":  # where a value that is not known exactly is the rule
        data = data.dropna(subset=[chart.x])
    return data if not chart.only else data[data[chart.by].astype(str) == chart.only]


def groups_of(chart: Chart, data: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each group in the order of the table; of one without a name where there are none."""
    if not chart.by:
        return [("", data)]
    return [(str(key), part) for key, part in data.groupby(chart.by, sort=False)]


def palette(names: list[str]) -> dict[str, str]:
    """Return a colour-blind-safe colour for each name."""
    colours: Iterable[str] = COLOURS
    if len(names) > len(COLOURS):
        import seaborn as sns

        colours = sns.color_palette("cividis", len(names)).as_hex()
    return dict(zip(names, colours, strict=False))


def styled(
    groups: list[tuple[str, pd.DataFrame]], shapes: tuple[str, ...]
) -> Iterator[tuple[str, pd.DataFrame, str, str]]:
    """Yield each group with its colour, and with a shape beside: colour alone is not enough."""
    colours = palette([name for name, _ in groups])
    for place, (name, part) in enumerate(groups):
        yield name, part, colours[name], shapes[place % len(shapes)]


def height_of_rows(data: pd.DataFrame) -> float:
    """Return the height of a figure in which every row has the same room, in inches."""
    return 1.2 + 0.32 * len(data)


def named(name: str) -> str:
    """Return the words that a sentence about a group begins with."""
    return f"{name}: " if name else ""


def at(part: pd.DataFrame, chart: Chart, place: int, label: Labels) -> str:
    """Return one row of a curve in words."""
    row = part.iloc[place]
    return f"{label(chart.y)} {number(float(row[chart.y]))} at {label(chart.x)} {number(float(row[chart.x]))}"
