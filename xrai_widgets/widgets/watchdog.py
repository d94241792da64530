"""A page whose kernel is gone says so."""

import asyncio
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from xrai_widgets.runtime.job import working

# the gallery's server takes a message with this key for no sign of use, so that an open page does not hold its kernel
PONG = "xrai_pong"
BEAT = "xrai_beat"


class Watchdog(anywidget.AnyWidget):
    """Shows nothing while the kernel responds, and a banner when it has been silent for three periods.

    A kernel that cannot respond because a cell runs, and one with a `Job` under way, sends beats of its own: it is
    neither reported dead nor, by the gallery's server, ended as idle.
    """

    _esm = Path(__file__).parent / "watchdog.js"
    _css = Path(__file__).parent / "watchdog.css"
    period = t.Float(3.0, help="seconds between two pings").tag(sync=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_msg(self._on_message)
        _beat_for(self)

    def _on_message(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if "xrai_ping" in content:
            self.send({PONG: content["xrai_ping"]})

    def __repr__(self) -> str:
        return "Watchdog()"


_watchdogs: "weakref.WeakSet[Watchdog]" = weakref.WeakSet()
_threads: list[threading.Thread] = []


def _beat_for(watchdog: Watchdog) -> None:
    """Let the process beat for one more watchdog; without an event loop there is no page to beat for."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    _watchdogs.add(watchdog)
    if not _threads:
        _threads.append(threading.Thread(target=_beat, args=[loop, watchdog.period], daemon=True, name="xrai-watchdog"))
        _threads[0].start()


def _beat(loop: asyncio.AbstractEventLoop, period: float) -> None:
    alive = threading.Event()
    while not loop.is_closed():
        alive.clear()
        loop.call_soon_threadsafe(alive.set)
        time.sleep(period)
        if working() or not alive.is_set():
            for watchdog in list(_watchdogs):
                watchdog.send({BEAT: True})
