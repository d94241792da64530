"""What may be changed about a sample, and what is expected of the score then, edited column by column."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from xrai_widgets.core import Subject
from xrai_widgets.models.constrained import constrained, kinds, try_constraints
from xrai_widgets.models.constraints import PIXELS
from xrai_widgets.runtime import Job
from xrai_widgets.widgets.session import Change

_HERE = Path(__file__).parent
PAGE = 20  # columns that are shown at once
_MOST_CODES = 50  # numbers of a column that are written out


class ConstraintEditor(anywidget.AnyWidget):
    """Edit which changes of a sample are allowed, by attacks and in explanations, and what is expected of the score.

    It is folded, and makes its rows when it is opened; of many columns it shows a page.

    Parameters
    ----------
    subject : Subject, optional

    Attributes
    ----------
    subject : Subject or None
        The model under audit; replaced by a copy with the edited constraints when they are applied.
    edits : dict
        What was edited so far, as `xw.constrained` takes it.
    opened : bool
    query : str
        Only columns with these letters in their name are shown.
    start : int
        The first shown one of them.
    """

    _esm = _HERE / "constraint_editor.js"
    _css = _HERE / "constraint_editor.css"
    subject = traitlets.Instance(Subject, allow_none=True)
    opened = traitlets.Bool(False).tag(sync=True)
    query = traitlets.Unicode().tag(sync=True)
    start = traitlets.Int(0).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    columns = traitlets.Int(0).tag(sync=True)
    page = traitlets.Int(PAGE).tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)
    edited = traitlets.Bool(False).tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(self, subject: Subject | None = None, **kwargs: Any) -> None:
        self._before: Subject | None = None  # as it was before anything was edited here
        self._made: Subject | None = None
        self.edits: dict[str, dict[str, Any]] = {}
        self._wrong: dict[str, str] = {}
        self._kinds: list[tuple[str, ...]] = []
        self._job: Job[Subject] | None = None
        super().__init__(**kwargs)
        self.on_msg(self._heard)
        self.observe(self._turn, "subject")
        self.observe(self._show, ["opened", "start"])
        self.observe(self._search, "query")
        self._turn()
        self.subject = subject

    def edit(self, column: str, **fields: Any) -> None:
        """Change fields of a column's constraint: kind, immutable, monotone, group, range, categories, fillable,
        expected.

        Raises
        ------
        ValueError
            for an unknown column. What is wrong with a value stands in ``rows`` and ``status``.
        """
        if self._before is None:
            raise ValueError("choose a subject first: there are no columns yet")
        self._row(column)  # raises for an unknown one
        before = self._fields(self._before, column)
        table = {**self.edits.get(column, {}), **fields}
        if "categories" in fields:
            table["categories"] = _listed(fields["categories"])
            if not table["categories"]:
                del table["categories"]
        if table.get("kind") == "category":
            table.pop("range", None)
            table.pop("fillable", None)
        elif "kind" in table:
            table.pop("categories", None)
        kept = {key: value for key, value in table.items() if key not in before or _differs(before[key], value)}
        self.edits = {name: other for name, other in self.edits.items() if name != column}
        if kept:
            self.edits[column] = kept
        self._check()

    def undo(self) -> None:
        """Take back everything that was edited here, also what was applied."""
        self.edits = {}
        self._check()

    def apply(self) -> None:
        """Make the copy, in the background: the model is asked for its predictions."""
        before, edits = self._before, dict(self.edits)
        if before is None or not self.ready:
            return
        self.ready, self.error, self.status = False, "", "Applying …"

        def work(_: Job[Subject]) -> Subject:
            made = constrained(before, edits)
            assert made.fingerprint  # asks the model, so it is taken here and not when the page needs it
            return made

        self._job = Job(work, self._ended).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the copy, in scripts and tests; return whether it ended."""
        return self._job is None or self._job.wait(timeout)

    def _ended(self, job: Job[Subject]) -> None:
        if job is not self._job:
            return  # another subject was picked meanwhile
        self._job = None
        if job.error is not None or job.result is None:
            self.error = str(job.error)
            self._check()
            return
        self._made = job.result
        self.subject = job.result
        self._check()
        self.status = "Applied. Results that depend on the limits are gone from the board: run them again."

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        """Take what the browser sends; a broken message changes nothing."""
        self.error = ""
        try:
            if content.get("edit"):
                self.edit(str(content["edit"]["column"]), **dict(content["edit"]["fields"]))
            elif content.get("press") in ("apply", "undo"):
                getattr(self, content["press"])()
        except (ValueError, TypeError, KeyError) as error:
            self.error = str(error)

    def _turn(self, _: Change | None = None) -> None:
        if self.subject is None or self.subject is not self._made:
            self._before, self._made, self._job, self.edits = self.subject, None, None, {}
            self._kinds, self.status, self.error = [], "", ""
            self.query, self.start = "", 0
        self._check()

    def _search(self, _: Change) -> None:
        self.start = 0
        self._show()

    def _check(self) -> None:
        """Say what is wrong with the edits, and whether they can be applied."""
        if self._job is not None:
            self._show()
            return
        subject = self._before
        self.columns = 0 if subject is None or subject.bounds is None else len(self._names)
        self._wrong, now = {}, subject
        if subject is not None and self.edits:
            now, self._wrong = try_constraints(subject, self.edits)
        current = self.subject
        same = now is current or (now is not None and current is not None and _limits(now) == _limits(current))
        self.edited = bool(self.edits)
        self.ready = not same and not self._wrong
        changed = f"{len(self.edits)} column{'s' * (len(self.edits) > 1)} edited"
        if subject is None or subject.bounds is None:
            self.status = "This model cannot be asked about changed samples." if subject is not None else ""
        elif self._wrong:
            self.status = f"Correct this first: {next(iter(self._wrong.values()))}."
        elif self.ready:
            self.status = f"{changed}, not applied yet." if self.edits else "Taken back, not applied yet."
        else:
            self.status = f"{changed}." if self.edits else ""
        self.title = self._title()
        self._show()

    def _title(self) -> str:
        if self.subject is None or not self.subject.constraints:
            return "Constraints"
        fixed = sum(kind.immutable for kind in self.subject.constraints)
        stated = sum(map(bool, self.subject.expected))
        held = f", {fixed} immutable" if fixed else ""
        held += f", {stated} expectation{'s' * (stated > 1)}" if stated else ""
        edited = ", edited" if self._made is not None and self.subject is not self._before else ""
        return f"Constraints ({self.columns:,} columns{held}{edited})" if self.columns > 1 else f"Constraints{edited}"

    @property
    def _names(self) -> tuple[str, ...]:
        if self._before is None or self._before.bounds is None:
            return ()
        return self._before.feature_names if self._before.image_shape is None else (PIXELS,)

    def _show(self, _: Change | None = None) -> None:
        """Write the rows of the page."""
        if not self.opened or self._before is None:
            self.rows, self.total = [], 0
            return
        wanted = self.query.strip().lower()
        names = [name for name in self._names if wanted in name.lower()] if wanted else list(self._names)
        self.total = len(names)
        start = min(max(self.start, 0), max(len(names) - 1, 0) // PAGE * PAGE)
        self.start = start
        self.rows = [self._row(name) for name in names[start : start + PAGE]]

    def _fields(self, subject: Subject, name: str) -> dict[str, Any]:
        """Return what holds for a column; ``categories`` only say the order of the words."""
        assert subject.bounds is not None
        if subject.image_shape is not None:
            low, high = subject.bounds[:, 0]
            return {"range": [float(low), float(high)]}
        column = subject.feature_names.index(name)
        kind, (low, high) = subject.constraints[column], subject.bounds[:, column]
        fields = {"kind": kind.kind, "immutable": kind.immutable, "monotone": kind.monotone, "group": kind.group}
        fields["expected"] = subject.expected[column] if subject.expected else ""
        if kind.fillable or np.isnan(subject.X[:, column]).any():
            fields["fillable"] = kind.fillable
        return fields if kind.kind == "category" else {**fields, "range": [float(low), float(high)]}

    def _row(self, name: str) -> dict[str, Any]:
        subject = self._before
        assert subject is not None
        if name not in self._names:
            few = ", ".join(self._names[:5])
            raise ValueError(f"the column must be one of {few}{', …' * (len(self._names) > 5)}, got {name!r}")
        row = {**self._fields(subject, name), **self.edits.get(name, {})}
        row |= {"name": name, "problem": self._wrong.get(name, ""), "edited": list(self.edits.get(name, {}))}
        row["note"] = "" if row["problem"] or "range" not in row else self._outside(subject, name, row["range"])
        if subject.image_shape is None:
            self._kinds = self._kinds or kinds(subject)
            column = subject.feature_names.index(name)
            row |= {"kinds": list(self._kinds[column]), "words": list(subject.constraints[column].categories[:12])}
            if row["kind"] == "category" and len(row["kinds"]) > 1:  # a column of numbers: which ones it may hold
                row["codes"] = ", ".join(map(str, row.get("categories") or self._codes(subject, column)))
        return row

    def _codes(self, subject: Subject, column: int) -> list[str]:
        """Return the numbers in a column, or its words for 0, 1, …; of too many none."""
        words = subject.constraints[column].categories
        there = np.unique(subject.X[~subject.missing[:, column], column])
        return list(words) or [f"{value:g}" for value in there[: _MOST_CODES if len(there) <= _MOST_CODES else 0]]

    def _outside(self, subject: Subject, name: str, limits: Sequence[float]) -> str:
        """Say how many samples lie outside a range: they are no mistake, and may come nearer to it."""
        images = subject.image_shape is not None
        values = subject.X if images else subject.X[:, [subject.feature_names.index(name)]]
        beyond = ((values < limits[0]) | (values > limits[1])).reshape(len(values), -1).any(axis=1)
        count = int(beyond.sum())
        return f"{count:,} of {len(values):,} samples lie outside: they may stay or come nearer" if count else ""

    def __repr__(self) -> str:
        return f"ConstraintEditor({self.columns} columns, {len(self.edits)} edited)"


def _listed(text: Any) -> list[Any]:
    """Return the codes that stand in a text, separated by commas: numbers if all are, else words for 0, 1, …"""
    words = [part.strip() for part in text.split(",")] if isinstance(text, str) else list(text)
    words = [word for word in words if word != ""]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return words
    return [int(number) if number.is_integer() else number for number in numbers]


def _differs(before: Any, now: Any) -> bool:
    return list(before) != list(now) if isinstance(now, list | tuple) else bool(before != now)


def _limits(subject: Subject) -> tuple[Any, ...]:
    bounds = subject.bounds.tolist() if subject.bounds is not None else None
    return subject.constraints, bounds, subject.expected
