"""Buttons that save what the kernel makes, as a file of the user's browser."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import traitlets

logger = logging.getLogger("xrai_widgets")
_HERE = Path(__file__).parent


class File(NamedTuple):
    """A file to be saved."""

    name: str
    type: str
    text: str


class Download(anywidget.AnyWidget):
    """One button per kind of file.

    Parameters
    ----------
    label : str
        Stands before the buttons.
    makers : mapping of str to callable
        Makes the file when its button is pressed.
    """

    _esm = _HERE / "download.js"
    _css = _HERE / "download.css"
    label = traitlets.Unicode().tag(sync=True)
    kinds = traitlets.List(traitlets.Unicode()).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str, makers: Mapping[str, Callable[[], File]], **kwargs: Any) -> None:
        super().__init__(label=label, kinds=list(makers), **kwargs)
        self._makers = dict(makers)
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: dict[str, Any], __: Any) -> None:
        kind = content.get("kind")
        try:
            if kind not in self._makers:
                raise ValueError(f"a file must be one of {', '.join(self._makers)}, got {kind!r}")
            file = self._makers[kind]()
        except Exception as error:
            logger.exception("making a %s file", kind)
            self.send({"error": f"{type(error).__name__}: {error}"})
            return
        self.send({"name": file.name, "type": file.type}, [file.text.encode()])

    def __repr__(self) -> str:
        return f"Download({', '.join(self.kinds)})"
