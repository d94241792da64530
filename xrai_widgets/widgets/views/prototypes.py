"""How many prototypes are enough? A slider that reads all numbers off one run."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as w
import pandas as pd
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results import html
from xrai_widgets.results.exposed import contents
from xrai_widgets.results.views.prototypes.reading import (
    contents_of_prototypes,
    distance_sentences,
    first_prototypes,
    most_prototypes,
    pictures_of_prototypes,
    similarity_to,
)
from xrai_widgets.widgets.parts import LABELS, Html, wide
from xrai_widgets.widgets.sample_table import SampleTable
from xrai_widgets.widgets.session import Change

_FEATURES = 40  # rows of the table of similarities


class PrototypeSlider(w.VBox):  # type: ignore[misc]
    """Look at the first n prototypes of an outcome of ``explanations.protodash``; the engine is not run again.

    Prototypes are shown in the user's own columns, or as pictures. Below are the explained samples that they stand for
    badly, and how similar each feature is.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject, optional
        The model that was measured: then the criticisms are shown with their contents, too.
    selected : iterable of [part, id], optional

    Attributes
    ----------
    n : int
        How many prototypes are shown (of each class).
    frame : DataFrame
        What is shown.
    selected : list of [part, id]
        The marked samples.
    subject : Subject or None

    Raises
    ------
    ValueError
        if the outcome has no weights for fewer prototypes.
    """

    n = traitlets.Int(1)
    selected: Any = traitlets.List()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(
        self, outcome: Outcome, subject: Subject | None = None, selected: Iterable[Any] = (), **kwargs: Any
    ) -> None:
        if outcome.finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        self._finding, self._assessment = outcome.finding, outcome.assessment
        most = most_prototypes(self._finding)
        marked = [[str(part), str(name)] for part, name in selected]
        tip = "how many prototypes are shown, with the weights they had when there were so many"
        self.slider = w.IntSlider(most, 1, most, description="prototypes", tooltip=tip, style=LABELS, layout=wide())
        self._summary, self._similar = Html(), Html()
        self.frame = first_prototypes(self._finding, most)
        self.table = SampleTable(
            self.frame, "Prototypes, the heaviest first", "weight", marked, assessment=self._assessment
        )
        self._criticisms = self._finding.tables.get("criticisms", pd.DataFrame())
        self.criticisms: SampleTable | None = None
        parts: list[w.Widget] = [self.slider, self._summary, self.table]
        if len(self._criticisms):
            title = "Criticisms: samples that the prototypes stand for badly"
            self.criticisms = SampleTable(
                self._criticisms, f"{title} (with all {most})", "", marked, assessment=self._assessment
            )
            parts.append(self.criticisms)
        super().__init__([*parts, self._similar], **kwargs)
        self.selected = marked
        for table in filter(None, (self.table, self.criticisms)):
            traitlets.link((self, "selected"), (table, "selected"))
        self.subject, self.n = subject, most
        self._show()
        self._criticise()
        self.observe(self._show, "n")
        self.observe(self._criticise, "subject")
        traitlets.link((self, "n"), (self.slider, "value"))

    def _show(self, _: Change | None = None) -> None:
        self.frame = first_prototypes(self._finding, self.n)
        self._summary.say(distance_sentences(self._finding, self.n), "status")
        inside = contents_of_prototypes(self._finding, self.frame)
        self.table.show(_head(self.frame), inside, pictures_of_prototypes(self._finding, self.frame))
        similar = similarity_to(self._finding, self.frame)
        caption = (
            "How similar each feature of the explained samples is to the prototypes (1: alike): in the mean, to each"
        )
        self._similar.show(html.table(similar, caption, _FEATURES, self._assessment) if len(similar) else "")

    def _criticise(self, _: Change | None = None) -> None:
        """Show what is in the criticised samples, or their ids only if the subject is not at hand."""
        if self.criticisms is None:
            return
        if self.subject is None:
            note = "Named by id only: no model at hand."
            self.criticisms.show(_head(self._criticisms), self._criticisms[[]], note=note)
            return
        inside = contents(self.subject, self._criticisms)
        self.criticisms.show(_head(self._criticisms), inside.table, inside.pictures, inside.note)

    def __repr__(self) -> str:
        return f"PrototypeSlider({self.n} of {self.slider.max})"


def _head(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the column of what is explained where that is the same for all."""
    return frame.drop(columns="explains") if frame["explains"].nunique() == 1 else frame


WIDGET = PrototypeSlider
