"""What a store holds: every run in a table, and the earlier outcomes of the subject at hand."""

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome, Subject, registered
from xrai_widgets.core.belonging import adopted, inputs_of
from xrai_widgets.results import html, words
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import Job
from xrai_widgets.runtime.store import Kept, Store
from xrai_widgets.widgets.parts import Html
from xrai_widgets.widgets.session import Change

_HERE = Path(__file__).parent
_MOST = 1000
_NOT_KEPT = "Nothing is kept here: what is found is gone when this page is closed, unless the report is saved."


class HistoryTable(anywidget.AnyWidget):
    """Runs as rows, sorted by clicking a header, narrowed to a subject; a button opens one.

    Attributes
    ----------
    runs : list of dict
        number, started, fingerprint, subject, title, verdict, shape, seconds.
    """

    _esm = _HERE / "history.js"
    _css = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("sample_table.css", "history.css"))
    runs: Any = traitlets.List().tag(sync=True)


class History(w.VBox):  # type: ignore[misc]
    """Look at what was found before.

    Parameters
    ----------
    store : Store, optional
    policy : Policy, optional

    Attributes
    ----------
    store : Store or None
        It is read in the background, and again by `look`.
    policy : Policy
        Judges the runs; a new one re-judges at once.
    subject : Subject or None
        A new one fills ``earlier``.
    earlier : tuple of Outcome
        Earlier results on the subject: one for every assessment and its parameters.
    opened : Outcome or None
        The run that was opened last, in full.
    """

    store = traitlets.Instance(Store, allow_none=True)
    policy = traitlets.Instance(Policy)
    subject = traitlets.Instance(Subject, allow_none=True)
    earlier = traitlets.Tuple()
    opened = traitlets.Instance(Outcome, allow_none=True)

    def __init__(self, store: Store | None = None, policy: Policy | None = None, **kwargs: Any) -> None:
        self.message, self.table = Html(), HistoryTable()
        self._kept: list[Kept] = []
        self._jobs: dict[str, Job[Any]] = {}
        self._again = w.Button(description="Look again", tooltip="read the store once more")
        super().__init__([self.table, self._again, self.message], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        self._again.on_click(lambda _: self.look())
        self.table.on_msg(lambda _, content, __: self.load(content.get("open")))
        self.observe(self._draw, "policy")
        self.observe(lambda _: self.look(), "store")
        self.observe(self._recall, ["subject", "store"])
        self.store = store
        if store is None:
            self.look()

    def look(self) -> None:
        """Read the store again, in the background."""
        self.message.say("")
        for part in (self.table, self._again):
            part.layout.display = "none" if self.store is None else ""
        if self.store is None:
            self.message.say(_NOT_KEPT, "info")
            return
        store = self.store
        self._start("look", lambda: store.history(most=_MOST), self._list)

    def load(self, number: int) -> None:
        """Load a run in full, in the background, into ``opened``."""
        store = self.store
        if store is not None and isinstance(number, int):
            self._start("open", lambda: store.load(number), self._show)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything is read, in scripts and tests; return whether it is."""
        return all(job.wait(timeout) for job in list(self._jobs.values()))

    def _start(self, name: str, work: Any, use: Any) -> None:
        def ended(job: Job[Any]) -> None:
            if self._jobs.get(name) is not job:
                return  # asked again meanwhile
            if job.error is not None:
                self.message.say(str(job.error))
            else:
                use(job.result)

        job = self._jobs[name] = Job(lambda _: work(), ended)
        job.start()

    def _list(self, kept: list[Kept]) -> None:
        self._kept = kept
        if not kept:
            self.message.say("Nothing is kept yet: every run is written here the moment it ends.", "info")
        self.table.layout.display = "" if kept else "none"
        self._draw()

    def _recall(self, _: Change) -> None:
        store, subject = self.store, self.subject
        if store is not None and subject is not None:
            self._start("recall", lambda: _earlier(store, subject), self._recalled)

    def _recalled(self, outcomes: list[Outcome]) -> None:
        self.earlier = tuple(outcomes)

    def _show(self, outcome: Outcome) -> None:
        mine = None if self.subject is None else adopted(outcome, self.subject)
        outcome, title = mine or outcome, _title(outcome)
        self.message.say(f"Opened: {title} on {outcome.subject_name}, {words.moment(outcome.started)}", "status")
        self.opened = outcome

    def _draw(self, _: Change | None = None) -> None:
        self.table.runs = [self._row(kept) for kept in self._kept]

    def _row(self, kept: Kept) -> dict[str, Any]:
        outcome = kept.outcome
        verdict = judge(outcome, self.policy).status if outcome.status == "ok" else outcome.status
        return {
            "number": kept.number,
            "started": outcome.started,
            "fingerprint": outcome.subject,
            "subject": outcome.subject_name,
            "title": _title(outcome),
            "verdict": f"{verdict}, partial result" if kept.partial else verdict,
            "shape": words.SHAPES.get(verdict, "○"),
            "seconds": outcome.seconds,
        }


def _earlier(store: Store, subject: Subject) -> list[Outcome]:
    """Return what was found about a subject, and about others that are equal in what an assessment uses."""
    used = {name: inputs_of(subject, entry) for name, entry in registered().items()}
    earlier = store.outcomes(subject.fingerprint, used)
    return [mine for outcome in earlier if (mine := adopted(outcome, subject)) is not None]


def _title(outcome: Outcome) -> str:
    entry = html.entry_of(outcome)
    return entry.title if entry is not None else outcome.assessment
