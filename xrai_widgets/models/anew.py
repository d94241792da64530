"""How a model is trained anew, as fields of its subject."""

from collections.abc import Mapping
from typing import Any

from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import Adapted
from xrai_widgets.models.code import code_digest
from xrai_widgets.models.estimator import is_estimator, is_seeded
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.routed import check_training, routed
from xrai_widgets.models.training import training

_PREFIT = {("cv", "prefit"), ("prefit", True)}  # parameters by which scikit-learn is told to keep a fitted part


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
    own, weight, params = given["fit"], given["sample_weight"], given["fit_params"]
    names = check_training(model, X_train, weight, params, own)
    fit = adapted.fit if own is None else training(own, model, adapted, inputs, classes, names)
    state = state if own is None else f"{state} trained by {code_digest(own)}"
    told = ""
    if fit is not None:
        fit, told = routed(fit, X_train, weight, params)
    clone = own is None and is_estimator(model)
    return {
        "fit": fit,
        "trained_with": (*(("fit",) if own is not None else ()), *names),
        "frozen": frozen_parts(model) if clone else (),
        "seeded": clone and is_seeded(model),
        "state": f"{state} trained with {told}" if told else state,
    }


def frozen_parts(model: Any) -> tuple[str, ...]:
    """Return the kinds of the fitted parts that a clone keeps: frozen ones and those declared to be prefit."""
    found = dict[str, None]()
    params = {"": model} | dict(model.get_params())
    for name, part in params.items():
        if type(part).__name__ == "FrozenEstimator":
            found[type(part.estimator).__name__] = None
        owner, _, word = name.rpartition("__")
        if isinstance(part, str | bool) and (word, part) in _PREFIT:
            inner = params.get(f"{owner}__estimator" if owner else "estimator")
            found[type(inner).__name__ if inner is not None else f"{owner or type(model).__name__} ({word})"] = None
    return tuple(found)
