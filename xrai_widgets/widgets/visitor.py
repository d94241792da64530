"""Who is looking at a served page: a random name that the visitor's browser keeps."""

from pathlib import Path

import anywidget
import traitlets


class Visitor(anywidget.AnyWidget):
    """Identify the visitors of a server, so that each finds their own history and no one else's.

    Attributes
    ----------
    name : str
        32 random hexadecimal digits, the same at every visit with this browser; empty until the page is shown.
    """

    _esm = Path(__file__).parent / "visitor.js"
    name = traitlets.Unicode().tag(sync=True)
