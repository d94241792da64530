"""The user's samples as float arrays: tables with one column per original column, images as NCHW."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.missing import one_nan
from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import Refused
from xrai_widgets.models.constraints import changed, unknown_column
from xrai_widgets.models.frame import FrameCodec
from xrai_widgets.models.number_types import Wider, as_frame, as_type, common_type, text_type

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was learned about the user's inputs; translates both ways.

    Parameters
    ----------
    names : tuple of str
        Feature names.
    constraints : tuple of Constraint
    codec : FrameCodec, optional
        Present when the samples came as a DataFrame.
    image_shape : (channels, height, width), optional
    sample_shape : tuple of int
        Shape of one sample as the user gave it.
    order : tuple, optional
        Columns of the DataFrame that the model was fitted on, in its order.
    handed : tuple, optional
        What the model calls these columns, where it is not what the user calls them.
    bare : bool
        The model was fitted on an array: it gets one, though the samples came as a DataFrame.
    dtype : numpy.dtype, optional
        Type of the user's array, which the model gets; none for a DataFrame.
    channels_last : bool
        The user's images are (n, height, width, channels).
    preprocess : callable, optional
        What the user does to samples before the model gets them.
    notes : tuple of str
        What the reader must know about how the samples were understood.
    holes : bool
        Numbers are missing: then nothing is known of the model from inside but where its trees split.
    wider : Wider, optional
        What type the numbers need that only a batch to be judged holds.
    """

    names: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    codec: FrameCodec | None
    image_shape: tuple[int, int, int] | None
    sample_shape: tuple[int, ...]
    order: tuple[Any, ...] | None = None
    handed: tuple[Any, ...] | None = None
    bare: bool = False
    dtype: Any = None
    channels_last: bool = False
    preprocess: Callable[[Any], Any] | None = None
    notes: tuple[str, ...] = ()
    holes: bool = False
    wider: Wider | None = None

    def encode(self, X: Any, role: str) -> Array:
        """Return float64 (n, d), or float32 (n, channels, height, width)."""
        if self.codec is not None:
            frame = X if isinstance(X, pd.DataFrame) else as_frame(X, role, self.codec.names)
            return self.codec.encode(frame, role)
        array = _numeric(X, role)
        if self.image_shape is not None and (gone := int(np.isnan(array).sum())):
            raise ValueError(f"pixels of {role} must be finite numbers, got {gone} NaN: fill them")
        if array.shape[1:] != self.sample_shape:
            raise ValueError(
                f"each sample of {role} must have shape {self.sample_shape}, as in X, got {array.shape[1:]}"
            )
        if self.image_shape is None:
            return array
        largest = float(np.abs(array).max())
        if largest > float(np.finfo(np.float32).max):
            raise ValueError(f"pixels of {role} must be at most 3.4e38, the largest float32, got {largest:.3g}")
        return self.as_encoded(array, (len(array), *self.image_shape)).astype(np.float32)

    def as_encoded(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return numbers in the layout of the user's samples in that of the encoded ones."""
        if self.channels_last and self.image_shape is not None:
            channels, height, width = self.image_shape
            array = array.reshape(len(array), height, width, channels).transpose(0, 3, 1, 2)
        return array.reshape(shape)

    def to_user(self, X: Array) -> Any:
        """Return the samples as the user's model takes them: their layout, and their type of numbers."""
        rows = self._given(X)
        return rows if self.preprocess is None else self.preprocess(rows)

    def _given(self, X: Array) -> Any:
        if self.codec is not None:
            frame = self.codec.decode(np.asarray(X, dtype=np.float64))
            frame = frame if self.order is None or self.order == self.codec.names else frame[list(self.order)]
            frame = frame if self.handed is None else frame.set_axis(list(self.handed), axis=1)
            if not self.bare:
                return frame
            return frame.to_numpy() if self.dtype is None else frame.to_numpy(dtype=self.dtype)
        array = np.asarray(X)
        dtype = self.dtype if self.wider is None else self.wider.type_for(array, self.dtype)
        array = array if dtype is None else as_type(array, dtype)
        if self.order is not None:
            return pd.DataFrame(np.array(array).reshape(len(X), -1), columns=list(self.order))
        if self.channels_last:
            array = array.transpose(0, 2, 3, 1)
        return array.reshape(len(X), *self.sample_shape)

    @property
    def places(self) -> Array:
        """Column of X in which each column stands that the model gets."""
        if self.codec is None or self.order is None:
            return np.arange(len(self.names))
        at = {name: place for place, name in enumerate(self.codec.names)}
        return np.array([at[name] for name in self.order], dtype=np.intp)

    def only_seems_whole(self, name: str) -> bool:
        """Whether a column holds whole numbers, in a type of fractions that missing ones have made of it."""
        return self.codec is not None and self.codec.columns[self.names.index(name)].whole

    @property
    def numeric(self) -> bool:
        """Whether every column is a number in every row, and reaches the model as it is."""
        return (
            not self.holes
            and self.preprocess is None
            and all(constraint.kind != "category" for constraint in self.constraints)
        )


def learn(
    samples: Mapping[str, Any],
    *,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
    preprocess: Callable[[Any], Any] | None = None,
) -> Inputs:
    """Read columns, kinds and shapes off the samples (by role; the first one is X)."""
    first = samples["X"]
    _refuse_text(first)
    for role, part in samples.items():
        if isinstance(part, pd.DataFrame) != isinstance(first, pd.DataFrame):
            kind = "a DataFrame" if isinstance(first, pd.DataFrame) else "an array"
            raise TypeError(f"{role} must be {kind}, as X is, got {type(part).__name__}")
    if isinstance(first, pd.DataFrame):
        inputs = _learn_frame(samples, image_shape)
    elif _is_mixed(first):
        frames = {role: as_frame(part, role) for role, part in samples.items()}
        inputs = replace(_learn_frame(frames, image_shape), bare=True, dtype=text_type(samples.values()))
    else:
        inputs = _learn_array(_numeric(first, "X"), image_shape, common_type(samples.values()))
    if preprocess is not None and not callable(preprocess):
        raise TypeError(f"preprocess must be a function of the samples, got {preprocess!r}")
    inputs = replace(inputs, preprocess=preprocess)
    if feature_names is not None:
        if isinstance(feature_names, str) or not hasattr(feature_names, "__len__"):
            raise TypeError(f"feature_names must be a list of {len(inputs.names)} names, got {feature_names!r}")
        if len(feature_names) != len(inputs.names):
            raise ValueError(f"feature_names must name {len(inputs.names)} features, got {len(feature_names)}")
        inputs = replace(inputs, names=tuple(map(str, feature_names)))
        if len(set(inputs.names)) < len(inputs.names):
            raise ValueError(f"feature_names must differ from each other, got {list(inputs.names)[:8]}")
    return inputs


def _learn_frame(samples: Mapping[str, Any], image_shape: Sequence[int] | None) -> Inputs:
    if image_shape is not None:
        raise ValueError("image_shape goes with arrays, got a DataFrame: pass X.to_numpy()")
    for role, frame in samples.items():
        if not len(frame) or not len(frame.columns):
            raise ValueError(f"{role} must hold at least one row and one column, got shape {frame.shape}")
    codec = FrameCodec.learn(samples)
    names = tuple(map(str, codec.names))
    return Inputs(names, codec.constraints, codec, None, (len(names),), notes=_empty_cells(samples))


def _empty_cells(frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return how many cells are empty, by column."""
    counts: dict[str, int] = {}
    for frame in frames.values():
        for name, count in zip(map(str, frame.columns), frame.isna().sum().tolist(), strict=True):
            if count:
                counts[name] = counts.get(name, 0) + count
    listed = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:5])
    return (f"empty cells: {listed}{', …' if len(counts) > 5 else ''}",) if counts else ()


def _learn_array(X: Array, image_shape: Sequence[int] | None, dtype: Any) -> Inputs:
    shape, last = _image_shape(X, image_shape)
    names = tuple(f"x{index}" for index in range(int(np.prod(X.shape[1:]))))
    kind = Constraint("integer") if dtype is not None and dtype.kind in "iub" else Constraint()
    return Inputs(names, tuple(kind for _ in names), None, shape, X.shape[1:], dtype=dtype, channels_last=last)


def _is_mixed(X: Any) -> bool:
    """Whether an array of objects or text is a table: what is none is refused with advice elsewhere."""
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUT" and bool(X.size)


def _image_shape(X: Array, wanted: Sequence[int] | None) -> tuple[tuple[int, int, int] | None, bool]:
    """Return (channels, height, width), and whether the channels stand last in the user's samples."""
    if wanted is None and X.ndim == 2:
        return None, False
    shape = X.shape[1:] if wanted is None else tuple(wanted) if isinstance(wanted, Iterable) else (wanted,)
    full = (1, *shape) if len(shape) == 2 else shape
    whole = all(isinstance(side, int | np.integer) and side > 0 for side in full)
    if len(full) != 3 or not whole or int(np.prod(full)) != int(np.prod(X.shape[1:])):
        raise ValueError(
            "samples must be rows (n, d) or images (n, channels, height, width); "
            f"got X of shape {X.shape}" + (f" with image_shape {wanted!r}" if wanted is not None else "")
        )
    if full[0] not in _CHANNELS and full[2] in _CHANNELS:
        if X.ndim == 4 and wanted is None:
            return (int(full[2]), int(full[0]), int(full[1])), True
        raise ValueError(
            f"image_shape must be (channels, height, width), got {wanted!r}: reshape X to (n, {full[0]}, {full[1]}, "
            f"{full[2]}) if its channels stand last, and leave image_shape out"
        )
    return (int(full[0]), int(full[1]), int(full[2])), False


def constrain(inputs: Inputs, wanted: Mapping[str, Constraint | Mapping[str, Any]]) -> Inputs:
    """Add what the user says about columns to what was read off them."""
    tables = isinstance(wanted, Mapping) and all(isinstance(value, Constraint | Mapping) for value in wanted.values())
    if not tables:
        raise TypeError(f"constraints must map column names to Constraint(…), got {wanted!r}")
    merged = dict(zip(inputs.names, inputs.constraints, strict=True))
    for name, given in wanted.items():
        if name not in merged:
            raise unknown_column(name, inputs.names)
        learned = merged[name]
        constraint = changed(name, learned, given) if isinstance(given, Mapping) else given
        if learned.kind == "category":
            constraint = replace(constraint, kind="category", categories=learned.categories)
        elif learned.kind == "integer" and constraint.kind == "continuous" and not inputs.only_seems_whole(name):
            constraint = replace(constraint, kind="integer")
        elif constraint.kind == "category" and not constraint.categories:
            raise ValueError(f"the category {name!r} must have categories=(…), the words for 0, 1, …, got none")
        merged[name] = constraint
    return replace(inputs, constraints=tuple(merged.values()))


def _refuse_text(X: Any) -> None:
    one_dimensional = isinstance(X, list | tuple | pd.Series) or getattr(X, "ndim", 2) == 1
    if one_dimensional and len(X):
        first = next(iter(X))
        words = isinstance(first, list | tuple) and len(first) and isinstance(first[0], str)
        words = words and len({len(row) for row in X}) > 1  # of equal length they are a table
        if isinstance(first, str | bytes) or words:
            what = "list of words" if words else "string"
            raise Refused(
                f"text models are not supported: X holds one {what} per sample; allowed: a table (n, d) or images"
            )


def _numeric(X: Any, role: str) -> Array:
    if hasattr(X, "toarray"):
        raise TypeError(f"{role} must be a dense array or DataFrame, got {type(X).__name__}: pass {role}.toarray()")
    if X is None:
        raise ValueError(f"{role} must be a DataFrame or an array, got None")
    if np.ma.is_masked(X):
        raise ValueError(f"{role} must have no masked entries, got {int(np.sum(X.mask))}: fill them")
    if hasattr(X, "detach"):
        X = X.detach().cpu().numpy()
    try:
        array = np.asarray(X)
    except ValueError:
        raise ValueError(f"{role} must hold rows of equal length (n, d), got rows of different lengths") from None
    if array.dtype.kind not in "iufb":
        advice = "pass a table with text as a DataFrame" + (", numbers as floats" if array.dtype == object else "")
        advice = "split it into two columns" if array.dtype.kind == "c" else advice
        raise TypeError(f"{role} must hold real numbers, got {array.dtype}: {advice}")
    if array.ndim not in (2, 3, 4):
        raise ValueError(f"{role} must be rows (n, d) or images (n, channels, height, width), got shape {array.shape}")
    if not array.size:
        raise ValueError(f"{role} must hold at least one row and one column, got shape {array.shape}")
    with np.errstate(over="ignore"):  # too large for float64: infinite, refused below
        array = array.astype(np.float64)  # always a copy: whatever the user does to X does not change the subject
    bad = np.isinf(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{role} must hold finite numbers or NaN, got {int(bad.sum())} infinite, the first at {place}")
    return one_nan(array)


def with_holes(inputs: Inputs, arrays: Mapping[str, Array]) -> Inputs:
    """Return what was learned with whether numbers are missing, and how many: a DataFrame's cells are counted there."""
    missing = sum(int(np.isnan(part).sum()) for part in arrays.values())
    if not missing:
        return inputs
    return replace(inputs, holes=True, notes=(*inputs.notes, *(() if inputs.codec else (f"empty cells: {missing:,}",))))
