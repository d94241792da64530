"""The boundary: any supported model and its data become the fields of a Subject, checked once."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Adapted, Declared, Refused
from xrai_widgets.models.anew import trained_anew
from xrai_widgets.models.asking import ask
from xrai_widgets.models.booster_files import BoosterFile
from xrai_widgets.models.bounds import bounds_of
from xrai_widgets.models.carried import held
from xrai_widgets.models.codes import coded_columns
from xrai_widgets.models.columns import aligned
from xrai_widgets.models.constraints import expectations_of, read_range
from xrai_widgets.models.decisions import rule_of
from xrai_widgets.models.estimator import adapt_estimator, is_detector, is_estimator
from xrai_widgets.models.estimator_check import check_estimator
from xrai_widgets.models.function import Call, adapt_function, adapt_table
from xrai_widgets.models.given import (
    check_constraints,
    check_given,
    check_words,
    foreign_of,
    groups_of,
    ids_of,
    named_models,
)
from xrai_widgets.models.inputs import Inputs, constrain, learn, with_holes
from xrai_widgets.models.keras_model import adapt_keras
from xrai_widgets.models.keras_state import is_keras
from xrai_widgets.models.onnx import Highest, adapt_onnx
from xrai_widgets.models.onnx_session import is_onnx
from xrai_widgets.models.outputs import in_classes
from xrai_widgets.models.recode import declared, recoded, values_of
from xrai_widgets.models.state import digest
from xrai_widgets.models.steadiness import Steadiness, steadiness
from xrai_widgets.models.telling import telling_rows
from xrai_widgets.models.torch_module import adapt_torch, is_torch_module
from xrai_widgets.models.unseen import check_batch, one_of_each, taught, with_batch

_LOOK = 256  # samples whose predictions are checked, at least
_FIELDS = {"X": "y", "X_train": "y_train", "X_new": "y_new"}
_PASSED = ("logits", "gradient", "logit_gradient", "embed", "trees", "layers")


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
    foreign: Any = None,
    bounds: Any,
    constraints: Mapping[str, Any] | None,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
    groups: Any,
    train_groups: Any,
    new_groups: Any = None,
    outputs: Declared | None = None,
    preprocess: Any = None,
    decide: Any = None,
    **training: Any,
) -> dict[str, Any]:
    """Return the fields of a subject; see `Subject.of` for the arguments."""
    if model is None:
        X, X_train, X_new = (_as_column(part) for part in (X, X_train, X_new))
    y, y_train, labelling_notes = _labelled(model, (X, y), (X_train, y_train))
    given = {"X": X, "X_train": X_train, "X_new": X_new}
    check_given(given, {"X": y, "X_train": y_train, "X_new": y_new}, {"X_train": train_ids, "X_new": new_ids}, foreign)
    check_words(task, classes, outputs)
    samples = {role: part for role, part in given.items() if part is not None or role == "X"}
    inputs = learn(taught(samples), feature_names=feature_names, image_shape=image_shape, preprocess=preprocess)
    inputs = held(model, aligned(model, with_batch(inputs, samples), X, feature_names is None))
    codes_declared, limits = declared(inputs.names, inputs.constraints, constraints or {})
    inputs = constrain(inputs, limits)
    arrays = {role: _read_only(inputs.encode(part, role)) for role, part in samples.items()}
    learned = taught(arrays)
    check_constraints(inputs := with_holes(inputs, learned), learned, limits)
    subgroups = groups_of(groups, train_groups, new_groups, given, arrays)
    vectors = {
        _FIELDS[role]: labels.vector(part, _FIELDS[role], len(arrays[role]))
        for role, part in (("X", y), ("X_train", y_train), ("X_new", y_new))
        if part is not None or role == "X"
    }
    box = None if model is None else _read_only(bounds_of(bounds, inputs, arrays, limits))
    adapted = _adapt(model, inputs, arrays, vectors["y"], task, classes, box, outputs)
    if model is None and isinstance(X, pd.DataFrame) and adapted.task == "classification" and classes is None:
        adapted = replace(adapted, classes=_column_classes(list(X.columns), vectors))
    rows = _telling_rows(learned, inputs)
    looked = ask(lambda: np.asarray(adapted.predict(rows)), inputs)
    if looked.shape[:1] != (len(rows),):
        raise ValueError(f"the model must give one row per sample, got shape {looked.shape} for {len(rows)} samples")
    check_batch(adapted.predict, arrays, inputs, (box, bounds is not None))
    fields = in_classes(adapted, looked, vectors, classes)
    asked = adapted.queryable
    steady = ask(lambda: steadiness(fields["predict"], arrays["X"]), inputs) if asked else Steadiness(0.0, 0.0, 0)
    rule, rule_notes = ask(lambda: rule_of(decide, model, adapted, fields, arrays, inputs), inputs)
    state = adapted.state if not steady.twice else digest(model, chance=False)
    made = {
        "name": str(name) if name else _name(model),
        "task": adapted.task,
        "model": model,
        **arrays,
        **{key: _read_only(value) if key in vectors else value for key, value in fields.items()},
        **_rows({"X": (ids, X), "X_train": (train_ids, X_train), "X_new": (new_ids, X_new)}, foreign, arrays),
        **{key: getattr(adapted, key) for key in _PASSED},
        "regions": None if adapted.regions is None else _read_only(adapted.regions),
        **{key: (read := getattr(adapted, key)) and tuple(map(_read_only, read)) for key in ("linear", "thresholds")},
        **rule,
        "bounds": box,
        "feature_names": inputs.names,
        "constraints": inputs.constraints,
        "expected": expectations_of(inputs.names, {n: t for n, t in limits.items() if isinstance(t, Mapping)}),
        "decode": inputs.codec.decode if inputs.codec is not None else None,
        "image_shape": inputs.image_shape,
        **{role: part if part is None else _read_only(part) for role, part in subgroups.items()},
        "outputs": adapted.outputs,
        "unstable": steady.largest,
        "notes": (*labelling_notes, *inputs.notes, *adapted.notes, *rule_notes, *steady.notes),
        **trained_anew(training, model, adapted, inputs, fields["classes"], state, arrays.get("X_train")),
    }
    codes = _codes(model, inputs, arrays, codes_declared, limits)
    return recoded(made, codes) if codes else made


def _labelled(model: Any, held: tuple[Any, Any], trained: tuple[Any, Any]) -> tuple[Any, Any, tuple[str, ...]]:
    """Return y and y_train; of a detector without labels its own labels stand for them, and a note says so."""
    (X, y), (X_train, y_train) = held, trained
    if X is None or not is_detector(model):
        return y, y_train, ()
    if y is not None:
        labels.refuse_but_inliers_and_outliers({"y": y, "y_train": y_train})
        return y, y_train, ()
    check_estimator(model)
    if not hasattr(model, "predict"):
        raise Refused(
            f"a {type(model).__name__} like this predicts for its training samples only: pass novelty=True, fit again"
        )
    y = model.predict(X)
    if X_train is not None and y_train is None:
        y_train = model.predict(X_train)
    return y, y_train, ("labels: those of the detector itself, of which it gets all right",)


def each(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields of one subject for each of several models on the same data; see `named_models`."""
    described = {}
    for key, model in named_models(given["model"]).items():
        name = f"{given['name']} {key}" if given["name"] else key
        try:
            described[key] = describe(**{**given, "model": model, "name": name})
        except (ValueError, TypeError) as error:
            raise type(error)(f"the model {key!r}: {error}") from error
    return described


