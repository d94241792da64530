"""The batch of a look as a table in a file: where it lies, what was queried, and the labels that came later."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from xrai_widgets.core.names import id_as_text
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.secrets import read_secret
from xrai_widgets.io.table_files import read_cells, read_table
from xrai_widgets.io.watch_files import BatchSource

_DATE = re.compile(r"\{date(?::([^{}]*))?\}")
_DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Batch:
    """A table that is to be judged.

    Parameters
    ----------
    file : Path
    origin : str
        What it was read from, so that it is not read twice: the file's name, size and time, or the query's span.
    note : str
        What is to be known about it, such as labels that are not all there.
    """

    file: Path
    origin: str
    note: str = ""


def find_batch(
    source: BatchSource,
    folder: Path,
    local: datetime,
    span: tuple[datetime, datetime],
    seen: Collection[str],
    work: Path,
    roles: Mapping[str, Any],
    earlier: str = "",
) -> Batch:
    """Return the batch of a slot.

    Parameters
    ----------
    source : BatchSource
    folder : Path
        What its paths are relative to.
    local : datetime
        The slot on the clock of the schedule's zone.
    span : (datetime, datetime)
        From the slot before to this one, in UTC, for a query.
    seen : collection of str
        ``origin`` of batches of other looks.
    work : Path
        Folder for what is made here.
    roles : mapping
        ``ids``, ``target`` and the style of CSV files, as the subject has them.
    earlier : str
        ``origin`` of what this slot was looked at with before: that file is taken again.

    Raises
    ------
    ValueError
        if there is none, or its labels do not belong to it; the message names the place.
    """
    batch = _unlabelled(source, folder, local, span, seen, work, earlier)
    if not source.labels:
        return batch
    return _labelled(batch, folder / dated(source.labels, local), work, roles)


def dated(text: str, local: datetime) -> str:
    """Return a path with the slot's time in the place of ``{date}``, or of ``{date:FORMAT}``."""
    return _DATE.sub(lambda match: local.strftime(match[1] or _DAY), text)


def _unlabelled(
    source: BatchSource,
    folder: Path,
    local: datetime,
    span: tuple[datetime, datetime],
    seen: Collection[str],
    work: Path,
    earlier: str,
) -> Batch:
    if source.path:
        file = folder / dated(source.path, local)
        if not file.exists():
            raise ValueError(f"the batch {file} is not there")
        return Batch(file, _origin(file))
    if source.glob:
        files = [file for file in folder.glob(source.glob) if file.is_file() and _origin(file) not in seen]
        if not files:
            raise ValueError(f"no file that was not looked at fits {source.glob} in {folder}")
        files = [file for file in files if _origin(file) == earlier] or files
        newest = max(files, key=lambda file: (file.stat().st_mtime_ns, file.name))
        return Batch(newest, _origin(newest))
    return _queried(source, span, work)


def _origin(file: Path) -> str:
    facts = file.stat()
    return f"{file.name} {facts.st_size} {facts.st_mtime_ns}"


def _queried(source: BatchSource, span: tuple[datetime, datetime], work: Path) -> Batch:
    from sqlalchemy import DateTime, bindparam, create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    url = read_secret(source.url, "batch.url")
    since, until = span
    asked = text(source.sql)
    unknown = sorted(set(asked._bindparams) - {"since", "until"})
    if unknown:
        raise ValueError(f"batch.sql binds :since and :until, got :{unknown[0]}")
    given = {name: value for name, value in (("since", since), ("until", until)) if name in asked._bindparams}
    # with its type: what SQLite makes of a bare time is whatever any library has told Python's sqlite3
    asked = asked.bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in given))
    try:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            table = pd.read_sql_query(asked, connection, params=given)
    except (SQLAlchemyError, ImportError, ValueError) as error:  # a ValueError: of a port that is none
        kind = type(getattr(error, "orig", None) or error).__name__  # never the text: it may hold the password
        raise ValueError(f"the query of the batch failed ({kind})") from None
    if table.empty:
        raise ValueError(f"the query of the batch gives no row from {since.isoformat()} to {until.isoformat()}")
    file = work / "batch.parquet"
    table.to_parquet(file)
    return Batch(file, f"query {since.isoformat()} {until.isoformat()}")


def _labelled(batch: Batch, labels: Path, work: Path, roles: Mapping[str, Any]) -> Batch:
    """Join the labels by id; where some are not there yet, none is used: the first to come are not drawn at random."""
    ids, target = roles.get("ids") or "", roles.get("target") or ""
    if not ids or not target:
        raise ValueError("batch.labels needs subject.ids and subject.target: labels are joined by id")
    if not labels.exists():
        return Batch(batch.file, batch.origin, "its labels are not there yet")
    (table, style), (given, _) = _table(batch.file, roles), _table(labels, roles)
    for name, frame, wanted in ((batch.file.name, table, (ids,)), (labels.name, given, (ids, target))):
        lacking = [column for column in wanted if column not in frame.columns]
        if lacking:
            raise ValueError(f"{name} has no column {lacking[0]!r}; columns: {', '.join(map(str, frame.columns))}")
    if target in table.columns:
        table = table.drop(columns=target)
    labelled = given[[ids, target]].dropna()
    labelled = labelled[labelled[target] != ""].drop_duplicates()
    if table[ids].dtype != labelled[ids].dtype:  # numbers of one file are text in the other
        key = table[ids].map(id_as_text)
        labelled = labelled.assign(**{ids: labelled[ids].map(id_as_text)})
    else:
        key = table[ids]
    twice = labelled[ids][labelled[ids].duplicated()]
    if len(twice):
        raise ValueError(f"{labels.name} names {len(twice)} ids with different labels, the first {twice.iloc[0]!r}")
    joined = table.assign(**{target: key.map(labelled.set_index(ids)[target])})
    missing = int(joined[target].isna().sum())
    if missing:
        left = f"{missing} of its {len(table)} labels are not there yet: it is judged without labels until all are"
        return Batch(batch.file, batch.origin, left)
    csv = ".csv" in batch.file.name.lower()
    made = work / ("labelled.csv" if csv else "labelled.parquet")
    if csv:
        joined.to_csv(made, index=False, sep=style.delimiter or ",", encoding=style.encoding)
    else:
        joined.to_parquet(made)
    return Batch(made, batch.origin)


def _table(file: Path, roles: Mapping[str, Any]) -> tuple[pd.DataFrame, CsvFormat]:
    """Read a table; a CSV as the text it is, so that what is written again is what was there, in the same style."""
    if ".csv" not in file.name.lower():
        return read_table(file), CsvFormat()
    try:
        return read_cells(file, CsvFormat(*(roles.get(key) for key in ("delimiter", "decimal", "encoding"))))
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None
