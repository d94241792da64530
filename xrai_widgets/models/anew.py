"""How a model is trained anew, as fields of its subject."""

from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Gap
from xrai_widgets.core.subject import Array, Subject
from xrai_widgets.models.adapted import Adapted
from xrai_widgets.models.code import code_digest
from xrai_widgets.models.estimator import is_estimator, is_seeded
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.routed import check_training, routed
from xrai_widgets.models.training import training

_PREFIT = {("cv", "prefit"), ("prefit", True)}  # parameters by which scikit-learn keeps a fitted part


def trained_anew(
    given: Mapping[str, Any],
    model: Any,
    adapted: Adapted,
    inputs: Inputs,
    classes: tuple[Any, ...],
    state: str | None,
    X_train: Array | None,
) -> dict[str, Any]:
    """Return the fields that say how the model is trained anew, and its state, which knows of them.

    Parameters
    ----------
    given : mapping
        ``fit``, ``sample_weight`` and ``fit_params`` of `Subject.of`.
    """
    user_fit, weight, params = given["fit"], given["sample_weight"], given["fit_params"]
    names = check_training(model, X_train, weight, params, user_fit)
    fit = adapted.fit if user_fit is None else training(user_fit, model, adapted, inputs, classes, names)
    state = state if user_fit is None else f"{state} trained by {code_digest(user_fit)}"
    training_digest = ""
    if fit is not None:
        fit, training_digest = routed(fit, X_train, weight, params)
    clone = user_fit is None and is_estimator(model)
    return {
        "fit": fit,
        "trained_with": (*(("fit",) if user_fit is not None else ()), *names),
        "frozen": frozen_parts(model) if clone else (),
        "seeded": clone and is_seeded(model),
        "state": f"{state} trained with {training_digest}" if training_digest else state,
    }


def frozen_parts(model: Any) -> tuple[str, ...]:
    """Return the kinds of the fitted parts that a clone keeps: frozen ones and those declared to be prefit."""
    kinds = dict[str, None]()
    params = {"": model} | dict(model.get_params())
    for name, part in params.items():
        if type(part).__name__ == "FrozenEstimator":
            kinds[type(part.estimator).__name__] = None
        owner, _, word = name.rpartition("__")
        if isinstance(part, str | bool) and (word, part) in _PREFIT:
            inner = params.get(f"{owner}__estimator" if owner else "estimator")
            kinds[type(inner).__name__ if inner is not None else f"{owner or type(model).__name__} ({word})"] = None
    return tuple(kinds)


def training_gap(subject: Subject) -> Gap | None:
    """Say that there is nothing to train a model anew on; None if there is."""
    if subject.X_train is None or subject.y_train is None:
        return Gap("training anew needs the training samples: pass X_train= and y_train= to Subject.of")
    return None
