"""The store on SQLite and on PostgreSQL: nothing is lost, and the same question is answered at once."""

import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from tests.pace import work
from xrai_widgets.core import Finding, Outcome, Step, Subject, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.io.outcomes import outcome_to_dict
from xrai_widgets.io.store_place import chosen_store, user_store
from xrai_widgets.runtime import assess, run_plan
from xrai_widgets.runtime.store import Store, StoreError
from xrai_widgets.runtime.store_tables import address
from xrai_widgets.runtime.versions import CODE, versions


def outcome(**changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "assessment": "privacy.shapr",
        "subject": "a" * 64,
        "subject_name": "a <b>forest</b> \x00 \ud800 ünï",
        "params": {"n_neighbors": 1, "sizes": (0.5, float("inf")), "memory_limit": None},
        "status": "ok",
        "finding": Finding(
            values={"share": 0.25, "far": float("nan")},
            intervals={"share": (0.125, 0.5)},
            counts={"share": 4},
            tables={
                "samples": pd.DataFrame({"part": ["X", "X"], "id": ["p-1", "\x00"], "score": [0.5, np.inf]}),
                "rows": pd.DataFrame({"id": ["p-1"], "age": [44]}),
            },
            arrays={"images": np.arange(12.0).reshape(1, 1, 3, 4)},
        ),
        "seconds": 1.5,
        "versions": versions(),
        "started": "2026-01-02T03:04:05+00:00",
    }
    return Outcome(**{**given, **changes})


def written(made: Outcome) -> str:
    return json.dumps(outcome_to_dict(replace(made, recalled=False), include_rows=True))


def test_an_outcome_comes_back_whole(place: str) -> None:
    store = Store(place)
    number = store.save(outcome())
    assert written(store.load(number)) == written(outcome())
    assert store.load(number).recalled
    (kept,) = store.history()
    assert (kept.number, kept.partial, kept.outcome.finding.values["share"]) == (number, False, 0.25)  # type: ignore[union-attr]
    assert kept.outcome.finding is not None
    assert not kept.outcome.finding.tables
    store.close()


def test_every_ending_is_kept_and_only_a_finished_one_answers(place: str) -> None:
    store = Store(place)
    partial = outcome(status="cancelled", reason="cancelled by the user")
    for made in (
        partial,
        outcome(status="error", finding=None, reason="broke"),
        outcome(status="cancelled", finding=None),
    ):
        store.save(made)
        assert store.answer(made.subject, made.assessment, made.params) is None
    assert [(kept.outcome.status, kept.partial) for kept in store.history()] == [
        ("cancelled", False),
        ("error", False),
        ("cancelled", True),
    ]
    begun = store.unfinished(partial.subject, partial.assessment, partial.params)
    assert begun is not None
    assert (begun.status, written(replace(begun, recalled=False))) == ("cancelled", written(partial))
    assert store.unfinished("b" * 64, partial.assessment, partial.params) is None
    store.save(outcome())
    assert store.answer("a" * 64, "privacy.shapr", outcome().params) is not None
    assert len(store) == 4
    store.close()


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "b" * 64},
        {"assessment": "privacy.membership_inference"},
        {"params": {**outcome().params, "n_neighbors": 2}},
        {"versions": {**versions(), "xrai-widgets": "0.0.9"}},
        {"versions": {**versions(), CODE: "other"}},
    ],
    ids=["subject", "assessment", "parameter", "package version", "code"],
)
def test_another_question_is_not_answered(tmp_path: Path, other: dict[str, Any]) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.save(outcome(**other))
    assert store.answer("a" * 64, "privacy.shapr", outcome().params) is None
    store.save(outcome())
    assert store.answer("a" * 64, "privacy.shapr", dict(reversed(outcome().params.items()))) is not None


