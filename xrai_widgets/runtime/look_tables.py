"""What a watch remembers in the store: its looks, who holds it, and what people decided."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from xrai_widgets.io.store_place import StoreError
from xrai_widgets.runtime.store_database import Database
from xrai_widgets.runtime.store_tables import LOCKS, LOOKS, MARKS, writing

STALE = 300.0  # seconds without a heartbeat after which a run counts as dead
_BEAT = 30.0
Decision = Literal["approve", "ack"]


@dataclass(frozen=True)
class Look:
    """One look of a watch: a slot of its schedule and what became of it.

    Parameters
    ----------
    slot, at : str
        The slot's name, and its time in UTC (ISO 8601).
    status : str
        The worst verdict, or ``error``, ``missed``, ``model changed``.
    series, batch : str
        Digests; empty where they are not known.
    detail : mapping
        ``problems``, ``outcomes`` (numbers in the store), ``counts``, ``note``, ``deliveries``.
    ran : str
        When, ISO 8601 in UTC.
    """

    slot: str
    at: str
    status: str
    series: str = ""
    batch: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    ran: str = ""


@dataclass(frozen=True)
class Mark:
    """A decision of somebody's: a model approved, or an alarm acknowledged."""

    number: int
    kind: Decision
    slot: str
    series: str
    detail: Mapping[str, Any]
    made: str


class Held(Exception):
    """Another run holds the watch."""


class LookTables:
    """Looks, locks and marks of one watch.

    Parameters
    ----------
    database : Database
        Of the store.
    watch : str
        Its name.
    """

    def __init__(self, database: Database, watch: str) -> None:
        self._database, self._watch = database, watch

    def write(self, look: Look) -> None:
        """Keep a look; one of the same slot is replaced in the same transaction."""
        row = {
            "at": look.at,
            "ran": look.ran or now(),
            "series": look.series,
            "batch": look.batch,
            "status": look.status,
            "detail": json.dumps(dict(look.detail), allow_nan=False),
        }
        mine = (*self._mine(LOOKS), LOOKS.c.slot == look.slot)
        with self._writing() as connection:
            if not connection.execute(update(LOOKS).where(*mine).values(**row)).rowcount:
                key = {"owner": self._database.owner, "watch": self._watch, "slot": look.slot}
                connection.execute(insert(LOOKS).values(**key, **row))

    def looks(self, newest: int | None = None) -> list[Look]:
        """Return the looks, oldest first; of all, or the newest so many."""
        query = select(LOOKS).where(*self._mine(LOOKS)).order_by(LOOKS.c.at.desc(), LOOKS.c.number.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query if newest is None else query.limit(newest)).all()
        return [
            Look(row.slot, row.at, row.status, row.series, row.batch, json.loads(row.detail), row.ran)
            for row in reversed(rows)
        ]

    def mark(self, kind: Decision, slot: str, series: str, **detail: Any) -> None:
        """Keep a decision."""
        row = {"kind": kind, "slot": slot, "series": series, "detail": json.dumps(detail), "made": now()}
        with self._writing() as connection:
            connection.execute(insert(MARKS).values(owner=self._database.owner, watch=self._watch, **row))

    def marks(self, kind: Decision) -> list[Mark]:
        """Return the decisions of a kind, oldest first."""
        query = select(MARKS).where(*self._mine(MARKS), MARKS.c.kind == kind).order_by(MARKS.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [Mark(row.number, kind, row.slot, row.series, json.loads(row.detail), row.made) for row in rows]

    @contextmanager
    def held(self, beat: float = _BEAT) -> Iterator[str]:
        """Hold the watch, with a heartbeat, until the end; yield whose dead run was taken over, if one was.

        Raises
        ------
        Held
            naming who holds it.
        """
        token = secrets.token_hex(16)
        taken = self._take(token)
        done = threading.Event()
        thread = threading.Thread(target=self._beat, args=(token, beat, done), daemon=True, name="xrai-heartbeat")
        thread.start()
        try:
            yield taken
        finally:
            done.set()
            thread.join(beat)
            with self._writing() as connection:
                connection.execute(delete(LOCKS).where(*self._mine(LOCKS), LOCKS.c.token == token))

    def _take(self, token: str) -> str:
        holder = f"{socket.gethostname()}, process {os.getpid()}"
        row = {"token": token, "holder": holder, "heartbeat": time.time()}
        try:
            with self._writing() as connection:
                current = connection.execute(select(LOCKS).where(*self._mine(LOCKS))).first()
                if current is None:
                    connection.execute(insert(LOCKS).values(owner=self._database.owner, watch=self._watch, **row))
                    return ""
                silent = time.time() - current.heartbeat
                if silent < STALE:
                    raise Held(f"{current.holder} holds the watch {self._watch!r}, heard of {max(silent, 0):.0f} s ago")
                # whoever else finds it dead at the same moment changes nothing: the token is no longer the dead one's
                same = (*self._mine(LOCKS), LOCKS.c.token == current.token)
                if not connection.execute(update(LOCKS).where(*same).values(**row)).rowcount:
                    raise Held(f"another run has just taken over the watch {self._watch!r}")
                return f"{current.holder}, silent for {silent / 60:.0f} minutes"
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            raise Held(f"another run has just begun on the watch {self._watch!r}") from None

    def _beat(self, token: str, beat: float, done: threading.Event) -> None:
        while not done.wait(beat):
            try:
                with self._writing() as connection:
                    mine = (*self._mine(LOCKS), LOCKS.c.token == token)
                    connection.execute(update(LOCKS).where(*mine).values(heartbeat=time.time()))
            except StoreError:
                continue  # a store that is away for a moment: the run itself will say so

    def _mine(self, table: Any) -> tuple[Any, Any]:
        return table.c.owner == self._database.owner, table.c.watch == self._watch

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._database.saying(), writing(self._database.engine).begin() as connection:
            yield connection


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
