"""A batch to be judged, from a table or from pictures: the new samples, their labels, and which are foreign."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import closest
from xrai_widgets.core.subject import Array
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.pictures import ARCHIVE, BATCH_ENDINGS, read_batch_pictures
from xrai_widgets.io.table_files import TABLES, check_table_name, read_table
from xrai_widgets.models.frame import few, same_columns

_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


@dataclass(frozen=True)
class BatchFile:
    """Which file or folder, and the role of each of its columns; what is left over are the features.

    Parameters
    ----------
    path : Path
        A table, a picture (PNG, JPEG), or a folder of pictures, which may be zipped.
    foreign : str
        Column that says which samples are foreign; of a folder of pictures, the subfolder of those that are.
    target, ids, weights : str
        Columns, where the batch has them; it need not.
    ignore, text : tuple of str
        Columns that the model does not take, and that are read as text.
    style : CsvFormat
    """

    path: Path
    foreign: str = ""
    target: str = ""
    ids: str = ""
    weights: str = ""
    ignore: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    style: CsvFormat = field(default_factory=CsvFormat)

    def read(self, X: Any, image_shape: Sequence[int] | None = None, words: Mapping[str, Any] | None = None) -> Any:
        """Return the arguments ``X_new, y_new, foreign, new_groups, new_ids`` of `Subject.of`, as far as the file says.

        Of a folder of pictures each subfolder is a set.

        Parameters
        ----------
        X : DataFrame or array
            The held-out samples, whose columns, or shape and scale, the batch has.
        image_shape : (channels, height, width), optional
            Of flat rows that are pictures.
        words : mapping of column to words, optional
            That the model knows.

        Raises
        ------
        ValueError
            naming the file, and the column or picture that does not fit.
        """
        if are_pictures(self.path):
            return self._pictures(X, image_shape)
        if not isinstance(X, pd.DataFrame):
            return self._of_array(np.asarray(X).shape[1:])
        return self._table(X, words or {})

    def _pictures(self, X: Any, image_shape: Sequence[int] | None) -> dict[str, Any]:
        shape = tuple(np.asarray(X).shape[1:]) if image_shape is None else tuple(image_shape)
        shape = (1, *shape) if len(shape) == 2 else shape
        if len(shape) != 3:
            raise ValueError(
                f"{self.path.name} holds pictures, and this model takes tables: give a table ({', '.join(TABLES)})"
            )
        pictures = read_batch_pictures(self.path, shape, np.asarray(X, dtype=np.float64))
        made: dict[str, Any] = {"new_ids": pictures.ids}
        flat = pictures.X.reshape(len(pictures.X), -1)
        made["X_new"] = flat if np.ndim(X) == 2 else flat.reshape(len(flat), *np.asarray(X).shape[1:])
        if isinstance(X, pd.DataFrame):
            made["X_new"] = pd.DataFrame(flat, columns=X.columns, index=pictures.ids)
        if len({*pictures.folders} - {""}) > 0:
            made["new_groups"] = np.where(pictures.folders == "", "pictures", pictures.folders)
        if self.foreign:
            if self.foreign not in pictures.folders:
                there = few(sorted(set(pictures.folders) - {""})) or "none"
                raise ValueError(
                    f"foreign must be a subfolder of {self.path.name}, that of the foreign pictures, got "
                    f"{self.foreign!r}; subfolders: {there}"
                )
            made["foreign"] = pictures.folders == self.foreign
        return made

    def _of_array(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Read a table whose columns stand in the order of the array: an ``.npz``, or one column per feature."""
        made, features = self._roles(self._read({}))
        width = math.prod(shape)
        if features.shape[1] != width:
            raise ValueError(
                f"{self.path.name} must have {width} features, as X has, got {features.shape[1]}: "
                f"{few(list(features.columns))}"
            )
        words = [column for column in features.columns if features[column].dtype.kind not in "iufb"]
        if words:
            raise ValueError(f"{self.path.name} must hold numbers, as X does, but the column(s) {few(words)} hold text")
        made["X_new"] = features.to_numpy(dtype="float64").reshape(len(features), *shape)
        return made

    def _table(self, X: pd.DataFrame, words: Mapping[str, Any]) -> dict[str, Any]:
        # what is text in X is text here, too, though all cells of a small batch may look like numbers
        text_words = {str(column): frozenset(_words(X[column])) for column in X.columns if _is_text(X[column])}
        as_words = {
            column: text_words.get(column, frozenset()) | set(words.get(column, ())) for column in {*text_words, *words}
        }
        table = self._read(as_words)
        made, features = self._roles(table)
        same_columns(features, list(X.columns), self.path.name, "those of X")
        made["X_new"] = features[list(X.columns)]
        return made

    def _read(self, words: Mapping[str, Any]) -> pd.DataFrame:
        written = (self.ids,) if self.ids and ".csv" in self.path.name.lower() else ()
        frame = read_table(self.path, self.style, (*self.text, *written), words)
        if self.foreign and self.foreign not in frame.columns:
            near = closest(self.foreign, list(map(str, frame.columns)))
            raise ValueError(
                f"{self.path.name} must have the column {self.foreign!r}, which says True for a foreign sample, got "
                f"{few(list(frame.columns))}{near}"
            )
        return frame

    def _roles(self, table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
        """Return labels, names and what is foreign, and the table of the features that are left over."""
        made: dict[str, Any] = {"new_ids": table[self.ids] if self.ids in table.columns else table.index}
        if self.foreign:
            made["foreign"] = truths(table[self.foreign], self.foreign, self.path.name)
        if self.target in table.columns and not table[self.target].isna().all():
            labels = table[self.target]
            empty = labels.isna().to_numpy()
            if empty.any():
                raise ValueError(
                    f"the target {self.target!r} must be filled in every row of {self.path.name} or in none, got "
                    f"{int(empty.sum())} empty: fill them, or leave the column out"
                )
            made["y_new"] = labels
        gone = [self.target, self.ids, self.weights, self.foreign, *self.ignore]
        return made, table.drop(columns=[column for column in gone if column], errors="ignore")


def are_pictures(path: Path) -> bool:
    """Whether a path is a picture or a folder of them, which may be zipped."""
    return path.is_dir() or path.suffix.lower() in (*BATCH_ENDINGS, ARCHIVE)


def check_batch_name(name: str) -> None:
    """Refuse a file by its name, before it is read."""
    if not name.lower().endswith((*BATCH_ENDINGS, ARCHIVE)):
        check_table_name(name)


def truths(cells: pd.Series, column: str, name: str) -> Array:
    """Return truth values that stand in a column of a file: True and False, 1 and 0, or yes and no.

    Raises
    ------
    ValueError
        naming another cell.
    """
    if cells.isna().any():
        raise ValueError(
            f"the column {column!r} must say True or False in every row of {name}, got {int(cells.isna().sum())} empty"
        )
    written = [str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell) for cell in cells]
    texts = [text.strip().lower() for text in written]
    wrong = next((cell for cell, text in zip(written, texts, strict=True) if text not in _YES | _NO), None)
    if wrong is not None:
        raise ValueError(
            f"the column {column!r} of {name} must say True or False (or 1 and 0, yes and no), got {wrong!r}"
        )
    return np.array([text in _YES for text in texts])


def say_truth(values: Collection[str]) -> bool:
    """Whether the different cells of a column, as text, can be read as truth values."""
    return bool(values) and {value.strip().lower() for value in values} <= _YES | _NO


def _is_text(column: pd.Series) -> bool:
    return column.dtype.kind not in "iufbmM" and any(isinstance(cell, str) for cell in column)


def _words(column: pd.Series) -> list[str]:
    return [cell for cell in column.dropna().unique().tolist() if isinstance(cell, str)]
