"""Tables from files."""

import zlib
from pathlib import Path

import pandas as pd

_READERS = (".csv", ".csv.gz", ".parquet")
_BROKEN = (ValueError, OSError, EOFError, zlib.error, NotImplementedError, OverflowError, pd.errors.EmptyDataError)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV (also gzipped) or Parquet file.

    Raises
    ------
    ValueError
        if the file does not exist, is of another kind, cannot be read, or holds no rows.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the table must be a file, got {str(path)!r}, which {what}")
    kind = next((ending for ending in _READERS if file.name.lower().endswith(ending)), None)
    if kind is None:
        raise ValueError(f"the table must be one of {', '.join(_READERS)}, got {file.name}")
    try:
        # low_memory guesses the type of a column piece by piece, and may find two
        frame = pd.read_parquet(file) if kind == ".parquet" else pd.read_csv(file, low_memory=False)
    except _BROKEN as error:
        raise ValueError(f"the table {file.name} could not be read: {' '.join(str(error).split())}") from None
    if frame.empty:
        raise ValueError(f"the table {file.name} must hold at least one row and one column, got shape {frame.shape}")
    return frame
