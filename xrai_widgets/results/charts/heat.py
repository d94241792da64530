"""A map of ``value`` with a column per ``x`` and a row per ``y``, in the order of the table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WRITTEN = 120  # cells whose numbers can be read


def height(data: pd.DataFrame) -> float:
    """Return the figure's height, which grows with the map."""
    return 3.6 if len(data) < 60 else 4.8


def _grid(chart: Chart, data: pd.DataFrame) -> pd.DataFrame:
    columns, rows = (list(dict.fromkeys(data[name].astype(str))) for name in (chart.x, chart.y))
    cells = data.assign(**{name: data[name].astype(str) for name in (chart.x, chart.y)})
    means = cells.groupby([chart.y, chart.x])[chart.value].mean()  # of cells that occur more than once
    return means.unstack().reindex(index=rows, columns=columns)


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return the smallest and the largest value and where they stand, and how much is missing."""
    grid = _grid(chart, data)
    values = grid.to_numpy(dtype=float)
    if not np.isfinite(values).any():
        return ["no value is known"]
    phrases = []
    for word, place in (("smallest", np.nanargmin(values)), ("largest", np.nanargmax(values))):
        row, column = divmod(int(place), values.shape[1])
        phrases.append(
            f"{word} {label(chart.value)} {number(float(values[row, column]))} at {label(chart.y)} "
            f"{grid.index[row]}, {label(chart.x)} {grid.columns[column]}"
        )
    gone = int((~np.isfinite(values)).sum())
    return phrases + ([f"{gone} of {values.size} are not known"] if gone else [])


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the map with its scale; numbers stand in the cells where there is room, missing cells are hatched."""
    grid = _grid(chart, data)
    values = grid.to_numpy(dtype=float)
    axes.set_facecolor("none")
    image = axes.imshow(values, cmap="cividis", aspect="auto", interpolation="nearest")
    low, high = image.get_clim()
    for row, column in np.ndindex(*values.shape):
        value = values[row, column]
        if not np.isfinite(value):
            axes.text(column, row, "–", ha="center", va="center", fontsize=8)
        elif values.size <= _WRITTEN:
            ink = "white" if value < low + 0.55 * (high - low) else "black"
            axes.text(column, row, number(float(value)), ha="center", va="center", fontsize=7.5, color=ink)
    axes.set_xticks(range(len(grid.columns)), list(grid.columns), rotation=0 if len(grid.columns) <= 12 else 90)
    axes.set_yticks(range(len(grid.index)), list(grid.index))
    axes.set_ylabel(label(chart.y))
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=axes, label=label(chart.value))
