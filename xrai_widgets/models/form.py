"""What rows must look like: the columns of a table, their kinds and words, or the shape of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.subject import Array, Subject
from xrai_widgets.models.frame import few, same_columns

_EMPTY = ("None", "nan", "<NA>", "NaT", "missing")  # what the category of empty cells may be called
_KINDS = ("continuous", "integer", "category")


@dataclass(frozen=True)
class Form:
    """Columns and shape of the samples of a subject, without the subject.

    Parameters
    ----------
    names : tuple of str
        Of the columns, or pixels.
    kinds : tuple of {"continuous", "integer", "category"}
    words : tuple of tuple of str
        Of each column the categories 0, 1, …; none for numbers.
    image_shape : (channels, height, width), optional
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    image_shape: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, subject: Subject) -> "Form":
        """Return the form of a subject's samples."""
        limits = subject.constraints
        words = tuple(tuple(map(str, c.categories)) if c.kind == "category" else () for c in limits)
        return cls(tuple(subject.feature_names), tuple(c.kind for c in limits), words, subject.image_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded sample."""
        return (len(self.names),) if self.image_shape is None else self.image_shape

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Kind and categories of each column."""
        return tuple(Constraint(kind, words) for kind, words in zip(self.kinds, self.words, strict=True))  # type: ignore[arg-type]  # checked

    def encode(self, X: Any, what: str = "X") -> Array:
        """Return rows as a subject holds them: float64 (n, d), codes for categories, or float32 (n, c, h, w).

        Parameters
        ----------
        X : DataFrame or array
            A table with these columns in any order, its words as text; or an array of encoded samples, or of pictures
            (n, height, width), (n, height, width, channels) or flat. A cell that is none of the words gets the code
            after the last one, and so does an empty one where none of the words stands for it.
        what : str
            What messages call it.

        Raises
        ------
        ValueError, TypeError
            naming columns or the shape that do not fit, text where numbers are asked for, and what is not finite.
        """
        if np.ma.is_masked(X):
            raise ValueError(f"{what} must have no masked entries, got {int(np.sum(X.mask))}: fill them")
        array = X if isinstance(X, pd.DataFrame) else np.asarray(X)
        if isinstance(array, np.ndarray) and array.dtype == object and array.shape[1:] == (len(self.names),):
            array = pd.DataFrame(array, columns=list(self.names))
        rows = self._of_table(array, what) if isinstance(array, pd.DataFrame) else _numbers(array, what)
        if not len(rows):
            raise ValueError(f"{what} must hold at least one row, got none")
        if np.isinf(rows).any():
            place = int(np.argwhere(np.isinf(rows.reshape(len(rows), -1)))[0, 0])
            raise ValueError(f"{what} must hold finite numbers or missing ones, got an infinite one in row {place}")
        return rows if self.image_shape is None and rows.shape[1:] == self.shape else self._shaped(rows, what)

    def unknown(self, rows: Array, decoded: bool) -> Array:
        """Return which encoded rows hold a word that there is not: no model can be given it.

        Parameters
        ----------
        rows : array (n, …)
        decoded : bool
            Whether the model gets words, so that an empty code stands for none of them.
        """
        mask = np.zeros(len(rows), dtype=bool)
        for place, (kind, words) in enumerate(zip(self.kinds, self.words, strict=True)):
            if kind == "category" and self.image_shape is None:
                codes = rows[:, place]
                mask |= (codes < 0) | (codes > len(words) - 1) | (np.isnan(codes) & decoded)
        return mask

    def _of_table(self, X: pd.DataFrame, what: str) -> Array:
        frame = X.set_axis([str(name) for name in X.columns], axis=1)
        if self.names == tuple(f"x{place}" for place in range(len(self.names))) and not {*frame} & {*self.names}:
            if len(frame.columns) != len(self.names):
                raise ValueError(f"{what} must have {len(self.names)} columns, got {len(frame.columns)}")
            frame = frame.set_axis(list(self.names), axis=1)
        same_columns(frame, list(self.names), what, "those that the alarm was fitted on")
        parts = [
            _codes(frame[name], words) if kind == "category" else _column(frame[name], name, what)
            for name, kind, words in zip(self.names, self.kinds, self.words, strict=True)
        ]
        return np.column_stack(parts)

    def _shaped(self, rows: Array, what: str) -> Array:
        if self.image_shape is None:
            raise ValueError(f"each row of {what} must have {len(self.names)} columns, got shape {rows.shape[1:]}")
        channels, height, width = self.image_shape
        got = rows.shape[1:]
        if got == (height, width, channels) and got != self.image_shape:
            rows = rows.transpose(0, 3, 1, 2)
        elif got not in (self.image_shape, (channels * height * width,)) and not (
            channels == 1 and got == (height, width)
        ):
            raise ValueError(
                f"each picture of {what} must have shape {self.image_shape} (channels, height, width), got {got}: "
                "resize it (xw.read_pictures does that)"
            )
        if np.isnan(rows).any():
            raise ValueError(f"the pixels of {what} must be numbers, got {int(np.isnan(rows).sum())} missing")
        return rows.reshape(len(rows), *self.image_shape).astype(np.float32)


def form_of(written: Any) -> Form:
    """Return the form that `dataclasses.asdict` has written, as JSON gives it back.

    Raises
    ------
    ValueError
        naming what is not as it should be.
    """
    fields = {"names", "kinds", "words", "image_shape"}
    if not isinstance(written, Mapping) or {*written} != fields:
        raise ValueError(f"the form of the samples must have the entries {', '.join(sorted(fields))}")
    names, kinds, words = (written[key] for key in ("names", "kinds", "words"))
    shape = written["image_shape"]
    sound = (
        all(isinstance(part, list) for part in (names, kinds, words))
        and len(names) == len(kinds) == len(words) > 0
        and all(isinstance(name, str) for name in names)
        and len({*names}) == len(names)
        and all(kind in _KINDS for kind in kinds)
        and all(isinstance(of, list) and all(isinstance(word, str) for word in of) for of in words)
    )
    if not sound:
        raise ValueError("names, kinds and words must be lists of one entry per column, of text, got something else")
    if shape is not None:
        whole = isinstance(shape, list) and len(shape) == 3 and all(type(side) is int and side > 0 for side in shape)
        if not whole or int(np.prod([*map(float, shape)])) != len(names):
            raise ValueError(f"image_shape must be three lengths of {len(names)} pixels together, got {shape!r}"[:200])
        shape = tuple(shape)
    return Form(tuple(names), tuple(kinds), tuple(map(tuple, words)), shape)


def same_form(wanted: Form, got: Form) -> None:
    """Refuse samples of another form.

    Raises
    ------
    ValueError
        naming the first column that differs, or the shape.
    """
    if wanted.image_shape != got.image_shape:
        raise ValueError(
            f"the samples must have the shape {wanted.shape} that the alarm was fitted on, got {got.shape}"
        )
    if wanted.names != got.names:
        why = "as the alarm was fitted on, in this order"
        raise ValueError(f"the samples must have the columns {few(wanted.names)} ({why}), got {few(got.names)}")
    for name, *kinds in zip(wanted.names, wanted.kinds, got.kinds, strict=True):
        if kinds[0] != kinds[1]:
            raise ValueError(f"the column {name!r} must be {kinds[0]}, as the alarm was fitted on, got {kinds[1]}")
    for name, *words in zip(wanted.names, wanted.words, got.words, strict=True):
        if words[0] != words[1]:
            raise ValueError(f"the column {name!r} must have the categories {few(words[0])}, got {few(words[1])}")


def _codes(cells: pd.Series, words: tuple[str, ...]) -> Array:
    place = {word: code for code, word in enumerate(words)}
    numbers: dict[float | None, int] = {
        number: code for code, word in enumerate(words) if (number := _number(word)) is not None
    }
    numeric = len(numbers) >= len([word for word in words if word not in _EMPTY])
    empty = next((place[word] for word in _EMPTY if word in place), len(words))

    def code(cell: Any) -> int:
        if pd.api.types.is_scalar(cell) and pd.isna(cell):
            return empty
        match = place.get(str(cell))
        if match is None and (numeric or not isinstance(cell, str)):
            match = numbers.get(_number(str(cell)))
        return len(words) if match is None else match

    return np.array([code(cell) for cell in cells.astype(object)], dtype=np.float64)


def _column(cells: pd.Series, name: str, what: str) -> Array:
    if cells.dtype == object and all(isinstance(cell, bool | int | float | np.generic) for cell in cells.dropna()):
        cells = cells.astype(np.float64)  # truth values with empty cells among them, too
    if cells.dtype.kind not in "iufb":
        if cells.isna().all():
            return np.full(len(cells), np.nan)
        strange = next(cell for cell in cells.tolist() if not pd.isna(cell))
        raise TypeError(f"column {name!r} of {what} must hold numbers, got {cells.dtype} such as {strange!r}")
    values: Array = cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _numbers(X: Array, what: str) -> Array:
    if X.dtype.kind not in "iufb":
        few_ = few([str(cell) for cell in X.ravel()[:3].tolist()])
        raise TypeError(f"{what} must hold numbers, or be a DataFrame, got {X.dtype} such as {few_}")
    if X.ndim not in (2, 3, 4):
        raise ValueError(f"{what} must be rows (n, d) or pictures (n, channels, height, width), got shape {X.shape}")
    return X.astype(np.float64)
