"""Engines that cannot be stopped run in a process that can be killed."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from tests.pace import slowness
from xrai_widgets.core import Array, Assessment, Finding, NotApplicable, Outcome, Predict, Step, Subject, find, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.runtime import Meter, Progress, RunStep, run
from xrai_widgets.runtime.parcel import pack, unpack


def finding(total: float) -> Finding:
    return Finding({"total": total}, {"total": (total, total)}, {"total": 1})


def hangs(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Do a little, then hang in code that asks nobody."""
    step(0.3, "hanging", finding(float(predict(X[:5]).sum())))
    time.sleep(60)
    return finding(0.0)


def answers(predict: Predict, X: Array, X_train: Array, *, step: Step = quiet) -> Finding:
    """Answer from another process."""
    print("what an engine prints must not disturb the pipe")
    assert step.earlier is None
    step(0.5, "half")
    time.sleep(0.2)
    total = float(predict(X[:10]).sum()) + float(X_train.sum()) * 0
    table = pd.DataFrame({"part": ["X"], "id": [0], "process": [float(os.getpid())]})
    return Finding({"total": total}, {"total": (0, 10)}, {"total": 10}, tables={"samples": table})


def raises(predict: Predict, *, step: Step = quiet) -> Finding:
    """Fail."""
    raise ArithmeticError("numbers are up")


def declines(predict: Predict, *, step: Step = quiet) -> Finding:
    """Decline."""
    raise NotApplicable("not for this one", "another")


def dies(predict: Predict, *, step: Step = quiet) -> Finding:
    """Die as a segmentation fault would."""
    os.kill(os.getpid(), 11)
    return finding(0.0)


def continues(predict: Predict, *, step: Step = quiet) -> Finding:
    """Add one to what an earlier run had found."""
    assert step.earlier is not None
    return finding(1.0 + step.earlier.values["total"])


ENGINES = (hangs, answers, raises, declines, dies, continues)


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    for engine in ENGINES:
        register(title=engine.__name__, isolated=True)(engine)
    yield
    for engine in ENGINES:
        _registry.pop(f"custom.{engine.__name__}")


def entry(name: str) -> Assessment:
    return find(f"custom.{name}")


def test_an_isolated_engine_knows_what_an_earlier_run_had_found(forest: Subject) -> None:
    outcome = run(forest, entry("continues"), step=RunStep(earlier=finding(41.0)), strict=True)
    assert outcome.finding is not None
    assert outcome.finding.values["total"] == 42.0


Heard = tuple[Outcome, list[Progress]]


@pytest.fixture(scope="module")
def answered(forest: Subject) -> Heard:
    """One run, with nothing that an earlier one had found, and what was heard of its progress."""
    heard: list[Progress] = []
    return run(forest, entry("answers"), step=RunStep(listen=heard.append), strict=True), heard


def test_an_isolated_engine_answers_from_a_process_of_its_own(answered: Heard) -> None:
    outcome, _ = answered
    assert outcome.finding is not None
    assert outcome.finding.values["total"] == pytest.approx(10)
    assert outcome.finding.tables["samples"]["process"][0] != os.getpid()
    assert outcome.queries == 10


def test_its_progress_arrives(answered: Heard) -> None:
    _, heard = answered
    assert 0.5 in [progress.done for progress in heard]


def test_cancel_kills_the_process_and_keeps_what_was_done(forest: Subject) -> None:
    cancel, heard = threading.Event(), threading.Event()
    ended = []
    step = RunStep(Meter(cancel), lambda _: heard.set())
    thread = threading.Thread(target=lambda: ended.append(run(forest, entry("hangs"), step=step)))
    thread.start()
    assert heard.wait(60), "the engine must report that it hangs"
    children = {child.pid for child in psutil.Process().children() if "runtime.worker" in " ".join(child.cmdline())}
    assert children
    cancel.set()
    asked = time.monotonic()
    thread.join(60)
    assert time.monotonic() - asked < 1.0 * slowness()
    assert not {child.pid for child in psutil.Process().children()} & children
    assert ended[0].status == "cancelled"
    assert ended[0].finding is not None
    assert ended[0].finding.values["total"] == pytest.approx(5)


def test_a_time_budget_kills_it_too(forest: Subject) -> None:
    outcome = run(forest, entry("hangs"), step=RunStep(Meter(max_seconds=3)))
    assert outcome.status == "cancelled"
    assert "time budget of 3 s" in outcome.reason


def test_what_it_raises_is_an_error_outcome(forest: Subject) -> None:
    outcome = run(forest, entry("raises"))
    assert outcome.status == "error"
    assert "ArithmeticError: numbers are up" in outcome.reason


def test_not_applicable_keeps_its_reason_and_alternative(forest: Subject) -> None:
    outcome = run(forest, entry("declines"))
    assert (outcome.status, outcome.reason, outcome.instead) == ("not applicable", "not for this one", "another")


def test_a_process_that_dies_is_an_error_and_not_the_end_of_the_notebook(forest: Subject) -> None:
    outcome = run(forest, entry("dies"))
    assert outcome.status == "error"
    assert "ended with exit code -11" in outcome.reason


def test_a_model_that_cannot_be_pickled_runs_in_the_thread_and_says_so(forest: Subject) -> None:
    lock = threading.Lock()

    def predict(X: Array) -> Array:
        with lock:
            return forest.predict(X)

    outcome = run(replace(forest, predict=predict), entry("answers"), strict=True)
    assert outcome.finding is not None
    assert outcome.finding.tables["samples"]["process"][0] == os.getpid()
    assert any("notebook's own process" in note for note in outcome.finding.notes)


def test_the_callers_script_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import xrai_widgets as xw\n"
        "print('script runs')\n"
        "@xw.assessment(title='x', isolated=True)\n"
        "def mine(predict, X, *, step=xw.quiet):\n"
        "    'Count.'\n"
        "    return xw.Finding({'n': len(X)}, {'n': (0, 1e9)}, {'n': 1})\n"
        "outcome = xw.assess(xw.examples.load('breast_cancer_logistic'), 'custom.mine', strict=True)\n"
        "print(outcome.status)\n"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["script", "runs", "ok"], done.stderr


def test_large_arrays_travel_as_mapped_files(tmp_path: Path) -> None:
    large, small = np.arange(50_000.0), np.arange(3.0)
    pack({"large": large, "small": small}, tmp_path)
    back = unpack(tmp_path)
    assert np.array_equal(back["large"], large)
    assert np.array_equal(back["small"], small)
    assert [file.stat().st_size for file in tmp_path.glob("*.bin")] == [large.nbytes]
    assert not back["large"].flags.writeable
