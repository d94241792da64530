"""The SQL of a store. Everything a database says in codes leaves here as a `StoreError`."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, insert, or_, select
from sqlalchemy.exc import SQLAlchemyError

from xrai_widgets.io.store_place import StoreError, make_private
from xrai_widgets.runtime.store_errors import explain
from xrai_widgets.runtime.store_schema import prepare
from xrai_widgets.runtime.store_tables import INPUTS_SINCE, RUNS, SERIES_SINCE, address, connect, file_of, writing


class Database:
    """A database with the tables of a store, made if need be.

    Parameters
    ----------
    place : str
        A file, or a URL.
    owner : str
        Whose rows are read and written.
    patience : float
        Seconds to wait for another program's lock.
    """

    def __init__(self, place: str, owner: str, patience: float) -> None:
        self.owner = owner
        # one at a time: a store in memory is a single connection, and a file takes one writer anyway
        self._lock = threading.RLock()
        url = address(place)
        self.place = str(file_of(url) or url.render_as_string(hide_password=True))
        self._file, self._patience = file_of(url), patience
        with self.saying(), ExitStack() as undo:
            self.engine: Engine = connect(url, patience)
            undo.callback(self.engine.dispose)
            self._prepare()
            undo.pop_all()

    def write(self, row: Mapping[str, Any]) -> int:
        """Add a row in one transaction and return its number."""
        with self.saying():
            if self._file is not None and not self._file.exists():  # moved away meanwhile: a new one is made
                self._prepare()
            key = self._insert(row)
        assert key is not None
        return int(key[0])

    def _insert(self, row: Mapping[str, Any]) -> Any:
        with writing(self.engine).begin() as connection:
            return connection.execute(insert(RUNS).values(owner=self.owner, **row)).inserted_primary_key

    def newest_content(self, run_keys: Sequence[str], *, partial: bool = False) -> bytes | None:
        """Return the content of the newest finished outcome of any of the runs, or of the newest that was cancelled."""
        wanted = RUNS.c.partial.is_(True) if partial else RUNS.c.status == "ok"
        mine = (RUNS.c.owner == self.owner, RUNS.c.question.in_(run_keys), wanted)
        newest = select(func.max(RUNS.c.number)).where(*mine).scalar_subquery()
        with self.reading() as connection:
            return connection.execute(select(RUNS.c.content).where(RUNS.c.number == newest)).scalar()

    def content(self, number: int) -> bytes | None:
        """Return the content of one row."""
        query = select(RUNS.c.content).where(RUNS.c.owner == self.owner, RUNS.c.number == number)
        with self.reading() as connection:
            return connection.execute(query).scalar()

    def newest(
        self, subject: str | None, most: int, inputs: Mapping[str, str] | None = None
    ) -> list[tuple[int, str, bool]]:
        """Return number, summary and mark of partial runs, newest first.

        Parameters
        ----------
        subject : str, optional
            Runs of this one only.
        most : int
        inputs : mapping of str to str, optional
            And those of these assessments that used what has these digests.
        """
        query = select(RUNS.c.number, RUNS.c.summary, RUNS.c.partial).where(RUNS.c.owner == self.owner)
        if subject is not None:
            query = query.where(or_(RUNS.c.subject == subject, *self._used(inputs or {})))
        with self.reading() as connection:
            rows = connection.execute(query.order_by(RUNS.c.number.desc()).limit(most)).all()
        return [(row.number, row.summary, bool(row.partial)) for row in rows]

    def of_series(self, series: str, assessment: str | None, most: int) -> list[tuple[int, str, bool]]:
        """Return number, summary and mark of the newest runs of a series, oldest first."""
        if self._schema < SERIES_SINCE:
            return []
        query = select(RUNS.c.number, RUNS.c.summary, RUNS.c.partial)
        query = query.where(RUNS.c.owner == self.owner, RUNS.c.series == series)
        if assessment is not None:
            query = query.where(RUNS.c.assessment == assessment)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(RUNS.c.number.desc()).limit(most)).all()
        return [(row.number, row.summary, bool(row.partial)) for row in reversed(rows)]

    def _used(self, inputs: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
        if self._schema >= INPUTS_SINCE:
            yield from (and_(RUNS.c.inputs == used, RUNS.c.assessment == name) for name, used in inputs.items())

    def count(self) -> int:
        """Return the number of rows."""
        query = select(func.count()).select_from(RUNS).where(RUNS.c.owner == self.owner)
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _prepare(self) -> None:
        if self._file is not None:
            make_private(self._file)
        self._schema = prepare(self.engine, self._patience)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read by."""
        with self.saying(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def saying(self) -> Iterator[None]:
        """Let one thread in at a time, and turn what the database says into a `StoreError`."""
        name = "the store" if self.owner else f"the store {self.place}"  # visitors need not know the server's folders
        try:
            with self._lock:
                yield
        except StoreError as error:
            raise StoreError(f"{name} {error}") from None
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"{name} {explain(error)}") from error
