"""Who is looking at a served page: a random name that the visitor's browser keeps."""

from pathlib import Path

import anywidget
import traitlets


class Visitor(anywidget.AnyWidget):
    """Tell visitors of a server apart, so that each finds their own history and nobody else's.

    Attributes
    ----------
    name : str
        32 random hexadecimal digits, the same at every visit with this browser; empty until the page is shown.
    """

    _esm = Path(__file__).parent / "visitor.js"
    name = traitlets.Unicode().tag(sync=True)
