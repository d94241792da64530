"""What the training of a model was given beside samples and labels, handed on whenever it is trained anew."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import NotApplicable
from xrai_widgets.core.subject import Array, Predict
from xrai_widgets.models.code import code_digest
from xrai_widgets.models.state import digest

WEIGHT = "sample_weight"


@dataclass(frozen=True, eq=False)
class Routed:
    """Training with the weights and fit parameters of the audited model, which follow the rows of X_train.

    Parameters
    ----------
    fit : callable
    X_train : array (n, …)
    weight : array (n,), optional
        Samples that are none of X_train get the mean weight.
    by_row, whole : mapping
        Fit parameters with an entry per row of X_train, and all others.
    """

    fit: Callable[..., Predict]
    X_train: Array
    weight: Array | None
    by_row: Mapping[str, Any]
    whole: Mapping[str, Any]

    def __call__(
        self, X: Array, y: Array, *, seed: int | None, sample_weight: Array | None = None, rows: Array | None = None
    ) -> Predict:
        """Return the predict function of the model trained anew.

        ``rows`` are places in X_train, −1 for other samples; where they are not given, or those of another table, equal
        samples are looked for.
        """
        places = self._places(X, rows)
        named = {name: _taken(name, values, places) for name, values in self.by_row.items()}
        named |= {name: _fresh(value) for name, value in self.whole.items()}
        weight = None if self.weight is None else _taken(WEIGHT, self.weight, places)
        if sample_weight is not None:
            weight = sample_weight if weight is None else weight * sample_weight
        return self.fit(X, y, seed=seed, sample_weight=weight, rows=places, **named)

    def _places(self, X: Array, rows: Array | None) -> Array:
        if rows is not None:
            rows = np.asarray(rows, dtype=np.int64)
            inside = (rows >= 0) & (rows < len(self.X_train))
            if np.array_equal(X[inside], self.X_train[rows[inside]], equal_nan=True) and (inside | (rows == -1)).all():
                return rows
        return same_rows(X, self.X_train)


def same_rows(X: Array, among: Array) -> Array:
    """Return the place of an equal row for each row of X, −1 where there is none; equal rows take theirs in turn."""
    places_of: dict[bytes, list[int]] = {}
    for place, row in enumerate(np.ascontiguousarray(among)):
        places_of.setdefault(row.tobytes(), []).append(place)
    taken: dict[bytes, int] = {}
    matching = np.full(len(X), -1)
    for number, row in enumerate(np.ascontiguousarray(X)):
        if places := places_of.get(key := row.tobytes()):
            matching[number] = places[taken.get(key, 0) % len(places)]
            taken[key] = taken.get(key, 0) + 1
    return matching


def _taken(name: str, values: Any, places: Array) -> Any:
    if isinstance(values, pd.DataFrame) and (places >= 0).all():
        return values.iloc[places]
    array = np.asarray(values)
    weight = name.endswith(WEIGHT)
    made: Array = (array.astype(np.float64) if weight else array)[places]
    if (places >= 0).all():
        return made
    if not weight:
        raise NotApplicable(f"cannot be trained on samples that are none of X_train: {name!r} is known of those only")
    made[places < 0] = array.mean(dtype=np.float64)
    return made


def _fresh(value: Any) -> Any:
    """Return a copy, as callbacks remember what they have seen; what cannot be copied as it is."""
    try:
        return copy.deepcopy(value)
    except (TypeError, RuntimeError, NotImplementedError, copy.Error):
        return value


def routed(
    fit: Callable[..., Predict], X_train: Array | None, sample_weight: Any, fit_params: Mapping[str, Any] | None
) -> tuple[Callable[..., Predict], str]:
    """Return ``fit`` with what the training was given, checked before, and a digest of it; both as they are without."""
    params = {name: _fresh(value) for name, value in (fit_params or {}).items()}  # what the user does later is theirs
    if X_train is None or (sample_weight is None and not params):
        return fit, ""
    sample_weight = params.pop(WEIGHT, sample_weight)
    weight = None if sample_weight is None else weights(sample_weight, len(X_train))
    by_row = {name: value for name, value in params.items() if _per_row(name, value, len(X_train))}
    for name in by_row:
        if name.endswith(WEIGHT):
            by_row[name] = weights(by_row[name], len(X_train), name)
    whole = {name: value for name, value in params.items() if name not in by_row}
    summary = _plain({WEIGHT: weight, "": params})
    return Routed(fit, X_train, weight, by_row, whole), digest(summary) or code_digest(summary)


def check_training(
    model: Any, X_train: Any, sample_weight: Any, fit_params: Any, user_fit: Callable[..., Any] | None
) -> tuple[str, ...]:
    """Return the names of what the training was given; refuse what it could not have been.

    Raises
    ------
    TypeError, ValueError
        naming it.
    """
    if fit_params is not None and (
        not isinstance(fit_params, Mapping) or not all(isinstance(name, str) for name in fit_params)
    ):
        raise TypeError(f"fit_params must map names of arguments of fit to what it was given, got {fit_params!r}")
    names = (*((WEIGHT,) if sample_weight is not None else ()), *(fit_params or {}))
    if not names:
        return ()
    if len(set(names)) < len(names):
        raise ValueError(f"{WEIGHT} must be given once, got it as {WEIGHT}= and in fit_params")
    if X_train is None:
        raise ValueError(f"{names[0]} is of the training samples: pass X_train= and y_train=, too")
    if user_fit is None and not hasattr(model, "fit"):
        raise ValueError(f"{names[0]} needs fit: a {type(model).__name__} cannot be trained anew without fit=")
    if user_fit is None:
        for name in names:
            _check_taken(model, name)
    return names


def _check_taken(model: Any, name: str) -> None:
    steps = dict(getattr(model, "steps", ()))
    if steps:
        step, inside, rest = name.partition("__")
        if name == WEIGHT:
            step, rest = list(steps)[-1], name
        elif not inside or step not in steps:
            raise ValueError(f"{name!r} in fit_params must begin with a step of the pipeline, {list(steps)}, and '__'")
        model, name = steps[step], rest
    if isinstance(model, str) or not hasattr(model, "fit"):
        return
    taken = inspect.signature(model.fit).parameters
    if name not in taken and all(p.kind is not p.VAR_KEYWORD for p in taken.values()):
        allowed = ", ".join(list(taken)[2:]) or "nothing besides X and y"
        raise ValueError(f"fit of {type(model).__name__} takes {allowed}, got {name!r}")


def weights(given: Any, rows: int, name: str = WEIGHT) -> Array:
    """Return one weight per training sample.

    Raises
    ------
    ValueError
        for a wrong length, and for negative, missing, infinite weights or only zeros.
    """
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold one number per row of X_train, got {given!r:.80}") from None
    if array.shape != (rows,):
        raise ValueError(f"{name} must hold one weight per row of X_train, {rows}, got shape {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any() or not (array > 0).any():
        wrong = array[~np.isfinite(array) | (array < 0)]
        odd = f"{len(wrong)} others, such as {wrong[0]:g}" if len(wrong) else "zeros only"
        raise ValueError(f"{name} must be finite numbers ≥ 0, not all of them 0, got {odd}")
    array.setflags(write=False)
    return array


def _per_row(name: str, value: Any, rows: int) -> bool:
    if name.rpartition("__")[2].startswith("eval"):  # other samples, be they as many
        return False
    return not isinstance(value, str | bytes | Mapping) and hasattr(value, "__len__") and len(value) == rows


def _plain(value: Any) -> Any:
    """Return tables as arrays, which have canonical bytes."""
    if isinstance(value, pd.DataFrame):
        return [[str(name) for name in value.columns], value.to_numpy()]
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
