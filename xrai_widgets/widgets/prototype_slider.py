"""How many prototypes are enough? A slider that answers from one run."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome
from xrai_widgets.results.prototypes import first_prototypes, most_prototypes, said_of_prototypes
from xrai_widgets.widgets.parts import LABELS, Html, wide
from xrai_widgets.widgets.sample_table import SampleTable
from xrai_widgets.widgets.session import Change


class PrototypeSlider(w.VBox):  # type: ignore[misc]
    """Look at the first n prototypes of an outcome of ``explanations.protodash``; the engine is not run again.

    Parameters
    ----------
    outcome : Outcome

    Attributes
    ----------
    n : int
        How many prototypes are shown (of each class).
    frame : DataFrame
        What is shown.

    Raises
    ------
    ValueError
        if the outcome has no weights for fewer prototypes.
    """

    n = traitlets.Int(1)

    def __init__(self, outcome: Outcome, **kwargs: Any) -> None:
        if outcome.finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        self._finding = outcome.finding
        most = most_prototypes(self._finding)
        tip = "how many prototypes are shown, with the weights they had when there were so many"
        self.slider = w.IntSlider(most, 1, most, description="prototypes", tooltip=tip, style=LABELS, layout=wide())
        self._said, self._table = Html(), w.VBox()
        super().__init__([self.slider, self._said, self._table], **kwargs)
        self.observe(self._show, "n")
        self.n = most
        traitlets.link((self, "n"), (self.slider, "value"))
        if most == 1:
            self._show()

    def _show(self, _: Change | None = None) -> None:
        self.frame = first_prototypes(self._finding, self.n)
        self._said.say(said_of_prototypes(self._finding, self.n), "status")
        self._table.children = [SampleTable(self.frame, "prototypes", "weight")]

    def __repr__(self) -> str:
        return f"PrototypeSlider({self.n} of {self.slider.max})"
