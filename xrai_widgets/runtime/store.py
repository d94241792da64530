"""Outcomes in a database: written the moment each one ends, and looked up before the same is run again."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrai_widgets.core import Outcome
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict, params_to_dict
from xrai_widgets.io.store_place import StoreError, user_store
from xrai_widgets.runtime.versions import CODE, versions

if TYPE_CHECKING:
    from xrai_widgets.runtime.look_tables import LookTables
    from xrai_widgets.runtime.store_database import Database

__all__ = ["Kept", "Store", "StoreError"]
logger = logging.getLogger("xrai_widgets")
_MOST = 1000  # runs that are looked at
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
        Whose history this is, where one store serves several people: no one sees or gets another's.
    patience : float
        Seconds to wait while another program holds the store's lock.
    lazily : bool
        Connect when the store is first used, not now.

    Raises
    ------
    StoreError
        if it cannot be used; the message says why and what to do. Every method may raise it.
    """

    def __init__(
        self, place: str | Path | None = None, *, owner: str = "", patience: float = PATIENCE, lazily: bool = False
    ) -> None:
        self._place = str(user_store() if place is None else place)
        self._owner, self._patience = owner, patience
        self._lock = threading.Lock()
        self._opened: Database | None = None
        if not lazily:
            self.check()

    def check(self) -> None:
        """Connect, and make the tables of a new store."""
        self._database()

    def save(self, outcome: Outcome) -> int:
        """Write an outcome in one transaction and return its number."""
        whole = outcome_to_dict(replace(outcome, recalled=False, unsaved=""), include_rows=True)
        row = {
            "question": _run_key(
                outcome.inputs or outcome.subject, outcome.assessment, outcome.params, outcome.versions
            ),
            "subject": outcome.subject,
            "assessment": outcome.assessment,
            "status": outcome.status,
            "partial": outcome.status == "cancelled" and outcome.finding is not None,
            "started": outcome.started,
            "seconds": outcome.seconds,
            "package": outcome.versions.get("xrai-widgets", ""),
            "code": outcome.versions.get(CODE, ""),
            "inputs": outcome.inputs,
            "series": outcome.series,
            "batch": outcome.batch,
            "summary": json.dumps(_summary(whole), allow_nan=False),
            "content": zlib.compress(json.dumps(whole, allow_nan=False).encode("ascii")),
        }
        return self._database().write(row)

    def answer(self, subject: str, assessment: str, params: Mapping[str, Any], inputs: str = "") -> Outcome | None:
        """Return the newest finished outcome of a run, if there is one.

        Parameters
        ----------
        subject : str
            Fingerprint.
        assessment : str
        params : mapping
            All parameters, checked. An outcome counts only if this version of the package and its code gave it.
        inputs : str
            Digest of what the assessment uses of the subject: then outcomes on other subjects with
            the same digest count, too.
        """
        return self._newest((inputs, subject), assessment, params, partial=False)

    def unfinished(self, subject: str, assessment: str, params: Mapping[str, Any], inputs: str = "") -> Outcome | None:
        """Return the newest run that was cancelled with something done, if there is one."""
        return self._newest((inputs, subject), assessment, params, partial=True)

    def _newest(
        self, about: Iterable[str], assessment: str, params: Mapping[str, Any], *, partial: bool
    ) -> Outcome | None:
        if assessment.startswith("custom."):
            return None  # the engine's code is the user's own and may have changed under the same name
        asked = [_run_key(digest, assessment, params, versions()) for digest in about if digest]
        content = self._database().newest_content(asked, partial=partial)
        return None if content is None else _read(content, "of this run")

    def load(self, number: int) -> Outcome:
        """Return one outcome in full."""
        content = self._database().content(number)
        if content is None:
            raise StoreError(f"the store has no run number {number}")
        return _read(content, f"number {number}")

    def history(self, subject: str | None = None, most: int = _MOST) -> list[Kept]:
        """Return the newest runs, newest first; of one subject if its fingerprint is given. Damaged are left out."""
        return self._history(subject, most)

    def looks(self, series: str, assessment: str | None = None, most: int = 100_000) -> list[Kept]:
        """Return all runs of a series (`Subject.series`), oldest first, whatever became of them.

        Parameters
        ----------
        series : str
        assessment : str, optional
            Runs of this one only.
        most : int
            The newest so many.
        """
        kept_runs = [_kept(*row) for row in self._database().of_series(series, assessment, most)]
        return [kept for kept in kept_runs if kept is not None]

    def _history(self, subject: str | None, most: int = _MOST, inputs: Mapping[str, str] | None = None) -> list[Kept]:
        kept_runs = [_kept(*row) for row in self._database().newest(subject, most, inputs)]
        return [kept for kept in kept_runs if kept is not None]

    def outcomes(self, subject: str, inputs: Mapping[str, str] | None = None) -> list[Outcome]:
        """Return one outcome for every kind of run on a subject, oldest first: the newest finished, else the newest.

        Parameters
        ----------
        subject : str
            Fingerprint.
        inputs : mapping of str to str, optional
            For each assessment the digest of what it uses of the subject: then what was found about other subjects with
            the same digest is among them.
        """
        chosen: dict[tuple[str, str], Kept] = {}
        for kept in self._history(subject, inputs=inputs):
            if kept.outcome.finding is None and kept.outcome.status == "cancelled":
                continue
            _, assessment, params = kept.outcome.key
            best = chosen.setdefault((assessment, params), kept)
            if best.outcome.status != "ok" and kept.outcome.status == "ok":
                chosen[assessment, params] = kept
        outcomes = []
        for number in sorted(kept.number for kept in chosen.values()):
            content = self._database().content(number)
            try:
                outcomes += [] if content is None else [_read(content, f"number {number}")]
            except StoreError as error:  # one that is damaged hides no other
                logger.warning("%s", error)
        return outcomes

    def watched(self, watch: str) -> LookTables:
        """Return what a watch of this name keeps here."""
        from xrai_widgets.runtime.look_tables import LookTables

        return LookTables(self._database(), watch)

    def __len__(self) -> int:
        return self._database().count()

    def __bool__(self) -> bool:
        return True  # an empty store is a store

    def close(self) -> None:
        """Close all connections. The store opens them again when it is used."""
        with self._lock:
            if self._opened is not None:
                self._opened.engine.dispose()
                self._opened = None

    def __repr__(self) -> str:
        state = "not connected" if self._opened is None else repr(self._opened.place)
        return f"Store({state})"

    def _database(self) -> Database:
        with self._lock:
            if self._opened is None:
                from xrai_widgets.runtime.store_database import Database

                self._opened = Database(self._place, self._owner, self._patience)
            return self._opened


def _run_key(about: str, assessment: str, params: Mapping[str, Any], made_by: Mapping[str, str]) -> str:
    code = [made_by.get("xrai-widgets", ""), made_by.get(CODE, "")]
    asked = json.dumps([about, assessment, params_to_dict(params), *code], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _summary(whole: dict[str, Any]) -> dict[str, Any]:
    finding = whole["finding"]
    return {**whole, "finding": finding and {**finding, "tables": {}, "charts": [], "arrays": {}}}


def _read(content: bytes, which: str) -> Outcome:
    try:
        return replace(outcome_from_dict(json.loads(zlib.decompress(content))), recalled=True)
    except (ValueError, zlib.error) as error:
        raise StoreError(f"the run {which} is damaged in the store: {error}") from None


def _kept(number: int, summary: str, partial: bool) -> Kept | None:
    try:
        return Kept(number, outcome_from_dict(json.loads(summary)), partial)
    except ValueError:
        return None
