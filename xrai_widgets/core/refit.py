"""How a model is trained anew, by a training function that may take less than `Subject.fit` passes on."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from xrai_widgets.core.subject import Array, Predict


def refit(
    fit: Callable[..., Predict], X: Array, y: Array, *, seed: int | None = None, rows: Array | None = None
) -> Predict:
    """Train a model anew and return its predict function.

    Parameters
    ----------
    fit : callable
        ``fit(X, y, *, seed, sample_weight=None, rows=None)``; one that does not take ``rows`` does not get them.
    X : array (n, …)
    y : array (n,)
    seed : int, optional
        By default the model's own ``random_state``, or 0 where ``fit`` cannot know that.
    rows : int array (n,), optional
        Places of the samples in X_train, −1 for others: sample weights follow them.
    """
    return fit(X, y, **accepted(fit, {"seed": seed} if rows is None else {"seed": seed, "rows": rows}))


def accepted(fit: Callable[..., Predict], words: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training function takes of ``seed`` and ``rows``, and all other words."""
    if "rows" in (taken := _words(fit)) or "**" in taken:
        return dict(words)
    left = {name: value for name, value in words.items() if name != "rows"}
    return left | ({"seed": 0} if left.get("seed", 0) is None else {})


def _words(fit: Callable[..., Predict]) -> set[str]:
    try:
        parameters = inspect.signature(fit).parameters.values()
    except (TypeError, ValueError):  # written in C: it does not say
        return set()
    return {"**" if p.kind is p.VAR_KEYWORD else p.name for p in parameters}
