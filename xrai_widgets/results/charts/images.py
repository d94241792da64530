"""A strip of pictures: those of an array of the finding, one per row of the table, with ``x`` as caption."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.results.words import Labels, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 16
_ACROSS = 8


def height(data: pd.DataFrame) -> float:
    """Return the figure's height: up to eight pictures stand side by side."""
    return 0.7 + 1.1 * -(-min(len(data), _MOST) // _ACROSS)


def describe(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels) -> list[str]:
    """Return the captions."""
    total, size = len(data), finding.arrays[chart.array].shape[-2:]
    first = f"{min(total, _MOST)} of {total}" if total > _MOST else f"{total}"
    return [f"{first} pictures of {size[1]} × {size[0]} pixels", *_captions(chart, data.head(_MOST))]


def draw(chart: Chart, data: pd.DataFrame, finding: Finding, label: Labels, axes: "Axes") -> None:
    """Draw the first pictures in the order of the table, on one common scale of grey where they are no bytes."""
    shown = data.head(_MOST)
    places = finding.tables[chart.table].index.get_indexer(shown.index)
    pictures = finding.arrays[chart.array][places]
    axes.set_axis_off()
    down = max(1, -(-len(shown) // _ACROSS))
    for place, (picture, caption) in enumerate(zip(_in_range(pictures), _captions(chart, shown), strict=True)):
        row, column = divmod(place, _ACROSS)
        box = (column / _ACROSS, 1 - (row + 1) / down, 0.95 / _ACROSS, 0.8 / down)
        inside = axes.inset_axes(box)
        inside.set_axis_off()
        inside.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        inside.set_title(caption, fontsize=7, pad=2, parse_math=False)


def _captions(chart: Chart, data: pd.DataFrame) -> list[str]:
    return [number(value) if isinstance(value, float) else str(value) for value in data[chart.x]]


def _in_range(pictures: Array) -> Array:
    """Return pictures (n, c, h, w) or (n, h, w) as (n, h, w) or (n, h, w, 3) in [0, 1]."""
    if pictures.dtype == np.uint8:
        scaled = pictures / 255.0
    else:
        low, high = min(float(pictures.min(initial=0.0)), 0.0), max(float(pictures.max(initial=1.0)), 1.0)
        scaled = (pictures - low) / (high - low)
    if scaled.ndim == 3:
        return np.asarray(scaled)
    return np.moveaxis(scaled, 1, -1) if scaled.shape[1] == 3 else np.asarray(scaled[:, 0])
