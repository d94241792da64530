"""A Chromium for the tests: one that is already there, else Playwright's download, else the distribution's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def find() -> str:
    """Return the path of a Chromium that is there; empty if there is none."""
    return next((path for path in _candidates() if path and Path(path).exists()), "")


def obtain() -> str:
    """Return the path of a Chromium that starts, installing one if need be."""
    attempts = (lambda: None, _download, _package)
    for attempt in attempts:
        attempt()
        path = find()
        if path and _starts(path):
            return path
    raise SystemExit("no Chromium could be found, downloaded or installed: set XRAI_BROWSER to the path of one")


def _candidates() -> Iterator[str]:
    yield os.environ.get("XRAI_BROWSER", "")
    for name in NAMES:
        yield shutil.which(name) or ""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    yield printed.stdout.strip()


def _download() -> None:
    print("No Chromium found: asking Playwright for one", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        subprocess.run(command, check=False, timeout=240, capture_output=True)
    except subprocess.TimeoutExpired:
        print("Playwright's download did not end in time", flush=True)


def _package() -> None:
    if shutil.which("apt-get") is None:
        return
    print("Installing the distribution's chromium package", flush=True)
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for step in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*root, "apt-get", *step], check=False, env=environment, stdout=subprocess.DEVNULL)


def _starts(path: str) -> bool:
    command = [path, "--headless", *ARGUMENTS, "--dump-dom", "data:text/html,<p>ready</p>"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "ready" in result.stdout
