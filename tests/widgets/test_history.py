"""The history view, alone and in the workbench."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.test_store import outcome
from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Subject
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.store import Store
from xrai_widgets.widgets import History

MIA = "privacy.membership_inference"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


def looked(history: History) -> History:
    assert history.wait(20)
    return history


def test_every_run_is_a_row_with_its_verdict_and_partial_ones_are_marked(file: Path, forest: Subject) -> None:
    store = Store(file)
    made = assess(forest, MIA, store=store)
    store.save(replace(made, status="cancelled", reason="cancelled by the user"))
    store.save(outcome(assessment="nobody.knows", status="error", finding=None, reason="broke"))
    rows = looked(History(store)).table.runs
    assert [(row["title"], row["verdict"], row["shape"]) for row in rows] == [
        ("nobody.knows", "error", "○"),
        ("Membership inference", "cancelled, partial result", "○"),
        ("Membership inference", "warn", "▲"),
    ]
    assert rows[2] | {"seconds": 0} == {
        "number": 1,
        "started": made.started,
        "fingerprint": forest.fingerprint,
        "subject": "breast_cancer_forest",
        "title": "Membership inference",
        "verdict": "warn",
        "shape": "▲",
        "seconds": 0,
    }


def test_a_policy_judges_the_history_again(file: Path, forest: Subject) -> None:
    assess(forest, MIA, store=Store(file))
    history = looked(History(Store(file)))
    policy = Policy.default()
    for measure in policy.thresholds[MIA]:
        policy = policy.with_threshold(MIA, measure, 0.99)
    history.policy = policy
    assert history.table.runs[0]["verdict"] == "pass"


def test_opening_a_run_loads_it_whole(file: Path, forest: Subject) -> None:
    made = assess(forest, "privacy.shapr", store=Store(file))
    history = looked(History(Store(file)))
    history.table._handle_custom_msg({"open": 1}, [])
    looked(history)
    assert history.opened is not None
    assert history.opened.finding is not None
    assert made.finding is not None
    assert history.opened.finding.tables["samples"].shape == made.finding.tables["samples"].shape
    assert "Opened: SHAPr membership exposure on breast_cancer_forest" in history.message.value


@pytest.mark.parametrize("number", [99, None, "1; DROP TABLE xrai_outcomes", 1.5])
def test_a_run_that_is_not_there_cannot_be_opened(file: Path, number: object) -> None:
    history = looked(History(Store(file)))
    history.table._handle_custom_msg({"open": number}, [])
    looked(history)
    assert history.opened is None
    assert ("no run number 99" in history.message.value) == (number == 99)
    assert len(Store(file)) == 0


def test_without_a_store_it_says_that_nothing_is_kept() -> None:
    history = History()
    assert "Nothing is kept here" in history.message.value
    assert history.table.layout.display == "none"


def test_the_workbench_reopened_shows_what_was_found_and_answers_at_once(file: Path, forest: Subject) -> None:
    first = Workbench(forest, selection=("privacy.shapr", MIA), store=file)
    first.runner.run()
    assert first.runner.wait(20)
    looked(first.history)
    assert len(first.history.table.runs) == 2
    again = Workbench(forest, selection=("privacy.shapr",), store=str(file))
    looked(again.history)
    assert [o.started for o in again.session.current] == [o.started for o in first.session.current]
    assert {o.assessment for o in again.session.current} == {"privacy.shapr", MIA}
    assert "from the store, 20" in again.board.view.value
    again.runner.run()
    assert again.runner.wait(20)
    assert again.runner.latest is not None
    assert again.runner.latest.recalled
    assert "privacy.shapr: from the store, computed 20" in again.runner.status.value
    again.runner._fresh.value = True
    again.runner.run()
    assert again.runner.wait(20)
    assert not again.runner.latest.recalled
    assert len(looked(again.history).table.runs) == 3


def test_an_earlier_run_is_opened_in_the_outcome_view(file: Path, forest: Subject, regression: Subject) -> None:
    store = Store(file)
    assess(forest, MIA, store=store)
    bench = Workbench(regression, store=store)
    looked(bench.history).load(1)
    looked(bench.history)
    assert bench.view.outcome is bench.history.opened
    assert "membership" in bench.view._head.value.lower()
    assert bench.session.outcomes == (), "another subject's run does not get onto this one's board"


def test_what_this_sitting_found_wins_over_the_store(file: Path, forest: Subject) -> None:
    store = Store(file)
    assess(forest, "privacy.shapr", store=store)
    bench = Workbench(store=store)
    made = assess(forest, "privacy.shapr")
    bench.session.add(made)
    bench.session.subject = forest
    looked(bench.history)
    assert bench.session.current == (made,)


def test_a_locked_store_is_said_beside_run_and_the_result_stays(file: Path, forest: Subject) -> None:
    bench = Workbench(forest, selection=("privacy.shapr",), store=Store(file, patience=0.2))
    looked(bench.history)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    bench.runner.run()
    assert bench.runner.wait(20)
    other.close()
    assert "privacy.shapr was not saved, but stays on this page: the store" in bench.runner.message.value
    assert "is locked by another program" in bench.runner.message.value
    assert 'role="alert"' in bench.runner.message.value
    assert "SHAPr membership exposure" in bench.board.view.value
    assert "not saved" in bench.board.view.value
    bench.runner.run()
    assert bench.runner.wait(20)
    assert "was not saved" not in bench.runner.message.value
    assert len(looked(bench.history).table.runs) == 1


def test_a_store_that_cannot_be_opened_is_said_in_the_history_and_everything_else_works(
    file: Path, forest: Subject
) -> None:
    file.write_bytes(b"no database" * 1000)
    bench = Workbench(forest, selection=("privacy.shapr",), store=file)
    looked(bench.history)
    assert "is no store but some other file" in bench.history.message.value
    bench.runner.run()
    assert bench.runner.wait(20)
    assert "not saved" in bench.runner.message.value
    assert bench.session.current[0].status == "ok"
    file.unlink()
    bench.history._again.click()
    looked(bench.history)
    assert "Nothing is kept yet" in bench.history.message.value


def test_under_voila_there_is_no_store_until_the_visitor_is_known_and_visitors_are_kept_apart(
    file: Path, forest: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("XRAI_STORE", str(file))
    bench = Workbench(forest, selection=("privacy.shapr",))
    assert bench.history.store is None
    assert bench.visitor in bench.children
    bench.visitor.name = "a" * 32
    bench.runner.run()
    assert bench.runner.wait(20)
    for name, runs in (("b" * 32, 0), ("a" * 32, 1)):
        page = Workbench(forest)
        page.visitor.name = name
        assert len(looked(page.history).table.runs) == runs
        assert len(page.session.current) == runs
    assert b"a" * 32 not in file.read_bytes(), "the visitor's secret is not in the store"
    monkeypatch.setenv("XRAI_STORE", "none")
    page = Workbench(forest)
    page.visitor.name = "a" * 32
    assert page.history.store is None


def test_a_notebook_keeps_its_outcomes_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XRAI_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    bench = Workbench()
    looked(bench.history)
    assert list(tmp_path.rglob("outcomes.sqlite"))
    assert bench.visitor not in bench.children
    assert Workbench(store=None).history.store is None
