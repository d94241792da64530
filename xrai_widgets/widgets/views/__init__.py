"""The widgets of the views that some outcomes have beside charts: a module per view, whose ``WIDGET`` is its class."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.views import views_of


def method_views(outcome: Outcome, subject: Subject | None, selected: Iterable[Any]) -> list[Any]:
    """Return the widgets of the views that an outcome has.

    Parameters
    ----------
    outcome : Outcome
    subject : Subject or None
        The one that was measured, if it is at hand.
    selected : iterable of [part, id]

    Returns
    -------
    list of widgets
        Each with the traits ``subject`` and ``selected``.
    """
    marked = list(selected)
    places = [f"{__name__}.{view.name}" for view in views_of(outcome.finding)]
    return [import_module(place).WIDGET(outcome, subject, marked) for place in places if find_spec(place)]