def test_the_newest_answer_answers(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    for seconds in (1.0, 2.0):
        store.save(outcome(seconds=seconds))
    found = store.answer("a" * 64, "privacy.shapr", outcome().params)
    assert found is not None
    assert found.seconds == 2.0


def test_a_subject_comes_back_with_one_answer_to_each_question(place: str) -> None:
    store = Store(place)
    store.save(outcome(seconds=1.0))
    store.save(outcome(assessment="robustness.evasion", status="error", finding=None, reason="old"))
    store.save(outcome(status="cancelled", seconds=3.0))  # a later cancelled run does not hide the finished one
    store.save(outcome(assessment="robustness.evasion", status="error", finding=None, reason="new"))
    store.save(outcome(assessment="privacy.lira", status="cancelled", finding=None))  # nothing came of it
    store.save(outcome(subject="b" * 64))
    assert [(o.assessment, o.seconds, o.reason) for o in store.outcomes("a" * 64)] == [
        ("privacy.shapr", 1.0, ""),
        ("robustness.evasion", 1.5, "new"),
    ]
    store.close()


def test_owners_neither_see_nor_are_answered_from_each_other(place: str) -> None:
    mine, yours = Store(place, owner="me"), Store(place, owner="you")
    number = mine.save(outcome())
    assert yours.history() == []
    assert yours.answer("a" * 64, "privacy.shapr", outcome().params) is None
    with pytest.raises(StoreError, match=f"no run number {number}"):
        yours.load(number)
    assert len(mine) == 1
    mine.close()
    yours.close()


def test_the_same_question_is_answered_at_once_and_can_be_forced(place: str, forest: Subject) -> None:
    store = Store(place)
    first = assess(forest, "privacy.shapr", n_neighbors=3, store=store)
    asked: list[int] = []
    counted = replace(forest, predict=lambda X: (asked.append(len(X)), forest.predict(X))[1], name="renamed")
    again = assess(counted, "privacy.shapr", n_neighbors=3, store=store)
    assert (again.recalled, again.started, again.subject_name) == (True, first.started, "renamed")
    assert sum(asked) <= 256, "only the fingerprint asks the model"
    assert again.finding is not None
    assert first.finding is not None
    assert again.finding.values == first.finding.values
    assert not assess(forest, "privacy.shapr", n_neighbors=3, store=store, fresh=True).recalled
    assert not assess(forest, "privacy.shapr", n_neighbors=4, store=store).recalled
    assert len(store) == 3
    store.close()


def test_a_plan_writes_each_outcome_before_it_tells_of_it(place: str, forest: Subject) -> None:
    store, other = Store(place), Store(place)
    seen: list[int] = []
    plan = ["privacy.shapr", "privacy.membership_inference"]
    run_plan(
        forest, plan, store=store, each=lambda news: seen.append(len(other)) if isinstance(news, Outcome) else None
    )
    assert seen == [1, 2]
    assert [o.recalled for o in run_plan(forest, plan, store=store)] == [True, True]
    assert [o.recalled for o in run_plan(forest, plan, store=store, fresh=True)] == [False, False]
    assert len(other) == 4
    store.close()
    other.close()


def test_a_cancelled_run_is_kept_with_its_partial_finding(tmp_path: Path, forest: Subject) -> None:
    store, cancel = Store(tmp_path / "s.sqlite"), threading.Event()

    def hear(news: Any) -> None:
        if getattr(news, "done", 0) > 0.05:
            cancel.set()

    plan = [("robustness.evasion", {"n_samples": 10, "max_iter": 100}), "privacy.shapr"]
    outcomes = run_plan(forest, plan, store=store, cancel=cancel, each=hear)
    assert [o.status for o in outcomes] == ["cancelled", "cancelled"]
    second, first = store.history()
    assert (first.partial, second.partial) == (True, False)
    assert store.load(first.number).finding is not None
    assert second.outcome.reason == "cancelled before it started"


def test_an_engine_of_ones_own_is_kept_but_never_answers(tmp_path: Path, forest: Subject) -> None:
    def mine(predict: Any, *, step: Step = quiet) -> Finding:
        """Say a number."""
        return Finding(values={"n": 1.0})

    register(title="mine")(mine)
    try:
        store = Store(tmp_path / "s.sqlite")
        for _ in range(2):  # its code may have changed under the same name
            assert not assess(forest, "custom.mine", store=store).recalled
        assert len(store) == 2
    finally:
        _registry.pop("custom.mine")


def test_a_new_process_is_answered(tmp_path: Path, forest: Subject) -> None:
    place = tmp_path / "s.sqlite"
    made = assess(forest, "privacy.shapr", store=Store(place))
    code = (
        "import sys, xrai_widgets as xw\n"
        "store = xw.Store(sys.argv[1])\n"
        "print(xw.assess(xw.examples.load('breast_cancer_forest'), 'privacy.shapr', store=store).recalled)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code, place], capture_output=True, text=True, check=True, timeout=60
    )
    assert completed.stdout.strip() == "True"
    assert made.status == "ok"


def fill(place: str) -> None:
    for number in range(10):
        Store(place, patience=30).save(outcome(seconds=float(number)))


def test_several_processes_make_and_fill_one_store_together(place: str) -> None:
    # where there is a fork server, the four share one import of all that is needed
    kind = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(kind)
    context.set_forkserver_preload([__name__])
    children = [context.Process(target=fill, args=(place,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
        assert child.exitcode == 0
    store = Store(place)
    assert len(store) == 40
    store.close()


def test_threads_share_a_store(place: str) -> None:
    store, failed = Store(place), []

    def fill() -> None:
        try:
            for _ in range(10):
                store.save(outcome())
                store.history()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=fill) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert len(store) == 60
    store.close()


def test_a_new_store_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "s.sqlite")
    store.save(outcome())
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    for file in (tmp_path / "new").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_store_in_memory_lives_as_long_as_its_object() -> None:
    store = Store("sqlite://")
    store.save(outcome())
    assert len(store.history()) == 1
    assert bool(Store("sqlite://"))


def test_an_answer_comes_at_once_from_a_large_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.save(outcome())
    engine = create_engine(f"sqlite:///{tmp_path / 's.sqlite'}")
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                "INSERT INTO xrai_outcomes (owner, question, subject, assessment, status, partial, started, seconds, "
                "package, summary, content) SELECT owner, question || i, subject, assessment, status, partial, "
                "started, seconds, package, summary, content FROM xrai_outcomes, n"
            )
        )
    engine.dispose()
    with work() as asking:
        assert store.answer("a" * 64, "privacy.shapr", outcome().params) is not None
    assert asking.seconds < 0.1


