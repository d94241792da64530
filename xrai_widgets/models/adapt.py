"""The boundary: any supported model and its data become the fields of a Subject, checked once."""

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Adapted, Refused
from xrai_widgets.models.bounds import bounds_of
from xrai_widgets.models.code import code_digest
from xrai_widgets.models.constraints import problems
from xrai_widgets.models.estimator import adapt_estimator, check_estimator, is_estimator, parts_of
from xrai_widgets.models.frame import same_columns
from xrai_widgets.models.function import adapt_function, adapt_table
from xrai_widgets.models.inputs import Inputs, constrain, learn
from xrai_widgets.models.onnx import adapt_onnx
from xrai_widgets.models.onnx_session import is_onnx
from xrai_widgets.models.outputs import in_classes
from xrai_widgets.models.torch_module import adapt_torch, is_torch_module
from xrai_widgets.models.training import training

Answer = TypeVar("Answer")
_LOOK = 256  # samples whose answers are checked, at least
_FIELDS = {"X": "y", "X_train": "y_train", "X_new": "y_new"}


def describe(
    *,
    model: Any,
    X: Any,
    y: Any,
    X_train: Any,
    y_train: Any,
    X_new: Any,
    y_new: Any,
    name: str | None,
    task: Task | None,
    classes: Sequence[Any] | None,
    ids: Any,
    train_ids: Any,
    new_ids: Any,
    bounds: Any,
    constraints: Mapping[str, Any] | None,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
    groups: Any,
    train_groups: Any,
    fit: Any,
) -> dict[str, Any]:
    """Return the fields of a subject; see `Subject.of` for the arguments."""
    if model is None:
        X, X_train, X_new = (_as_column(part) for part in (X, X_train, X_new))
    given = {"X": X, "X_train": X_train, "X_new": X_new}
    _check_given(given, {"X": y, "X_train": y_train, "X_new": y_new}, {"X_train": train_ids, "X_new": new_ids})
    _check_words(task, classes)
    samples = {role: part for role, part in given.items() if part is not None or role == "X"}
    inputs = learn(samples, feature_names=feature_names, image_shape=image_shape)
    inputs = constrain(_aligned(model, inputs, X, feature_names is None), constraints or {})
    arrays = {role: _read_only(inputs.encode(part, role)) for role, part in samples.items()}
    _check_constraints(inputs, arrays, constraints or {})
    vectors = {
        _FIELDS[role]: labels.vector(part, _FIELDS[role], len(arrays[role]))
        for role, part in (("X", y), ("X_train", y_train), ("X_new", y_new))
        if part is not None or role == "X"
    }
    adapted = _adapt(model, inputs, arrays, vectors["y"], task, classes)
    if model is None and isinstance(X, pd.DataFrame) and adapted.task == "classification" and classes is None:
        adapted = replace(adapted, classes=_column_classes(list(X.columns), vectors))
    rows = _telling_rows(arrays, inputs)
    looked = _ask(lambda: np.asarray(adapted.predict(rows)), inputs)
    if looked.shape[:1] != (len(rows),):
        raise ValueError(f"the model must give one row per sample, got shape {looked.shape} for {len(rows)} samples")
    fields = in_classes(adapted, looked, vectors, classes)
    trained = adapted.fit if fit is None else training(fit, model, adapted, inputs, fields["classes"])
    return {
        "name": str(name) if name else _name(model),
        "task": adapted.task,
        "model": model,
        **arrays,
        **{key: _read_only(value) if key in vectors else value for key, value in fields.items()},
        "ids": _ids(ids, X, len(arrays["X"]), "ids"),
        "train_ids": None if X_train is None else _ids(train_ids, X_train, len(arrays["X_train"]), "train_ids"),
        "new_ids": None if X_new is None else _ids(new_ids, X_new, len(arrays["X_new"]), "new_ids"),
        "logits": adapted.logits,
        "gradient": adapted.gradient,
        "embed": adapted.embed,
        "regions": None if adapted.regions is None else _read_only(adapted.regions),
        **{key: told and tuple(map(_read_only, told)) for key, told in _inside(adapted).items()},
        "fit": trained,
        "bounds": _read_only(bounds_of(bounds, inputs, arrays, constraints or {})) if adapted.queryable else None,
        "feature_names": inputs.names,
        "constraints": inputs.constraints,
        "decode": inputs.codec.decode if inputs.codec is not None else None,
        "image_shape": inputs.image_shape,
        **_groups(groups, train_groups, given, arrays),
        "outputs": adapted.outputs,
        "state": adapted.state if fit is None else f"{adapted.state} trained by {code_digest(fit)}",
    }


