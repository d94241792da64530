"""Points with the intervals of both coordinates."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from markupsafe import Markup

from xrai_widgets.results.words import number

_NAMED = 20  # points whose names can be read


@dataclass(frozen=True)
class Cross:
    """A cloud of points.

    Parameters
    ----------
    table : DataFrame
    x, y : (str, str)
        A column and what it is called; its interval is in the columns with ``_low`` and ``_high``.
    name : str
        Column with the names of the points; empty for none.
    """

    table: pd.DataFrame = field(repr=False)
    x: tuple[str, str]
    y: tuple[str, str]
    name: str = ""

    def describe(self) -> str:
        """Return the text alternative."""
        ends = [
            f"{words} from {number(float(self.table[key].min()))} to {number(float(self.table[key].max()))}"
            for key, words in (self.x, self.y)
        ]
        together = self.table[self.x[0]].rank().corr(self.table[self.y[0]].rank())
        rise = f"; rank correlation {number(float(together))}" if np.isfinite(together) else ""
        what = "models" if self.name else "points"
        return f"{self.y[1]} against {self.x[1]}, {len(self.table)} {what}: {'; '.join(ends)}{rise}."


def crosses(cross: Cross) -> Markup:
    """Return the picture as inline SVG. The libraries that draw are loaded by the first one."""
    from matplotlib.figure import Figure

    from xrai_widgets.results.charts.figure import svg
    from xrai_widgets.results.charts.parts import COLOURS

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    (x, of_x), (y, of_y), table = cross.x, cross.y, cross.table
    axes.hlines(table[y], table[f"{x}_low"], table[f"{x}_high"], color=COLOURS[0], linewidth=1.2, alpha=0.6)
    axes.vlines(table[x], table[f"{y}_low"], table[f"{y}_high"], color=COLOURS[0], linewidth=1.2, alpha=0.6)
    axes.plot(table[x], table[y], "o", color=COLOURS[0], markersize=4)
    if cross.name and len(table) <= _NAMED:
        for name, across, up in zip(table[cross.name], table[x], table[y], strict=True):
            axes.annotate(
                str(name), (across, up), xytext=(4, 3), textcoords="offset points", fontsize=8, parse_math=False
            )
    axes.set_xlabel(of_x)
    axes.set_ylabel(of_y)
    axes.spines[["top", "right"]].set_visible(False)
    return svg(figure, cross.describe())
