"""What does the model say while bands of frequencies come back? A slider over pictures that are there already."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.views.bands.reading import frames_of, has_frames

_HERE = Path(__file__).parent


class BandSlider(anywidget.AnyWidget):
    """Look at images of an outcome of ``robustness.iaside`` with bands 1 to k; neither kernel nor model is asked.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject, optional
    selected : iterable of [part, id], optional

    Attributes
    ----------
    kept : int
        How many bands are kept, the lowest first: 1 to M.
    image : int
        Which of the images is shown, from 0.
    subject, selected
        As in the other views; nothing here depends on them.

    Raises
    ------
    ValueError
        if the outcome has no pictures of bands.
    """

    _esm = _HERE / "bands.js"
    _css = _HERE / "bands.css"
    pixels = traitlets.Bytes().tag(sync=True)
    shape: Any = traitlets.List().tag(sync=True)
    ids: Any = traitlets.List().tag(sync=True)
    captions: Any = traitlets.List().tag(sync=True)
    kept = traitlets.Int(1).tag(sync=True)
    image = traitlets.Int(0).tag(sync=True)
    selected: Any = traitlets.List()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(
        self, outcome: Outcome, subject: Subject | None = None, selected: Iterable[Any] = (), **kwargs: Any
    ) -> None:
        if outcome.finding is None:
            raise ValueError(f"{outcome.assessment} has no finding: {outcome.status}, {outcome.reason}")
        if not has_frames(outcome.finding):
            raise ValueError(f"{outcome.assessment} has no pictures of bands, robustness.iaside has")
        frames = frames_of(outcome.finding)
        super().__init__(
            pixels=frames.pictures.tobytes(),
            shape=list(frames.pictures.shape),
            ids=frames.ids,
            captions=frames.captions,
            **{"kept": frames.pictures.shape[1], **kwargs},
        )
        self.subject, self.selected = subject, [[str(part), str(name)] for part, name in selected]

    @traitlets.validate("kept", "image")
    def _within(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        low, high = (1, self.shape[1]) if name == "kept" else (0, self.shape[0] - 1)
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in [{low}, {high}], got {value}")
        return value

    def __repr__(self) -> str:
        return f"BandSlider({self.ids[self.image]}, bands 1 to {self.kept} of {self.shape[1]})"


WIDGET = BandSlider
