"""A batch is checked as a file, without a model; one that cannot be read is an outcome, too."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Assessment, Outcome, Subject, find
from xrai_widgets.core.outcome import Status
from xrai_widgets.io.table_files import read_table
from xrai_widgets.runtime.run import run
from xrai_widgets.runtime.versions import versions

CHECKS = "monitoring.data_checks"
_FEW = 5  # columns that a message names


def refused(
    subject: Subject,
    assessment: Assessment | str,
    params: Mapping[str, object],
    reason: str,
    batch: str = "",
    status: Status = "error",
) -> Outcome:
    """Return the outcome of a look at a batch that could not be made a part of the subject.

    So a broken batch is a look like any other: it can be kept, is in the history and may be alerted.

    Parameters
    ----------
    subject : Subject
        With the baseline that the batch was for.
    assessment : Assessment or str
    params : mapping
    reason : str
        What is wrong with the batch.
    batch : str
        What identifies it, if anything does.
    status : {"error", "not applicable"}
    """
    entry = find(assessment) if isinstance(assessment, str) else assessment
    outcome = Outcome(entry.name, subject.fingerprint, subject.name, entry.check(params), status, reason=reason)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    about = replace(outcome, versions=versions(), started=started, origin=subject.origin)
    return replace(about, series=subject.series, batch=batch)


def check_batch(
    batch: pd.DataFrame | str | Path,
    baseline: pd.DataFrame | str | Path,
    *,
    train: pd.DataFrame | str | Path | None = None,
    ids: str = "",
    name: str = "batch",
) -> Outcome:
    """Check a batch of data against a baseline, without a model.

    Parameters
    ----------
    batch, baseline, train : DataFrame, str or Path
        Tables, or CSV or Parquet files; ``train``: samples that must not be among the batch's.
    ids : str
        Column that names the samples.
    name : str
        What the data are called.

    Returns
    -------
    Outcome
        Of ``monitoring.data_checks``. A batch with other columns or kinds of columns, or one that cannot be read, gives
        an outcome with the status "error", whose reason names all that is wrong.

    Raises
    ------
    ValueError
        if the baseline itself cannot be read, or lacks the column of the ids.
    """
    frames = {"baseline": _table(baseline, ids, "baseline")} | (
        {} if train is None else {"train": _table(train, ids, "train")}
    )
    first = _subject(frames, name)
    try:
        new = _table(batch, ids, "batch")
        if problems := schema_problems(frames["baseline"], new):
            return refused(first, CHECKS, {}, "; ".join(problems))
        return run(_subject(frames | {"batch": new}, name), CHECKS)
    except (ValueError, TypeError, OSError) as error:
        return refused(first, CHECKS, {}, str(error))


def schema_problems(baseline: pd.DataFrame, batch: pd.DataFrame) -> list[str]:
    """Return what is wrong with the columns of a batch: missing, extra, of another kind; their order may differ."""
    problems = []
    missing = [column for column in baseline.columns if column not in batch.columns]
    extra = [column for column in batch.columns if column not in baseline.columns]
    if missing:
        problems.append(f"the batch lacks the columns {_few(missing)}")
    if extra:
        problems.append(f"the batch has columns that the baseline lacks: {_few(extra)}")
    if not len(batch):
        problems.append("the batch has no rows")
    for column in baseline.columns:
        if column in batch.columns and len(there := batch[column].dropna()):
            kinds = [_kind(part) for part in (baseline[column].dropna(), there)]
            if kinds[0] != kinds[1] and len(baseline[column].dropna()):
                problems.append(f"column {column!r} of the batch holds {kinds[1]}, in the baseline {kinds[0]}")
    return problems


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "truth values"
    if pd.api.types.is_numeric_dtype(column):
        return "numbers"
    return "times" if pd.api.types.is_datetime64_any_dtype(column) else "text"


def _few(names: Iterable[Any]) -> str:
    listed = [repr(name) for name in names]
    more = f", … ({len(listed)} in all)" if len(listed) > _FEW else ""
    return ", ".join(listed[:_FEW]) + more


def _table(given: pd.DataFrame | str | Path, ids: str, role: str) -> pd.DataFrame:
    frame = given if isinstance(given, pd.DataFrame) else read_table(given)
    if ids and ids not in frame.columns:
        raise ValueError(f"the {role} must have the column {ids!r} of the ids; it has {_few(frame.columns)}")
    return frame.set_index(ids) if ids else frame


def _undecided(rows: Any) -> Array:
    """Stand for a model: there is none."""
    return np.full((len(rows), 2), 0.5)


def _subject(frames: Mapping[str, pd.DataFrame], name: str) -> Subject:
    baseline, words = frames["baseline"], dict[str, Any]()
    if "train" in frames:
        words |= {"X_train": frames["train"], "y_train": np.arange(len(frames["train"])) % 2}
    if "batch" in frames:
        words |= {"X_new": frames["batch"][list(baseline.columns)]}
    return Subject.of(_undecided, baseline, np.arange(len(baseline)) % 2, outputs="probabilities", name=name, **words)
