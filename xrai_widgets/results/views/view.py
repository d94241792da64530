"""What a view of its own is."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from xrai_widgets.core import Finding


@dataclass(frozen=True)
class View:
    """A view of its own.

    Parameters
    ----------
    name : str
        Of its folder, and of the module of its widget.
    shows : callable
        Whether a finding holds all that the widget looks at.
    reported : callable
        Gets a finding, and whether the contents of samples may be shown. Returns what a report shows; empty for a
        finding of another method.
    """

    name: str
    shows: Callable[[Finding], bool]
    reported: Callable[[Finding, bool], Markup]
