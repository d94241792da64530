"""Names for the parts of ipywidgets that have none for assistive technology."""

from pathlib import Path

import anywidget

_HERE = Path(__file__).parent


class A11y(anywidget.AnyWidget):
    """Invisible: gives sliders, their readouts and progress bars on the page the name of the label beside them.

    Tabs and folds get the contrast that ipywidgets leaves them short of.
    """

    _esm = _HERE / "a11y.js"
    _css = _HERE / "a11y.css"

    def __repr__(self) -> str:
        return "A11y()"
