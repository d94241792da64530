"""A gallery of notebooks made for a test, with its log and its kernels."""

import http.client
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.ports import free_port

START = """
import sys
from pathlib import Path
from urllib.parse import urlsplit
from xrai_widgets.apps.gallery import serve
from xrai_widgets.apps.server.serving import Serving

serve(Serving(port=int(sys.argv[1]), browser=False, **eval(sys.argv[2])), Path(sys.argv[3]))
"""


@dataclass
class Served:
    """A running server."""

    url: str
    process: "subprocess.Popen[bytes]"
    log_file: Path
    folder: Path  # of its notebooks; one that is written there later is served, too

    def app(self, name: str) -> str:
        return f"{self.url}voila/render/{name}.ipynb"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def kernels(self) -> dict[int, str]:
        """Process ids of the kernels, and their commands."""
        commands = {child.pid: _command(child) for child in psutil.Process(self.process.pid).children()}
        return {pid: command for pid, command in commands.items() if "ipykernel" in command}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return ""


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


@contextmanager
def served(folder: Path, log: Path | None = None, cwd: Path | None = None, **options: object) -> Iterator[Served]:
    """Serve the notebooks of a folder."""
    port = free_port()
    log = log or folder.parent / f"{folder.name}.log"
    with log.open("wb") as stream:
        command = [sys.executable, "-c", START, str(port), repr(options), str(folder)]
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=cwd)
        try:
            wait_until_served(f"http://127.0.0.1:{port}/", process)
            yield Served(f"http://127.0.0.1:{port}/", process, log, folder)
        finally:
            process.terminate()
            process.wait(60)


def write_notebook(folder: Path, name: str, *cells: str) -> None:
    """Write a notebook with a title and code cells."""
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {name}\n\nA page for a test."}
    code = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
        for n, cell in enumerate(cells)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": [title, *code], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def eventually(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something is true; return how long that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


def ask(url: str, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, str]:
    """Send a path exactly as it is written: browsers and urllib tidy it up."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=60)
    connection.request(method, path, headers=headers or {})
    with closing(connection):
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", errors="replace")
