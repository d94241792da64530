"""Views of their own: what some findings show beside charts. A view is a folder here, and one word in `NAMES`.

Its widget, if it has one, is the module of the same name in `xrai_widgets.widgets.views`.
"""

from importlib import import_module

from xrai_widgets.core import Finding
from xrai_widgets.results.views.view import View

NAMES = ("bands", "contrast", "detector", "foreign", "prototypes")
VIEWS: tuple[View, ...] = tuple(import_module(f"{__name__}.{name}").VIEW for name in NAMES)

__all__ = ["NAMES", "VIEWS", "View", "views_of"]


def views_of(finding: Finding | None) -> list[View]:
    """Return the views that a finding has."""
    return [] if finding is None else [view for view in VIEWS if view.shows(finding)]
