"""``kill -9`` at random moments: what was reported as ended is in the store, whole, and the database opens."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.killed import ENDED, digest
from xrai_widgets.runtime.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")


@contextmanager
def runner() -> "Iterator[subprocess.Popen[str]]":
    """The process whose children are killed."""
    command = [sys.executable, "-m", "tests.runtime.killed"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def run_and_kill(parent: "subprocess.Popen[str]", place: str, start: int, seconds: float, at_once: bool) -> list[str]:
    """Let a process run plans, kill it that long after its first report, and return what it reported.

    ``at_once`` does not wait for a report: it may be killed while it makes the store.
    """
    assert parent.stdin is not None
    assert parent.stdout is not None
    print(json.dumps([place, start]), file=parent.stdin, flush=True)
    child = int(parent.stdout.readline())
    said = "" if at_once else parent.stdout.readline()
    assert ENDED not in said
    timer = threading.Timer(seconds, os.kill, [child, signal.SIGKILL])
    timer.start()
    while ENDED not in said:
        more = parent.stdout.readline()
        assert more, "the process is there for the next one"
        said += more
    timer.join()
    said, _, code = said.partition(ENDED)
    assert int(code) == -signal.SIGKILL, "it ended before it was killed"
    # a line without its end was not fully said
    return said[: said.rfind("\n") + 1].splitlines()


def kill_often(places: list[str], kills: int) -> int:
    """Kill, look, and kill again; return how many outcomes were reported in all."""
    chance = random.Random(kills)
    reported: dict[str, list[str]] = {}
    with runner() as parent:
        for number in range(kills):
            place = places[number % len(places)]
            told = reported.setdefault(place, [])
            at_once = number < len(places)
            moment = chance.uniform(0, 0.4 if at_once else 1.0)
            told += [line.strip() for line in run_and_kill(parent, place, number * 100_000, moment, at_once)]
            store = Store(place)
            results = [
                digest(store.load(kept.number)) for kept in store.history(most=100_000)
            ]  # raises if one is damaged
            assert len(results) == len(store), "a summary is damaged"
            assert set(told) <= set(results), "reported as ended but not in the store"
            # one more may have been written and killed before it could be reported
            assert len(results) <= len(told) + number // len(places) + 1
            store.close()
    return sum(map(len, reported.values()))


def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    # the first on each place is killed while it makes the store or soon after, the next ones go on in what is left
    assert kill_often([str(tmp_path / "a.sqlite"), str(tmp_path / "b.sqlite")], 5) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    places = [str(tmp_path / f"{number}.sqlite") for number in range(20)]
    assert kill_often(places, 100) > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_of_clients_of_postgresql_lose_nothing(postgres: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS xrai_store, xrai_outcomes"))
    engine.dispose()
    assert kill_often([postgres], 20) > 20
