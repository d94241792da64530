"""Models and data found among a notebook's variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Subject
from xrai_widgets.models.estimator import is_estimator
from xrai_widgets.models.torch_module import is_torch_module

_TEST = (("X_test", "y_test"), ("X_val", "y_val"), ("X_valid", "y_valid"), ("x_test", "y_test"), ("X", "y"))
_RESERVED = ("In", "Out")  # what IPython keeps of the cells
_MOST_INSIDE = 200  # entries of a dict or list that are looked at
_NEW = ("X_new", "y_new", "foreign")
_TRAIN = (("X_train", "y_train"), ("x_train", "y_train"))


@dataclass(frozen=True)
class Guess:
    """The variables that probably belong to a model; empty where none fits."""

    X: str = ""
    y: str = ""
    X_train: str = ""
    y_train: str = ""
    X_new: str = ""
    y_new: str = ""
    foreign: str = ""


def notebook_namespace() -> Mapping[str, Any]:
    """Return the variables of the notebook this runs in; empty outside of one."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return {} if shell is None else shell.user_ns


def models(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subjects, fitted estimators and torch modules, by variable name; also those in dicts and lists."""
    candidates = {}
    for name, value in namespace.items():
        if name.startswith("_") or name in _RESERVED:
            continue
        if _is_model(value):
            candidates[name] = value
        elif type(value) in (dict, list, tuple) and 0 < len(value) <= _MOST_INSIDE:
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            candidates |= {f"{name}[{key!r}]": part for key, part in list(inside) if _is_model(part)}
    return candidates


def _is_model(value: Any) -> bool:
    if isinstance(value, type):
        return False
    return isinstance(value, Subject) or is_torch_module(value) or (is_estimator(value) and _is_fitted(value))


def tables(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the DataFrames, Series and numeric arrays, by variable name."""
    kinds = (pd.DataFrame, pd.Series, np.ndarray)
    return {name: value for name, value in namespace.items() if isinstance(value, kinds) and not name.startswith("_")}


def guess(model: Any, namespace: Mapping[str, Any]) -> Guess:
    """Guess by the customary names and the number of columns which data belong to a model."""
    test = _pair(model, namespace, _TEST)
    train = _pair(model, namespace, _TRAIN)
    return Guess(*test, *train, *_batch(model, tables(namespace)))


def _batch(model: Any, arrays: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the variables of a batch of new samples, which need have neither labels nor a mark of the foreign ones."""
    if _NEW[0] not in arrays or not _fits(model, arrays[_NEW[0]]):
        return "", "", ""
    rows = len(arrays[_NEW[0]])
    y_new, foreign = (name if name in arrays and len(arrays[name]) == rows else "" for name in _NEW[1:])
    return _NEW[0], y_new, foreign


def _pair(model: Any, namespace: Mapping[str, Any], names: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    arrays = tables(namespace)
    for first, second in names:
        there = first in arrays and second in arrays and len(arrays[first]) == len(arrays[second])
        if there and _fits(model, arrays[first]):
            return first, second
    return "", ""


def _fits(model: Any, samples: Any) -> bool:
    """Whether samples have the features that a model takes, as far as it says."""
    width, shape = getattr(model, "n_features_in_", None), np.shape(samples)
    return len(shape) > 1 and (width is None or int(np.prod(shape[1:])) == width)


def _is_fitted(model: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        return False
    return True
