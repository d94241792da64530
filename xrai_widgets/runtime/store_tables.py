"""The tables of a store, and how a database is opened so that several kernels can share it."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, StaticPool

from xrai_widgets.io.store_place import StoreError

SCHEMA = 4
INPUTS_SINCE, SERIES_SINCE = 3, 4  # one that cannot be written to may be older

META = MetaData()
ABOUT = Table(
    "xrai_store",
    META,
    Column("schema_version", Integer, primary_key=True, autoincrement=False),
    Column("written_by", String(40), nullable=False),
)
RUNS = Table(
    "xrai_outcomes",
    META,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("question", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("assessment", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("started", String(40), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("package", String(40), nullable=False),
    Column("code", String(64), nullable=False, server_default=""),  # digest; a default lets older programs write on
    Column("inputs", String(64), nullable=False, server_default=""),  # digest of what the engine uses of the subject
    Column("series", String(64), nullable=False, server_default=""),  # digest of the subject but for its batch
    Column("batch", String(64), nullable=False, server_default=""),  # digest of the batch
    Column("summary", Text, nullable=False),  # the outcome as JSON, without tables, charts and arrays
    Column("content", LargeBinary, nullable=False),  # the whole outcome as JSON, compressed by zlib
    Index("xrai_outcomes_question", "owner", "question"),
    Index("xrai_outcomes_subject", "owner", "subject"),
    Index("xrai_outcomes_inputs", "owner", "inputs"),
    Index("xrai_outcomes_series", "owner", "series", "assessment"),
    sqlite_autoincrement=True,  # a number is never given twice, so that an open page never shows another run
)
LOOKS = Table(
    "xrai_looks",
    META,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("watch", String(200), nullable=False),
    Column("slot", String(40), nullable=False),  # minute on the clock of the schedule's zone
    Column("at", String(40), nullable=False),  # the slot in UTC, ISO 8601
    Column("ran", String(40), nullable=False),
    Column("series", String(64), nullable=False),
    Column("batch", String(64), nullable=False),
    Column("status", String(20), nullable=False),
    Column("detail", Text, nullable=False),  # JSON: problems, outcomes, counts, deliveries
    UniqueConstraint("owner", "watch", "slot", name="xrai_looks_once"),
    sqlite_autoincrement=True,
)
LOCKS = Table(
    "xrai_locks",
    META,
    Column("owner", String(64), primary_key=True),
    Column("watch", String(200), primary_key=True),
    Column("token", String(64), nullable=False),  # of the run that holds it
    Column("holder", String(200), nullable=False),  # host and process, for people
    Column("heartbeat", Float, nullable=False),  # seconds since the epoch, by the holder's clock
)
MARKS = Table(
    "xrai_marks",
    META,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("watch", String(200), nullable=False),
    Column("kind", String(20), nullable=False),  # approve or ack
    Column("slot", String(40), nullable=False),  # of the newest look then
    Column("series", String(64), nullable=False),
    Column("detail", Text, nullable=False),  # JSON: who, why, numbers of outcomes
    Column("made", String(40), nullable=False),
    Index("xrai_marks_watch", "owner", "watch"),
    sqlite_autoincrement=True,
)


def address(place: str | Path) -> URL:
    """Return the database URL of a file or of a URL.

    Raises
    ------
    StoreError
        if it is neither.
    """
    text = str(place)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the store must be a file or a database URL such as postgresql://user:password@host/name, got neither"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def file_of(url: URL) -> Path | None:
    """Return the file of an SQLite store; None for one in memory, a ``file:`` URI and other databases."""
    if url.get_backend_name() != "sqlite" or in_memory(url) or str(url.database).startswith("file:"):
        return None
    return Path(str(url.database))


def in_memory(url: URL) -> bool:
    """Whether the store is gone when the process ends."""
    return url.get_backend_name() == "sqlite" and (not url.database or ":memory:" in url.database)


def connect(url: URL, patience: float) -> Engine:
    """Return an engine that waits ``patience`` seconds where another program holds a lock."""
    if url.get_backend_name() == "sqlite":
        pool = StaticPool if in_memory(url) else NullPool  # no connection outlives its use: files can be moved away
        engine = create_engine(url, poolclass=pool, connect_args={"timeout": patience, "check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        arguments["connect_timeout"] = max(2, round(patience))
        if "options" not in url.query:
            arguments["options"] = f"-c lock_timeout={round(patience * 1000)}"
    return create_engine(url, pool_size=2, pool_pre_ping=True, connect_args=arguments)


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: SQLite takes its lock at their start, where waiting works."""
    return engine.execution_options(xrai_writes=True)


def _set_up_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, table definitions included
    connection.execute("PRAGMA synchronous=FULL")  # what was reported as kept survives a power cut


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("xrai_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