def _codes(
    model: Any,
    inputs: Inputs,
    arrays: Mapping[str, Array],
    codes_declared: Mapping[int, Sequence[Any] | None],
    limits: Mapping[str, Any],
) -> dict[int, Array]:
    """Return the columns of codes, which the user declares or the model treats so, and the numbers they may hold."""
    of_model = coded_columns(model, inputs) if is_estimator(model) else {}
    for name, given in limits.items():  # the user's word goes before the model's
        kind = given.get("kind") if isinstance(given, Mapping) else given.kind
        if kind is not None and isinstance(given, Mapping):
            of_model.pop(inputs.names.index(name), None)
        if isinstance(given, Mapping) and "range" in given and inputs.names.index(name) in codes_declared:
            read_range(name, Constraint("category"), given["range"])  # raises: it has none
    if inputs.image_shape is not None and codes_declared:
        raise ValueError("the pixels of images are no categories")
    return {
        column: values_of(
            inputs.names[column],
            {role: part[:, column] for role, part in arrays.items()},
            codes_declared.get(column),
            None if column in codes_declared else of_model[column],
        )
        for column in sorted({*codes_declared, *of_model})
    }


def _adapt(
    model: Any,
    inputs: Inputs,
    arrays: Mapping[str, Array],
    y: Array,
    task: Task | None,
    classes: Sequence[Any] | None,
    bounds: Array | None,
    outputs: Declared | None,
) -> Adapted:
    if model is None:
        return adapt_table(inputs, arrays, y, task, outputs)
    if is_estimator(model):
        check_estimator(model)
        adapted = ask(lambda: adapt_estimator(_kept(model), inputs, arrays["X"], outputs), inputs)
        if task is not None and task != adapted.task:
            raise ValueError(f"task must be {adapted.task!r} for a {type(model).__name__}, got {task!r}")
        return adapted
    parts = telling_rows(taught(arrays), inputs, bounds)
    if is_onnx(model):
        return ask(lambda: adapt_onnx(model, inputs, parts, y, task, classes, outputs), inputs)
    if is_torch_module(model):
        return ask(lambda: adapt_torch(model, inputs, parts, y, task, outputs), inputs)
    if is_keras(model):
        return ask(lambda: adapt_keras(_kept(model), inputs, parts, y, task, classes, outputs), inputs)
    if callable(model) and not isinstance(model, type):
        adapted = ask(lambda: adapt_function(model, inputs, parts, y, task, classes, outputs), inputs)
        decide = model.decide if isinstance(model, BoosterFile) else None
        names: tuple[Any, ...] = tuple(classes or getattr(model, "labels", None) or ())
        return adapted if decide is None else replace(adapted, decide=Highest(Call(decide, inputs), names))
    raise TypeError(
        "the model must be a fitted scikit-learn classifier or regressor, a torch module or Keras model, an ONNX model "
        f"or session, a function of the inputs, or None for a table of probabilities, got {_kind(model)}"
    )


