"""Choose what is audited: a built-in example, a model of this notebook, or one from a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Origin, Subject
from xrai_widgets.core.origin import Example
from xrai_widgets.core.subjects import several
from xrai_widgets.data import examples
from xrai_widgets.runtime import Job
from xrai_widgets.widgets import namespace
from xrai_widgets.widgets.own_model import OwnModel
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.session import Change

_GIVEN = "these models"
_ROLES = ("X", "y", "X_train", "y_train", "X_new", "y_new", "foreign")
_ROLE_LABELS = {
    "X": "held-out samples",
    "y": "their true labels",
    "X_train": "training samples",
    "y_train": "their labels",
    "X_new": "new samples to be judged",
    "y_new": "labels of the new samples",
    "foreign": "which of them are foreign",
}


class SubjectPicker(w.VBox):  # type: ignore[misc]
    """Pick a subject.

    Parameters
    ----------
    subject : Subject, or a mapping or sequence of them, optional
        What is picked at first; of several the first one is, and the others stand beside it.

    Attributes
    ----------
    subject : Subject or None
        What is picked.
    loading : bool
        Another one is about to be.
    """

    subject = traitlets.Instance(Subject, allow_none=True)
    loading = traitlets.Bool(False)

    def __init__(
        self, subject: Subject | Mapping[str, Subject] | Sequence[Subject] | None = None, **kwargs: Any
    ) -> None:
        self.message = Html()
        self._summary = Html()
        self._job: Job[Subject] | None = None
        self._fitting = False
        self._source = w.ToggleButtons(
            options=["example", "this notebook", "upload"],
            tooltips=[
                *("a built-in model on public data", "a model among this notebook's variables"),
                "a model and a table from files of yours",
            ],
            style={"button_width": "auto"},
        )
        self._example = w.Dropdown(
            options=[("choose …", "")] + [(name.replace("_", " "), name) for name in examples.names()],
            description="built-in example",
            tooltip="a fitted model on data that come with the package",
            style=LABELS,
            layout=wide(),
        )
        self._model = w.Dropdown(description="model", tooltip="fitted models found here", style=LABELS, layout=wide())
        self._data = {
            role: w.Dropdown(
                description=_ROLE_LABELS[role], tooltip=f"{role}: {_ROLE_LABELS[role]}", style=LABELS, layout=wide()
            )
            for role in _ROLES
        }
        self._again = w.Button(description="Look again", tooltip="search this notebook's variables once more")
        self._use = w.Button(
            description="Use this model", tooltip="audit this model on these data", button_style="primary"
        )
        notebook_page = w.VBox([self._model, *self._data.values(), w.HBox([self._use, self._again])])
        self._pages: dict[str, w.Widget] = {"example": self._example, "this notebook": notebook_page}
        self._given = self._offer({} if subject is None else several(subject))
        self._page = w.VBox([self._pages[self._source.value]])
        super().__init__([self._source, self._page, self.message, self._summary], **kwargs)
        self._source.observe(self._turn, "value")
        self._example.observe(self._load, "value")
        self._model.observe(self._guess, "value")
        self._again.on_click(lambda _: self.look())
        self._use.on_click(lambda _: self._take())
        self.observe(self._describe, "subject")
        self.subject = next(iter(self._given.values()), None)

    def _offer(self, given: dict[str, Subject]) -> dict[str, Subject]:
        """Add a page on which one of several given subjects is chosen."""
        if len(given) > 1:
            beside = w.Dropdown(
                options=list(given), description="model", tooltip="the models given", style=LABELS, layout=wide()
            )
            beside.observe(lambda change: setattr(self, "subject", given[change["new"]]), "value")
            self._pages[_GIVEN] = beside
            self._source.options = [_GIVEN, *self._source.options]
            self._source.tooltips = ["a model that was given here", *self._source.tooltips]
            self._source.value = _GIVEN
        return given

    @guarded
    def look(self) -> None:
        """Search the notebook's variables for models and data."""
        variables = namespace.notebook_namespace()
        models, tables = namespace.models(variables), ["", *namespace.tables(variables)]
        for control in self._data.values():
            control.options = tables
        self._model.options = list(models)
        self._model.value = next(iter(models), None)
        message = "" if models else "No fitted model was found among this notebook's variables."
        self.message.say(message, "info")
        self._guess()

    @property
    def upload(self) -> OwnModel:
        """The page for files; made when it is first looked at."""
        if "upload" not in self._pages:
            page = OwnModel()
            page.observe(lambda change: setattr(self, "subject", change["new"]), "subject")
            page.observe(self._look_out, "reading")
            self._pages["upload"] = page
        page_of_files: OwnModel = self._pages["upload"]
        return page_of_files

    @guarded
    def _turn(self, _: Change) -> None:
        if self._source.value == "upload":
            assert self.upload
        self._page.children = [self._pages[self._source.value]]
        self.message.say("")
        if self._source.value == "this notebook":
            self.look()

    @guarded
    def _guess(self, _: Change | None = None) -> None:
        variables = namespace.notebook_namespace()
        model = namespace.models(variables).get(self._model.value or "")
        ready = isinstance(model, Subject)
        guess = namespace.guess(model, variables)
        for role, control in self._data.items():
            control.layout.display = "none" if ready else ""
            control.value = "" if ready else getattr(guess, role)
        self._use.disabled = model is None

    def _load(self, _: Change) -> None:
        name = self._example.value
        if name and (self.subject is None or self.subject.name != name):
            self._start(lambda: examples.load(name), f"Fitting {name.replace('_', ' ')} …")

    @guarded
    def _take(self) -> None:
        variables = namespace.notebook_namespace()
        model, name = namespace.models(variables).get(self._model.value or ""), self._model.value
        if model is None or isinstance(model, Subject):
            self.subject = model or self.subject
            return
        data = {role: variables[control.value] for role, control in self._data.items() if control.value}
        missing = [f"{role} ({_ROLE_LABELS[role]})" for role in ("X", "y") if role not in data]
        if missing:
            self.message.say(f"Choose {' and '.join(missing)}: name them X_test and y_test to have them found.")
            return
        self._start(lambda: Subject.of(model, name=name, **data), f"Asking {name} …")

    def _start(self, make: Any, doing: str) -> None:
        self.message.say("")
        self._summary.say(doing, "status")

        def work(_: Job[Subject]) -> Subject:
            subject: Subject = make()
            assert subject.fingerprint  # asks the model, so it is taken here and not when the page needs it
            return subject

        self._job = Job(work, self._ended)
        self._fitting = True
        self._look_out()
        self._job.start()  # not before it is known which one is current: it may end at once

    def _look_out(self, _: Change | None = None) -> None:
        """Say whether another subject comes from anywhere: a model may be read while an example is fitted."""
        self.loading = self._fitting or ("upload" in self._pages and self.upload.reading)

    def _ended(self, job: Job[Subject]) -> None:
        if job is not self._job:
            return  # something else was picked meanwhile
        self._fitting = False
        self._look_out()
        self._summary.say("")
        if job.error is not None:
            self.message.say(str(job.error))
            self._describe()
        else:
            self.subject = job.result

    def _describe(self, _: Change | None = None) -> None:
        self._summary.say("" if self.subject is None else self.subject.describe(), "status")
        made = None if self.subject is None else self.subject.origin
        for _, name in self._example.options:
            if made == Origin(Example(name)):
                self._example.value = name