def _inside(adapted: Adapted) -> dict[str, tuple[Array, ...] | None]:
    return {"linear": adapted.linear, "thresholds": adapted.thresholds}


def _adapt(
    model: Any, inputs: Inputs, arrays: Mapping[str, Array], y: Array, task: Task | None, classes: Sequence[Any] | None
) -> Adapted:
    X = arrays["X"]
    if model is None:
        return adapt_table(inputs, arrays, y, task)
    if is_estimator(model):
        check_estimator(model)
        adapted = _ask(lambda: adapt_estimator(_kept(model), inputs, X), inputs)
        if task is not None and task != adapted.task:
            raise ValueError(f"task must be {adapted.task!r} for a {type(model).__name__}, got {task!r}")
        return adapted
    if is_onnx(model):
        return _ask(lambda: adapt_onnx(model, inputs, X, y, task, classes), inputs)
    if is_torch_module(model):
        return _ask(lambda: adapt_torch(model, inputs, X, y, task), inputs)
    if callable(model) and not isinstance(model, type):
        return _ask(lambda: adapt_function(model, inputs, X, y, task, classes), inputs)
    raise TypeError(
        "the model must be a fitted scikit-learn classifier or regressor, a torch module, an ONNX model or session, a "
        f"function of the inputs, or None for a table of probabilities, got {_kind(model)}"
    )


def _ask(question: Callable[[], Answer], inputs: Inputs) -> Answer:
    """Return the model's answer; whatever it raises becomes a message about the model and X."""
    try:
        return question()
    except Refused:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"the model could not answer for X: {said}{_hint(str(error), inputs)}") from error


def _telling_rows(arrays: Mapping[str, Array], inputs: Inputs) -> Array:
    """Return the first samples, and for every category one that has it: a word that the model does not take shows."""
    words = [column for column, constraint in enumerate(inputs.constraints) if constraint.kind == "category"]
    found = [arrays["X"][:_LOOK]]
    for array in arrays.values() if inputs.codec is not None else ():
        first = [np.unique(array[:, column], return_index=True)[1] for column in words]
        found.append(array[np.unique(np.concatenate(first)).astype(int)] if first else array[:0])
    return np.concatenate(found)


def _hint(said: str, inputs: Inputs) -> str:
    kinds = list(zip(inputs.names, inputs.constraints, strict=True))
    for cell in re.findall(r"'([^']*)'", said):
        found = [name for name, constraint in kinds if cell in constraint.categories]
        if found:
            return f" (the column {found[0]!r} holds {cell!r})"
    if inputs.codec is None:
        return ""
    words, numbers = ([n for n, c in kinds if (c.kind == "category") == wanted] for wanted in (True, False))
    return f" (columns of text: {', '.join(words[:8]) or 'none'}; of numbers: {', '.join(numbers[:8]) or 'none'})"


def _kept(model: Any) -> Any:
    """Return a copy, so that whatever the user does to the model afterwards does not change the subject."""
    try:
        return copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - an attribute that cannot be copied: a lock, a connection
        return model


def _check_given(samples: Mapping[str, Any], targets: Mapping[str, Any], ids: Mapping[str, Any]) -> None:
    if samples["X"] is None:
        raise ValueError("X must be a DataFrame or an array, got None")
    if (samples["X_train"] is None) != (targets["X_train"] is None):
        given, missing = ("X_train", "y_train") if targets["X_train"] is None else ("y_train", "X_train")
        raise ValueError(f"{given} needs {missing}: pass both or neither")
    if samples["X_new"] is None and targets["X_new"] is not None:
        raise ValueError("y_new needs X_new: pass both, or X_new alone")
    for role, given in ids.items():
        if given is not None and samples[role] is None:
            raise ValueError(f"{role.replace('X_', '')}_ids needs {role}: pass both or neither")


def _check_constraints(inputs: Inputs, arrays: Mapping[str, Array], constraints: Mapping[str, Any]) -> None:
    parts = {role: part.reshape(len(part), -1) for role, part in arrays.items() if role != "X_new"}
    looked = [column for column, name in enumerate(inputs.names) if name in constraints]
    # cells that are no codes of a category are refused with its bounds
    looked = [column for column in looked if inputs.constraints[column].kind == "integer"]
    for said in problems(inputs.names, inputs.constraints, parts, looked).values():
        raise ValueError(said)


