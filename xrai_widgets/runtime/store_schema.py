"""The schema of a store: made once, by whoever comes first, and its version checked ever after."""

import time

from sqlalchemy import Connection, Engine, insert, inspect, select, text

import xrai_widgets
from xrai_widgets.io.store_place import StoreError
from xrai_widgets.runtime.store_tables import ABOUT, META, SCHEMA, in_memory, writing

_LOCK = 0x78726169  # PostgreSQL: held while the tables are made


def prepare(engine: Engine, patience: float) -> None:
    """Check the schema version, or make the tables."""
    with engine.connect() as connection:
        if inspect(connection).has_table(ABOUT.name):
            return _check_version(connection)
    sqlite = engine.dialect.name == "sqlite"
    if sqlite and not in_memory(engine.url):
        _write_ahead(engine, patience)
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        META.create_all(connection)
        if connection.execute(select(ABOUT.c.schema_version)).first() is None:
            connection.execute(insert(ABOUT).values(schema_version=SCHEMA, written_by=xrai_widgets.__version__))
        _check_version(connection)
    return None


def _write_ahead(engine: Engine, patience: float) -> None:
    """Let readers read while one writes. The change of mode does not wait for locks by itself, so it is tried again."""
    deadline = time.monotonic() + patience
    while True:
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
            return
        except engine.dialect.loaded_dbapi.OperationalError as error:
            if time.monotonic() > deadline or getattr(error, "sqlite_errorname", "") != "SQLITE_BUSY":
                return  # without it the store works too, only slower; what else is wrong is said by the next step
            time.sleep(0.05)
        finally:
            raw.close()


def _check_version(connection: Connection) -> None:
    row = connection.execute(select(ABOUT).order_by(ABOUT.c.schema_version.desc())).first()
    if row is None:
        raise StoreError("is damaged: it does not say which version wrote it")
    if row.schema_version > SCHEMA:
        raise StoreError(
            f"was written by a newer xrai-widgets ({row.written_by}, schema {row.schema_version}); this one "
            f"({xrai_widgets.__version__}) knows schema {SCHEMA}: update it with pip, or choose another store"
        )
