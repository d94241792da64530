"""A file that crashes its reader takes a worker process down and nothing else."""

import os
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier

from tests.runtime.trials import crashes, says, sleeps
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.summaries import PictureSummary
from xrai_widgets.runtime import Meter, RunStep, trial
from xrai_widgets.runtime.isolated import ProcessDied, call_in_process


def test_the_work_is_done_in_another_process() -> None:
    process, name = call_in_process(says, (Path("m.onnx"),), RunStep())
    assert process != os.getpid()
    assert name == "m.onnx"


def test_a_crash_is_told_from_an_exception() -> None:
    with pytest.raises(ProcessDied, match="exit code -11"):
        call_in_process(crashes, (Path("m.onnx"),), RunStep())


def test_a_file_that_crashes_its_reader_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial, "_model", crashes)
    with pytest.raises(ValueError, match=r"reading m.onnx ended the process that tried it: .*exit code -11"):
        trial.try_model(tmp_path / "m.onnx")


def test_reading_can_be_cancelled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial, "_table", sleeps)
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"t.csv was not read: cancelled by the user"):
        trial.try_table(tmp_path / "t.csv", CsvFormat(), cancel)
    assert time.monotonic() - began < 30, "the process sleeps for a minute"


def test_reading_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial, "_model", sleeps)
    monkeypatch.setattr(trial, "_MOST_SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"m.onnx was not read: the time budget of 0.5 s is used up"):
        trial.try_model(tmp_path / "m.onnx")


def test_a_model_that_fails_on_trial_is_never_loaded_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    skops.io.dump(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), tmp_path / "m.skops")
    (tmp_path / "t.csv").write_text("a,y\n0,0\n1,1\n")
    monkeypatch.setattr(trial, "_make", crashes)
    monkeypatch.setattr(trial.OwnFiles, "subject", lambda _: pytest.fail("it was loaded here"))
    with pytest.raises(ValueError, match="it was not read here"):
        trial.read_subject(tmp_path / "m.skops", tmp_path / "t.csv", target="y")


def test_messages_come_home(tmp_path: Path) -> None:
    for name, message in (("m.pkl", "m.pkl is a pickle"), ("m.onnx", "m.onnx could not be read")):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(ValueError, match=message):
            trial.try_model(tmp_path / name)


def test_work_that_cannot_be_sent_is_said() -> None:
    from xrai_widgets.runtime.parcel import Unsendable

    lock: Any = threading.Lock()
    with pytest.raises(Unsendable, match="lock"):
        call_in_process(says, (lock,), RunStep(Meter()))


def test_which_pictures_stand_in_an_archive_is_told_by_a_cell(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("new/letters/a.png", b"")
        archive.writestr("new/b.png", b"")
    assert trial.try_pictures(tmp_path / "new.zip") == PictureSummary(2, ("letters",))
    (tmp_path / "bad.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"the archive bad.zip could not be read"):
        trial.try_pictures(tmp_path / "bad.zip")
