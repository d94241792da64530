"""Upload a model and its tables, say what the columns are, and use them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Subject
from xrai_widgets.io.model_files import MODELS, check_model_name
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.summaries import ModelSummary, PictureSummary, TableSummary
from xrai_widgets.io.table_files import TABLES, check_table_name
from xrai_widgets.runtime import Job, trial
from xrai_widgets.widgets.column_roles import ColumnRoles
from xrai_widgets.widgets.csv_style import CsvStyle
from xrai_widgets.widgets.new_batch import NewBatch
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.session import Change
from xrai_widgets.widgets.split_form import SplitForm
from xrai_widgets.widgets.uploader import Uploader

_TRAINING = [
    ("none (what needs them does not apply)", "none"),
    ("a table of their own", "table"),
    ("split the table above", "split"),
]


class OwnModel(w.VBox):  # type: ignore[misc]
    """A model from a file.

    Model and tables are read in a process of their own first. A message stands beside what caused it, and everything
    else stays as it is.

    Attributes
    ----------
    subject : Subject or None
        What was made of the files last.
    reading : bool
        Another one is being made of them.
    """

    subject = traitlets.Instance(Subject, allow_none=True)
    reading = traitlets.Bool(False)

    def __init__(self, **kwargs: Any) -> None:
        self.model = Uploader("fitted model", MODELS, check_model_name)
        self.data = Uploader("table of held-out samples", TABLES, check_table_name)
        self.train = Uploader("table of training samples", TABLES, check_table_name)
        self.training = w.Dropdown(
            options=_TRAINING,
            description="training samples",
            tooltip="what the model was trained on; assessments of privacy need it",
            style=LABELS,
            layout=wide(),
        )
        self.batch = NewBatch()
        self.split, self.style_form, self.roles = SplitForm(), CsvStyle(), ColumnRoles()
        self.button = w.Button(description="Use this model", tooltip="audit this model on this table", disabled=True)
        self.button.button_style = "primary"
        self.message, self.status = Html(), Html()
        self._training = w.VBox()
        self._columns = w.VBox()
        self._style = w.Accordion([self.style_form], titles=["How the CSV is written"])
        self._jobs: dict[str, Job[Any]] = {}
        self._model: ModelSummary | None = None
        self._table: TableSummary | None = None
        self._trained: TableSummary | None = None
        super().__init__(
            [
                *(self.model, self.data, self._style, self.training, self._training, self.batch, self._columns),
                *(self.button, self.status, self.message),
            ],
            **kwargs,
        )
        self.model.observe(self._model_came, "upload")
        self.data.observe(self._data_came, "upload")
        self.train.observe(self._train_came, "upload")
        self.batch.field.observe(self._batch_came, "upload")
        for control in (self.batch.foreign, *self.roles.choices):
            control.observe(self._compare_batch, "value")
        self.style_form.observe(self._style_changed, "style")
        self.training.observe(self._turn, "value")
        self.button.on_click(lambda _: self._cancel() if "use" in self._jobs else self.use())
        self._ready()

    @guarded
    def use(self) -> None:
        """Make the subject, in the background."""
        self.message.say("")
        files = self.files()
        self._start("use", lambda job: trial.load(files, job.cancel_event), self._made)

    def files(self) -> OwnFiles:
        """Return what was uploaded, with the roles of its columns.

        Raises
        ------
        ValueError
            naming what is missing or does not go together.
        """
        model, data, train = self._path(self.model), self._path(self.data), None
        if self.training.value == "table":
            train = self._path(self.train)
        split = self.split.values if self.training.value == "split" else {}
        given = {**self.roles.values, **self.batch.values, **split}
        return OwnFiles(model, data, train=train, style=self.style_form.style, **given)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for what is being read, in scripts and tests; return whether it ended."""
        return all(job.wait(timeout) for job in list(self._jobs.values()))

    def _path(self, uploader: Uploader) -> Path:
        if uploader.upload is None:
            raise ValueError(f"Choose the {uploader.label} first.")
        return uploader.upload.path

    @guarded
    def _model_came(self, _: Change) -> None:
        self._model = None
        self._look(self.model, lambda path, job: trial.try_model(path, job.cancel_event), self._model_is)

    @guarded
    def _data_came(self, _: Change | None = None) -> None:
        self._table = None
        self._columns.children = []
        style = self.style_form.style
        self._look(self.data, lambda path, job: trial.try_table(path, style, job.cancel_event), self._data_is)

    @guarded
    def _train_came(self, _: Change | None = None) -> None:
        self._trained = None
        style = self.style_form.style
        self._look(self.train, lambda path, job: trial.try_table(path, style, job.cancel_event), self._train_is)

    @guarded
    def _batch_came(self, _: Change | None = None) -> None:
        style = self.style_form.style
        self.batch.ask(None)
        if self.batch.pictured:
            self._look(
                self.batch.field, lambda path, job: trial.try_pictures(path, job.cancel_event), self._pictures_are
            )
            return
        self._look(self.batch.field, lambda path, job: trial.try_table(path, style, job.cancel_event), self._batch_is)

    def _style_changed(self, _: Change) -> None:
        fields = ((self.data, self._data_came), (self.train, self._train_came), (self.batch.field, self._batch_came))
        for uploader, came in fields:
            if uploader.upload is not None:
                came()

    def _model_is(self, summary: ModelSummary) -> None:
        self._model = summary
        takes = f"takes {len(summary.features)} columns by name" if summary.features else ""
        self.model.note = ", ".join(filter(None, [summary.kind, takes]))
        self._ask_roles()

    def _data_is(self, summary: TableSummary) -> None:
        self._table = summary
        self.data.note = f"{summary.rows:,} rows, {len(summary.columns)} columns"
        self._ask_roles()
        self._compare_tables()

    def _train_is(self, summary: TableSummary) -> None:
        self._trained = summary
        self.train.note = f"{summary.rows:,} rows, {len(summary.columns)} columns"
        self._compare_tables()

    def _batch_is(self, summary: TableSummary) -> None:
        self.batch.field.note = f"{summary.rows:,} rows, {len(summary.columns)} columns"
        self.batch.ask(summary, self._held())
        self._compare_batch()

    def _pictures_are(self, summary: PictureSummary) -> None:
        self.batch.field.note = f"{summary.count:,} picture{'s' * (summary.count > 1)}"
        self.batch.ask_folders(summary.folders)

    def _held(self) -> list[str]:
        """Return the columns of the held-out samples."""
        return [column.name for column in self._table.columns] if self._table else []

    @guarded
    def _compare_batch(self, _: Change | None = None) -> None:
        if self._table is not None:
            self.batch.compare(self.roles.features, self._held())

    def _ask_roles(self) -> None:
        if self._table is not None:
            model = self._model or ModelSummary("")
            self.roles.ask(self._table, model.features, model.classes)
            self._columns.children = [self.roles]
            self.data.error = self._misfit()
            if self.batch.table is not None:
                self.batch.ask(self.batch.table, self._held())
            self._compare_batch()

    def _misfit(self) -> str:
        wanted = self._model.features if self._model else ()
        names = {column.name for column in self._table.columns} if self._table else set()
        missing = [name for name in wanted if name not in names]
        return f"The table must have the columns that the model takes; missing: {_few(missing)}." if missing else ""

    def _compare_tables(self) -> None:
        if self._table is None or self._trained is None:
            return
        test, train = ({column.name for column in table.columns} for table in (self._table, self._trained))
        ignored = set(self.roles.ignore.value)
        missing, extra = sorted(test - train - ignored), sorted(train - test)
        problems = [f"missing: {_few(missing)}"] * bool(missing) + [f"more than there: {_few(extra)}"] * bool(extra)
        self.train.error = f"It must have the columns of the other table; {'; '.join(problems)}." if problems else ""

    @guarded
    def _turn(self, _: Change) -> None:
        self._training.children = {"none": [], "table": [self.train], "split": [self.split]}[self.training.value]
        self._ready()

    def _look(self, uploader: Uploader, read: Callable[[Path, Job[Any]], Any], then: Callable[[Any], None]) -> None:
        self._stop("use")  # it reads a file that has just gone
        uploader.error, upload = "", uploader.upload
        if upload is None:
            self._stop(uploader.label)
            self._ready()
            return
        uploader.note = "reading …"

        def ended(job: Job[Any]) -> None:
            uploader.note = ""
            if job.error is None:
                then(job.result)
            else:
                uploader.error = str(job.error)
                if "set the option" in uploader.error:
                    self._style.selected_index = 0

        # the job holds the upload: its file stays while it is read
        self._start(uploader.label, lambda job: read(upload.path, job), ended)

    def _made(self, job: Job[Subject]) -> None:
        if job.error is not None:
            self.message.say(str(job.error))
            return
        assert job.result is not None
        self.subject = job.result

    def _start(self, slot: str, work: Callable[[Job[Any]], Any], ended: Callable[[Job[Any]], None]) -> None:
        self._stop(slot)

        def hear(job: Job[Any]) -> None:
            if self._jobs.get(slot) is job:  # else another file took its place meanwhile
                del self._jobs[slot]
                ended(job)
                self._ready()

        self._jobs[slot] = Job(work, hear)
        self._ready()
        self._jobs[slot].start()

    def _stop(self, slot: str) -> None:
        if slot in self._jobs:
            self._jobs.pop(slot).cancel()

    def _cancel(self) -> None:
        self._stop("use")
        self._ready()

    def _ready(self) -> None:
        """Turn the button into Cancel while it works; grey it, with the reason beside it, while nothing can be used."""
        working = "use" in self._jobs
        reason = "" if working else self._why_not()
        self.button.description = "Cancel reading" if working else "Use this model"
        self.button.disabled = bool(reason)
        self.reading = working
        self.status.say("Reading the files and asking the model …" if working else reason, "status")

    def _why_not(self) -> str:
        if self._jobs:
            return "A file is still being read."
        if self._model is None:
            return "Upload a fitted model."
        if self._table is None:
            return "Upload a table of held-out samples."
        if self.training.value == "table" and self._trained is None:
            return "Upload a table of training samples, or choose none."
        return ""


def _few(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f", … ({len(names)} in all)" if len(names) > 8 else "")
