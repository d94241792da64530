"""The training samples that are nearest to an input, and the map on which both lie."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import numpy as np
import pandas as pd
import traitlets

from xrai_widgets.core import Array, Subject
from xrai_widgets.results.exposed import contents, places
from xrai_widgets.results.views.foreign import html
from xrai_widgets.results.words import number
from xrai_widgets.runtime.alarm import Alarm
from xrai_widgets.runtime.checked import Checked
from xrai_widgets.widgets.latent_map import LatentMap
from xrai_widgets.widgets.parts import Html
from xrai_widgets.widgets.row_form import RowForm
from xrai_widgets.widgets.sample_table import SampleTable
from xrai_widgets.widgets.session import Change

_TYPICAL = 200  # samples whose nearest other one says what is near


class NearestSamples(w.VBox):  # type: ignore[misc]
    """Show the training samples nearest to an input as pictures or rows, and where it lies among all of them.

    Parameters
    ----------
    subject : Subject
    alarm : Alarm
        Holds the training samples that are compared with.
    selected : iterable of [part, id]

    Attributes
    ----------
    selected : list of [part, id]
        The marked samples: a click on the map marks one.
    """

    selected: Any = traitlets.List()

    def __init__(self, subject: Subject, alarm: Alarm, selected: Iterable[Any] = (), **kwargs: Any) -> None:
        self._subject, self._alarm = subject, alarm
        self._part = "X" if subject.X_train is None else "X_train"
        self.beside = Html()
        self.table = SampleTable(
            pd.DataFrame({"part": [], "id": [], "distance": []}), "Nearest training samples", "distance"
        )
        self.table.beyond = "below"  # the nearest first
        self._places = places(subject, self._part)
        self.map = self._mapped()
        self._typical = self._usual()
        parts: list[w.Widget] = [w.VBox([self.table], layout=_column())]
        if self.map is not None:
            parts.append(w.VBox([self.map], layout=_column()))
        super().__init__([w.Box(parts, layout=w.Layout(flex_flow="row wrap")), self.beside], **kwargs)
        self.layout.width = "100%"
        self.selected = [[str(part), str(name)] for part, name in selected]
        traitlets.link((self, "selected"), (self.table, "selected"))
        if self.map is not None:
            self.map.observe(self._picked, "picked")
        self.observe(self._mark, "selected")
        self._mark()

    def show(self, checked: Checked | None, row: Array | None, form: Any) -> None:
        """Show what is nearest to an input that was checked; nothing, where there is none."""
        if checked is None or checked.nearest is None or checked.distances is None or row is None:
            self.table.layout.display = "none"
            self.beside.show("")
            if self.map is not None:
                self.map.show(np.empty(0), [])
                self._mark()
            return
        names, distances = [str(name) for name in checked.nearest[0]], checked.distances[0]
        frame = pd.DataFrame({"part": self._part, "id": names, "distance": distances})
        frame.insert(2, "class", self._classes(names))
        self.table.layout.display, self.table.total = "", len(frame)
        if isinstance(form, RowForm):
            self.table.show(frame, pd.DataFrame(index=frame.index), note=self._typical)
            self.beside.show(self._rows(names, row, form))
        else:
            inside = contents(self._subject, frame)
            self.table.show(frame, inside.table, inside.pictures, " ".join(filter(None, [self._typical, inside.note])))
        if self.map is not None and checked.positions is not None:
            self.map.show(checked.positions[0], names)
            self._mark()

    def _rows(self, names: list[str], row: Array, form: RowForm) -> str:
        if self._places is None or not set(names) <= self._places.keys():
            return ""
        X = getattr(self._subject, self._part)
        columns = {"this input": form.shown(row)}
        columns |= {name: form.shown(X[self._places[name]]) for name in names}
        index = [str(name) for name in self._subject.feature_names or range(len(row))]
        return html.nearest_rows(pd.DataFrame(columns, index=index), "This input beside its nearest training samples")

    def _classes(self, names: list[str]) -> list[str]:
        subject = self._subject
        truth = subject.y if self._part == "X" else subject.y_train
        if truth is None or self._places is None:
            return [""] * len(names)
        rows = [self._places.get(name) for name in names]
        labels = [None if row is None else truth[row] for row in rows]
        if subject.task == "regression":
            return ["" if one is None else number(float(one)) for one in labels]
        return ["" if one is None else str(subject.classes[int(one)]) for one in labels]

    def _mapped(self) -> LatentMap | None:
        points = self._alarm.map
        if points is None:
            return None
        if self._subject.task == "regression":
            kinds, names = [0] * len(points), ["training samples"]
        else:
            names = [str(label) for label in self._subject.classes]
            codes = {name: code for code, name in enumerate(names)}
            kinds = [codes.get(name, 0) for name in self._classes([str(one) for one in points["id"]])]
        return LatentMap(points, kinds, names, self._what())

    def _what(self) -> str:
        space = (
            "the autoencoder's latent variables"
            if self._alarm.service.method == "ood.vae"
            else "the standardised columns"
            if self._subject.image_shape is None
            else "the pixels"
        )
        where = "held-out" if self._part == "X" else "training"
        kept = f", which hold {100 * self._kept():.0f} % of their variance"
        return f"Where this input lies among {where} samples: the two leading principal components of {space}{kept}."

    def _kept(self) -> float:
        """Return the share of the variance that lies along the two directions of the map."""
        reference = self._alarm.service.reference
        assert reference is not None  # there is a map
        total = float(reference.rows.var(axis=0).sum())
        return float(reference.positions(reference.rows).var(axis=0).sum()) / total if total > 0 else 1.0

    def _usual(self) -> str:
        """Return how far apart training samples are from their nearest one."""
        reference = self._alarm.service.reference
        if reference is None or len(reference.rows) < 3:
            return ""
        some = np.unique(np.linspace(0, len(reference.rows) - 1, min(len(reference.rows), _TYPICAL)).astype(int))
        apart = reference.nearest(reference.rows[some], 2)[1][:, 1]
        return f"Training samples lie {number(float(np.median(apart)))} from their nearest one (median)."

    def _picked(self, change: Change) -> None:
        place = change["new"]
        if place is None or self.map is None or not 0 <= place < len(self.map.ids):
            return
        key = [self._part, self.map.ids[place]]
        others = [mark for mark in self.selected if mark != key]
        self.selected = others if key in self.selected else [*others, key]
        self.map.picked = None

    def _mark(self, _: Change | None = None) -> None:
        if self.map is not None:
            self.map.mark([name for part, name in self.selected if part == self._part])

    def __repr__(self) -> str:
        return f"NearestSamples({self._subject.name})"


def _column() -> w.Layout:
    return w.Layout(flex="1 1 360px", min_width="280px", padding="0 16px 0 0")
