"""What the user gives beside the model, checked before anything is asked."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Declared
from xrai_widgets.models.constraints import problems
from xrai_widgets.models.inputs import Inputs


def check_given(
    samples: Mapping[str, Any], targets: Mapping[str, Any], ids: Mapping[str, Any], foreign: Any = None
) -> None:
    """Refuse samples without labels, and labels or names without samples."""
    if samples["X"] is None:
        raise ValueError("X must be a DataFrame or an array, got None")
    if (samples["X_train"] is None) != (targets["X_train"] is None):
        given, missing = ("X_train", "y_train") if targets["X_train"] is None else ("y_train", "X_train")
        raise ValueError(f"{given} needs {missing}: pass both or neither")
    if samples["X_new"] is None and targets["X_new"] is not None:
        raise ValueError("y_new needs X_new: pass both, or X_new alone")
    if samples["X_new"] is None and foreign is not None:
        raise ValueError("foreign needs X_new, the batch of which it says a truth value per row: pass both, or neither")
    for role, given in ids.items():
        if given is not None and samples[role] is None:
            raise ValueError(f"{role.replace('X_', '')}_ids needs {role}: pass both or neither")


def check_constraints(inputs: Inputs, arrays: Mapping[str, Array], constraints: Mapping[str, Any]) -> None:
    """Refuse limits that the data do not fulfil."""
    parts = {role: part.reshape(len(part), -1) for role, part in arrays.items() if role != "X_new"}
    looked = [column for column, name in enumerate(inputs.names) if name in constraints]
    # cells that are no codes of a category are refused with its bounds
    looked = [column for column in looked if inputs.constraints[column].kind == "integer"]
    for problem in problems(inputs.names, inputs.constraints, parts, looked).values():
        raise ValueError(problem)


def check_words(task: object, classes: object, outputs: object) -> None:
    """Refuse options that are none, or do not go together."""
    if outputs is not None and outputs not in get_args(Declared):
        raise ValueError(f"outputs must be one of {', '.join(get_args(Declared))}, got {outputs!r}")
    if outputs is not None and task is not None and (outputs == "values") != (task == "regression"):
        raise ValueError(f"outputs={outputs!r} do not go with task={task!r}")
    if task is not None and task not in get_args(Task):
        raise ValueError(f"task must be one of {', '.join(get_args(Task))}, got {task!r}")
    if classes is not None and (isinstance(classes, str) or not isinstance(classes, Iterable)):
        raise TypeError(f"classes must be a list of labels, got {classes!r}")


def groups_of(
    groups: Any, train: Any, new: Any, given: Mapping[str, Any], arrays: Mapping[str, Array]
) -> dict[str, Array | None]:
    """Return the subgroup of each sample, which a column of the user's may say; None where there are none.

    Those of the new samples stand alone, too: they may be sets that X does not know.
    """
    if new is not None and given["X_new"] is None:
        raise ValueError("new_groups needs X_new: pass both, or neither")
    if isinstance(new, str):
        new = _column(given["X_new"], new)
    if isinstance(groups, str):
        columns = list(getattr(given["X"], "columns", ()))
        if groups not in columns:
            raise ValueError(
                f"groups must be a column of X or one group per sample; columns: {columns}, got {groups!r}"
            )
        train = given["X_train"][groups] if train is None and given["X_train"] is not None else train
        new = given["X_new"][groups] if new is None and groups in getattr(given["X_new"], "columns", ()) else new
        groups = given["X"][groups]
    if train is not None and (groups is None or given["X_train"] is None):
        raise ValueError("train_groups needs groups and X_train: pass all three")
    pairs = {"groups": (groups, "X"), "train_groups": (train, "X_train"), "new_groups": (new, "X_new")}
    return {
        role: None if values is None else labels.entries(values, role, len(arrays[part]), "group")
        for role, (values, part) in pairs.items()
    }


def _column(X_new: Any, name: str) -> Any:
    columns = list(getattr(X_new, "columns", ()))
    if name not in columns:
        raise ValueError(
            f"new_groups must be a column of X_new or one group per sample; columns: {columns}, got {name!r}"
        )
    return X_new[name]


def named_models(models: Any) -> dict[str, Any]:
    """Return several models by name.

    Parameters
    ----------
    models : mapping, or list of models or of (name, model)
        Models without a name get that of their kind, with a number where there are several.

    Raises
    ------
    ValueError
        if there are none, or two of the same name.
    TypeError
        for a list of anything else.
    """
    pairs = list(models.items()) if isinstance(models, Mapping) else [_named(entry) for entry in models]
    if not pairs:
        raise ValueError(f"the models must be at least one, got an empty {type(models).__name__}")
    kinds = [type(model).__name__ for name, model in pairs if name is None]
    seen: dict[str, int] = {}
    by_name: dict[str, Any] = {}
    for given, model in pairs:
        if isinstance(model, str | int | float | Mapping | list | tuple | None):
            raise TypeError(f"each of several models must be a fitted model, got {model!r}")
        name = type(model).__name__ if given is None else str(given)
        if given is None and kinds.count(name) > 1:
            seen[name] = seen.get(name, 0) + 1
            name = f"{name} {seen[name]}"
        if name in by_name:
            raise ValueError(f"the models must have different names, got {name!r} twice")
        by_name[name] = model
    return by_name


def _named(entry: Any) -> tuple[Any, Any]:
    pair = isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)
    return (entry[0], entry[1]) if pair else (None, entry)


def ids_of(given: Any, X: Any, rows: int, role: str) -> Array:
    """Return the names of samples: those that were given, else the index of a DataFrame, else 0…n−1."""
    advice = ""
    if given is None:
        given = X.index if isinstance(X, pd.DataFrame) else np.arange(rows)
        advice = f": they are the index of the DataFrame; pass {role}=, or reset_index(drop=True)"
    names = labels.entries(given, role, rows, "name")
    repeated = rows - len(set(names.tolist()))
    if repeated:
        raise ValueError(f"{role} must differ from each other, got {repeated} repeated{advice}")
    return names


def foreign_of(given: Any, rows: int) -> Array:
    """Return whether each row of X_new is foreign to what the model was made for."""
    cells = labels.entries(given, "foreign", rows, "truth value")
    wrong = [cell for cell in cells.tolist() if not isinstance(cell, bool)]
    if wrong:
        raise TypeError(
            f"foreign must hold True or False, one per row of X_new, got {cells.dtype} such as {wrong[0]!r}: pass a "
            "comparison, such as labels == 'other'"
        )
    return cells.astype(bool)
