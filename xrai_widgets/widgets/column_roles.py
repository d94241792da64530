"""What the columns of a table are: target, ids, features, ignored, immutable."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from xrai_widgets.io.summaries import TableColumn, TableSummary
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.session import Change

_SHOWN = 12
_LINES = 6


class ColumnRoles(w.VBox):  # type: ignore[misc]
    """A small form that gives each column one role; what is left over are the features."""

    def __init__(self, **kwargs: Any) -> None:
        self.message = Html()
        self._features = Html()
        self._columns: dict[str, TableColumn] = {}
        self._chosen: dict[w.Dropdown, str] = {}
        self._ignored: tuple[str, ...] | None = None
        self.target = w.Dropdown(
            description="target", tooltip="column of the true labels or values", style=LABELS, layout=wide()
        )
        self.ids = w.Dropdown(
            description="names of the samples",
            tooltip="a column that identifies the samples; without one they are numbered",
            style=LABELS,
            layout=wide(),
        )
        self.ignore = w.SelectMultiple(
            description="ignore", tooltip="columns that the model does not take", style=LABELS, layout=wide()
        )
        self.immutable = w.SelectMultiple(
            description="immutable",
            tooltip="features that no person can change about themselves: attacks leave them alone",
            style=LABELS,
            layout=wide(),
        )
        self.weights = w.Dropdown(
            description="weights",
            tooltip="a column of the weights that the training samples had when the model was trained",
            style=LABELS,
            layout=wide(),
        )
        asked = [self.target, self.ids, self.weights, self.ignore, self.immutable]
        super().__init__([*asked, self._features, self.message], **kwargs)
        for control in (self.target, self.ids, self.weights, self.ignore):
            control.observe(self._changed, "value")
        self.immutable.observe(self._describe, "value")
        self._asking = False

    def ask(self, table: TableSummary, features: Sequence[str] = (), classes: Sequence[str] = ()) -> None:
        """Ask about a table; what the columns probably are stands there already, what the user has chosen stays.

        Parameters
        ----------
        table : TableSummary
        features, classes : sequence of str
            Columns that the model says it takes, and classes that it distinguishes.
        """
        columns, chosen = {column.name: column for column in table.columns}, self._chosen
        if columns.keys() != self._columns.keys():  # another table
            chosen.clear()
            self._ignored = None
        self._columns = columns
        target, ids, ignored = table.guess(tuple(features), tuple(classes), chosen.get(self.target, ""))
        self._asking = True
        self.target.options = [(_option_text(column), column.name) for column in table.columns]
        self.target.value = target or None
        self.ids.options = self._names_of_samples(None)
        self.ids.value = chosen.get(self.ids, ids)
        weights = self._numbers({self.target.value, self.ids.value})
        self.weights.options, wanted = weights, chosen.get(self.weights, "")
        self.weights.value = wanted if wanted in dict(weights).values() else ""
        self.ignore.options = list(self._columns)
        self.ignore.value = ignored if self._ignored is None else self._ignored
        self._asking = False
        self._changed()

    @property
    def values(self) -> dict[str, Any]:
        """The roles, as the arguments ``target, ids, weights, ignore, immutable`` of `OwnFiles`."""
        return {
            "target": self.target.value or "",
            "ids": self.ids.value or "",
            "weights": self.weights.value or "",
            "ignore": tuple(self.ignore.value),
            "immutable": tuple(self.immutable.value),
        }

    @property
    def choices(self) -> tuple[w.Widget, ...]:
        """The controls by which a column stops being a feature."""
        return self.target, self.ids, self.weights, self.ignore

    @property
    def features(self) -> list[str]:
        """The columns without another role."""
        taken = {self.target.value, self.ids.value, self.weights.value, *self.ignore.value}
        return [name for name in self._columns if name not in taken]

    @guarded
    def _changed(self, change: Change | None = None) -> None:
        """A column that got a role is no longer offered for another one."""
        if self._asking:
            return
        if change is not None:
            self._note(change["owner"])
        self._asking = True
        ids, ignored, fixed = self.ids.value, self.ignore.value, self.immutable.value
        self.ids.options = self._names_of_samples(self.target.value)
        self.ids.value = ids if ids != self.target.value else ""
        taken, weights = {self.target.value, self.ids.value}, self.weights.value
        self.weights.options = self._numbers(taken)
        self.weights.value = weights if weights not in taken else ""
        taken.add(self.weights.value)
        self.ignore.options = [name for name in self._columns if name not in taken]
        self.ignore.value = tuple(name for name in ignored if name not in taken)
        features = self.features
        self.immutable.options = features
        self.immutable.value = tuple(name for name in fixed if name in features)
        for control in (self.ignore, self.immutable):
            control.rows = max(2, min(_LINES, len(control.options)))
        self._asking = False
        self._describe()

    def _note(self, control: w.Dropdown | w.SelectMultiple) -> None:
        """What the user has chosen stands when the other file has been read."""
        if control is self.ignore:
            self._ignored = tuple(control.value)
        else:
            self._chosen[control] = control.value or ""

    def _names_of_samples(self, target: str | None) -> list[tuple[str, str]]:
        return [("none: number them", ""), *((name, name) for name in self._columns if name != target)]

    def _numbers(self, taken: set[Any]) -> list[tuple[str, str]]:
        numeric = [name for name, column in self._columns.items() if column.kind == "numbers" and name not in taken]
        return [("none", ""), *((name, name) for name in numeric)]

    def _describe(self, _: Change | None = None) -> None:
        features = self.features
        shown = ", ".join(features[:_SHOWN]) + (", …" if len(features) > _SHOWN else "")
        empty = [name for name in features if self._columns[name].empty]
        text = f"{len(features)} features: {shown}." if features else "No column is left as a feature."
        if empty:
            few = ", ".join(empty[:5]) + (", …" if len(empty) > 5 else "")
            text += f" With empty cells: {few}."
        self._features.say(text, "info")
        self._check()

    def _check(self) -> None:
        target = self._columns.get(self.target.value or "")
        problem = ""
        if target is not None and target.distinct < 2:
            problem = f"The target {target.name} must hold at least two different values, got {target.distinct}."
        elif target is not None and target.empty:
            problem = f"The target {target.name} must be filled in every row, got {target.empty} empty."
        self.message.say(problem)


def _option_text(column: TableColumn) -> str:
    return f"{column.name} ({column.kind}, {column.distinct:,} different)"
