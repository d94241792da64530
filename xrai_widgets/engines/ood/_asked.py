"""Any kind of model, asked for labels and for probabilities: estimators, subjects, torch modules, functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from xrai_widgets.core import Array, Subject
from xrai_widgets.core.decision import labels
from xrai_widgets.models.adapted import are_probabilities, softmax
from xrai_widgets.models.form import Form
from xrai_widgets.models.torch_script import frozen

_FIRST = 256  # rows at which is settled what a function gives


class Asked(Protocol):
    """How a model is asked."""

    def predict(self, X: Any) -> Any:
        """Return labels (n,)."""

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities (n, k)."""

    @property
    def classes_(self) -> Any:
        """Labels of their columns."""


def asked(model: Any, X: Any) -> Asked:
    """Return how a model is asked; of a torch module a copy is.

    Parameters
    ----------
    model : estimator, Subject, torch module or function
        A function gives labels (n,), or scores or probabilities (n, k) of the classes 0…k−1; a torch module logits or
        probabilities (n, k).
    X : rows
        At which it is settled what a function or module gives.

    Raises
    ------
    TypeError
        for what is none of these.
    ValueError
        for outputs of another shape.
    """
    if isinstance(model, Subject):
        return AskedSubject(model)
    if callable(getattr(model, "predict", None)) and not isinstance(model, type):
        estimator: Asked = model
        return estimator
    if not callable(model) or isinstance(model, type):
        ways = "a fitted estimator, a Subject, a torch module or a function of the rows"
        raise TypeError(f"model must be {ways}, got {model if isinstance(model, type) else type(model).__name__}")
    is_module = any(kind.__module__.partition(".")[0] == "torch" for kind in type(model).__mro__)
    return _asked_function(AskedModule(frozen(model)) if is_module else model, X)


@dataclass(frozen=True, eq=False)
class AskedSubject:
    """A subject, of rows as its user gives them."""

    subject: Subject

    def rows(self, X: Any) -> Array:
        """Return the rows as a detector takes them (n, d)."""
        rows = self._encoded(X)
        return rows.reshape(len(rows), -1)

    def predict(self, X: Any) -> Array:
        """Return labels as in the user's ``y``, or values of a regression."""
        subject, rows = self.subject, self._encoded(X)
        outputs = np.asarray(subject.predict(rows))
        if subject.task == "regression":
            return outputs
        return np.array([subject.classes[code] for code in labels(subject.predict, subject.decide, rows, outputs)])

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities (n, k)."""
        return self.subject.predict(self._encoded(X))

    @property
    def classes_(self) -> Array:
        """The original labels."""
        return np.array(self.subject.classes)

    def _encoded(self, X: Any) -> Array:
        return Form.of(self.subject).encode(X)


@dataclass(frozen=True, eq=False)
class AskedModule:
    """A torch module as a function of arrays."""

    module: Any

    def __call__(self, X: Any) -> Array:
        """Return its outputs as float64."""
        import torch

        parameters = [one for one in self.module.parameters() if one.is_floating_point()]
        place = {"dtype": parameters[0].dtype, "device": parameters[0].device} if parameters else {}
        with torch.no_grad():
            made = self.module(torch.as_tensor(np.asarray(X), **place))
        return np.asarray(made.double().cpu().numpy())


@dataclass(frozen=True, eq=False)
class AskedFunction:
    """A function that gives scores or probabilities (n, k), or labels (n,)."""

    function: Callable[[Any], Any]
    classes_: Array
    wide: bool
    shares: bool

    def predict(self, X: Any) -> Array:
        """Return labels."""
        out = np.asarray(self.function(X))
        return np.asarray(out.argmax(axis=1)) if self.wide else out

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities (n, k); raise TypeError where there are labels alone."""
        if not self.wide:
            raise TypeError("model gives labels alone and no probabilities: ask predict")
        out = np.asarray(self.function(X), dtype=np.float64)
        return out if self.shares else softmax(out)


def _asked_function(function: Callable[[Any], Any], X: Any) -> AskedFunction:
    rows = X[:_FIRST]
    first = np.asarray(function(rows))
    if first.shape == (len(rows),):
        return AskedFunction(function, np.unique(first), wide=False, shares=False)
    if first.ndim != 2 or len(first) != len(rows) or first.shape[1] < 2 or first.dtype.kind not in "iufb":
        raise ValueError(
            f"model must give a label per row (n,), or (n, k) scores or probabilities of at least two classes, got "
            f"shape {first.shape} for {len(rows)} rows: Subject.of takes other outputs"
        )
    return AskedFunction(function, np.arange(first.shape[1]), wide=True, shares=are_probabilities(first))
