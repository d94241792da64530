"""Kernels of visitors: limited seats, a pool that stays whole, and idleness that the watchdog does not hide."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jupyter_client.session import Session
from jupyter_core.utils import ensure_async
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Integer

PONG = "xrai_pong"  # the reply to the page's watchdog, see widgets/watchdog.py


class Kernels(AsyncMappingKernelManager):
    """Starts kernels for visitors as long as there are seats; spare kernels of the pool take none.

    Voilà derives its pool from this class. A kernel is a visitor's from the moment it has left the pool.
    """

    seats = Integer(10, min=1, config=True, help="how many visitors may have a kernel at once")
    absence = Integer(60, min=1, config=True, help="seconds after which a still kernel without a page is ended")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._waiting = 0
        self._started: set[str] = set()
        self._met: set[str] = set()
        self._left: dict[str, float] = {}
        self._ending: asyncio.Future[None] | None = None  # kept, as a loop holds its tasks weakly

    @property
    def visitors(self) -> int:
        """How many seats are taken: kernels outside the pool, and visitors who wait for theirs."""
        self._started.intersection_update(self.list_kernel_ids())
        return self._waiting + len(self._started - self._spare())

    @asynccontextmanager
    async def seat(self, patience: float = 2.0) -> AsyncIterator[None]:
        """Hold a seat until the visitor's kernel is there and counts by itself.

        Who reloads the page leaves a kernel that is just being ended: hence a little patience.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while self.visitors >= self.seats:
            if loop.time() > deadline:
                raise HTTPError(503, "all %d seats are taken", self.seats)
            await asyncio.sleep(0.1)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel, for a visitor or for the pool."""
        kernel_id = str(await super().start_kernel(**kwargs))
        self._started.add(kernel_id)
        self.add_restart_callback(kernel_id, lambda: self._restarted(kernel_id))
        return kernel_id

    def start_watching_activity(self, kernel_id: str) -> None:
        """Note when a kernel last did something; a reply to the watchdog does not count."""
        super().start_watching_activity(kernel_id)  # type: ignore[no-untyped-call]
        kernel: Any = self.get_kernel(kernel_id)
        session = Session(config=kernel.session.config, key=kernel.session.key)

        def record(parts: list[bytes]) -> None:
            message = session.deserialize(session.feed_identities(parts)[1])
            content, kind = message["content"], message["header"]["msg_type"]
            if kind == "status":
                kernel.execution_state = content["execution_state"]
                return
            if kind == "stream" and content["name"] == "stderr":  # where a kernel logs what went wrong in a callback
                self.log.warning("kernel %s: %s", kernel_id, content["text"].rstrip())
            if not (kind == "comm_msg" and PONG in (content["data"].get("content") or {})):
                self.last_kernel_activity = kernel.last_activity = utcnow()

        kernel._activity_stream.on_recv(record)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel that is idle, or that no page holds: a browser that crashed did not say farewell.

        One that waited in the pool has been idle since it left, not since it was started.
        """
        if kernel_id in self._started and kernel_id not in self._met:
            self._meet(kernel_id)
            self._left[kernel_id] = time.monotonic()
            return
        gone = time.monotonic() - self._left.get(kernel_id, math.inf) > self.absence
        still = (utcnow() - self.get_kernel(kernel_id).last_activity).total_seconds() > self.absence  # type: ignore[attr-defined]
        if gone and still:
            self.log.info("no page holds the kernel %s any more", kernel_id)
            await ensure_async(self.shutdown_kernel(kernel_id, now=True))  # type: ignore[no-untyped-call]
            return
        await super().cull_kernel_if_idle(kernel_id)  # type: ignore[no-untyped-call]

    def notify_connect(self, kernel_id: str) -> None:
        """Hear that a page has connected to its kernel."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        self._left.pop(kernel_id, None)
        self._meet(kernel_id)

    def notify_disconnect(self, kernel_id: str) -> None:
        """Hear that a page has gone, or has lost its connection for a while."""
        super().notify_disconnect(kernel_id)  # type: ignore[no-untyped-call]
        if not self._kernel_connections.get(kernel_id):
            self._left[kernel_id] = time.monotonic()

    def _meet(self, kernel_id: str) -> None:
        self._met.add(kernel_id)
        if kernel_id in self:
            self.get_kernel(kernel_id).last_activity = utcnow()  # type: ignore[attr-defined]

    def _spare(self) -> set[str]:
        tasks = [task for pool in getattr(self, "_pools", {}).values() for task in pool]
        return {task.result()["kernel_id"] for task in tasks if task.done() and not task.exception()}

    def _restarted(self, kernel_id: str) -> None:
        """A spare kernel that died has come back empty: it is replaced, lest a visitor gets a page without widgets."""
        for notebook, pool in getattr(self, "_pools", {}).items():
            for task in list(pool):
                if task.done() and not task.exception() and task.result()["kernel_id"] == kernel_id:
                    self.log.warning("the spare kernel %s of %s died and is replaced", kernel_id, notebook)
                    pool.remove(task)
                    self._ending = asyncio.ensure_future(self._end(kernel_id))
                    self.fill_if_needed(delay=0, notebook_name=notebook)  # type: ignore[attr-defined] # Voilà's

    async def _end(self, kernel_id: str) -> None:
        """End a kernel that is just being restarted, as soon as that is done.

        One that is ended before it is back would be started after all, and Jupyter refuses while it still starts.
        """
        patience = time.monotonic() + self.absence
        while kernel_id in self and not await self._is_back(kernel_id) and time.monotonic() < patience:
            await asyncio.sleep(0.1)
        if kernel_id in self:
            await ensure_async(self.shutdown_kernel(kernel_id, now=True))  # type: ignore[no-untyped-call]

    async def _is_back(self, kernel_id: str) -> bool:
        kernel: Any = self.get_kernel(kernel_id)
        return kernel.ready.done() and bool(kernel.ready.exception() or await ensure_async(kernel.is_alive()))
