"""Rows that an alarm in service is asked about, from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.io.batches import are_pictures
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.pictures import read_batch_pictures
from xrai_widgets.io.table_files import read_table
from xrai_widgets.models.form import Form
from xrai_widgets.models.frame import few


def read_rows(
    path: Path,
    form: Form,
    bounds: tuple[float, float],
    *,
    ignore: Sequence[str] = (),
    ids: str = "",
    target: str = "",
    style: CsvFormat | None = None,
) -> tuple[Any, list[str]]:
    """Return rows as `Form.encode` takes them, and their names.

    Parameters
    ----------
    path : Path
        A table (.csv .csv.gz .parquet .npz), a picture (PNG, JPEG), or a folder of them, which may be zipped.
    form : Form
    bounds : (low, high)
        Range of the pixels of pictures that the alarm knows: those of the file are brought to its scale.
    ignore : sequence of str
        Columns that are left out.
    ids : str
        Column of the names of the rows; by default they are numbered.
    target : str
        Column of labels, which the file need not have.
    style : CsvFormat, optional

    Raises
    ------
    ValueError
        naming the file and what does not fit.
    """
    if are_pictures(path):
        if form.image_shape is None:
            raise ValueError(f"{path.name} holds pictures, and this alarm takes tables")
        pictures = read_batch_pictures(path, form.image_shape, np.array(bounds))
        return pictures.X, pictures.ids.tolist()
    words = {name: frozenset(of) for name, of in zip(form.names, form.words, strict=True) if of}
    gone = [*ignore, *([ids] if ids else [])]
    frame = read_table(path, style, [ids] if ids else [], words)
    missing = [column for column in gone if column not in frame.columns]
    if missing:
        raise ValueError(f"{path.name} must have the column(s) {few(missing)}, got {few(list(frame.columns))}")
    names = frame[ids].astype(str).tolist() if ids else [str(place) for place in range(len(frame))]
    rows = frame.drop(columns=gone).drop(columns=target, errors="ignore")
    if form.image_shape is None:
        return rows, names
    if len(rows.columns) != len(form.names):
        raise ValueError(f"{path.name} must have {len(form.names)} pixels per row, got {len(rows.columns)}")
    return rows.to_numpy(dtype=np.float64), names