def _check_words(task: object, classes: object) -> None:
    if task is not None and task not in get_args(Task):
        raise ValueError(f"task must be one of {', '.join(get_args(Task))}, got {task!r}")
    if classes is not None and (isinstance(classes, str) or not isinstance(classes, Iterable)):
        raise TypeError(f"classes must be a list of labels, got {classes!r}")


def _aligned(model: Any, inputs: Inputs, X: Any, nameless: bool) -> Inputs:
    """Compare the columns with those that the model was fitted on, and note the order and form it wants them in."""
    known = _columns_of(model)
    if known is not None and isinstance(X, pd.DataFrame):
        same_columns(X, list(known), "X", "those the model was fitted on")
    width = getattr(model, "n_features_in_", None)
    if width is not None and width != len(inputs.names):
        raise ValueError(f"X must have {width} features, those the model was fitted on, got {len(inputs.names)}")
    if known is not None:
        names = tuple(map(str, known)) if nameless and inputs.codec is None else inputs.names
        return replace(inputs, order=tuple(known), names=names)
    text = isinstance(X, pd.DataFrame) and all(isinstance(name, str) for name in X.columns)
    bare = text and width is not None and all(not hasattr(part, "feature_names_in_") for part in parts_of(model))
    return replace(inputs, bare=bare)


def _columns_of(model: Any) -> Any:
    """Return the columns that a model was fitted on by name; CatBoost has a word of its own, and numbers as names."""
    own = list(getattr(model, "feature_names_", None) or []) if hasattr(model, "get_cat_feature_indices") else []
    return own if own and own != list(map(str, range(len(own)))) else getattr(model, "feature_names_in_", None)


def _column_classes(columns: list[Any], vectors: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return the labels that name the columns of a table: equal to them, or the same as text."""
    seen = {label for y in vectors.values() for label in y.tolist()}
    by_text = {str(label): label for label in seen}
    classes = tuple(column if column in seen else by_text.get(str(column), column) for column in columns)
    if not seen <= set(classes):
        strange = sorted(seen - set(classes), key=str)[:5]
        raise ValueError(
            f"the columns of the table must be named by the labels, got the columns {columns[:8]} and the labels "
            f"{strange}: rename the columns, or pass classes=[…], the labels in their order"
        )
    return classes


def _ids(given: Any, X: Any, rows: int, role: str) -> Array:
    advice = ""
    if given is None:
        given = X.index if isinstance(X, pd.DataFrame) else np.arange(rows)
        advice = f": they are the index of the DataFrame; pass {role}=, or reset_index(drop=True)"
    found = labels.entries(given, role, rows, "name")
    repeated = rows - len(set(found.tolist()))
    if repeated:
        raise ValueError(f"{role} must differ from each other, got {repeated} repeated{advice}")
    return _read_only(found)


def _groups(groups: Any, train: Any, given: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Array | None]:
    if isinstance(groups, str):
        columns = list(getattr(given["X"], "columns", ()))
        if groups not in columns:
            raise ValueError(
                f"groups must be a column of X or one group per sample; columns: {columns}, got {groups!r}"
            )
        train = given["X_train"][groups] if train is None and given["X_train"] is not None else train
        groups = given["X"][groups]
    if train is not None and (groups is None or given["X_train"] is None):
        raise ValueError("train_groups needs groups and X_train: pass all three")
    found = {"groups": (groups, "X"), "train_groups": (train, "X_train")}
    return {
        role: None if values is None else _read_only(labels.entries(values, role, len(arrays[part]), "group"))
        for role, (values, part) in found.items()
    }


def _read_only(array: Array) -> Array:
    array.setflags(write=False)  # never the user's own array: all of them are copies
    return array


def _as_column(table: Any) -> Any:
    """Return a table of one column where a single row of values was given."""
    if isinstance(table, pd.Series):
        return table.to_frame()
    if isinstance(table, list | tuple) and all(isinstance(value, int | float) for value in table):
        table = np.asarray(table)
    return table.reshape(-1, 1) if getattr(table, "ndim", 2) == 1 and hasattr(table, "reshape") else table


def _kind(model: object) -> str:
    if isinstance(model, type):
        return f"the class {model.__name__}"
    blind = hasattr(model, "get_params") and not hasattr(model, "predict")
    return f"{'a' if blind else 'an object of type'} {type(model).__name__}{' that cannot predict' if blind else ''}"


def _name(model: Any) -> str:
    if model is None:
        return "table of outputs"
    return str(getattr(model, "__name__", "") or type(model).__name__)
