"""What an engine keeps of a training is there for the next run, wherever the engine runs."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from xrai_widgets.core import Assessment, Finding, Predict, Step, Subject, find, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.io.checkpoint_files import kept_in
from xrai_widgets.runtime import RunStep, run, run_plan
from xrai_widgets.runtime.checkpoints import InFolder, InMemory, kept_by_user

LARGE = 300_000  # numbers: more than a pipe holds


def trains(predict: Predict, *, step: Step = quiet) -> Finding:
    """Add one to what was kept, and keep it."""
    part = step.part(0.0, 0.5)
    before = part.recall("key")
    large = np.arange(LARGE) if before is None else before["large"]
    count = np.array(0 if before is None else before["count"]) + 1
    part.keep("key", {"count": count, "large": large})
    total = float(count) if (large == np.arange(LARGE)).all() else -1.0
    return Finding({"count": total, "process": float(os.getpid())})


def trains_apart(predict: Predict, *, step: Step = quiet) -> Finding:
    """Do the same in a process of its own, which has no input to read."""
    assert os.read(0, 1) == b""
    return trains(predict, step=step)


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    register(title="trains")(trains)
    register(title="trains apart", isolated=True)(trains_apart)
    yield
    for name in ("trains", "trains_apart"):
        _registry.pop(f"custom.{name}")


def counted(subject: Subject, entry: Assessment, step: RunStep | None = None) -> int:
    outcome = run(subject, entry, step=step, strict=True)
    assert outcome.finding is not None
    assert (outcome.finding.values["process"] != os.getpid()) == entry.isolated
    return int(outcome.finding.values["count"])


def test_a_run_from_the_beginning_trains_again(
    forest: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRAI_CHECKPOINTS", str(tmp_path))
    plan = [("custom.trains", {})]
    counts = []
    for fresh in (False, False, True, False):
        [outcome] = run_plan(forest, plan, fresh=fresh)
        assert outcome.finding is not None
        counts.append(outcome.finding.values["count"])
    assert counts == [1, 2, 1, 2]


def test_a_bare_engine_keeps_nothing() -> None:
    assert [trains(lambda X: X).values["count"] for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("name", ["custom.trains", "custom.trains_apart"])
def test_the_next_run_finds_what_was_kept(
    name: str, forest: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRAI_CHECKPOINTS", str(tmp_path / "cache"))
    assert [counted(forest, find(name)) for _ in range(2)] == [1, 2]
    assert len(kept_in(tmp_path / "cache")) == 1
    monkeypatch.setenv("XRAI_CHECKPOINTS", str(tmp_path / "other"))
    assert counted(forest, find(name)) == 1


@pytest.mark.parametrize("name", ["custom.trains", "custom.trains_apart"])
def test_a_served_page_keeps_it_in_its_own_process_and_writes_no_file(
    name: str, forest: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("XRAI_STORE", "XRAI_CHECKPOINTS"):
        monkeypatch.delenv(key, raising=False)
    for key in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(key, str(tmp_path))
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    assert isinstance(kept_by_user(), InMemory)
    step = RunStep(checkpoints=InMemory())
    assert [counted(forest, find(name), step) for _ in range(2)] == [1, 2]
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_another_version_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = InFolder(tmp_path)
    keeper.keep("key", {"a": np.ones(2)})
    assert keeper.recall("key") is not None
    assert keeper.recall("another") is None
    monkeypatch.setattr("xrai_widgets.runtime.checkpoints.versions", lambda: {"torch": "1"})
    assert keeper.recall("key") is None


def test_memory_and_folder_are_bounded_and_the_newest_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = {"a": np.zeros(1000)}
    for keeper in (InMemory(limit=20_000), InFolder(tmp_path, limit=20_000)):
        for key in "abc":
            keeper.keep(key, one)
        assert [keeper.recall(key) is not None for key in "abc"] == [False, True, True]
        keeper.keep("large", {"a": np.zeros(10_000)})
        assert keeper.recall("large") is None
    assert "more than" in caplog.text


def test_what_memory_returns_is_the_callers_own() -> None:
    keeper, mine = InMemory(), np.zeros(3)
    keeper.keep("key", {"a": mine})
    mine += 1
    for _ in range(2):
        found = keeper.recall("key")
        assert found is not None
        np.testing.assert_array_equal(found["a"], np.zeros(3))
        found["a"][...] = 5


def test_a_folder_that_cannot_be_written_costs_the_files_and_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    keeper = InFolder(tmp_path / "file" / "below")
    with caplog.at_level(logging.WARNING):
        keeper.keep("key", {"a": np.ones(2)})
    assert "in memory alone" in caplog.text
    found = keeper.recall("key")
    assert found is not None
    np.testing.assert_array_equal(found["a"], np.ones(2))
