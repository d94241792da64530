"""A store that fails says why and what to do, and no outcome is lost."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.runtime.test_store import outcome
from xrai_widgets.core import Outcome, Subject
from xrai_widgets.runtime import assess, run_plan
from xrai_widgets.runtime.store import Store, StoreError
from xrai_widgets.runtime.store_tables import SCHEMA

IMPATIENT = 0.2


def filled(file: Path) -> Store:
    store = Store(file, patience=IMPATIENT)
    store.save(outcome())
    return store


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the file's write lock, as a backup program or another kernel would."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


def test_a_locked_store_says_so_still_answers_and_works_again_afterwards(tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "s.sqlite"
    store = filled(file)
    with locked(file):
        with pytest.raises(StoreError, match=f"the store {file} is locked by another program"):
            store.save(outcome())
        assert store.answer("a" * 64, "privacy.shapr", outcome().params) is not None, "readers need no lock"
        with pytest.warns(UserWarning, match="privacy.shapr was not saved: the store .* is locked"):
            made = assess(forest, "privacy.shapr", store=store)
        assert made.status == "ok"
        assert "is locked" in made.unsaved
        assert "not saved: the store" in repr(made)
    assert assess(forest, "privacy.shapr", store=store).unsaved == ""
    assert len(store) == 2


def test_a_store_that_nobody_else_may_even_read_is_said(tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "s.sqlite"
    store = filled(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM xrai_outcomes WHERE 0")
    try:
        with pytest.raises(StoreError, match="is locked"):
            store.history()
        heard: list[object] = []
        (made,) = run_plan(forest, ["privacy.shapr"], store=store, each=heard.append)
        assert made in heard
        assert "is locked" in made.unsaved
    finally:
        other.close()


def test_postgresql_that_is_locked_says_so(postgres: str) -> None:
    store = Store(postgres, patience=IMPATIENT)
    store.save(outcome())
    engine = create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as other:
        other.execute(text("LOCK TABLE xrai_outcomes IN EXCLUSIVE MODE"))
        with pytest.raises(StoreError, match="is locked by another program"):
            store.save(outcome())
    store.save(outcome())
    store.close()
    engine.dispose()


def test_postgresql_that_is_read_only_says_so(postgres: str) -> None:
    Store(postgres).close()
    store = Store(f"{postgres}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(StoreError, match="is read-only: choose another store"):
        store.save(outcome())
    store.close()


def test_postgresql_that_comes_back_is_used_again(postgres: str) -> None:
    store = Store(postgres)
    before = len(store)
    engine = create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as other:  # every connection is cut, as by a restart of the server
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
            )
        )
    engine.dispose()
    store.save(outcome())
    assert len(store) == before + 1
    store.close()


def test_a_read_only_store_answers_and_says_why_it_keeps_nothing(tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "s.sqlite"
    assess(forest, "privacy.shapr", store=Store(file))
    store = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert assess(forest, "privacy.shapr", store=store).recalled
    with pytest.warns(UserWarning, match="is read-only: allow writing to the file and its folder"):
        made = assess(forest, "privacy.shapr", n_neighbors=2, store=store)
    assert made.status == "ok"


READ_ONLY = """
import os, shutil, sys, tempfile
from pathlib import Path
from tests.runtime.test_store import outcome
from xrai_widgets.runtime.store import Store, StoreError
folder = Path(tempfile.mkdtemp())
try:
    file = folder / "s.sqlite"
    store = Store(file)
    store.save(outcome())
    file.chmod(0o444)
    folder.chmod(int(sys.argv[1], 8))
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)  # to root no file is read-only
        try:
            print(len(Store(file)), len(store.history()), flush=True)
            store.save(outcome())
        except StoreError as error:
            print(error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
finally:
    folder.chmod(0o700)
    shutil.rmtree(folder)
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such modes")
@pytest.mark.parametrize("mode", ["777", "555"], ids=["file", "file and folder"])
def test_what_may_not_be_written_is_read_only(mode: str) -> None:
    command = [sys.executable, "-c", READ_ONLY, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ("1 1\n" in done.stdout) == (mode == "777"), done  # SQLite reads nothing in a folder without its lock files
    assert "is read-only: allow writing to the file and its folder" in done.stdout


FULL_DISK = """
import resource, signal, sys
from tests.runtime.test_store import outcome
from xrai_widgets.runtime.keep import keep
from xrai_widgets.runtime.store import Store
store = Store(sys.argv[1])
store.save(outcome())
store.close()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))  # the system now refuses to let a file grow
made = keep(store, outcome())
print(made.status, made.unsaved)
"""


@pytest.mark.skipif(os.name == "nt", reason="file sizes cannot be limited")
def test_a_disk_that_takes_no_more_loses_no_outcome(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, file], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.startswith(f"ok the store {file} cannot be written: the disk is full or failing"), done
    assert [kept.outcome.status for kept in Store(file).history()] == ["ok"], (
        "the store opens and nothing is half-written"
    )


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = filled(file)
    database = store._database()
    from sqlalchemy import event

    @event.listens_for(database.engine, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite then says what it says on a full disk

    big = outcome(reason="x" * 100_000)
    with pytest.raises(StoreError, match="cannot grow: the disk is full"):
        store.save(big)
    assert len(store) == 1


def newer(file: Path) -> None:
    filled(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE xrai_store SET schema_version = ?, written_by = '9.1'", (SCHEMA + 1,))
    connection.close()


def garbage(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04 this is a zip file" * 100)


def torn(file: Path) -> None:
    filled(file).close()
    with file.open("r+b") as data:
        data.seek(4096)
        data.write(b"\xff" * 8192)


def without_version(file: Path) -> None:
    filled(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM xrai_store")
    connection.close()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer": (
        newer,
        rf"was written by a newer xrai-widgets \(9.1, schema {SCHEMA + 1}\); this one \(.*\) knows schema {SCHEMA}: "
        "update it",
    ),
    "another kind of file": (garbage, "is no store but some other file: choose another place, or move the file away"),
    "torn": (torn, "is damaged: move the file away and a new one is made"),
    "no version": (without_version, "is damaged: it does not say which version wrote it"),
    "a folder": (lambda file: file.mkdir(), "must be a file in a folder"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_store_that_cannot_be_used_says_why_and_runs_go_on(case: str, tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "s.sqlite"
    spoil, message = BROKEN[case]
    spoil(file)
    with pytest.raises(StoreError, match=f"^the store {file} {message}"):
        Store(file)
    before = file.read_bytes() if file.is_file() else b""
    with pytest.warns(UserWarning, match=f"was not saved: the store {file} {message}"):
        made = assess(forest, "privacy.shapr", store=Store(file, lazily=True))
    assert made.status == "ok"
    assert not file.is_file() or file.read_bytes() == before, "what is there is left alone"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("{tmp}/file/below/s.sqlite", "cannot be made|must be a file in a folder"),
        ("postgresql://me:secret@127.0.0.1:1/none", "failed: connection .*refused"),
        ("nosuchdatabase://host/name", "has a URL of an unknown kind"),
        ("://", "must be a file or a database URL"),
        ("mysql://me:secret@host/name", "needs the package MySQLdb"),
    ],
)
def test_a_place_that_is_none_is_said_without_its_password(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=message) as caught:
        Store(place.format(tmp=tmp_path), patience=1)
    assert "secret" not in str(caught.value)


def test_one_damaged_run_hides_no_other(tmp_path: Path, forest: Subject) -> None:
    file = tmp_path / "s.sqlite"
    store = Store(file)
    first = assess(forest, "privacy.shapr", store=store)
    assess(forest, "privacy.membership_inference", store=store)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE xrai_outcomes SET content = x'00' WHERE number = 1")
    connection.commit()
    assert [o.assessment for o in store.outcomes(first.subject)] == ["privacy.membership_inference"]
    connection.execute("UPDATE xrai_outcomes SET summary = '{' WHERE number = 1")
    connection.commit()
    connection.close()
    assert [kept.outcome.assessment for kept in store.history()] == ["privacy.membership_inference"]
    with pytest.raises(StoreError, match="the run number 1 is damaged in the store"):
        store.load(1)
    assert [o.assessment for o in store.outcomes(first.subject)] == ["privacy.membership_inference"]
    assert not assess(forest, "privacy.shapr", store=store).recalled, "a damaged answer is run again"
    assert assess(forest, "privacy.shapr", store=store).recalled


def test_a_store_that_is_moved_away_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    store = filled(file)
    file.rename(tmp_path / "old.sqlite")
    store.save(outcome())
    assert len(store) == 1


def test_a_visitor_is_not_told_where_the_server_keeps_its_files(tmp_path: Path) -> None:
    garbage(tmp_path / "s.sqlite")
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "s.sqlite", owner="visitor")
    assert str(caught.value).startswith("the store is no store but some other file")
    assert str(tmp_path) not in str(caught.value)


def test_an_outcome_that_cannot_be_written_as_json_is_not_lost(tmp_path: Path) -> None:
    from xrai_widgets.runtime.keep import keep

    odd = outcome(params={"n": {1, 2}})
    made: Outcome = keep(Store(tmp_path / "s.sqlite"), odd)
    assert made.finding is odd.finding
    assert "not JSON serializable" in made.unsaved
