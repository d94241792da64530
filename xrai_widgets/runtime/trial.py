"""Files of strangers are read, and their model asked, in a process of their own first: a crash there harms nobody."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from xrai_widgets.core import Cancelled, Step, Subject
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.summaries import ModelSummary, TableSummary, look_at_model, look_at_table
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.isolated import ProcessDied, call_in_process
from xrai_widgets.runtime.run_step import RunStep

_MOST_SECONDS = 300.0


def read_subject(
    model: str | Path,
    data: str | Path,
    *,
    target: str,
    train: str | Path | None = None,
    ids: str = "",
    ignore: tuple[str, ...] | list[str] = (),
    immutable: tuple[str, ...] | list[str] = (),
    split: float | None = None,
    seed: int = 0,
    stratify: bool = False,
    delimiter: Literal[",", ";", "\t", "|"] | None = None,
    decimal: Literal[".", ","] | None = None,
    encoding: str | None = None,
    groups: str = "",
    name: str = "",
) -> Subject:
    """Make a subject from files, as the app and the command line do.

    Parameters
    ----------
    model : str or Path
        scikit-learn model saved by skops (``.skops``), ``.onnx``, or a network of this package (``.safetensors``).
    data : str or Path
        Table of held-out samples: ``.csv``, ``.csv.gz``, ``.parquet`` or ``.npz``.
    target : str
        Column of the true labels or values.
    train : str or Path, optional
        Table of the training samples.
    ids : str
        Column that names the samples.
    ignore, immutable : sequence of str
        Columns the model does not take; features nobody can change about themselves.
    split : float, optional
        Share of the rows of ``data`` that is held out, the others being the training samples; drawn as scikit-learn's
        ``train_test_split(data, test_size=split, random_state=seed)`` draws them.
    seed : int
    stratify : bool
        Of the split.
    delimiter, decimal, encoding : str, optional
        How CSV tables are written, where that cannot be told.
    groups : str
        Column of subgroups, in which every judged number is measured, too; it may be one that is ignored.
    name : str

    Raises
    ------
    ValueError, TypeError
        naming the file or column that does not fit.
    """
    style = CsvFormat(delimiter, decimal, encoding)
    files = OwnFiles(
        Path(model),
        Path(data),
        target,
        None if train is None else Path(train),
        ids,
        tuple(ignore),
        tuple(immutable),
        split,
        seed,
        stratify,
        style,
        groups,
        name,
    )
    return load(files)


def load(files: OwnFiles, cancel: threading.Event | None = None) -> Subject:
    """Read the files and ask the model in a process of their own; if that went well, here."""
    _on_trial(_ask, (files,), files.model.name, cancel)
    return files.subject()


def try_model(path: Path, cancel: threading.Event | None = None) -> ModelSummary:
    """Tell what model stands in a file."""
    found: ModelSummary = _on_trial(_model, (path,), path.name, cancel)
    return found


def try_table(path: Path, style: CsvFormat, cancel: threading.Event | None = None) -> TableSummary:
    """Tell what columns stand in a table."""
    found: TableSummary = _on_trial(_table, (path, style), path.name, cancel)
    return found


def _on_trial(
    function: Callable[..., Any], arguments: tuple[Any, ...], name: str, cancel: threading.Event | None
) -> Any:
    step = RunStep(Meter(cancel, max_seconds=_MOST_SECONDS))
    try:
        return call_in_process(function, arguments, step)
    except ProcessDied as error:
        code = str(error).partition("exit code ")[2]
        raise ValueError(
            f"reading {name} ended the process that tried it (exit code {code.strip()}): the file is damaged or "
            "forged, or too large for this machine's memory; it was not read here"
        ) from None
    except Cancelled as error:
        raise ValueError(f"{name} was not read: {error}") from None


def _ask(files: OwnFiles, _: Step) -> None:
    assert files.subject().fingerprint  # asks the model


def _model(path: Path, _: Step) -> ModelSummary:
    return look_at_model(path)


def _table(path: Path, style: CsvFormat, _: Step) -> TableSummary:
    return look_at_table(path, style)
