"""Columns of numbers that are codes: those that the model itself treats as categories."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array
from xrai_widgets.models.inputs import Inputs

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
CodedColumns = Iterator[tuple[int, Array]]


def coded_columns(model: Any, inputs: Inputs) -> dict[int, Array]:
    """Return the columns of X that the model treats as categories, with the values it knows, as far as it says.

    Encoders inside the pipeline say it, ``categorical_features`` of histogram gradient boosting, ``cat_features`` of
    CatBoost, ``categorical_feature`` of LightGBM and the type "c" of XGBoost. Words, and columns of pandas' type
    category, are categories anyway; truth values need not be.
    """
    if inputs.image_shape is not None or inputs.preprocess is not None:
        return {}
    values_by_column: dict[int, Array] = {}
    for column, categories in _coded(model, [int(place) for place in inputs.places]):
        values = _numbers(categories)
        if inputs.constraints[column].kind != "category" and not _is_truth(inputs, column):
            values_by_column[column] = np.union1d(values_by_column.get(column, values), values)
    return values_by_column


def category_words(model: Any) -> dict[str, frozenset[str]]:
    """Return the words that the model knows in each of its named columns, where it knows nothing but words."""
    names = list(map(str, getattr(model, "feature_names_in_", ())))
    by_name: dict[str, set[Any]] = {}
    for column, categories in _coded(model, range(len(names))) if names else ():
        by_name.setdefault(names[column], set()).update(
            cell for cell in np.asarray(categories, dtype=object) if pd.notna(cell)
        )
    return {
        name: frozenset(cells) for name, cells in by_name.items() if cells and all(isinstance(c, str) for c in cells)
    }


def _is_truth(inputs: Inputs, column: int) -> bool:
    if inputs.codec is None:
        return inputs.dtype is not None and inputs.dtype.kind == "b"
    dtype = inputs.codec.columns[column].numbers
    return dtype is not None and dtype.kind == "b"


def _coded(part: Any, columns: Sequence[int]) -> CodedColumns:
    """Yield the columns that a fitted part treats as categories; ``columns`` are those that it takes, in its order."""
    if part is None or isinstance(part, str) or not columns:  # without columns it may not even be fitted
        return
    if hasattr(part, "steps"):
        yield from _of_steps([step for _, step in part.steps], columns)
        return
    if hasattr(part, "transformers_"):
        for _, inner, asked in part.transformers_:
            yield from _coded(inner, [columns[place] for place in _places(part, asked, len(columns))])
        return
    for _, inner in getattr(part, "transformer_list", []):
        yield from _coded(inner, columns)
    if type(part).__name__ in _ENCODERS and hasattr(part, "categories_"):
        yield from zip(columns, part.categories_, strict=False)
    for place, values in _of_booster(part, len(columns)):
        yield columns[place], values
    yield from _of_members(part, columns)


def _of_steps(steps: Sequence[Any], columns: Sequence[int]) -> CodedColumns:
    for step in steps:
        yield from _coded(step, columns)
        if not _keeps_columns(step, len(columns)):
            return


def _of_members(part: Any, columns: Sequence[int]) -> CodedColumns:
    names = ("best_estimator_", "estimator_", "regressor_")
    members = [(getattr(part, name, None), columns) for name in names]
    if type(part).__name__ == "FrozenEstimator":
        members.append((part.estimator, columns))
    members += [(getattr(inner, "estimator", None), columns) for inner in getattr(part, "calibrated_classifiers_", [])]
    several = getattr(part, "estimators_", None)
    drawn = getattr(part, "estimators_features_", None)
    for number, member in enumerate(several if isinstance(several, list) else []):
        columns_of_member = columns if drawn is None else [columns[place] for place in drawn[number]]
        members.append((member, columns_of_member))
    for member, columns_of_member in members:
        yield from _coded(member, columns_of_member)


def _keeps_columns(step: Any, count: int) -> bool:
    """Whether a step gives the columns that it takes, in the same order."""
    if step is None or isinstance(step, str):
        return True
    if type(step).__name__ == "SimpleImputer":
        whole = len(step.statistics_) == count and not pd.isna(step.statistics_).any()  # else it drops columns
        return whole and not step.add_indicator
    if type(step).__name__ == "FunctionTransformer":
        return step.func is None
    return hasattr(step, "fit_resample")  # a sampler of imbalanced-learn changes rows in training, nothing later


def _places(part: Any, asked: Any, count: int) -> list[int]:
    """Return the places of the columns that a ColumnTransformer hands to one of its parts."""
    if isinstance(asked, slice):
        if isinstance(asked.start, str) or isinstance(asked.stop, str):
            names = list(part.feature_names_in_)
            start = None if asked.start is None else names.index(asked.start)
            stop = None if asked.stop is None else names.index(asked.stop) + 1
            asked = slice(start, stop, asked.step)
        taken: list[int] = list(range(count))[asked]
        return taken
    if isinstance(asked, str | int | np.integer) and not isinstance(asked, bool):
        asked = [asked]
    entries = list(asked)
    if entries and all(isinstance(entry, bool | np.bool_) for entry in entries):
        return [place for place, taken in enumerate(entries) if taken]
    names = list(getattr(part, "feature_names_in_", ()))
    return [names.index(entry) if isinstance(entry, str) else int(entry) % count for entry in entries]


def _of_booster(part: Any, count: int) -> CodedColumns:
    """Yield the places of the columns that a booster itself treats as categories."""
    mask = getattr(part, "is_categorical_", None)  # HistGradientBoosting
    if mask is not None:
        yield from ((int(place), np.empty(0)) for place in np.flatnonzero(mask))
    home = type(part).__module__.partition(".")[0]
    if home == "catboost" and hasattr(part, "get_cat_feature_indices"):
        yield from ((int(place), np.empty(0)) for place in part.get_cat_feature_indices())
    if home == "xgboost" and hasattr(part, "get_booster"):
        kinds = part.get_booster().feature_types or []
        yield from ((place, np.empty(0)) for place, kind in enumerate(kinds) if kind == "c")
    if home == "lightgbm" and hasattr(part, "booster_"):
        infos = part.booster_.dump_model(num_iteration=1)["feature_infos"]
        for place, name in enumerate(part.booster_.feature_name()[:count]):
            if infos.get(name, {}).get("values"):
                yield place, np.empty(0)


def _numbers(values: Any) -> Array:
    """Return the finite numbers among values; none if they are words."""
    try:
        numbers = np.asarray(values).astype(np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
    return np.asarray(numbers[np.isfinite(numbers)])
