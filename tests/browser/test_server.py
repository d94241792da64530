"""Seats, pool, idleness, dead kernels and errors, on a server with small notebooks."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.served import Served, eventually, served, write_notebook
from tests.pace import slowness

IDLE = 10
WATCHDOG = """
import time
import ipywidgets as w
from tests.browser.alone import without_neighbours
without_neighbours("runtime", "widgets")
from xrai_widgets.runtime.job import Job
from xrai_widgets.widgets.watchdog import Watchdog
"""
ALIVE = f"""{WATCHDOG}
button, said = w.Button(description="Ask"), w.Label("nothing yet")
button.on_click(lambda _: setattr(said, "value", "answered"))
w.VBox([Watchdog(), button, said])
"""
PLAIN = """
import ipywidgets as w
w.Button(description="Plain")
"""
JOB = f"""{WATCHDOG}
button, said = w.Button(description="Work"), w.Label("nothing yet")
work = lambda job: time.sleep({IDLE + 5})
button.on_click(lambda _: Job(work, lambda news: setattr(said, "value", "done")).start())
w.VBox([Watchdog(period=1.0), button, said])
"""
BLOCKED = f"""{WATCHDOG}
button = w.Button(description="Block")
button.on_click(lambda _: (time.sleep(7), setattr(button, "description", "Blocked no more")))
w.VBox([Watchdog(period=1.0), button])
"""
RAISES = """raise LookupError("the password is swordfish")"""
NOTEBOOKS = {"alive": ALIVE, "blocked": BLOCKED, "job": JOB, "plain": PLAIN, "raises": RAISES}
SHOWN = {"alive": "Ask", "job": "Work", "blocked": "Block", "plain": "Plain"}
BARKED = """() => {
  window.barked = 0;
  const look = () => { window.barked += document.querySelectorAll(".xrai-ended").length; };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
ENDED = "This session has ended."


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("small")
    for name, cell in NOTEBOOKS.items():
        write_notebook(folder, name, cell)
    with served(folder, seats=2, pool=1, idle=IDLE) as server:
        eventually(lambda: "is filled with 1 kernel" in server.log, 120, "the pool is filled")
        yield server


def kernel_id(page: Page) -> str:
    match = re.search(r'"kernelId": "([\w-]+)"', page.content())
    assert match
    return match[1]


def visit(page: Page, server: Served, name: str = "alive") -> int:
    """Open an app; return the process id of its kernel."""
    page.goto(server.app(name))
    page.get_by_text(SHOWN[name], exact=True).wait_for(timeout=120_000)
    name = kernel_id(page)
    return next(pid for pid, command in server.kernels().items() if name in command)


def leave(page: Page) -> None:
    page.goto("about:blank")


def test_the_pool_answers_at_once_and_is_filled_again(page: Page, small: Served) -> None:
    (spare,) = small.kernels()
    assert visit(page, small) == spare
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("answered")).to_be_visible()
    eventually(lambda: small.log.count("is filled with 1 kernel") >= 2, 120, "the pool is filled again")
    assert len(small.kernels()) == 2
    leave(page)


def test_a_spare_kernel_that_dies_is_replaced(page: Page, small: Served) -> None:
    eventually(lambda: len(small.kernels()) == 1, 120, "only the spare kernel is left")
    (spare,) = small.kernels()
    filled = small.log.count("is filled with 1 kernel")
    os.kill(spare, signal.SIGKILL)
    eventually(lambda: small.log.count("is filled with 1 kernel") > filled, 120, "the pool is filled again")
    eventually(lambda: len(small.kernels()) == 1, 120, "the dead one does not come back")
    visit(page, small)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("answered")).to_be_visible()
    leave(page)


def test_closing_the_tab_ends_the_kernel(page: Page, small: Served) -> None:
    kernel, name = visit(page, small), kernel_id(page)
    leave(page)
    took = eventually(lambda: kernel not in small.kernels(), 120, "the kernel is ended")
    assert took < IDLE * slowness(), "that was the culler"
    culled = ("no page holds the kernel", "Culling")
    assert not [line for line in small.log.splitlines() if name in line and any(word in line for word in culled)]


