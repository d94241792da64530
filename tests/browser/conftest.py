"""A real Voilà server and a real headless Chromium; a request that leaves this machine fails the test."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.get_browser import ARGUMENTS, find
from tests.ports import free_port

pytest.importorskip("playwright")
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

expect.set_options(timeout=60_000)  # a busy machine is slow, and a page that is right ends the wait
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    without = not find()
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker("browser")
            if without and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="no Chromium: `python -m tests` gets one"))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": find(), "args": ARGUMENTS}


# Playwright's event loop lives in this thread, where no other one can run beside it: it ends with the tests of this
# folder, so that the worker can go on with others
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    started = playwright.chromium.launch(**browser_type_launch_args)
    yield started
    started.close()


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1400, "height": 1100}, "accept_downloads": True}


def wait_until_served(url: str, process: "subprocess.Popen[bytes]", seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=10)
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not answer"
            time.sleep(0.1)


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the gallery, served by the command a user types."""
    port = free_port()
    log = (tmp_path_factory.mktemp("serve") / "log").open("wb")
    command = [sys.executable, "-m", "xrai_widgets", "serve", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until_served(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        log.close()


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(context: BrowserContext) -> Iterator[None]:
    context.set_default_timeout(120_000)  # of clicks, downloads and all that is no expectation
    outside: list[str] = []
    context.on("request", lambda r: outside.append(r.url) if not r.url.startswith(LOCAL) else None)
    yield
    assert outside == []


@pytest.fixture(autouse=True)
def no_error_on_the_page(page: Page) -> Iterator[None]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []


@pytest.fixture(autouse=True)
def the_kernel_is_left(page: Page) -> Iterator[None]:
    """Closing a context says no farewell: the seats of the gallery would fill up."""
    yield
    if not page.is_closed():
        page.goto("about:blank")


@pytest.fixture
def start_here(page: Page, gallery: str) -> Page:
    """The first app, with its workbench on the page."""
    page.goto(f"{gallery}voila/render/00_start_here.ipynb")
    page.get_by_role("button", name="Run").wait_for(timeout=120_000)
    page.get_by_role("slider", name="cut on SHAPr").wait_for(timeout=120_000)
    return page
