"""The type of numbers in the user's arrays: kept, so that the model gets what it was made for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array


def as_type(samples: Any, dtype: Any) -> Array:
    """Return numbers in another type; whole ones are rounded to, and stay within what the type holds."""
    array = np.asarray(samples)
    if array.dtype == dtype:
        return array
    if dtype.kind == "b":
        return np.asarray(np.rint(array) != 0)
    if dtype.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        whole = np.rint(array)
        return np.asarray(whole if limits.bits == 64 else np.clip(whole, limits.min, limits.max)).astype(dtype)
    changed: Array = array.astype(dtype)
    return changed


def as_frame(array: Any, role: str, names: Sequence[Any] = ()) -> pd.DataFrame:
    """Return an array of objects or text as the DataFrame that it is."""
    array = np.asarray(array)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{role} must hold at least one row and one column, got shape {array.shape}")
    if names and array.shape[1] != len(names):
        raise ValueError(f"each sample of {role} must have shape {(len(names),)}, as in X, got {array.shape[1:]}")
    frame = pd.DataFrame(array.astype(object), columns=list(names) or [f"x{place}" for place in range(array.shape[1])])
    typed: pd.DataFrame = frame.infer_objects()
    return typed


def common_type(parts: Iterable[Any]) -> Any:
    """Return the one type of numbers of all parts; None for numbers in lists, which have none."""
    try:
        dtypes = [np.dtype(str(part.dtype).removeprefix("torch.")) for part in parts if hasattr(part, "dtype")]
    except TypeError:  # a type of another library
        return None
    common = np.result_type(*dtypes) if dtypes else None
    return common if common is not None and common.kind in "iufb" else None


def text_type(parts: Iterable[Any]) -> Any:
    """Return the type of the first array, of text with room for the longest word of all of them."""
    arrays = [np.asarray(part) for part in parts]
    first = arrays[0].dtype
    if first.kind not in "US":
        return first
    longest = max(len(str(cell)) for array in arrays for cell in array.ravel())
    return np.result_type(first, np.dtype(f"{first.kind}{longest}"))


def beyond(values: Array, dtype: Any) -> Array:
    """Return the mask of the numbers that a type cannot hold: fractions among integers, missing ones, too large ones.

    Parameters
    ----------
    values : float64 array
    dtype : numpy.dtype or pandas type of numbers
    """
    plain = dtype if isinstance(dtype, np.dtype) else getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    gone = np.isnan(values)
    kept: Array = gone & (isinstance(plain, np.dtype) and plain.kind in "iub" and isinstance(dtype, np.dtype))
    if plain.kind == "b":
        return kept | (~gone & ~np.isin(values, (0.0, 1.0)))
    if plain.kind in "iu":
        limits = np.iinfo(plain)
        with np.errstate(invalid="ignore"):
            odd: Array = (values != np.rint(values)) | (values < limits.min) | (values > limits.max)
        return kept | (~gone & odd)
    return kept | (np.abs(values) > np.finfo(plain).max)


def widened(values: Array, dtype: Any, boxed: bool) -> pd.Series:
    """Return numbers that a type cannot hold as pandas itself would: truth values with gaps, integers, or fractions."""
    gone = np.isnan(values)
    if dtype.kind == "b" and np.isin(values[~gone], (0.0, 1.0)).all():
        made = pd.Series(values != 0, dtype=object)
        made[gone] = np.nan
        return made
    whole = not gone.any() and (values == np.rint(values)).all()
    made = pd.Series(values.astype(np.int64) if whole else values)
    return made.astype(object) if boxed else made


@dataclass(frozen=True, eq=False)
class Wider:
    """Numbers that only a batch holds and that the type of the other samples does not, and the type that does."""

    numbers: Array
    dtype: Any

    def type_for(self, array: Array, usual: Any) -> Any:
        """Return the type of number that an array needs: the usual one, unless it holds some of the numbers."""
        gone = np.isnan(self.numbers).any() and np.isnan(array).any()
        return self.dtype if gone or np.isin(array, self.numbers).any() else usual
