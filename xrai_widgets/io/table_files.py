"""Tables from files."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.io.csv_format import CsvFormat, detect

TABLES = (".csv", ".csv.gz", ".parquet", ".npz")
_EXECUTABLE = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".cloudpickle", ".npy")
_MOST_BYTES = 2**30
_MOST_TEXT = 2**29  # text takes several times its size while it is read
_MOST_COLUMNS = 4096
# cells that pandas takes for empty ones
_EMPTY = [
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
]
_EMPTY += ["NULL", "NaN", "None", "n/a", "nan", "null"]
_BATCH = 4096  # rows of a Parquet file that are unpacked at a time
_BROKEN = (
    *(ValueError, OSError, EOFError, zlib.error, NotImplementedError, OverflowError, KeyError),
    *(pd.errors.EmptyDataError, zipfile.BadZipFile, TypeError, RuntimeError),
)


def read_table(
    path: str | Path,
    style: CsvFormat | None = None,
    text: Collection[str] = (),
    words: Mapping[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """Read a CSV (also gzipped), Parquet or NumPy (.npz) file; nothing in it is ever run.

    Delimiter, decimal comma and encoding of a CSV are detected, or asked for. The arrays of an ``.npz`` file
    become columns: one of shape (n,) the column of its name, ``X`` of shape (n, 3) the columns ``X0, X1, X2``, images
    one column per pixel.

    Parameters
    ----------
    path : str or Path
    style : CsvFormat, optional
        How a CSV is written, where that cannot be detected.
    text : collection of str, optional
        Columns that are text as it stands there: 00012, 1E5 and 1E05 are three names. Empty cells are missing.
    words : mapping of column to collection of str, optional
        Columns of a CSV that hold words, and those that the model knows: a cell ``NA`` that it knows is no empty one.

    Raises
    ------
    ValueError
        if the file does not exist, is of another kind, cannot be read, unpacks to more than 1 GiB (a CSV: 0.5),
        has more than 4096 columns, or holds no rows.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the table must be a file, got {str(path)!r}, which {what}")
    check_table_name(file.name)
    try:
        frame = _read(file, style or CsvFormat(), text, words or {})
    except _BROKEN as error:
        raise ValueError(f"the table {file.name} could not be read: {' '.join(str(error).split())}") from None
    if frame.empty:
        raise ValueError(f"the table {file.name} must hold at least one row and one column, got shape {frame.shape}")
    return frame


def check_table_name(name: str) -> None:
    """Refuse a file by its name, before it is read."""
    if name.lower().endswith(_EXECUTABLE):
        raise ValueError(f"{name} may hold a pickle, and reading a pickle runs the code in it: save the table as CSV")
    if not name.lower().endswith(TABLES):
        raise ValueError(f"the table must be one of {', '.join(TABLES)}, got {name}")


def _read(file: Path, style: CsvFormat, as_text: Collection[str], words: Mapping[str, Collection[str]]) -> pd.DataFrame:
    name = file.name.lower()
    if name.endswith((".parquet", ".npz")):
        frame = _read_parquet(file) if name.endswith(".parquet") else _read_arrays(file)
        for column in frame.columns:
            if str(column) in as_text:
                frame[column] = frame[column].map(str, na_action="ignore").astype(object)
        return frame
    text, detected = _text(file, style)
    header = pd.read_csv(io.StringIO(text), sep=detected.delimiter, nrows=0, index_col=False)
    _check_columns(len(header.columns))
    # low_memory guesses the type of a column piece by piece, and may find two
    frame = pd.read_csv(
        io.StringIO(text), sep=detected.delimiter, decimal=detected.decimal or ".", index_col=False, low_memory=False
    )
    asked = [name for name in frame.columns if name in as_text or name in words]
    if asked:
        raw = _cells(text, detected)
        for name in asked:
            empty = raw[name] == ""
            if name not in as_text:
                empty = raw[name].isin(_EMPTY) & ~raw[name].isin(list(words[name]))
            frame[name] = raw[name].mask(empty)
    return frame


def read_cells(file: Path, style: CsvFormat) -> tuple[pd.DataFrame, CsvFormat]:
    """Return the cells of a CSV (also gzipped) as the text they are, and how it is written.

    Raises
    ------
    ValueError
        if it cannot be decoded, or unpacks to more than 0.5 GiB.
    """
    text, detected = _text(file, style)
    return _cells(text, detected), detected


def _text(file: Path, style: CsvFormat) -> tuple[str, CsvFormat]:
    return detect(_unpacked(file) if file.name.lower().endswith(".gz") else file.read_bytes(), style)


def _cells(text: str, style: CsvFormat) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), sep=style.delimiter, dtype=str, keep_default_na=False, index_col=False)


def _unpacked(file: Path) -> bytes:
    with gzip.open(file) as packed:
        raw: bytes = packed.read(_MOST_TEXT + 1)
    if len(raw) > _MOST_TEXT:
        raise ValueError(f"it must unpack to at most {_MOST_TEXT / 2**30:g} GiB, got more")
    return raw


def _read_parquet(file: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        metadata = parquet.metadata
        _check_columns(metadata.num_columns)
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        # a long run of one value takes a few bytes in the file
        _check_bytes(max(sum(group.total_byte_size for group in groups), 8 * metadata.num_rows * metadata.num_columns))
        parts, size = [], 0
        for part in parquet.iter_batches(batch_size=_BATCH):
            size += part.nbytes
            _check_bytes(size)  # a long word that stands in every row is declared once
            parts.append(part)
        frame: pd.DataFrame = pa.Table.from_batches(parts, parquet.schema_arrow).to_pandas()
    # an index that names no row is none: that of pieces that were joined
    return frame if frame.index.is_unique else frame.reset_index(drop=True)


def _read_arrays(file: Path) -> pd.DataFrame:
    with zipfile.ZipFile(file) as archive:
        _check_bytes(sum(entry.file_size for entry in archive.infolist()))
    columns: dict[str, Any] = {}
    with np.load(file, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            if array.ndim == 0:
                raise ValueError(f"its array {name!r} must have one entry per sample, got a single number")
            flat = array.reshape(len(array), -1) if len(array) else array.reshape(0, -1 if array.size else 0)
            _check_columns(len(columns) + flat.shape[1])
            for index in range(flat.shape[1]):
                columns[name if array.ndim == 1 else f"{name}{index}"] = flat[:, index]
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        few = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:5])
        raise ValueError(f"its arrays must all have one entry per sample, got different lengths: {few}")
    return pd.DataFrame(columns)


def _check_columns(count: int) -> None:
    if count > _MOST_COLUMNS:
        raise ValueError(f"it must have at most {_MOST_COLUMNS:,} columns, got {count:,}")


def _check_bytes(count: int) -> None:
    if count > _MOST_BYTES:
        raise ValueError(f"it must unpack to at most {_MOST_BYTES / 2**30:g} GiB, got {count / 2**30:.3g} GiB")
