"""The schema of a store: made once, by whoever comes first, and its version checked ever after."""

import time

from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

import xrai_widgets
from xrai_widgets.io.store_place import StoreError
from xrai_widgets.runtime.store_errors import READ_ONLY, explain
from xrai_widgets.runtime.store_tables import ABOUT, META, SCHEMA, in_memory, writing

# from version 1, 2, …: what makes the next one
MIGRATIONS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (1, ("ALTER TABLE xrai_outcomes ADD COLUMN code VARCHAR(64) NOT NULL DEFAULT ''",)),
    # the outcomes themselves are JSON: how their subjects were made is read as it was written then
    (
        2,
        (
            "ALTER TABLE xrai_outcomes ADD COLUMN inputs VARCHAR(64) NOT NULL DEFAULT ''",
            "CREATE INDEX IF NOT EXISTS xrai_outcomes_inputs ON xrai_outcomes (owner, inputs)",
        ),
    ),
    # what was measured without a batch is of its subject's own series; of the rest the series is not known
    (
        3,
        (
            "ALTER TABLE xrai_outcomes ADD COLUMN series VARCHAR(64) NOT NULL DEFAULT ''",
            "ALTER TABLE xrai_outcomes ADD COLUMN batch VARCHAR(64) NOT NULL DEFAULT ''",
            "CREATE INDEX IF NOT EXISTS xrai_outcomes_series ON xrai_outcomes (owner, series, assessment)",
            "UPDATE xrai_outcomes SET series = subject "
            """WHERE summary LIKE '%"X": "%' AND summary NOT LIKE '%"X_new"%'""",
        ),
    ),
)
_LOCK = 0x78726169  # PostgreSQL: held while the tables are made


def prepare(engine: Engine, patience: float) -> int:
    """Check the schema version, or make the tables; return the version that the store has now."""
    with engine.connect() as connection:
        has_tables = inspect(connection).has_table(ABOUT.name)
        version = _version(connection) if has_tables else 0
    if has_tables:
        return _migrate(engine) if version < SCHEMA else version
    sqlite = engine.dialect.name == "sqlite"
    if sqlite and not in_memory(engine.url):
        _write_ahead(engine, patience)
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        META.create_all(connection)
        if connection.execute(select(ABOUT.c.schema_version)).first() is None:
            connection.execute(insert(ABOUT).values(schema_version=SCHEMA, written_by=xrai_widgets.__version__))
        version = _version(connection)
    return _migrate(engine) if version < SCHEMA else version


def _migrate(engine: Engine) -> int:
    """Bring an older store to the schema of today; one that cannot be written to stays as it is and can be read."""
    try:
        with writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            begun = _version(connection)  # another program may have done it meanwhile
            for _, statements in MIGRATIONS[begun - 1 :]:
                for statement in statements:
                    connection.execute(text(statement))
            META.create_all(connection)  # tables that came with a later schema
            if begun < SCHEMA:
                connection.execute(insert(ABOUT).values(schema_version=SCHEMA, written_by=xrai_widgets.__version__))
    except SQLAlchemyError as error:
        if not explain(error).startswith(READ_ONLY):
            raise
        with engine.connect() as connection:
            return _version(connection)
    return SCHEMA


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
                return  # without it the store works too, only slower; what else is wrong shows in the next step
            time.sleep(0.05)
        finally:
            raw.close()


def _version(connection: Connection) -> int:
    """Return the version of the schema that the store has."""
    row = connection.execute(select(ABOUT).order_by(ABOUT.c.schema_version.desc())).first()
    if row is None:
        raise StoreError("is damaged: it does not say which version wrote it")
    if row.schema_version > SCHEMA:
        raise StoreError(
            f"was written by a newer xrai-widgets ({row.written_by}, schema {row.schema_version}); this one "
            f"({xrai_widgets.__version__}) knows schema {SCHEMA}: update it with pip, or choose another store"
        )
    return int(row.schema_version)
