"""The series of a store: all looks at one model, also those of older stores and after a kill in the middle."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.runtime.store import Store
from xrai_widgets.runtime.store_tables import SCHEMA

ROWS = 1000
MIGRATE = """
import os, signal, sys
from sqlalchemy import event
from xrai_widgets.runtime import store_schema
from xrai_widgets.runtime.store import Store

for fatal in range(int(sys.argv[2])):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "nothing was killed"
        continue
    seen = [0]
    real = store_schema.text

    def text(statement):
        if seen[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        seen[0] += 1
        return real(statement)

    class Insert:
        def values(self, **_):
            os.kill(os.getpid(), signal.SIGKILL)

    store_schema.text, store_schema.insert = text, lambda _: Insert()
    Store(sys.argv[1])
    os._exit(0)
"""


def outcome(value: float, series: str = "s", batch: str = "b", assessment: str = "monitoring.x") -> Outcome:
    finding = Finding({"fall": value}, {"fall": (value, value)})
    return Outcome(assessment, "f" * 64, "credit", {}, "ok", finding, series=series, batch=batch)


def test_a_series_is_told_oldest_first_whatever_became_of_its_looks(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.save(outcome(0.1, batch="1"))
    store.save(outcome(0.9, series="another"))
    store.save(replace(outcome(0.0, batch="2"), status="error", finding=None, reason="X_new has no rows"))
    store.save(outcome(0.3, batch="3", assessment="monitoring.y"))
    looks = store.looks("s")
    assert [kept.outcome.batch for kept in looks] == ["1", "2", "3"]
    assert looks[1].outcome.reason == "X_new has no rows"
    assert [kept.outcome.batch for kept in store.looks("s", "monitoring.x")] == ["1", "2"]
    assert [kept.outcome.batch for kept in store.looks("s", most=2)] == ["2", "3"]
    assert store.looks("none") == []
    assert Store(tmp_path / "store.sqlite", owner="another").looks("s") == []


def test_what_an_older_store_held_without_a_batch_is_of_its_subjects_series(tmp_path: Path) -> None:
    file = _older(tmp_path, 1)
    whole = [kept.outcome for kept in Store(file).history()]
    plain = [one.subject for one in whole if "X_new" not in one.parts]
    assert 0 < len(plain) < len(whole)
    rows = sqlite3.connect(file).execute("SELECT subject, series FROM xrai_outcomes").fetchall()
    assert [series for _, series in rows] == [subject if subject in plain else "" for subject, _ in rows]
    assert len(Store(file).looks(plain[0])) == plain.count(plain[0])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_migration_that_is_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    file = _older(tmp_path, ROWS)
    before = _held(file)
    kills = 5  # before each of the four statements, and before the version is written
    subprocess.run([sys.executable, "-c", MIGRATE, str(file), str(kills)], check=True, timeout=120)
    assert _version(file) == 3
    assert _held(file) == before
    store = Store(file)
    assert (_version(file), len(store)) == (SCHEMA, ROWS)
    assert _held(file) == before
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _older(tmp_path: Path, rows: int) -> Path:
    """Return a store of schema 3 with at least so many rows."""
    held = Path(__file__).parents[1] / "older" / "store_3.sqlite"
    file = tmp_path / "old.sqlite"
    file.write_bytes(held.read_bytes())
    connection = sqlite3.connect(file)
    names = [row[1] for row in connection.execute("PRAGMA table_info(xrai_outcomes)")]
    rest = ", ".join(name for name in names if name != "number")
    while (there := connection.execute("SELECT count(*) FROM xrai_outcomes").fetchone()[0]) < rows:
        copied = f"INSERT INTO xrai_outcomes ({rest}) SELECT {rest} FROM xrai_outcomes LIMIT ?"
        connection.execute(copied, (rows - there,))
    connection.commit()
    connection.close()
    return file


def _held(file: Path) -> list[tuple[object, ...]]:
    return sqlite3.connect(file).execute("SELECT number, subject, summary, content FROM xrai_outcomes").fetchall()


def _version(file: Path) -> int:
    version: int = sqlite3.connect(file).execute("SELECT max(schema_version) FROM xrai_store").fetchone()[0]
    return version
