"""The user's samples as float arrays: tables with one column per original column, images as NCHW."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import Refused
from xrai_widgets.models.constraints import changed, unknown_column
from xrai_widgets.models.frame import FrameCodec

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
    bare : bool
        The model was fitted on an array: it gets one, though the samples came as a DataFrame.
    """

    names: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    codec: FrameCodec | None
    image_shape: tuple[int, int, int] | None
    sample_shape: tuple[int, ...]
    order: tuple[Any, ...] | None = None
    bare: bool = False

    def encode(self, X: Any, role: str) -> Array:
        """Return float64 (n, d), or float32 (n, channels, height, width)."""
        if isinstance(X, pd.DataFrame) and self.codec is not None:
            return self.codec.encode(X, role)
        array = _numeric(X, role)
        if array.shape[1:] != self.sample_shape:
            raise ValueError(
                f"each sample of {role} must have shape {self.sample_shape}, as in X, got {array.shape[1:]}"
            )
        if self.image_shape is None:
            return array
        largest = float(np.abs(array).max())
        if largest > float(np.finfo(np.float32).max):
            raise ValueError(f"pixels of {role} must be at most 3.4e38, the largest float32, got {largest:.3g}")
        return array.reshape(len(array), *self.image_shape).astype(np.float32)

    def to_user(self, X: Array) -> Any:
        """Return the samples as the user's model takes them."""
        if self.codec is not None:
            frame = self.codec.decode(np.asarray(X, dtype=np.float64))
            frame = frame if self.order is None else frame[list(self.order)]
            return frame.to_numpy() if self.bare else frame
        if self.order is not None:
            return pd.DataFrame(np.array(X).reshape(len(X), -1), columns=list(self.order))
        return np.asarray(X).reshape(len(X), *self.sample_shape)

    @property
    def numeric(self) -> bool:
        """Whether every column is a number."""
        return all(constraint.kind != "category" for constraint in self.constraints)


def learn(
    samples: Mapping[str, Any],
    *,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
) -> Inputs:
    """Read columns, kinds and shapes off the samples (by role; the first one is X)."""
    first = samples["X"]
    _refuse_text(first)
    for role, part in samples.items():
        if isinstance(part, pd.DataFrame) != isinstance(first, pd.DataFrame):
            kind = "a DataFrame" if isinstance(first, pd.DataFrame) else "an array"
            raise TypeError(f"{role} must be {kind}, as X is, got {type(part).__name__}")
    if isinstance(first, pd.DataFrame):
        found = _learn_frame(samples, image_shape)
    else:
        found = _learn_array(_numeric(first, "X"), image_shape)
    if feature_names is not None:
        if isinstance(feature_names, str) or not hasattr(feature_names, "__len__"):
            raise TypeError(f"feature_names must be a list of {len(found.names)} names, got {feature_names!r}")
        if len(feature_names) != len(found.names):
            raise ValueError(f"feature_names must name {len(found.names)} features, got {len(feature_names)}")
        found = replace(found, names=tuple(map(str, feature_names)))
        if len(set(found.names)) < len(found.names):
            raise ValueError(f"feature_names must differ from each other, got {list(found.names)[:8]}")
    return found


def _learn_frame(samples: Mapping[str, Any], image_shape: Sequence[int] | None) -> Inputs:
    if image_shape is not None:
        raise ValueError("image_shape goes with arrays, got a DataFrame: pass X.to_numpy()")
    for role, frame in samples.items():
        if not len(frame) or not len(frame.columns):
            raise ValueError(f"{role} must hold at least one row and one column, got shape {frame.shape}")
    codec = FrameCodec.learn(samples)
    return Inputs(tuple(map(str, codec.names)), codec.constraints, codec, None, (len(codec.columns),))


def _learn_array(X: Array, image_shape: Sequence[int] | None) -> Inputs:
    shape = _image_shape(X, image_shape)
    names = tuple(f"x{index}" for index in range(int(np.prod(X.shape[1:]))))
    return Inputs(names, tuple(Constraint() for _ in names), None, shape, X.shape[1:])


def _image_shape(X: Array, wanted: Sequence[int] | None) -> tuple[int, int, int] | None:
    if wanted is None and X.ndim == 2:
        return None
    shape = X.shape[1:] if wanted is None else tuple(wanted) if isinstance(wanted, Iterable) else (wanted,)
    full = (1, *shape) if len(shape) == 2 else shape
    whole = all(isinstance(side, int | np.integer) and side > 0 for side in full)
    if len(full) != 3 or not whole or int(np.prod(full)) != int(np.prod(X.shape[1:])):
        raise ValueError(
            "samples must be rows (n, d) or images (n, channels, height, width); "
            f"got X of shape {X.shape}" + (f" with image_shape {wanted!r}" if wanted is not None else "")
        )
    if full[0] not in _CHANNELS and full[2] in _CHANNELS:
        flat = f" with image_shape {wanted!r}: reshape to (n, {full[0]}, {full[1]}, {full[2]}), then" if wanted else ":"
        raise ValueError(
            f"images must be (n, channels, height, width), got {X.shape}{flat} use X.transpose(0, 3, 1, 2)"
        )
    return int(full[0]), int(full[1]), int(full[2])


def constrain(found: Inputs, wanted: Mapping[str, Constraint | Mapping[str, Any]]) -> Inputs:
    """Add what the user says about columns to what was read off them."""
    tables = isinstance(wanted, Mapping) and all(isinstance(value, Constraint | Mapping) for value in wanted.values())
    if not tables:
        raise TypeError(f"constraints must map column names to Constraint(…), got {wanted!r}")
    merged = dict(zip(found.names, found.constraints, strict=True))
    for name, given in wanted.items():
        if name not in merged:
            raise unknown_column(name, found.names)
        learned = merged[name]
        constraint = changed(name, learned, given) if isinstance(given, Mapping) else given
        if learned.kind == "category":
            constraint = replace(constraint, kind="category", categories=learned.categories)
        elif learned.kind == "integer" and constraint.kind == "continuous":
            constraint = replace(constraint, kind="integer")
        elif constraint.kind == "category" and not constraint.categories:
            raise ValueError(f"the category {name!r} must have categories=(…), the words for 0, 1, …, got none")
        merged[name] = constraint
    return replace(found, constraints=tuple(merged.values()))


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
    bad = ~np.isfinite(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{role} must hold finite numbers, got {int(bad.sum())} NaN or infinite, the first at {place}")
    return array
