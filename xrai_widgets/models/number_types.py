"""The type of numbers in the user's arrays: kept, so that the model gets what it was made for."""

from collections.abc import Iterable, Sequence
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
        found = [np.dtype(str(part.dtype).removeprefix("torch.")) for part in parts if hasattr(part, "dtype")]
    except TypeError:  # a type of another library
        return None
    common = np.result_type(*found) if found else None
    return common if common is not None and common.kind in "iufb" else None
