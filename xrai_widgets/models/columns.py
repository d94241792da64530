"""The columns of a table and those that a model knows: compared as the model's library compares them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from xrai_widgets.models.estimator_check import parts_of
from xrai_widgets.models.frame import same_columns
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.onnx_session import OnnxModel, is_onnx

_FITTED = "those the model was fitted on"


def aligned(model: Any, inputs: Inputs, X: Any, nameless: bool) -> Inputs:
    """Compare the columns with those that the model knows, and note the order and form in which it wants them.

    Names are compared as they are, then as text, then as libraries rewrite them (LightGBM turns blanks into
    underscores, exporters all that is no letter or digit). Where nothing agrees, and the library itself goes by the
    place of a column, so does this, and says it.

    Parameters
    ----------
    model : object
    inputs : Inputs
    X : DataFrame or array
        As the user gave it.
    nameless : bool
        The user named no features: an array's columns get the model's names.

    Raises
    ------
    ValueError
        naming columns that are missing or too many.
    """
    if inputs.preprocess is not None:  # what it makes of the columns, only it knows
        return inputs
    expected = _fitted_columns(model)
    if expected is not None and isinstance(X, pd.DataFrame):
        match = matched(list(X.columns), expected, _goes_by_place(model))
        if match is None:
            called = {_letters(name): name for name in expected}
            same_columns(X.set_axis([called.get(_letters(c), c) for c in X.columns], axis=1), expected, "X", _FITTED)
        else:
            order, note = match
            handed = None if order == expected else tuple(expected)
            inputs = replace(inputs, order=tuple(order), handed=handed, notes=(*inputs.notes, *note))
    width = getattr(model, "n_features_in_", None)
    if isinstance(width, int) and width != len(inputs.names):
        raise ValueError(f"X must have {width} features, {_FITTED}, got {len(inputs.names)}")
    if expected is not None and not is_onnx(model):
        names = tuple(map(str, expected)) if nameless and not isinstance(X, pd.DataFrame) else inputs.names
        if inputs.codec is not None and not isinstance(X, pd.DataFrame):
            return replace(inputs, order=tuple(expected), names=names, bare=False, codec=inputs.codec.renamed(expected))
        return replace(inputs, order=inputs.order or tuple(expected), names=names)
    text = isinstance(X, pd.DataFrame) and all(isinstance(name, str) for name in X.columns)
    bare = text and width is not None and all(not hasattr(part, "feature_names_in_") for part in parts_of(model))
    without = ("columns by their place: the model was fitted without names",) if bare else ()
    return replace(inputs, bare=inputs.bare or bare, notes=(*inputs.notes, *without))


def matched(columns: Sequence[Any], expected: Sequence[Any], by_place: bool) -> tuple[list[Any], list[str]] | None:
    """Return the columns in the order of the names that the model knows, and notes about it.

    None where they do not agree.
    """
    for form in (_same, str, _underscored, _letters):
        given = [form(name) for name in columns]
        asked = [form(name) for name in expected]
        if len(set(given)) == len(given) and len(set(asked)) == len(asked) and set(given) == set(asked):
            return [columns[given.index(name)] for name in asked], []
    strange = not {_letters(name) for name in columns} & {_letters(name) for name in expected}
    if by_place and len(columns) == len(expected) and strange:
        return list(columns), [f"columns by their place: the model calls them {', '.join(map(str, expected[:3]))}, …"]
    return None


def _same(name: Any) -> Any:
    return name


def _underscored(name: Any) -> str:
    return re.sub(r"\s", "_", _words(name))


def _letters(name: Any) -> str:
    return re.sub(r"\W", "_", _words(name))


def _words(name: Any) -> str:
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _fitted_columns(model: Any) -> list[Any] | None:
    """Return the columns that a model was fitted on by name."""
    if is_onnx(model):
        names = list((model if isinstance(model, OnnxModel) else OnnxModel.of(model)).inputs)
        return names if len(names) > 1 else None
    if hasattr(model, "get_cat_feature_indices"):  # CatBoost has a word of its own, and numbers as names
        named = list(model.feature_names_ or [])
        return named if named and named != list(map(str, range(len(named)))) else None
    try:
        names_in = model.feature_names_in_
    except AttributeError:  # fitted on an array
        return None
    return None if names_in is None else list(names_in)


def _goes_by_place(model: Any) -> bool:
    """Whether the library itself never looks at names; the others refuse a table whose names differ."""
    return is_onnx(model) or type(model).__module__.partition(".")[0] == "lightgbm"
