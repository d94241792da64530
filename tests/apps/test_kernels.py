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
