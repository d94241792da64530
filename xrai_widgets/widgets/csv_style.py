"""How a CSV is written, for files that do not show it themselves."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.io.csv_format import ENCODINGS, CsvFormat
from xrai_widgets.widgets.parts import LABELS, wide
from xrai_widgets.widgets.session import Change

_DETECT = ("detect from the file", None)


class CsvStyle(w.VBox):  # type: ignore[misc]
    """Delimiter, decimal sign and encoding.

    Attributes
    ----------
    style : CsvFormat
    """

    style = traitlets.Instance(CsvFormat, args=())

    def __init__(self, **kwargs: Any) -> None:
        self.delimiter = _choice(
            "delimiter",
            "what separates the columns",
            [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("vertical bar", "|")],
        )
        self.decimal = _choice("decimal", "what separates whole and fraction", [("point", "."), ("comma", ",")])
        self.encoding = _choice("encoding", "how letters are written", [(name, name) for name in ENCODINGS])
        super().__init__([self.delimiter, self.decimal, self.encoding], **kwargs)
        for control in self.children:
            control.observe(self._set, "value")

    def _set(self, _: Change) -> None:
        self.style = CsvFormat(self.delimiter.value, self.decimal.value, self.encoding.value)


def _choice(name: str, tooltip: str, options: list[tuple[str, str]]) -> w.Dropdown:
    return w.Dropdown(options=[_DETECT, *options], description=name, tooltip=tooltip, style=LABELS, layout=wide())