def test_a_killed_kernel_is_said_within_15_seconds_and_a_busy_one_is_not_taken_for_dead(
    browser: Browser, page: Page, small: Served
) -> None:
    other = browser.new_context().new_page()
    visit(other, small, "blocked")
    other.evaluate(BARKED)
    kernel = visit(page, small)
    page.wait_for_timeout(1500)
    assert page.get_by_role("alert").filter(has_text=ENDED).count() == 0
    other.get_by_role("button", name="Block").click()
    began = time.monotonic()
    os.kill(kernel, signal.SIGKILL)
    expect(page.get_by_role("alert").filter(has_text=ENDED)).to_be_visible(timeout=120_000)
    assert time.monotonic() - began < 15 * slowness()
    expect(other.get_by_role("button", name="Blocked no more")).to_be_visible(timeout=120_000)
    assert other.evaluate("window.barked") == 0
    leave(other)
    page.get_by_role("button", name="Reload").click()
    page.get_by_role("button", name="Ask").click(timeout=120_000)
    expect(page.get_by_text("answered")).to_be_visible()
    leave(page)


def test_an_idle_kernel_is_ended_but_no_spare_one_and_none_with_a_silent_job(browser: Browser, small: Served) -> None:
    pages = {name: browser.new_context().new_page() for name in ("job", "alive")}
    kernels = {name: visit(page, small, name) for name, page in pages.items()}
    began = time.monotonic()
    pages["job"].get_by_role("button", name="Work").click()
    eventually(lambda: len(small.kernels()) == 3, 120, "the pool is filled again")
    (spare,) = {*small.kernels()} - {*kernels.values()}
    waits = time.monotonic()
    eventually(lambda: kernels["alive"] not in small.kernels(), 120, "the idle kernel is ended")
    assert IDLE - 3 < time.monotonic() - began < (IDLE + 6) * slowness()
    expect(pages["job"].get_by_text("done")).to_be_visible(timeout=120_000)
    assert kernels["job"] in small.kernels()
    assert pages["job"].get_by_role("alert").filter(has_text=ENDED).count() == 0
    time.sleep(max(0.0, IDLE + 2 - (time.monotonic() - waits)))
    assert spare in small.kernels(), "a spare kernel is not idle"
    for page in pages.values():
        leave(page)


def test_without_a_free_seat_there_is_a_page_and_no_kernel(browser: Browser, page: Page, small: Served) -> None:
    eventually(lambda: len(small.kernels()) == 1, 120, "only the spare kernel is left")
    others = [browser.new_context().new_page() for _ in range(2)]
    for other in others:
        visit(other, small, "plain")
    eventually(lambda: len(small.kernels()) == 3, 120, "two visitors and a spare kernel")
    response = page.goto(small.app("plain"))
    assert response is not None
    assert response.status == 503
    expect(page.get_by_role("heading", name="All seats are taken")).to_be_visible()
    assert len(small.kernels()) == 3
    leave(others[0])
    eventually(lambda: len(small.kernels()) == 2, 120, "the kernel of the closed tab is ended")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Plain")).to_be_visible(timeout=120_000)
    leave(others[1])


def test_an_error_in_a_notebook_is_an_id_on_the_page_and_a_traceback_in_the_log(page: Page, small: Served) -> None:
    page.goto(small.app("raises"))
    expect(page.get_by_text("This cell could not be run.")).to_be_visible(timeout=120_000)
    text = page.content()
    assert "swordfish" not in text
    assert "LookupError" not in text
    match = re.search(r"under error (\w{8})", text)
    assert match
    logged = small.log.partition(f"error {match[1]} in a cell")[2]
    assert "LookupError" in logged
    assert "the password is swordfish" in logged


def test_spare_kernels_are_made_one_notebook_after_the_other(tmp_path: Path) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    waits = "while not Path(gate).exists(): time.sleep(0.1)"
    first = f"import time; from pathlib import Path; gate = {str(gate)!r}; Path({str(begun)!r}).touch()\n{waits}"
    write_notebook(tmp_path / "apps", "a", first)
    write_notebook(tmp_path / "apps", "b", "1 + 1")
    with served(tmp_path / "apps", pool=2) as server:
        eventually(begun.exists, 120, "the kernel of the first notebook runs it")
        time.sleep(1.5)
        assert len(server.kernels()) == 1
        gate.touch()
        eventually(lambda: len(server.kernels()) == 2, 120, "the second one has its own")
