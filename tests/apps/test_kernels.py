"""When a visitor's kernel is ended."""

import asyncio
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from xrai_widgets.apps.server.kernels import Kernels


@pytest.mark.parametrize(
    ("left", "still", "ends"),
    [(100.0, 100.0, True), (100.0, 5.0, False), (5.0, 100.0, False), (None, 100.0, False)],
    ids=["no page and still", "no page but a job", "the page has just gone", "the page is there"],
)
def test_a_still_kernel_that_no_page_holds_is_ended(
    left: float | None, still: float, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def end(kernel_id: str, **_: object) -> None:
        ended.append(kernel_id)

    async def leave_it_to_jupyter(self: object, kernel_id: str) -> None:
        return None

    kernels = Kernels()
    kernel = SimpleNamespace(last_activity=utcnow() - timedelta(seconds=still))
    monkeypatch.setattr(kernels, "get_kernel", lambda _: kernel)
    monkeypatch.setattr(kernels, "shutdown_kernel", end)
    monkeypatch.setattr(AsyncMappingKernelManager, "cull_kernel_if_idle", leave_it_to_jupyter)
    kernels._started, kernels._met = {"one"}, {"one"}
    if left is not None:
        kernels._left["one"] = time.monotonic() - left
    asyncio.run(kernels.cull_kernel_if_idle("one"))
    assert ended == (["one"] if ends else [])


def test_a_kernel_seen_for_the_first_time_outside_the_pool_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels()
    kernel = SimpleNamespace(last_activity=utcnow() - timedelta(hours=1))
    monkeypatch.setattr(kernels, "get_kernel", lambda _: kernel)
    kernels._kernels["one"] = kernel
    kernels._started = {"one"}
    asyncio.run(kernels.cull_kernel_if_idle("one"))
    assert utcnow() - kernel.last_activity < timedelta(seconds=5)


@pytest.mark.parametrize("fails", [False, True], ids=["it is back", "it could not be started"])
def test_a_spare_kernel_that_died_is_ended_when_its_restart_is_over(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter refuses to end one that still starts, also when its process is there: it held a seat for a minute."""

    async def restart() -> None:
        loop = asyncio.get_running_loop()
        alive, ended = False, asyncio.Event()

        async def is_alive() -> bool:
            return alive

        async def end(kernel_id: str, **_: object) -> None:
            assert kernel.ready.done(), "Jupyter would raise InvalidStateError"
            ended.set()

        kernel = SimpleNamespace(ready=loop.create_future(), is_alive=is_alive)
        kernel.ready.set_result(None)  # of its first start
        kernels = Kernels()
        kernels._kernels["one"] = kernel
        monkeypatch.setattr(kernels, "shutdown_kernel", end)
        ending = asyncio.ensure_future(kernels._end("one"))
        await asyncio.sleep(0.3)
        assert not ended.is_set(), "it is dead, and would be started after all"
        kernel.ready, alive = loop.create_future(), not fails
        await asyncio.sleep(0.3)
        assert not ended.is_set()
        assert not ending.done()
        kernel.ready.set_exception(OSError("no more processes")) if fails else kernel.ready.set_result(None)
        await asyncio.wait_for(ending, 60)
        assert ended.is_set()

    asyncio.run(restart())
