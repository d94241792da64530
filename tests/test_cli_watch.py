"""A watch, as a user types it: a built-in model, batches in files, and kills in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command import called
from xrai_widgets.data import examples
from xrai_widgets.runtime.store import Store

WATCH = """
[watch]
name = "diagnosis"
store = "watch.sqlite"
tz = "UTC"
every = "500w"

[subject]
model = "breast_cancer_logistic"
target = "diagnosis"
ids = "id"

[batch]
path = "batch.csv"

["monitoring.data_checks"]

["monitoring.performance"]

[[alerts]]
kind = "file"
path = "alerts.jsonl"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subject = examples.load("breast_cancer_logistic")
    rows = np.random.default_rng(0).integers(0, len(subject.X), 60)
    table = pd.DataFrame(subject.X[rows], columns=list(subject.feature_names))
    table["diagnosis"] = np.asarray(subject.classes)[subject.y[rows]]
    table["id"] = [f"patient {number}" for number in range(60)]
    table.to_csv(tmp_path / "batch.csv", index=False)
    (tmp_path / "watch.toml").write_text(WATCH)
    return tmp_path


def _said(*words: str) -> tuple[int, str]:
    ended = called("watch", *words)
    return ended.returncode, ended.stdout + ended.stderr


def test_a_watch_from_approval_to_acknowledgement(folder: Path) -> None:
    file = str(folder / "watch.toml")
    code, text = _said("approve", file, "--who", "Ada", "--why", "first version")
    assert code == 0
    assert "unchanged model:" in text
    assert "accuracy falls by 0.10: found after" in text
    code, text = _said("run", file, "--if-due")
    assert code in (0, 1)
    assert "history: 1 looks with labels" in text
    assert _said("run", file, "--if-due")[0] == 4
    assert _said("run", file, "--if-due", "--quiet") == (0, "")
    code, text = _said("status", file)
    assert code == 0
    assert "last look" in text
    code, text = _said("show", file)
    assert "*/15 * * * *" in text
    code, text = _said("test-alert", file)
    assert (code, text.strip()) == (0, "file: arrived")
    assert (folder / "alerts.jsonl").exists()


def test_a_watch_that_cannot_be_is_bad_usage(folder: Path) -> None:
    file = folder / "watch.toml"
    file.write_text(WATCH.replace('"500w"', '"4m"'))
    code, text = _said("run", str(file))
    assert code == 2
    assert "less than 5 minutes" in text
    file.write_text(WATCH.replace("monitoring.performance", "monitoring.performence"))
    code, text = _said("run", str(file))
    assert code == 2
    assert "monitoring.performance" in text


def _killed(folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kill a run at random times, then let one end; return looks, and outcomes of the store."""
    command = [sys.executable, "-m", "xrai_widgets.cli", "watch", "run", str(folder / "watch.toml"), "--if-due"]
    rng = np.random.default_rng(seed)
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 6.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        _forget_lock(folder)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1, 4), done.stderr
    store = Store(folder / "watch.sqlite")
    return len(store.watched("diagnosis").looks()), len(store)


def _forget_lock(folder: Path) -> None:
    """Let five minutes pass: a dead run's lock goes stale."""
    from sqlalchemy import update

    from xrai_widgets.runtime.look_tables import STALE
    from xrai_widgets.runtime.store_tables import LOCKS

    tables = Store(folder / "watch.sqlite", patience=20).watched("diagnosis")
    with tables._writing() as connection:
        connection.execute(update(LOCKS).values(heartbeat=time.time() - STALE - 1))


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX")
def test_a_killed_run_loses_and_doubles_no_look(folder: Path) -> None:
    assert _killed(folder, 2, 0) == (1, 2)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX")
@pytest.mark.timeout(3600)
def test_a_hundred_kills_lose_and_double_no_look(folder: Path) -> None:
    assert _killed(folder, 100, 1) == (1, 2)


@pytest.mark.skipif(os.name != "posix", reason="two processes that begin together are begun by POSIX's fork and exec")
def test_two_processes_make_one_look(folder: Path) -> None:
    command = [sys.executable, "-m", "xrai_widgets.cli", "watch", "run", str(folder / "watch.toml"), "--if-due"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    codes = sorted(process.wait(120) for process in both)
    for process in both:
        process.communicate()
    assert codes[0] in (0, 1)
    assert codes[1] in (0, 1, 4, 5)
    store = Store(folder / "watch.sqlite")
    assert (len(store.watched("diagnosis").looks()), len(store)) == (1, 2)
