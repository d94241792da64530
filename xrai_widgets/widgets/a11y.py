"""Names for the parts of ipywidgets that have none for assistive technology."""

from pathlib import Path

import anywidget


class A11y(anywidget.AnyWidget):
    """Invisible: gives sliders, their readouts and progress bars on the page the name of the label beside them."""

    _esm = Path(__file__).parent / "a11y.js"

    def __repr__(self) -> str:
        return "A11y()"
