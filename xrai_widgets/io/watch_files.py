"""A watch as a TOML file: which model, when it is looked at, where its batches lie, what is run and who is told."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from xrai_widgets.core import closest
from xrai_widgets.io.alerts import Channel, read_channels
from xrai_widgets.io.secrets import is_reference, read_secret

Missed = Literal["latest", "all", "skip"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
_TABLES = ("watch", "subject", "batch", "policy", "alerts")
_WATCH = ("name", "store", "tz", "cron", "every", "missed", "overdue", "metrics", "reminder", "allowed_fall")
_FILES = ("model", "data", "train")
_WORDS = ("target", "ids", "groups", "weights", "foreign", "delimiter", "decimal", "encoding")
_LISTS = ("ignore", "immutable", "classes", "text")
_BATCH = ("path", "glob", "sql", "url", "labels")


@dataclass(frozen=True)
class BatchSource:
    """Where the batch of a look lies; exactly one of the first three is given.

    Parameters
    ----------
    path : str
        A file, with ``{date}`` (and a format, as ``{date:%Y%m%d}``) for the slot's day or minute.
    glob : str
        The newest file that fits and was not looked at.
    sql : str
        A query with ``:since`` and ``:until``, which are bound, never written into it.
    url : str
        Of the database: ``env:NAME`` or ``file:/path``.
    labels : str
        A table with labels that come later, joined by id; ``{date}`` as in ``path``.
    """

    path: str = ""
    glob: str = ""
    sql: str = ""
    url: str = ""
    labels: str = ""


@dataclass(frozen=True)
class WatchFile:
    """What a watch's file says. Paths are relative to its folder.

    Parameters
    ----------
    file : Path
    name : str
    store : str
        File, or the URL that ``env:NAME`` or ``file:/path`` holds.
    schedule : mapping
        ``zone`` and ``cron`` or ``every``, as `Schedule` takes them.
    subject : mapping
        ``model`` (a file or a built-in example), ``data``, ``target`` and the other options of ``assess``.
    batch : BatchSource
    plan : list of (name, parameters)
    policy : mapping, optional
        Tables of a policy.
    channels : tuple of Channel
    missed : {"latest", "all", "skip"}
        Of slots that passed: only the newest is looked at, all are (where ``path`` has a date), or the others are
        forgotten.
    overdue : float
        Periods after which a slot that passed is told.
    metrics : Path, optional
        File of OpenMetrics text.
    reminder : int
        Looks after which a problem that lasts is told again.
    allowed_fall : float
        Fall of accuracy, below the lower end of the baseline's interval, that the history need not notice.
    """

    file: Path
    name: str
    store: str
    schedule: Mapping[str, str]
    subject: Mapping[str, Any]
    batch: BatchSource
    plan: list[tuple[str, dict[str, Any]]]
    policy: Mapping[str, Any] | None = None
    channels: tuple[Channel, ...] = ()
    missed: Missed = "latest"
    overdue: float = 1.5
    metrics: Path | None = None
    reminder: int = 7
    allowed_fall: float = 0.0


def read_watch(path: str | Path) -> WatchFile:
    """Read a watch.

    ::

        [watch]
        name = "credit"
        store = "watch.sqlite"
        tz = "Europe/Berlin"
        cron = "0 6 * * *"

        [subject]
        model = "credit.skops"
        data = "approved.csv"
        target = "default"
        ids = "id"

        [batch]
        path = "batches/{date}.csv"
        labels = "labels/{date}.csv"

        ["monitoring.data_drift"]
        ["monitoring.performance"]

        [policy.change]
        default = 0.1

        [[alerts]]
        kind = "webhook"
        url = "env:ALERTS_URL"

    Raises
    ------
    ValueError
        naming the file, the key, what is allowed and what was found.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"a watch is a TOML file, got {str(path)!r}, which {what}")
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the watch {file.name} must be TOML: {error}") from None
    try:
        return _watch(file, tables)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def _watch(file: Path, tables: Mapping[str, Any]) -> WatchFile:
    about = _table(tables, "watch", _WATCH)
    name, store = _text(about, "watch", "name"), _text(about, "watch", "store")
    if not _NAME.fullmatch(name):
        raise ValueError(f"watch.name has letters, digits, spaces and . _ -, up to 100, got {name!r}")
    missed = about.get("missed", "latest")
    if missed not in get_args(Missed):
        raise ValueError(f"watch.missed is one of {', '.join(get_args(Missed))}, got {missed!r}")
    batch = _batch(_table(tables, "batch", _BATCH))
    if missed == "all" and "{date" not in batch.path:
        raise ValueError('watch.missed = "all" needs batch.path with {date}: else there is one batch for all slots')
    policy = tables.get("policy")
    if policy is not None and not isinstance(policy, dict):
        raise ValueError('policy holds tables such as [policy."monitoring.data_drift"]')
    return WatchFile(
        file=file.absolute(),
        name=name,
        store=_store(store, file.absolute().parent),
        schedule=_schedule(about),
        subject=_subject(tables.get("subject"), file.absolute().parent),
        batch=batch,
        plan=_plan(tables),
        policy=policy,
        channels=read_channels(tables.get("alerts", []), file.absolute().parent),
        missed=missed,
        overdue=_number(about, "overdue", 1.5, least=1.0),
        metrics=file.absolute().parent / _text(about, "watch", "metrics") if about.get("metrics") else None,
        reminder=int(_number(about, "reminder", 7, least=1)),
        allowed_fall=_number(about, "allowed_fall", 0.0, least=0.0),
    )


