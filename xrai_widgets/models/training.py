"""A training function of the user's own: how a model that cannot be cloned is trained anew."""

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Predict
from xrai_widgets.models.adapted import Adapted, require_probabilities
from xrai_widgets.models.estimator import Values, aligned, is_estimator
from xrai_widgets.models.function import BothClasses, Call, Flat
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.number_types import as_type
from xrai_widgets.models.routed import WEIGHT
from xrai_widgets.models.torch_module import TorchModel, is_torch_module

# Functions seed the generators of their libraries, which all threads of a process share.
_ONE_AT_A_TIME = threading.RLock()
_WANTED = "fit must be a function (X, y, seed) that trains a model anew and returns it, or its predict function"


@dataclass(frozen=True, eq=False)
class Training:
    """The user's function as the ``fit`` of a subject: arrays as they gave them, outputs in the subject's classes.

    Parameters
    ----------
    function : callable
    inputs : Inputs
    classes : tuple
        Empty in regression.
    by_name : bool
        The seed is passed by its name, not as the third argument.
    takes : frozenset of str
        Further names of its arguments: ``sample_weight``, ``rows``, fit parameters.
    dtype : optional
        In which a torch module takes samples.
    ends : (kind of module, single, form, type of numbers), optional
        What the outputs of the user's own module are; one of the same kind that is trained anew has the same.
    """

    function: Callable[..., Any]
    inputs: Inputs
    classes: tuple[Any, ...]
    by_name: bool
    takes: frozenset[str] = frozenset()
    dtype: Any = None
    ends: tuple[type, bool, str, Any] | None = None

    def __call__(
        self,
        X: Array,
        y: Array,
        *,
        seed: int | None,
        sample_weight: Array | None = None,
        rows: Array | None = None,
        **fit_params: Any,
    ) -> Predict:
        """Return the predict function of the model that the user's function trained."""
        if sample_weight is not None and WEIGHT not in self.takes:
            raise ValueError("this training function of one's own takes no sample weights: it has no sample_weight")
        more = {name: value for name, value in ((WEIGHT, sample_weight), ("rows", rows)) if name in self.takes}
        seed = seed or 0  # which one the user's own model was trained with is unknown
        samples = self.inputs.to_user(X)
        samples = samples if self.dtype is None else as_type(samples, self.dtype)
        target = np.array(self.classes)[y] if self.classes else np.array(y)
        named = {**more, **fit_params, **({"seed": seed} if self.by_name else {})}
        with _ONE_AT_A_TIME:
            trained = self.function(samples, target, *(() if self.by_name else (seed,)), **named)
        return self._adapted(trained, X)

    def _adapted(self, trained: Any, X: Array) -> Predict:
        if is_torch_module(trained):
            model = TorchModel(trained, self.inputs)
            if self.ends is not None and type(trained) is self.ends[0]:
                _, model.single, model.form, model.dtype = self.ends
            else:
                model.probe([X, X[:0]])
            return _Checked(model.predict if self.classes else model.values, len(self.classes))
        if is_estimator(trained):
            return aligned(trained, self.inputs, self.classes) if self.classes else Values(trained, self.inputs)
        if not callable(trained):
            raise TypeError(f"{_WANTED}, got a function that returned {type(trained).__name__}")
        call = Call(trained, self.inputs)
        if not self.classes:
            return Flat(call)
        column = len(self.classes) == 2 and (out := call(X[:2])).size == len(out)
        return _Checked(BothClasses(call) if column else call, len(self.classes))


@dataclass(frozen=True, eq=False)
class _Checked:
    """Outputs whose shape is that of the subject's."""

    ask: Callable[[Array], Array]
    k: int

    def __call__(self, X: Array) -> Array:
        """Return (n, k), or (n,) in regression."""
        out = np.asarray(self.ask(X), dtype=np.float64)
        wanted = (len(X), self.k) if self.k else (len(X),)
        if out.shape != wanted:
            raise ValueError(f"the model that fit returned must return shape {wanted}, got {out.shape}")
        if self.k and np.isfinite(out).all():
            require_probabilities(out, "the outputs of the model that fit returned")
        return out


def training(
    function: Any,
    model: Any,
    adapted: Adapted,
    inputs: Inputs,
    classes: tuple[Any, ...],
    given: tuple[str, ...] = (),
) -> Training:
    """Return the user's training function as the ``fit`` of a subject; it is to take what is ``given`` by name, too.

    Raises
    ------
    TypeError
        if it is no function of samples, labels and a seed, or does not take what is given.
    ValueError
        if there is no model that it could train anew.
    """
    if model is None:
        raise ValueError("fit needs a model: without one, X is the table of its outputs")
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"{_WANTED}, got {function!r}")
    torch_model = getattr(adapted.predict, "__self__", None)
    read = _by_name(function, given), _takes(function)
    if not isinstance(torch_model, TorchModel):
        return Training(function, inputs, classes, *read)
    ends = (type(model), torch_model.single, torch_model.form, torch_model.dtype)
    return Training(function, inputs, classes, *read, torch_model.numpy_type, ends)


def _by_name(function: Callable[..., Any], given: tuple[str, ...]) -> bool:
    """Whether the seed is passed by its name; else it is the third argument."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # written in C: it does not say
        return False
    more = dict.fromkeys((*given, *({"rows"} & {*signature.parameters})))
    for arguments, seed in (((None, None), {"seed": 0}), ((None, None, 0), {})):
        try:
            signature.bind(*arguments, **seed, **more)
        except TypeError:
            continue
        return bool(seed)
    too = f" that takes {', '.join(given)}, too" if given else ""
    raise TypeError(f"{_WANTED}{too}, got one that takes ({', '.join(signature.parameters)})")


def _takes(function: Callable[..., Any]) -> frozenset[str]:
    """Return which of sample weights and rows the function takes: rows only where it names them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return frozenset()
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return frozenset({p.name for p in parameters} & {WEIGHT, "rows"}) | ({WEIGHT} if anything else frozenset())
