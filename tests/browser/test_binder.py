"""What a Binder would show: its start script, a Jupyter server under a path, our pages inside it, and their memory."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.benchmarks.table import show
from tests.browser.served import Served, eventually, wait_until_served
from tests.ports import free_port
from xrai_widgets.io.notebooks import notebook_folder, read_cards

ROOT = Path(__file__).parent.parent.parent
CARDS = read_cards(notebook_folder())
TOKEN = "word"


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``binder/start`` with the command that a Binder gives it, in this environment."""
    port, home = free_port(), tmp_path_factory.mktemp("home")
    log = home / "log"
    options = {"ip": "127.0.0.1", "port": port, "base_url": "/user/x/", "token": TOKEN, "open_browser": False}
    if os.geteuid() == 0:
        options["allow_root"] = True
    command = [sys.executable, "-m", "jupyter", "server", *(f"--ServerApp.{k}={v}" for k, v in options.items())]
    # a kernel's path begins with the notebook's folder, not with the root
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": paths}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(ROOT / "binder" / "start"), *command], cwd=ROOT, env=environment, stdout=stream, stderr=stream
        )
        try:
            url = f"http://127.0.0.1:{port}/user/x/"
            wait_until_served(f"{url}api", process)
            yield Served(url, process, log, notebook_folder())
        finally:
            process.terminate()
            process.wait(60)


def test_the_gallery_and_an_app_under_a_path(page: Page, binder: Served) -> None:
    page.goto(f"{binder.url}voila?token={TOKEN}")
    for card in CARDS:
        expect(page.get_by_role("heading", name=card.title)).to_be_visible()
    page.get_by_role("link", name=CARDS[0].title).click()
    page.get_by_role("button", name="Run").click(timeout=120_000)
    expect(page.locator(".xrai-scoreboard .xrai-fail").first).to_be_visible(timeout=120_000)
    assert "/user/x/voila/render/notebooks/" in page.url
    assert len(binder.kernels()) == 1
    page.get_by_role("link", name="All apps").click()
    expect(page.get_by_role("heading", name=CARDS[0].title)).to_be_visible()
    eventually(lambda: binder.kernels() == {}, 120, "the kernel of the closed app is ended")


def test_the_server_culls_kernels_that_no_page_holds(binder: Served) -> None:
    with urllib.request.urlopen(f"{binder.url}api/kernels?token={TOKEN}", timeout=10) as answer:
        assert answer.status == 200
    config = (ROOT / "binder" / "jupyter" / "jupyter_server_config.py").read_text(encoding="utf-8")
    assert "cull_idle_timeout" in config
    assert "Traceback" not in binder.log


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_notebook_with_its_server_stays_under_one_gigabyte(page: Page, binder: Served) -> None:
    rows = []
    page.goto(f"{binder.url}voila?token={TOKEN}")
    for card in CARDS:
        page.goto(f"{binder.url}voila/render/notebooks/{card.path}", timeout=120_000)
        page.get_by_role("button", name="Run").first.wait_for(timeout=120_000)
        loaded = _kernel_memory(binder)
        page.get_by_role("button", name="Run").first.click()
        page.get_by_role("button", name="Cancel").first.wait_for(timeout=120_000)
        page.get_by_role("button", name="Run").first.wait_for(timeout=120_000)
        server = psutil.Process(binder.process.pid).memory_info().rss / 2**20
        (kernel,) = binder.kernels()
        peak = max(int(line.split()[1]) for line in _status(kernel) if line.startswith("VmHWM")) / 1024
        rows.append(
            {"notebook": card.path, "kernel MB": loaded, "peak after Run MB": peak, "with server MB": peak + server}
        )
        page.goto(f"{binder.url}voila")
        eventually(lambda: binder.kernels() == {}, 120, "the kernel is ended")
    show("memory in a Binder, limit 1,000 MB", rows)
    assert max(float(row["with server MB"]) for row in rows) < 1000


def _kernel_memory(binder: Served) -> float:
    (kernel,) = binder.kernels()
    return float(psutil.Process(kernel).memory_info().rss / 2**20)


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
