"""The command line as a user types it: in a process of its own, or in this one, which costs no new start of Python.

What is judged is the same: the words printed, the files written and the exit code. A test of what only a process has
(its ending, its signals, numbers that owe nothing to what ran here before) types it; the others call it.
"""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

from xrai_widgets import cli

_WIDE = {"COLUMNS": "300"}


def typed(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "xrai_widgets", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        cwd=cwd,
        env={**os.environ, **_WIDE},
    )


def called(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a line in this process, by what a process would start with; a warning is printed, as there, and no error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["xrai-widgets", *words]),
        mock.patch.dict(os.environ, _WIDE),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        code = _ending()
    return subprocess.CompletedProcess(["xrai-widgets", *words], code, out.getvalue(), err.getvalue())


def _ending() -> int:
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