def _telling_rows(arrays: Mapping[str, Array], inputs: Inputs) -> Array:
    """Return the first samples, and for every category one that has it: a word that the model does not take shows."""
    return np.concatenate([arrays["X"][:_LOOK], *(one_of_each(part, inputs) for part in arrays.values())])


def _kept(model: Any) -> Any:
    """Return a copy, so that whatever the user does to the model afterwards does not change the subject."""
    try:
        return copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - an attribute that cannot be copied: a lock, a connection
        return model


def _column_classes(columns: list[Any], vectors: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return the labels that name the columns of a table: equal to them, or the same as text."""
    seen = {label for role, y in vectors.items() if role != "y_new" for label in y.tolist()}
    by_text = {str(label): label for label in seen}
    classes = tuple(column if column in seen else by_text.get(str(column), column) for column in columns)
    if not seen <= set(classes):
        strange = sorted(seen - set(classes), key=str)[:5]
        raise ValueError(
            f"the columns of the table must be named by the labels, got the columns {columns[:8]} and the labels "
            f"{strange}: rename the columns, or pass classes=[…], the labels in their order"
        )
    return classes


def _rows(named: Mapping[str, tuple[Any, Any]], foreign: Any, arrays: Mapping[str, Array]) -> dict[str, Array | None]:
    """Return what the rows of each part are called, and which new ones are foreign."""
    made: dict[str, Array | None] = {}
    for role, (given, X) in named.items():
        field = f"{role.removeprefix('X').removeprefix('_')}_ids".removeprefix("_")
        made[field] = None if X is None else _read_only(ids_of(given, X, len(arrays[role]), field))
    made["foreign"] = None if foreign is None else _read_only(foreign_of(foreign, len(arrays["X_new"])))
    return made


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
