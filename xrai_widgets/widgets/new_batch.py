"""Upload a batch of new samples, and say which column tells the foreign ones."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ipywidgets as w

from xrai_widgets.io.batches import are_pictures, check_batch_name, say_truth
from xrai_widgets.io.pictures import ARCHIVE, BATCH_ENDINGS
from xrai_widgets.io.summaries import TableSummary
from xrai_widgets.io.table_files import TABLES
from xrai_widgets.widgets.parts import LABELS, wide
from xrai_widgets.widgets.session import Change
from xrai_widgets.widgets.uploader import Uploader

_NAME = "foreign"


class NewBatch(w.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A field for a table of new samples, or a picture, and the role of one more column.

    Attributes
    ----------
    field : Uploader
    foreign : Dropdown
        Columns that say true or false, and that the held-out samples do not have; or folders of pictures.
    table : TableSummary or None
        What the table turned out to be.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.field = Uploader("batch of new samples (optional)", [*TABLES, *BATCH_ENDINGS, ARCHIVE], check_batch_name)
        self.foreign = w.Dropdown(
            options=[("not known", "")],
            description="foreign samples",
            tooltip="column that says True (or folder of pictures) for samples of another kind than the model's",
            style=LABELS,
            layout=wide(),
        )
        self.table: TableSummary | None = None
        self._chosen: str | None = None  # None: not chosen by the user
        self._asking = False
        self.foreign.observe(self._note, "value")
        super().__init__([self.field], **kwargs)

    @property
    def path(self) -> Path | None:
        """The file that arrived."""
        return self.field.upload.path if self.field.upload is not None else None

    @property
    def values(self) -> dict[str, Any]:
        """The arguments ``new, foreign`` of `OwnFiles`."""
        return {"new": self.path, "foreign": (self.foreign.value or "") if self.path else ""}

    @property
    def pictured(self) -> bool:
        """Whether a picture arrived."""
        return self.path is not None and are_pictures(self.path)

    def ask(self, table: TableSummary | None, held_out: Iterable[str] = ()) -> None:
        """Ask which column says what is foreign; what somebody has chosen stays.

        Parameters
        ----------
        table : TableSummary, optional
            The batch.
        held_out : iterable of str
            Columns of the held-out samples.
        """
        self.table = table
        taken = set(held_out)
        self._offer([c.name for c in table.columns if say_truth(c.values) and c.name not in taken] if table else [])

    def ask_folders(self, folders: Iterable[str]) -> None:
        """Ask in which of the folders of the pictures the foreign ones are."""
        self._offer(list(folders))

    def _offer(self, names: list[str]) -> None:
        likely = next((name for name in names if name.strip().lower() == _NAME), "")
        wanted = likely if self._chosen is None else self._chosen
        self._asking = True
        self.foreign.options = [("not known", ""), *((name, name) for name in names)]
        self.foreign.value = wanted if wanted in names else ""
        self._asking = False
        self.children = [self.field, self.foreign] if names else [self.field]

    def _note(self, change: Change) -> None:
        if not self._asking:
            self._chosen = change["new"]

    def compare(self, features: Iterable[str], held_out: Iterable[str]) -> None:
        """Say beside the field which columns are missing, or more than the model takes."""
        if self.table is None:
            return
        there = [column.name for column in self.table.columns]
        missing = [name for name in features if name not in there]
        extra = [name for name in there if name not in {*held_out, self.foreign.value}]
        problems = [f"missing: {_few(missing)}"] * bool(missing) + [f"more than there: {_few(extra)}"] * bool(extra)
        self.field.error = (
            f"It must have the features of the held-out samples; {'; '.join(problems)}." if problems else ""
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f", … ({len(names)} in all)" if len(names) > 8 else "")
