"""What changed while a page was loading reaches it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import anywidget
from ipywidgets.widgets.widget import _instances

from xrai_widgets.runtime.job import last_news

_LOADING = 120.0  # seconds that a page may take, from its requests to its replies
_TOGETHER = 0.2  # seconds in which several arrivals count as one


class Arrival(anywidget.AnyWidget):
    """Shows nothing; lets the kernel send again what a page that has just loaded may have missed.

    A page asks for the state of all widgets, and can be sent changes only when it has made them, up to seconds
    later: what a `Job` changes in between is lost.
    """

    _esm = Path(__file__).parent / "arrival.js"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_msg(self._hear)

    def _hear(self, _: Any, content: dict[str, Any], __: Any) -> None:
        global _planned
        if "xrai_arrived" not in content or _planned or time.monotonic() - last_news() > _LOADING:
            return
        _planned = True
        asyncio.get_running_loop().call_later(_TOGETHER, _send_again)

    def __repr__(self) -> str:
        return "Arrival()"


_planned = False


def _send_again() -> None:
    global _planned
    _planned = False
    for widget in list(_instances.values()):
        widget.send_state()  # a page that has it all takes no notice
