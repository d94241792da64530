"""What some outcomes have beside charts: views of their own, chosen by what the finding holds."""

from collections.abc import Iterable
from typing import Any

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.contrast import is_contrastive
from xrai_widgets.results.prototypes import has_prototypes
from xrai_widgets.widgets.contrast_view import ContrastView
from xrai_widgets.widgets.prototype_slider import PrototypeSlider


def own_views(
    outcome: Outcome, subject: Subject | None, selected: Iterable[Any]
) -> list[ContrastView | PrototypeSlider]:
    """Return the views that an outcome has beside its charts.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject or None
        The one that was measured, if it is at hand.
    selected : iterable of [part, id]
    """
    if is_contrastive(outcome.finding):
        return [ContrastView(outcome, subject, selected)]
    if has_prototypes(outcome.finding):
        return [PrototypeSlider(outcome, subject, selected)]
    return []
