"""Parts of an estimator that training it anew leaves as they are."""

from typing import Any

_PREFIT = {("cv", "prefit"), ("prefit", True)}  # parameters by which scikit-learn is told to keep a fitted part


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
