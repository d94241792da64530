"""Outcomes in a database: written the moment each one ends, and asked before the same question is run again."""

import hashlib
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from xrai_widgets.core import Outcome
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict, params_to_dict
from xrai_widgets.io.store_place import make_private, own_store
from xrai_widgets.runtime.store_errors import StoreError, explain
from xrai_widgets.runtime.store_schema import prepare
from xrai_widgets.runtime.store_tables import RUNS, address, connect, file_of, writing
from xrai_widgets.runtime.versions import versions

__all__ = ["Kept", "Store", "StoreError"]
PATIENCE = 5.0  # seconds to wait for another program's lock


@dataclass(frozen=True)
class Kept:
    """One line of the history.

    Parameters
    ----------
    number : int
        Of the run in the store; `Store.load` takes it.
    outcome : Outcome
        With its values, but without tables, charts and arrays.
    partial : bool
        Whether the run was cancelled and the values are those until then.
    """

    number: int
    outcome: Outcome
    partial: bool


class Store:
    """A history of outcomes.

    Parameters
    ----------
    place : str or Path, optional
        A file (SQLite), or any URL of SQLAlchemy, such as ``postgresql://user:password@host/name``. By default a file
        in the user's own data folder. A new file is readable by its owner only: it holds the contents of samples.
    owner : str
        Whose history this is, where one store serves several people: nobody sees or is answered from another's.
    patience : float
        Seconds to wait while another program holds the store's lock.
    lazily : bool
        Do not connect until the store is used.

    Raises
    ------
    StoreError
        if it cannot be used; the message says why and what to do. Every method may raise it.
    ValueError
        if ``place`` is neither a file nor a URL.
    """

    def __init__(
        self, place: str | Path | None = None, *, owner: str = "", patience: float = PATIENCE, lazily: bool = False
    ) -> None:
        self._url = address(own_store() if place is None else place)
        self._owner, self._patience = owner, patience
        self._engine: Engine | None = None
        # one at a time: a store in memory is a single connection, and a file takes one writer anyway
        self._lock = threading.RLock()
        if not lazily:
            self.check()

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return str(file_of(self._url) or self._url.render_as_string(hide_password=True))

    def check(self) -> None:
        """Connect, and make the tables of a new store."""
        with self._using():
            pass

    def save(self, outcome: Outcome) -> int:
        """Write an outcome in one transaction and return its number."""
        plain = replace(outcome, recalled=False, unsaved="")
        whole = outcome_to_dict(plain, include_rows=True)
        row = {
            "owner": self._owner,
            "question": _question(outcome.subject, outcome.assessment, outcome.params, _package(outcome)),
            "subject": outcome.subject,
            "assessment": outcome.assessment,
            "status": outcome.status,
            "partial": outcome.status == "cancelled" and outcome.finding is not None,
            "started": outcome.started,
            "seconds": outcome.seconds,
            "package": _package(outcome),
            "summary": json.dumps(_summary(whole), allow_nan=False),
            "content": zlib.compress(json.dumps(whole, allow_nan=False).encode("ascii")),
        }
        with self._using() as engine, writing(engine).begin() as connection:
            number = connection.execute(insert(RUNS).values(row)).inserted_primary_key
        assert number is not None
        return int(number[0])

    def answer(self, subject: str, assessment: str, params: Mapping[str, Any]) -> Outcome | None:
        """Return the newest finished answer to a question, if there is one.

        Parameters
        ----------
        subject : str
            Fingerprint.
        assessment : str
        params : mapping
            All parameters, checked. An answer counts only if this version of the package gave it.
        """
        if assessment.startswith("custom."):
            return None  # the engine's code is the user's own and may have changed under the same name
        asked = _question(subject, assessment, params, versions().get("xrai-widgets", ""))
        query = (
            select(RUNS.c.number)
            .where(RUNS.c.owner == self._owner, RUNS.c.question == asked, RUNS.c.status == "ok")
            .order_by(RUNS.c.number.desc())
            .limit(1)
        )
        with self._using() as engine, engine.connect() as connection:
            number = connection.execute(query).scalar()
        return None if number is None else self.load(number)

    def load(self, number: int) -> Outcome:
        """Return one outcome in full."""
        query = select(RUNS.c.content).where(RUNS.c.owner == self._owner, RUNS.c.number == number)
        with self._using() as engine, engine.connect() as connection:
            content = connection.execute(query).scalar()
        if content is None:
            raise StoreError(f"the store has no run number {number}")
        try:
            return replace(outcome_from_dict(json.loads(zlib.decompress(content))), recalled=True)
        except (ValueError, zlib.error) as error:
            raise StoreError(f"run number {number} of the store is damaged: {error}") from None

    def history(self, subject: str | None = None, most: int = 1000) -> list[Kept]:
        """Return the newest runs, newest first; of one subject if its fingerprint is given. Damaged are left out."""
        query = select(RUNS.c.number, RUNS.c.summary, RUNS.c.partial).where(RUNS.c.owner == self._owner)
        if subject is not None:
            query = query.where(RUNS.c.subject == subject)
        with self._using() as engine, engine.connect() as connection:
            rows = connection.execute(query.order_by(RUNS.c.number.desc()).limit(most)).all()
        return [kept for row in rows if (kept := _kept(*row)) is not None]

    def outcomes(self, subject: str) -> list[Outcome]:
        """Return one answer to every question about a subject, oldest first: the newest finished, else the newest."""
        chosen: dict[tuple[str, str, str], Kept] = {}
        for kept in self.history(subject):
            if kept.outcome.finding is None and kept.outcome.status == "cancelled":
                continue
            best = chosen.setdefault(kept.outcome.key, kept)
            if best.outcome.status != "ok" and kept.outcome.status == "ok":
                chosen[kept.outcome.key] = kept
        return [self.load(number) for number in sorted(kept.number for kept in chosen.values())]

    def __len__(self) -> int:
        query = select(func.count()).select_from(RUNS).where(RUNS.c.owner == self._owner)
        with self._using() as engine, engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def __bool__(self) -> bool:
        return True  # an empty store is a store

    def close(self) -> None:
        """Close all connections. The store opens them again when it is used."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def __repr__(self) -> str:
        return f"Store({self.place!r})"

    @contextmanager
    def _using(self) -> Iterator[Engine]:
        """Yield the engine of a store that is ready; say in words what the database says in codes."""
        name = (
            "the store" if self._owner else f"the store {self.place}"
        )  # visitors of a server need not know its folders
        try:
            with self._lock:
                yield self._ready()
        except StoreError as error:
            raise StoreError(str(error).replace("the store", name, 1)) from None
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"{name} {explain(error)}") from error

    def _ready(self) -> Engine:
        if self._engine is not None:
            return self._engine
        file = file_of(self._url)
        if file is not None:
            try:
                make_private(file)
            except OSError as error:
                raise StoreError(f"the store cannot be made: {error.strerror or error}") from None
        engine = connect(self._url, self._patience)
        with ExitStack() as undo:
            undo.callback(engine.dispose)
            prepare(engine, self._patience)
            undo.pop_all()
        self._engine = engine
        return engine


def _package(outcome: Outcome) -> str:
    return outcome.versions.get("xrai-widgets", "")


def _question(subject: str, assessment: str, params: Mapping[str, Any], package: str) -> str:
    asked = json.dumps([subject, assessment, params_to_dict(params), package], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _summary(whole: dict[str, Any]) -> dict[str, Any]:
    finding = whole["finding"]
    return {**whole, "finding": finding and {**finding, "tables": {}, "charts": [], "arrays": {}}}


def _kept(number: int, summary: str, partial: bool) -> Kept | None:
    try:
        return Kept(number, outcome_from_dict(json.loads(summary)), bool(partial))
    except ValueError:
        return None