def test_where_a_workbench_keeps_its_outcomes() -> None:
    home = {"HOME": os.environ.get("HOME", ""), "XDG_DATA_HOME": "/data"}
    assert chosen_store(home) == str(user_store(home))
    if sys.platform == "linux":
        assert user_store(home) == Path("/data/xrai-widgets/outcomes.sqlite")
    assert chosen_store({**home, "XRAI_STORE": "none"}) is None
    assert chosen_store({**home, "XRAI_STORE": "postgresql://h/d"}) == "postgresql://h/d"
    for voila in ({"SERVER_SOFTWARE": "voila/0.5"}, {"VOILA_PREHEAT": "True"}):
        assert chosen_store({**home, **voila}) is None, "visitors of a server must not share a history by accident"
        assert chosen_store({**home, **voila, "XRAI_STORE": "s.sqlite"}) == "s.sqlite"


def test_a_password_is_never_shown() -> None:
    store = Store("postgresql://me:secret@127.0.0.1:1/nothing", lazily=True, patience=1)
    assert "secret" not in repr(store)
    with pytest.raises(
        StoreError, match=r"the store postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/nothing failed"
    ) as caught:
        store.check()
    assert "secret" not in str(caught.value)


def test_no_warning_where_everything_was_kept(tmp_path: Path, forest: Subject) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert assess(forest, "privacy.shapr", store=Store(tmp_path / "s.sqlite")).unsaved == ""


def test_a_plain_file_and_a_url_mean_the_same(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").save(outcome())
    assert len(Store(f"sqlite:///{tmp_path}/s.sqlite")) == 1
    assert address("postgres://h/d").drivername == "postgresql+psycopg"
