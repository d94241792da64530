"""scikit-learn estimators and pipelines."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Predict, Task
from xrai_widgets.models.adapted import Adapted, Declared, Refused, normalised
from xrai_widgets.models.bounds import filled
from xrai_widgets.models.carried_trees import trees_of
from xrai_widgets.models.differentiable import layers_of
from xrai_widgets.models.growing import grown
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.linear import linear_of
from xrai_widgets.models.splits import thresholds_of
from xrai_widgets.models.state import digest
from xrai_widgets.models.trees import FEW_ROWS, FlatForest, flatten, is_flat, leaf_boxes


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Encoded samples → (n, k) by the estimator's own ``predict_proba``, or its flat form for a few rows."""

    estimator: Any
    inputs: Inputs
    before: Any = None
    flat: FlatForest | None = field(default=None, repr=False)

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        rows = self.inputs.to_user(X)
        if self.flat is not None and len(X) < FEW_ROWS:
            return self.flat.predict_proba(_before(self.before, rows))
        return np.asarray(self.estimator.predict_proba(rows), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Labels:
    """Encoded samples → (n,) labels by the estimator's own ``predict``."""

    estimator: Any
    inputs: Inputs

    def __call__(self, X: Array) -> Array:
        """Return (n,)."""
        return np.asarray(self.estimator.predict(self.inputs.to_user(X)))


@dataclass(frozen=True, eq=False)
class Values:
    """Encoded samples → (n,) values by the estimator's own ``predict``."""

    estimator: Any
    inputs: Inputs

    def __call__(self, X: Array) -> Array:
        """Return (n,) float64."""
        out = np.asarray(self.estimator.predict(self.inputs.to_user(X)), dtype=np.float64)
        # fitted on one column of targets, some regressors return one column
        return out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out


@dataclass(frozen=True, eq=False)
class Refit:
    """Train a fresh clone with the same hyper-parameters, in the subject's class order.

    Without a seed, with its own ``random_state``; where that is None, with 0: the global generator stays untouched.
    """

    estimator: Any
    inputs: Inputs
    classes: tuple[Any, ...] | None

    def __call__(
        self,
        X: Array,
        y: Array,
        *,
        seed: int | None,
        sample_weight: Array | None = None,
        rows: Array | None = None,  # noqa: ARG002 - a clone learns the same from a sample wherever it stands
        **fit_params: Any,
    ) -> Predict:
        """Return the predict function of the fresh clone."""
        fresh = fresh_clone(self.estimator)
        fresh.set_params(**_seeds(fresh, seed), **_silent(fresh))
        target = y if self.classes is None else np.array(self.classes)[y]
        fresh = grown(fresh, self.inputs.to_user(X), target, sample_weight, **fit_params)
        if self.classes is None:
            return Values(fresh, self.inputs)
        return aligned(fresh, self.inputs, self.classes)


@dataclass(frozen=True, eq=False)
class Normalised:
    """One-vs-rest probabilities, which need not sum to 1, divided by their sum."""

    predict: Predict

    def __call__(self, X: Array) -> Array:
        """Return (n, k)."""
        return normalised(self.predict(X))


@dataclass(frozen=True, eq=False)
class NormalisedFit:
    """Training of a model whose probabilities are divided by their sum."""

    fit: Callable[..., Predict]

    def __call__(self, X: Array, y: Array, **words: Any) -> Predict:
        """Return the predict function of the fresh model."""
        return Normalised(self.fit(X, y, **words))


@dataclass(frozen=True, eq=False)
class _Aligned:
    """Probabilities in the subject's class order; a class absent from the refit gets 0."""

    predict: Predict
    trained_classes: tuple[Any, ...]
    classes: tuple[Any, ...]

    def __call__(self, X: Array) -> Array:
        wide = np.zeros((len(X), len(self.classes)))
        wide[:, [self.classes.index(label) for label in self.trained_classes]] = self.predict(X)
        return wide


def aligned(estimator: Any, inputs: Inputs, classes: tuple[Any, ...]) -> Predict:
    """Return the probabilities of an estimator that may know fewer classes, or have them in another order."""
    return _Aligned(Probabilities(estimator, inputs), tuple(estimator.classes_.tolist()), classes)


def fresh_clone(estimator: Any) -> Any:
    """Return an unfitted estimator with the same parameters."""
    from sklearn.base import clone

    try:
        return clone(estimator)
    except RuntimeError:
        if hasattr(estimator, "steps"):
            steps = [(name, part if isinstance(part, str) else fresh_clone(part)) for name, part in estimator.steps]
            return type(estimator)(**estimator.get_params(deep=False) | {"steps": steps})
        if not type(estimator).__module__.startswith("catboost"):
            raise
        # CatBoost copies lists, as of its text columns, which scikit-learn takes for a change of them
        return type(estimator)(**estimator.get_params())


def is_seeded(estimator: Any) -> bool:
    """Whether training it anew draws the same numbers: each random state that it has is a number."""
    return all(isinstance(state, int | np.integer) for state in _states(estimator).values())


def _states(estimator: Any) -> dict[str, Any]:
    params = estimator.get_params()
    return {key: params[key] for key in params if key == "random_state" or key.endswith("__random_state")}


def _seeds(fresh: Any, seed: int | None) -> dict[str, int]:
    return {key: seed or 0 for key, state in _states(fresh).items() if seed is not None or state is None}


def _silent(fresh: Any) -> dict[str, Any]:
    """Return what keeps CatBoost, also inside of others, from writing its log into the user's working directory."""
    parts = {"": fresh} | {f"{name}__": part for name, part in fresh.get_params().items()}
    return {
        f"{place}allow_writing_files": False
        for place, part in parts.items()
        if type(part).__module__.startswith("catboost")
    }


def is_estimator(model: object) -> bool:
    """Whether the object speaks scikit-learn: ``fit``, ``predict`` and ``get_params``."""
    return all(hasattr(model, name) for name in ("fit", "predict", "get_params"))


def adapt_estimator(model: Any, inputs: Inputs, X: Array, outputs: Declared | None = None) -> Adapted:
    """Adapt a fitted classifier or regressor that `check_estimator` has passed.

    Of a classifier the user may say that its labels are meant, not its probabilities.
    """
    task = _task(model)
    given = "values" if task == "regression" else "probabilities" if hasattr(model, "predict_proba") else "labels"
    may = ("labels", "one-vs-rest") if given == "probabilities" else ()
    if outputs not in (None, given, *may):
        raise Refused(f"outputs must be {given!r} for a {type(model).__name__}, which says so itself, got {outputs!r}")
    numbers = replace(inputs, holes=False).numeric
    linear = linear_of(model, filled(X[:64]), inputs) if numbers else None
    inside: dict[str, Any] = {"linear": linear, "thresholds": thresholds_of(model, filled(X[:64]), inputs)}
    if task == "regression":
        refit = Refit(model, inputs, None)
        inside["regions"] = leaf_boxes(model, X[:64], inputs) if numbers else None
        return Adapted(task, "values", Values(model, inputs), fit=refit, state=digest(model), **inside)
    classes = (-1, 1) if is_detector(model) else tuple(np.asarray(model.classes_).tolist())
    if len(classes) < 2:
        raise Refused(f"the model must know at least two classes, got only {classes}")
    fit: Callable[..., Predict] = Refit(model, inputs, classes)
    if not hasattr(model, "predict_proba") or outputs == "labels":
        return Adapted(task, "labels", Labels(model, inputs), classes=classes, state=digest(model), fit=None, **inside)
    inside["decide"] = Labels(model, inputs)
    inside["trees"] = trees_of(model, filled(X[:64]), inputs)
    if outputs == "one-vs-rest":
        predict = Normalised(Probabilities(model, inputs))
        inside["fit"] = NormalisedFit(fit)
        return Adapted(task, "probabilities", predict, classes=classes, state=digest(model), **inside)
    layers = layers_of(model, X[:64], inputs.to_user) if inputs.numeric else None
    return Adapted(
        task,
        "probabilities",
        _fast(model, inputs, X[:64]),
        classes=classes,
        logits=layers.logits if layers else None,
        gradient=layers.gradient if layers else None,
        logit_gradient=layers.logit_gradient if layers else None,
        embed=layers.embed if layers and len(layers.weights) > 1 else None,
        layers=layers.plain if layers and len(layers.weights) > 1 else None,
        regions=leaf_boxes(model, X[:64], inputs) if numbers else None,
        fit=fit,
        state=digest(model),
        **inside,
    )


def _fast(model: Any, inputs: Inputs, rows: Array) -> Probabilities:
    slow = Probabilities(model, inputs)
    steps = getattr(model, "steps", None)
    final = model if steps is None else steps[-1][1]
    if inputs.holes or not is_flat(final):  # where a missing number goes is the library's affair
        return slow
    try:
        before = None if steps is None or len(steps) < 2 else model[:-1]
        entering = _before(before, inputs.to_user(rows))
    except (AttributeError, TypeError, ValueError):
        return slow  # a sampler, or a step of one's own: only the whole predicts
    flat = flatten(final, entering)
    fast = slow if flat is None else Probabilities(model, inputs, before, flat)
    agrees = flat is not None and np.allclose(fast(rows), slow(rows), rtol=0, atol=1e-12)
    return fast if agrees else slow


def _before(steps: Any, rows: Any) -> Any:
    """Return the rows as they enter the last step of a pipeline."""
    return rows if steps is None else steps.transform(rows)


def _task(model: Any) -> Task:
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(model):
        return "classification"
    if is_regressor(model):
        return "regression"
    if is_detector(model):
        return "classification"  # of inliers (1) and outliers (-1)
    raise Refused(f"the model must be a classifier, a regressor or an outlier detector, got {type(model).__name__}")


def is_detector(model: Any) -> bool:
    """Whether the estimator labels outliers (-1) and inliers (1)."""
    from sklearn.base import is_outlier_detector

    return not isinstance(model, type) and hasattr(model, "__sklearn_tags__") and bool(is_outlier_detector(model))
