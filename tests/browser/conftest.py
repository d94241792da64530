"""A real Voilà server and a real headless Chromium; a request that leaves this machine fails the test."""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.get_browser import ARGUMENTS, find
from tests.ports import free_port

pytest.importorskip("playwright")
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.served import Served, served, wait_until_served
from tests.browser.shared import (
    COMPARISON,
    FAILED,
    NOT_RUN,
    AfreshPage,
    SharedPage,
    Visit,
    copy_afresh,
    write_claiming,
)
from tests.browser.watch import leave, seen, watched
from tests.notebook_runs import LOOKED_AT
from xrai_widgets.io.notebooks import notebook_folder

expect.set_options(timeout=60_000)  # a busy machine is slow, and a page that is right ends the wait


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


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the gallery, served by the command a user types; only the first app has a spare kernel."""
    port = free_port()
    log = (tmp_path_factory.mktemp("serve") / "log").open("wb")
    command = [sys.executable, "-m", "xrai_widgets", "serve", "--no-browser", "--pool", "1", "--port", str(port)]
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
def no_page_asks_another_machine_or_ends_with_an_error(playwright: Playwright) -> Iterator[None]:
    """Of the test's own pages and of those that it shares with others."""
    seen()
    yield
    assert seen() == []


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    return watched(context)


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    yield page
    leave(page)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="package")
def tutorials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Copies of the notebooks, each of which ends with a check of what it claims; the first one is only its cells.

    Of two, the last cell can be run anew for each test. Files may write notebooks of their own beside them.
    """
    folder = tmp_path_factory.mktemp("tutorials")
    first, *others = sorted(notebook_folder().glob("*.ipynb"))
    copy_afresh(folder, first.stem)
    for path in others:
        write_claiming(folder, path, afresh=path.name == COMPARISON)
    with served(folder, pool=0, idle=36_000) as server:
        yield server


@pytest.fixture(scope="package")
def first_app(browser: Browser, browser_context_args: dict[str, Any], tutorials: Served) -> Iterator[AfreshPage]:
    def ready(page: Page) -> None:
        page.get_by_role("button", name="Run").wait_for()
        page.get_by_role("slider", name="cut on SHAPr").wait_for()

    shared = AfreshPage(browser, browser_context_args, tutorials.app("00_start_here"), ready)
    yield shared
    shared.leave()


@pytest.fixture
def start_here(first_app: AfreshPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The first app, with its workbench on the page."""
    yield from first_app.for_one_test(request)


@pytest.fixture
def kept(first_app: AfreshPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The first app as the test before it in the same file left it: for tests that change different things there."""
    yield from first_app.for_one_test(request, lambda: first_app.kept(request.node.path))


@pytest.fixture(scope="package")
def comparison(browser: Browser, browser_context_args: dict[str, Any], tutorials: Served) -> Iterator[AfreshPage]:
    """The notebook that compares two models, with its last cell on the page."""

    def ready(page: Page) -> None:
        page.get_by_role("button", name=re.compile("^Run")).nth(1).wait_for()
        page.locator(".xrai-comparison").nth(2).wait_for()

    shared = AfreshPage(browser, browser_context_args, tutorials.app(COMPARISON.removesuffix(".ipynb")), ready)
    yield shared
    shared.leave()


@pytest.fixture(scope="package")
def visit(
    browser: Browser, browser_context_args: dict[str, Any], tutorials: Served, comparison: AfreshPage
) -> Iterator[Visit]:
    """Pages of notebooks, by name; each is loaded once for all who look at it."""

    def ready(page: Page) -> None:
        page.get_by_text(LOOKED_AT).or_(page.get_by_text(NOT_RUN)).first.wait_for()

    @functools.cache
    def of(path: str) -> SharedPage:
        if path == COMPARISON:
            return comparison
        pages.append(SharedPage(browser, browser_context_args, f"{tutorials.url}voila/render/{path}", ready))
        return pages[-1]

    pages: list[SharedPage] = []
    yield of
    for shared in pages:
        shared.leave()
