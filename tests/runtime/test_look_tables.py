import multiprocessing
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from xrai_widgets.runtime.look_tables import STALE, Held, Look, LookTables
from xrai_widgets.runtime.store import Store
from xrai_widgets.runtime.store_tables import LOCKS


@pytest.fixture
def tables(tmp_path: Path) -> LookTables:
    return Store(tmp_path / "store.sqlite").watched("credit")


def test_a_slot_is_kept_once_and_the_newest_counts(tables: LookTables) -> None:
    for slot in ("2026-11-02T06:00", "2026-11-01T06:00"):
        tables.write(Look(slot, f"{slot}+00:00", "pass"))
    tables.write(Look("2026-11-01T06:00", "2026-11-01T06:00+00:00", "fail", "s", "b", {"problems": []}))
    looks = tables.looks()
    assert [(look.slot[8:10], look.status) for look in looks] == [("01", "fail"), ("02", "pass")]
    assert (looks[0].series, looks[0].batch, looks[0].detail) == ("s", "b", {"problems": []})
    assert [look.slot for look in tables.looks(newest=1)] == ["2026-11-02T06:00"]


def test_two_watches_and_two_owners_see_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.watched("a").write(Look("1", "1", "pass"))
    assert store.watched("b").looks() == []
    assert Store(tmp_path / "store.sqlite", owner="visitor").watched("a").looks() == []


def test_decisions_are_kept_in_order(tables: LookTables) -> None:
    tables.mark("approve", "", "s1", who="a", why="b")
    tables.mark("ack", "slot", "s1", who="a", why="b", keys=["k"])
    tables.mark("approve", "slot", "s2", who="c", why="d")
    assert [mark.series for mark in tables.marks("approve")] == ["s1", "s2"]
    assert tables.marks("ack")[0].detail == {"who": "a", "why": "b", "keys": ["k"]}


def test_one_run_holds_a_watch(tables: LookTables, tmp_path: Path) -> None:
    other = Store(tmp_path / "store.sqlite").watched("credit")
    with tables.held():
        with pytest.raises(Held, match="holds the watch 'credit'"), other.held():
            pass
        with Store(tmp_path / "store.sqlite").watched("another").held():
            pass
    with other.held() as dead:
        assert dead == ""


def test_a_run_that_is_silent_for_five_minutes_is_taken_over(tables: LookTables, tmp_path: Path) -> None:
    other = Store(tmp_path / "store.sqlite").watched("credit")
    with tables.held():
        with tables._writing() as connection:
            connection.execute(update(LOCKS).values(heartbeat=time.time() - STALE - 1))
        with other.held() as dead:
            assert "silent for 5 minutes" in dead
            with pytest.raises(Held), tables.held():
                pass
    with tables.held() as dead:  # the end of the dead run has not let go what the other one held, and both are over
        assert dead == ""


def test_the_heart_beats_while_a_run_lasts(tables: LookTables) -> None:
    with tables.held(beat=0.05):
        with tables._writing() as connection:
            connection.execute(update(LOCKS).values(heartbeat=0.0))
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with tables._database.reading() as connection:
                (row,) = connection.execute(LOCKS.select()).all()
            if row.heartbeat > 0:
                break
            time.sleep(0.05)
        assert row.heartbeat > 0


def test_of_many_threads_one_takes_the_watch(tmp_path: Path) -> None:
    held, refused, gate, done = [], [], threading.Barrier(6), threading.Event()

    def take() -> None:
        tables = Store(tmp_path / "store.sqlite", patience=20).watched("credit")
        gate.wait()
        try:
            with tables.held():
                held.append(1)
                done.wait(20)
        except Held:
            refused.append(1)
            if len(refused) == 5:
                done.set()

    Store(tmp_path / "store.sqlite").check()
    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(held), len(refused)) == (1, 5)


def _die(place: str) -> None:
    import os
    import signal

    with Store(place).watched("credit").held():
        Store(place).watched("credit").write(Look("1", "1", "pass"))
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_run_leaves_its_look_and_a_lock_that_goes_stale(tmp_path: Path) -> None:
    place = str(tmp_path / "store.sqlite")
    Store(place).check()
    process = multiprocessing.get_context("spawn").Process(target=_die, args=(place,))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    assert process.exitcode < 0
    tables = Store(place).watched("credit")
    assert [look.slot for look in tables.looks()] == ["1"]
    with pytest.raises(Held), tables.held():
        pass
    with tables._writing() as connection:
        connection.execute(update(LOCKS).values(heartbeat=time.time() - STALE - 1))
    with tables.held() as dead:
        assert f"process {process.pid}" in dead
