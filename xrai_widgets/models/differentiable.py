"""Logits and gradients of scikit-learn's differentiable classifiers, in closed form."""

from typing import Any

import numpy as np
from scipy.special import expit

from xrai_widgets.core.inside import Layers
from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import softmax

_AFFINE = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PCA", "TruncatedSVD")
_LINEAR = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")


class Differentiable(Layers):
    """Layers with what engines ask of them."""

    @property
    def plain(self) -> Layers:
        """The arrays alone, as other processes take them."""
        return Layers(self.weights, self.biases, self.activation, self.rounding)

    def logits(self, X: Array) -> Array:
        """Return (n, k) logits."""
        return self._forward(X)[-1]

    def embed(self, X: Array) -> Array:
        """Return (n, e): the input of the last layer."""
        return self._forward(X)[-2]

    def gradient(self, X: Array, y: Array) -> Array:
        """Return the derivative of the cross-entropy of class ``y`` with respect to X, in the shape of X."""
        states = self._forward(X)
        flow = softmax(states[-1])
        flow[np.arange(len(flow)), y] -= 1.0
        return self._back(states, flow).reshape(X.shape)

    def logit_gradient(self, X: Array, V: Any) -> Array:
        """Return the derivative of the logits, summed with weights V: (n, k), or a function of them; in X's shape."""
        states = self._forward(X)
        return self._back(states, V(states[-1]) if callable(V) else V).reshape(X.shape)

    logit_gradient.steerable = True  # type: ignore[attr-defined]  # a mark that bound methods carry, too

    def _back(self, states: list[Array], flow: Array) -> Array:
        for index in range(len(self.weights) - 1, 0, -1):
            flow = flow @ self.weights[index].T * _slope(self.activation, states[index])
        first: Array = flow @ self.weights[0].T
        return first

    def _forward(self, X: Array) -> list[Array]:
        states = [np.asarray(X, dtype=np.float64).reshape(len(X), -1)]
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            state = states[-1] @ weight + bias
            states.append(_activate(self.activation, state) if index < len(self.weights) - 1 else state)
        return states


def layers_of(estimator: Any, X: Array, to_user: Any) -> Differentiable | None:
    """Return the layers of a differentiable classifier (or pipeline ending in one), or None.

    The form is checked against ``predict_proba`` on ``X``: what does not agree is not offered.
    """
    steps = list(estimator.steps) if hasattr(estimator, "steps") else [("model", estimator)]
    final = steps[-1][1]
    if not all(affine(step) for _, step in steps[:-1]):
        return None
    if type(final).__name__ in _LINEAR:
        coef = final.coef_.toarray() if hasattr(final.coef_, "toarray") else final.coef_
        weights, biases, activation = [coef.T], [np.asarray(final.intercept_)], "identity"
    elif type(final).__name__ == "MLPClassifier":
        weights, biases, activation = list(final.coefs_), list(final.intercepts_), final.activation
    else:
        return None
    if weights[-1].shape[1] == 1:  # one logit for two classes: the other one is 0
        weights[-1] = np.hstack([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.concatenate([[0.0], biases[-1]])
    before = estimator[:-1] if len(steps) > 1 else None
    if before is not None or hasattr(to_user(X[:1]), "columns"):  # a frame may put the columns in another order
        slope, offset = preprocessing(before, X, to_user)
        biases[0] = offset @ weights[0] + biases[0]
        weights[0] = slope @ weights[0]
    layers = Differentiable(tuple(weights), tuple(biases), activation)
    agrees = np.allclose(softmax(layers.logits(X)), estimator.predict_proba(to_user(X)), atol=1e-6)
    return layers if agrees else None


def affine(step: Any) -> bool:
    """Whether a fitted step maps its inputs by weights and offsets."""
    if step in ("passthrough", None):
        return True
    if type(step).__name__ == "ColumnTransformer":
        return all(inner == "drop" or affine(inner) for _, inner, _ in step.transformers_)
    if type(step).__name__ == "Pipeline":
        return all(affine(inner) for _, inner in step.steps)
    if type(step).__name__ == "FunctionTransformer":  # without a function: what a ColumnTransformer passes through
        return step.func is None
    if type(step).__name__ == "SimpleImputer":  # numbers pass; what becomes of missing ones is documented nowhere
        return not step.add_indicator and isinstance(step.missing_values, float) and np.isnan(step.missing_values)
    return type(step).__name__ in _AFFINE and not getattr(step, "clip", False)


def preprocessing(steps: Any, X: Array, to_user: Any) -> tuple[Array, Array]:
    """Return (slope (d, m), offset (m,)) of affine steps, from flattened columns of X to the last step's inputs."""
    d = int(np.prod(X.shape[1:]))
    points = np.vstack([np.zeros((1, d)), np.eye(d)]).reshape(d + 1, *X.shape[1:])
    rows = to_user(points)
    images = np.asarray(rows if steps is None else steps.transform(rows), dtype=np.float64)
    return images[1:] - images[0], images[0]


def _activate(name: str, state: Array) -> Array:
    match name:
        case "relu":
            return np.maximum(state, 0.0)
        case "tanh":
            return np.tanh(state)
        case "logistic":
            positive: Array = expit(state)
            return positive
    return state


def _slope(name: str, output: Array) -> Array:
    slope: Array
    match name:
        case "relu":
            slope = (output > 0).astype(np.float64)
        case "tanh":
            slope = 1.0 - output**2
        case "logistic":
            slope = output * (1.0 - output)
        case _:
            slope = np.ones_like(output)
    return slope
