"""One row of a table, typed or edited: a control for each column, made of what the subject says of it."""

import math
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets

from xrai_widgets.core import Array, Subject
from xrai_widgets.results.words import number
from xrai_widgets.widgets.parts import Html
from xrai_widgets.widgets.session import Change

_MOST = 80  # columns with a control; the others stay as they are in the sample that one starts from


class RowForm(w.VBox):  # type: ignore[misc]
    """Edit the columns of a row.

    Parameters
    ----------
    subject : Subject
        Of tables.
    ranges : (array (d,), array (d,))
        Lowest and highest number of each column among the training samples; shown, not enforced.

    Attributes
    ----------
    sample : array (d,) or None
        The row as the model takes it: codes for categories, NaN for a number that is missing.
    error : str
        Which entry is none, and what is allowed.
    """

    sample: Any = traitlets.Any(None)
    error = traitlets.Unicode()

    def __init__(self, subject: Subject, ranges: tuple[Array, Array], **kwargs: Any) -> None:
        self._subject, self._low, self._high = subject, *ranges
        self._filling = False
        self.message = Html()
        self.controls = [self._control(place) for place in range(min(_MOST, subject.X.shape[1]))]
        for control in self.controls:
            control.observe(self._read, "value")
        grid = w.GridBox(self.controls, layout=w.Layout(grid_template_columns="repeat(auto-fill, minmax(270px, 1fr))"))
        grid.add_class("xrai-form")
        more = subject.X.shape[1] - len(self.controls)
        rest = Html()
        if more:
            rest.say(f"{more} more columns stay as they are in the sample that the row starts from.", "info")
        super().__init__([grid, rest, self.message], **kwargs)
        self.start(subject.X[0])

    def start(self, row: Array) -> None:
        """Fill in a sample (d,)."""
        self._base = np.array(row, dtype=np.float64)
        self._filling = True
        for place, control in enumerate(self.controls):
            value = self._base[place]
            if isinstance(control, w.Dropdown):
                codes = [code for _, code in control.options]
                control.value = int(value) if int(value) in codes else codes[-1]
            else:
                control.value = "" if math.isnan(value) else f"{value:.12g}"
        self._filling = False
        self._read()

    def shown(self, row: Array) -> list[str]:
        """Return the cells of a row in the user's words."""
        return [self._cell(place, value) for place, value in enumerate(np.asarray(row, dtype=np.float64))]

    def outside(self, row: Array) -> list[str]:
        """Return the columns whose number lies outside of the training samples', and what that range is."""
        return [
            f"{self._name(place)} ({self._cell(place, row[place])}; training samples: {self._span(place)})"
            for place in np.flatnonzero((row < self._low) | (row > self._high))
        ]

    def _cell(self, place: int, value: float) -> str:
        limits = self._limits(place)
        if limits is not None and limits.kind == "category":
            inside = 0 <= value < len(limits.categories)
            return str(limits.categories[int(value)]) if inside else "(never seen)"
        return "missing" if math.isnan(value) else number(value) if abs(value) < 1000 else f"{value:.12g}"

    def _limits(self, place: int) -> Any:
        return self._subject.constraints[place] if self._subject.constraints else None

    def _name(self, place: int) -> str:
        names = self._subject.feature_names
        return str(names[place]) if place < len(names) else f"column {place}"

    def _span(self, place: int) -> str:
        low, high = self._low[place], self._high[place]
        return "no numbers" if math.isnan(low) else f"{number(low)} to {number(high)}"

    def _control(self, place: int) -> w.Widget:
        limits, name = self._limits(place), self._name(place)
        if limits is not None and limits.kind == "category":
            options = [(str(label), code) for code, label in enumerate(limits.categories)]
            made: w.Widget = w.Dropdown(options=[*options, ("(a word never seen)", len(options))])
            made.tooltip = f"{name}: one of {len(options)} categories"
        else:
            whole = limits is not None and limits.kind == "integer"
            made = w.Text(continuous_update=False, placeholder="missing")
            made.tooltip = (
                f"{name}: {'whole ' if whole else ''}number; training samples: {self._span(place)}; empty: missing"
            )
        made.description, made.description_allow_html = name, False
        made.style, made.layout = {"description_width": "136px"}, w.Layout(width="auto", margin="1px 8px 1px 0")
        return made

    def _read(self, _: Change | None = None) -> None:
        if self._filling:
            return
        row = self._base.copy()
        for place, control in enumerate(self.controls):
            try:
                row[place] = self._number(place, control.value)
            except ValueError as error:
                self.error = str(error)
                self.message.say(self.error)
                return
        self.error = ""
        self.message.say("")
        self.sample = row

    def _number(self, place: int, value: Any) -> float:
        if not isinstance(value, str):
            return float(value)
        text = value.strip().replace("−", "-")
        if not text:
            return math.nan
        limits = self._limits(place)
        allowed = (
            f"{self._name(place)} must be a {'whole ' if limits is not None and limits.kind == 'integer' else ''}number"
        )
        hint = f" (training samples: {self._span(place)}), or empty where it is missing, got {value.strip()!r}"
        try:
            number_ = float(text)
        except ValueError:
            raise ValueError(allowed + hint) from None
        if not math.isfinite(number_) or (limits is not None and limits.kind == "integer" and not number_.is_integer()):
            raise ValueError(allowed + hint)
        return number_

    def __repr__(self) -> str:
        return f"RowForm({len(self.controls)} columns)"