def _table(tables: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    table = tables.get(name)
    if not isinstance(table, dict):
        raise ValueError(f"the table [{name}] is missing")
    for key in table:
        if key not in allowed:
            raise ValueError(f"{name}.{key} is not known; allowed: {', '.join(allowed)}{closest(key, allowed)}")
    return table


def _text(table: Mapping[str, Any], where: str, key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}.{key} is text that is needed, got {value!r}")
    return value


def _number(table: Mapping[str, Any], key: str, default: float, least: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ValueError(f"watch.{key} is a number from {least:g} on, got {value!r}")
    return float(value)


def _store(text: str, folder: Path) -> str:
    if is_reference(text):
        return read_secret(text, "watch.store")
    if "://" in text:
        raise ValueError("watch.store is a file, or env:NAME or file:/path where the URL of a database stands")
    return str(folder / Path(text).expanduser())


def _schedule(about: Mapping[str, Any]) -> dict[str, str]:
    if "tz" not in about:
        raise ValueError('watch.tz names the time zone of the schedule, such as "Europe/Berlin"')
    times = {"zone": _text(about, "watch", "tz")}
    return times | {key: _text(about, "watch", key) for key in ("cron", "every") if key in about}


def _batch(table: Mapping[str, Any]) -> BatchSource:
    given = {key: _text(table, "batch", key) for key in table}
    sources = [key for key in ("path", "glob", "sql") if key in given]
    if len(sources) != 1:
        raise ValueError(f"batch has one of path, glob and sql, got {', '.join(sources) or 'none'}")
    if ("sql" in given) != ("url" in given):
        raise ValueError("batch.sql and batch.url belong together")
    if "url" in given and not is_reference(given["url"]):
        raise ValueError("batch.url holds a password more often than not: write env:NAME or file:/path")
    return BatchSource(**given)


def _subject(table: Any, folder: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ValueError("the table [subject] is missing: model, data, target …")
    allowed = (*_FILES, *_WORDS, *_LISTS, "split", "seed", "stratify")
    made: dict[str, Any] = {}
    for key, value in table.items():
        if key not in allowed:
            raise ValueError(f"subject.{key} is not known; allowed: {', '.join(allowed)}{closest(key, allowed)}")
        wanted = (
            "a list of texts" if key in _LISTS else {"split": "a number", "seed": "a whole number"}.get(key, "text")
        )
        if not _fits(key, value):
            raise ValueError(f"subject.{key} is {'true or false' if key == 'stratify' else wanted}, got {value!r}")
        made[key] = value
    _text(table, "subject", "model")
    for key in _FILES:
        if key in made and (key != "model" or Path(made[key]).suffix):
            made[key] = folder / Path(made[key]).expanduser()
    return made


def _fits(key: str, value: Any) -> bool:
    if key in _LISTS:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    if key in ("split", "seed"):
        return isinstance(value, int if key == "seed" else int | float) and not isinstance(value, bool)
    return isinstance(value, bool if key == "stratify" else str)


def _plan(tables: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    entries = []
    for key, table in tables.items():
        if key in _TABLES:
            continue
        if not isinstance(table, dict) or "." not in key:
            raise ValueError(
                f'besides {", ".join(_TABLES)} a watch holds assessments such as ["monitoring.data_drift"], got {key!r}'
            )
        entries.append((key, table))
    if not entries:
        raise ValueError('name at least one assessment, such as ["monitoring.data_drift"]')
    return entries
