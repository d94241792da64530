"""Monotone constraints: trees are trained anew so that the score may only rise, or only fall, with a column."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from xrai_widgets.core import Gap, Label, Predict, Step, Subject
from xrai_widgets.core.subject import Array
from xrai_widgets.models.anew import training_gap
from xrai_widgets.models.bounds import filled
from xrai_widgets.models.carried_trees import trees_of
from xrai_widgets.models.estimator import Refit, fresh_clone
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.routed import Routed
from xrai_widgets.models.splits import thresholds_of

_WORDS = ("monotonic_cst", "monotone_constraints")  # scikit-learn's; XGBoost's, LightGBM's and CatBoost's
_LOOKED, _VALUES = 20, 7  # rows, and values of a column in each, at which it is looked what enters the trees

Directions = Mapping[str, int]


def monotone_constraints(
    subject: Subject,
    step: Step,
    *,
    rising: Annotated[
        str,
        Label("more must not lower the score"),
        "names of columns, separated by commas; the score is that of the last class, or the value",
    ] = "",
    falling: Annotated[str, Label("more must not raise the score"), "names of columns, separated by commas"] = "",
) -> dict[str, Any]:
    """Train a model made of trees anew so that its score may only rise, or only fall, with some columns.

    The clone has the same parameters, and ``monotonic_cst`` or ``monotone_constraints``.
    """
    assert subject.X_train is not None
    assert subject.fit is not None
    refit = _refit(subject.fit)
    assert refit is not None
    ways = directions(subject, rising, falling)
    word, inside = _word(refit.estimator) or ("", 0)
    signs = _signs(refit, subject, ways, inside)
    step(0.1, "training anew")
    constrained = fresh_clone(refit.estimator).set_params(**{word: _as_taken(refit.estimator, signs)})
    fit = _with(subject.fit, replace(refit, estimator=constrained))
    predict = fit(subject.X_train, subject.y_train, seed=None, rows=np.arange(len(subject.X_train)))
    model = _estimator(predict)
    return {
        "predict": predict,
        "model": model,
        "fit": fit,
        "thresholds": thresholds_of(model, filled(subject.X[:64]), refit.inputs),
        "trees": None if not subject.n_classes else trees_of(model, filled(subject.X[:64]), refit.inputs),
    }


def monotone_gap(subject: Subject, params: Mapping[str, Any]) -> Gap | None:
    """Say why a subject cannot be trained anew with monotone constraints; None if it can."""
    refit = _refit(subject.fit)
    if refit is None or _word(refit.estimator) is None:
        return Gap("monotone constraints are for trees, forests and boosting that can be trained anew in this process")
    if (lacking := training_gap(subject)) is not None:
        return lacking
    if subject.n_classes > 2:
        return Gap(f"a direction is that of one score, and this model tells {subject.n_classes} classes apart")
    if subject.decide is not None:
        return Gap("the model decides by a rule of its own, which was made for it as it is")
    try:
        ways = directions(subject, params["rising"], params["falling"])
        if not ways:
            return Gap("no column is named whose score may only rise or fall")
        _signs(refit, subject, ways, (_word(refit.estimator) or ("", 0))[1])
    except ValueError as error:
        return Gap(str(error))
    return None


def directions(subject: Subject, rising: str, falling: str) -> dict[str, int]:
    """Return 1 for each column with which the score may only rise, and −1 for those with which it may only fall.

    Raises
    ------
    ValueError
        for a name that no column has, one that is named twice, and a column of categories.
    """
    ways: dict[str, int] = {}
    for text, way in ((rising, 1), (falling, -1)):
        for name in filter(None, (word.strip() for word in text.split(","))):
            if name not in subject.feature_names:
                few = ", ".join(subject.feature_names[:10])
                raise ValueError(f"rising and falling must name columns such as {few}, got {name!r}")
            if ways.get(name, way) != way:
                raise ValueError(f"{name!r} is named in rising and in falling")
            if subject.constraints[subject.feature_names.index(name)].kind == "category":
                raise ValueError(f"{name!r} holds categories, which neither rise nor fall")
            ways[name] = way
    return ways


def _refit(fit: Callable[..., Predict] | None) -> Refit | None:
    """Return what clones and refits the estimator; None for other kinds of training."""
    inner = fit.fit if isinstance(fit, Routed) else fit
    return inner if isinstance(inner, Refit) else None


def _with(fit: Callable[..., Predict], refit: Refit) -> Callable[..., Predict]:
    return replace(fit, fit=refit) if isinstance(fit, Routed) else refit


def _word(estimator: Any) -> tuple[str, int] | None:
    """Return the parameter that holds the constraints, and how many steps of a pipeline stand before it."""
    steps = getattr(estimator, "steps", None)
    final, prefix = (estimator, "") if steps is None else (steps[-1][1], f"{steps[-1][0]}__")
    if not hasattr(final, "get_params"):
        return None
    params = final.get_params()
    native = type(final).__module__.partition(".")[0] in ("xgboost", "lightgbm", "catboost")
    word = _WORDS[1] if native else _WORDS[0] if _WORDS[0] in params else ""
    return (f"{prefix}{word}", 0 if steps is None else len(steps) - 1) if word else None


def _signs(refit: Refit, subject: Subject, ways: Directions, steps: int) -> list[int]:
    """Return the constraint of each number that enters the trees.

    Raises
    ------
    ValueError
        for a column that does not enter as one number that rises, or falls, with it.
    """
    rows = np.asarray(subject.X[:_LOOKED], dtype=np.float64)
    entering = _entering(refit.estimator, refit.inputs, rows, steps)
    signs = [0] * entering.shape[1]
    for name, way in ways.items():
        column = subject.feature_names.index(name)
        values = np.unique(subject.X[:, column][~np.isnan(subject.X[:, column])])
        grid = values[np.unique(np.linspace(0, len(values) - 1, _VALUES).astype(np.intp))]
        moved = np.repeat(rows, len(grid), axis=0)
        moved[:, column] = np.tile(grid, len(rows))
        changes = np.diff(
            _entering(refit.estimator, refit.inputs, moved, steps).reshape(len(rows), len(grid), -1), axis=1
        )
        places = np.flatnonzero((changes != 0).any(axis=(0, 1)))
        change = changes[..., places]
        if len(places) != 1 or not ((change > 0).all() or (change < 0).all()):
            raise ValueError(f"{name!r} does not enter the trees as one number that rises or falls with it")
        signs[int(places[0])] = way if bool((change > 0).all()) else -way
    return signs


def _entering(estimator: Any, inputs: Inputs, rows: Array, steps: int) -> Array:
    """Return what enters the trees (n, q) for encoded samples."""
    given = inputs.to_user(rows)
    made = estimator[:-1].transform(given) if steps else given
    dense = made.toarray() if hasattr(made, "toarray") else made
    if not steps and not hasattr(dense, "to_numpy"):
        return np.asarray(dense, dtype=np.float64)
    return _numbers(dense)


def _numbers(made: Any) -> Array:
    """Return a table as numbers; words become the places of their first rows."""
    if not hasattr(made, "columns"):
        return np.asarray(made, dtype=np.float64)
    columns = [made[name] for name in made.columns]
    return np.column_stack(
        [
            np.asarray(one, dtype=np.float64)
            if one.dtype.kind in "iufb"
            else np.unique(one.astype(str), return_inverse=True)[1]
            for one in columns
        ]
    )


def _as_taken(estimator: Any, signs: list[int]) -> Any:
    """Return the constraints as the estimator takes them: XGBoost no list, CatBoost no tuple."""
    final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return tuple(signs) if type(final).__module__.startswith("xgboost") else signs


def _estimator(predict: Any) -> Any:
    """Return the fitted estimator behind what a refit returns."""
    while not hasattr(predict, "estimator"):
        predict = predict.predict
    return predict.estimator
