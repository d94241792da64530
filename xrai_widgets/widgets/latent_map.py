"""A map in two dimensions: where an input lies among the training samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets

from xrai_widgets.core import Array
from xrai_widgets.results.charts.parts import COLOURS

_HERE = Path(__file__).parent
_MOST = 1500  # points that a browser draws at once; spread evenly over the samples
NOT = (
    "A map keeps two directions of many: what is foreign in the others may lie in the middle here, and far apart here "
    "can be normal. The alarm does not look at it."
)


class LatentMap(anywidget.AnyWidget):
    """Training samples as points, the input as a cross.

    Parameters
    ----------
    points : DataFrame
        ``id, x, y``, as `Alarm.map`.
    kinds : sequence of int
        Of each point the place of its class in ``names``.
    names : sequence of str
        Of the classes; they stand in the middle of their points.
    what : str
        What the two directions are.

    Attributes
    ----------
    here : list of float
        Where the input lies; empty where there is none.
    picked : int or None
        The point that was last clicked, among those that are drawn; None again once it was read.
    marked : list of str
        Names of the marked samples; those that are not drawn are left out.
    """

    _esm = _HERE / "latent_map.js"
    _css = _HERE / "latent_map.css"
    places = traitlets.Bytes().tag(sync=True)
    kinds: Any = traitlets.List().tag(sync=True)
    ids: Any = traitlets.List().tag(sync=True)
    names: Any = traitlets.List().tag(sync=True)
    colours: Any = traitlets.List().tag(sync=True)
    here: Any = traitlets.List().tag(sync=True)
    near: Any = traitlets.List().tag(sync=True)
    marks: Any = traitlets.List().tag(sync=True)
    picked = traitlets.Int(None, allow_none=True).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, points: pd.DataFrame, kinds: Sequence[int], names: Sequence[str], what: str, **kwargs: Any
    ) -> None:
        self._points = points.assign(id=points["id"].astype(str), kind=list(kinds))
        self._what = what
        plain = len(names) > len(COLOURS)
        super().__init__(
            names=[""] if plain else list(names),
            colours=[COLOURS[7]] if plain else list(COLOURS[: len(names)]),
            **kwargs,
        )
        self._one = plain
        self.note = f"{what} {NOT}"
        self.show(np.empty(0), [])

    def show(self, here: Array, near: Sequence[str]) -> None:
        """Show where an input lies, and which training samples are the nearest; they are drawn in any case."""
        count = len(self._points)
        some = np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(int))
        also = np.flatnonzero(self._points["id"].isin(list(near)).to_numpy())
        drawn = self._points.iloc[np.union1d(some, also)]
        names = drawn["id"].tolist()
        place = f"The input lies at {here[0]:.3g}, {here[1]:.3g}; " if len(here) else ""
        beside = f"its nearest training samples are {', '.join(near)}; " if len(near) else ""
        with self.hold_sync():
            self.near = self.marks = []
            self.kinds = [0] * len(drawn) if self._one else drawn["kind"].tolist()
            self.ids = names
            self.places = np.ascontiguousarray(drawn[["x", "y"]], dtype="<f4").tobytes()
            self.here = [float(value) for value in here]
            self.near = [names.index(name) for name in near if name in names]
            self.alt = f"Map of {len(drawn)} of {count} training samples. {place}{beside}{self._middles(drawn)}".strip()

    def mark(self, ids: Sequence[str]) -> None:
        """Mark samples by their names."""
        self.marks = [place for place, name in enumerate(self.ids) if name in set(ids)]

    def _middles(self, drawn: pd.DataFrame) -> str:
        if self._one or len(self.names) < 2:
            return ""
        middles = drawn.groupby("kind")[["x", "y"]].median()
        parts = [
            f"{self.names[int(kind)]} {x:.2g}, {y:.2g}"
            for kind, (x, y) in zip(middles.index, middles.to_numpy(), strict=True)
        ]
        return f"middles of the classes: {'; '.join(parts)}."

    def __repr__(self) -> str:
        return f"LatentMap({len(self._points)} samples, input {self.here or 'none'})"
