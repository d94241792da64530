"""Files of strangers are read, and their model asked, in a process of their own: a crash there does no harm."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

from xrai_widgets.cells.asking import stopped_by
from xrai_widgets.cells.cell import Cell, CellDied
from xrai_widgets.cells.plain import careful
from xrai_widgets.cells.remote import made_in_cell
from xrai_widgets.core import Cancelled, Subject
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.summaries import InputPicture, ModelSummary, PictureSummary, TableSummary
from xrai_widgets.io.tried import ask as _ask
from xrai_widgets.io.tried import look_at_model as _model
from xrai_widgets.io.tried import look_at_picture as _picture
from xrai_widgets.io.tried import look_at_pictures as _pictures
from xrai_widgets.io.tried import look_at_table as _table
from xrai_widgets.io.tried import make as _make
from xrai_widgets.runtime.guard import Meter

_MOST_SECONDS = 300.0
_TABLES = ("pandas", "pyarrow.parquet", "PIL.Image")
_SKLEARN = (
    "sklearn.ensemble",
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.neighbors",
    "xrai_widgets.io.skops_reader",
)
# what a cell imports before its memory is limited, by the ending of the model's file
_NEEDED = {
    ".skops": (*_TABLES, *_SKLEARN),
    ".onnx": (*_TABLES, "onnxruntime"),
    ".ubj": (*_TABLES, "xgboost"),
    ".json": (*_TABLES, "xgboost"),
    ".txt": (*_TABLES, "lightgbm"),
    ".cbm": (*_TABLES, "catboost"),
    ".safetensors": (*_TABLES, "torch", "safetensors.torch"),
}
_NETWORK_FILES = (".safetensors",)  # numbers for networks of this package: no code of a stranger's


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
    classes: tuple[str, ...] | list[str] = (),
    text: tuple[str, ...] | list[str] = (),
    weights: str = "",
    name: str = "",
    new: str | Path | None = None,
    foreign: str = "",
) -> Subject:
    """Make a subject from files, as the app and the command line do.

    Parameters
    ----------
    model : str or Path
        scikit-learn model saved by skops (``.skops``), ``.onnx``, a booster of XGBoost (``.ubj``, ``.json``), LightGBM
        (``.txt``) or CatBoost (``.cbm``), or a network of this package (``.safetensors``).
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
        How CSV tables are written, where that cannot be detected.
    groups : str
        Column of subgroups, in which every judged number is measured, too; it may be one that is ignored.
    classes : sequence of str
        Labels in the order of the model's outputs, where neither the file nor the labels of the tables tell.
    text : sequence of str
        Columns whose cells are text, although they look like numbers: codes that the model was trained on as words.
    weights : str
        Column of the weights that the training samples had (``sample_weight``), for training anew as it was.
    name : str
    new : str or Path, optional
        A batch to be judged: a table of the same columns, which need not have target, ids and ignored ones; a picture
        (PNG, JPEG) or a folder of them for a model of pictures.
    foreign : str
        Column of the batch that says True for samples of another kind than the model was made for; of a folder of
        pictures, the subfolder of those.

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
        tuple(classes),
        tuple(text),
        name,
        weights,
        None if new is None else Path(new),
        foreign,
    )
    return load(files)


def load(files: OwnFiles, cancel: threading.Event | None = None) -> Subject:
    """Make the subject in a cell, where its model stays: every query and every refit goes there.

    A network of this package is numbers and no code: once that went well, it is read here.
    """
    paths: dict[str, Any] = {name: _absolute(getattr(files, name)) for name in ("model", "data", "train", "new")}
    files = replace(files, **paths)
    if files.model.suffix.lower() in _NETWORK_FILES:
        _in_cell(files.model, cancel, lambda modules: _called(_ask, (files,), modules))
        return files.subject()
    made: Subject = _in_cell(files.model, cancel, lambda modules: made_in_cell(_make, (files,), modules))
    return replace(made, origin=files.origin)


def try_model(path: Path, cancel: threading.Event | None = None) -> ModelSummary:
    """Tell what model stands in a file."""
    summary: ModelSummary = _in_cell(path, cancel, lambda modules: _called(_model, (path.absolute(),), modules))
    return summary


def try_table(path: Path, style: CsvFormat, cancel: threading.Event | None = None) -> TableSummary:
    """Tell what columns stand in a table."""
    summary: TableSummary = _in_cell(path, cancel, lambda modules: _called(_table, (path.absolute(), style), modules))
    return summary


def try_pictures(path: Path, cancel: threading.Event | None = None) -> PictureSummary:
    """Tell which pictures stand in a file."""
    summary: PictureSummary = _in_cell(path, cancel, lambda modules: _called(_pictures, (path.absolute(),), modules))
    return summary


def try_picture(
    path: Path, shape: Sequence[int], scale: tuple[float, float], cancel: threading.Event | None = None
) -> InputPicture:
    """Open a picture and bring it to the shape (channels, height, width) and scale of a model."""
    given = (path.absolute(), tuple(shape), scale)
    opened: InputPicture = _in_cell(path, cancel, lambda modules: _called(_picture, given, modules))
    return opened


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _in_cell(path: Path, cancel: threading.Event | None, work: Callable[[tuple[str, ...]], Any]) -> Any:
    modules = _NEEDED.get(path.suffix.lower(), _TABLES)
    try:
        with stopped_by(Meter(cancel, max_seconds=_MOST_SECONDS).stopped):
            return work(modules)
    except CellDied as error:
        raise ValueError(
            f"reading {path.name} ended the process that tried it: the file is damaged or forged, or too large; it was "
            f"not read here ({error})"
        ) from None
    except UnpicklingError as error:
        raise ValueError(f"{path.name} was not read: {error}") from None
    except Cancelled as error:
        raise ValueError(f"{path.name} was not read: {error}") from None


def _called(function: Callable[..., Any], arguments: tuple[Any, ...], modules: tuple[str, ...]) -> Any:
    """Return what a function returns in a cell, which is ended then."""
    cell = Cell(modules)
    try:
        return careful(cell.call(function, arguments)[0])
    finally:
        cell.close()
