"""torch modules: probabilities, logits, input gradients and last-layer features."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import (
    Adapted,
    Declared,
    Refused,
    are_probabilities,
    both_logits,
    normalised,
    require_finite,
    softmax,
    still_shares,
)
from xrai_widgets.models.asking import one_tensor, refuse_words
from xrai_widgets.models.derivatives import gradient_if_any, scores, weighted
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.number_types import as_type
from xrai_widgets.models.state import digest
from xrai_widgets.models.telling import outputs_of
from xrai_widgets.models.torch_layers import layers_of_sequential
from xrai_widgets.models.torch_script import frozen, packed, unpacked

_BATCH = 256  # on two cores a batch of 512 images falls out of the cache
_TINY = 1e-12
_FORMS = ("logits", "probabilities", "one-vs-rest")


def is_torch_module(model: object) -> bool:
    """Whether the object is a torch module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


class TorchModel:
    """A frozen copy of a module in evaluation mode, called with arrays in batches.

    Whatever the user does to their module afterwards does not change the subject.

    Attributes
    ----------
    dtype : torch.dtype
        In which the module takes samples.
    single : bool
        It gives one output per sample.
    form : {"logits", "probabilities", "one-vs-rest"}
        What its outputs are.
    """

    def __init__(self, module: Any, inputs: Inputs) -> None:
        self.module = frozen(module)
        self._inputs = inputs
        first = next(iter(self.module.parameters()), None)
        held = first if first is not None else next(iter(self.module.buffers()), None)
        self._device = held.device if held is not None else "cpu"
        self._native: Any = None if first is None else first.dtype
        self.dtype: Any = self._native
        self.single = False
        self.form = "logits"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "module": packed(self.module)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, module=unpacked(state["module"]))

    def raw(self, X: Array) -> Array:
        """Return the module's outputs, float64 (n, k) or (n,)."""
        import torch

        with torch.no_grad():
            parts: list[Any] = [self._asked(X[a : a + _BATCH]) for a in range(0, len(X), _BATCH)]
        joined = torch.cat(parts)
        out: Array = (joined.dequantize() if joined.is_quantized else joined).cpu().double().numpy()
        return out

    def _asked(self, rows: Array) -> Any:
        import torch

        out = self.module(self._tensor(rows))
        if not isinstance(out, torch.Tensor):
            raise Refused(one_tensor(type(self.module).__name__, out, self.dtype))
        return out

    def settle(self, rows: Array) -> None:
        """Find the type of numbers that the module takes: its parameters' or the user's own.

        Fractions go in the type of the parameters first, whole numbers (of an embedding) as they were given.

        Raises
        ------
        Exception
            what the module raises for the type tried first, if it takes none.
        """
        import torch

        given = getattr(torch, str(np.asarray(self._inputs.to_user(rows)).dtype), None)
        fractions = given is None or given.is_floating_point
        native = [
            dtype for dtype in ((self._native, given) if fractions else (given, self._native)) if dtype is not None
        ]
        whole = [torch.int64] if bool((rows == np.rint(rows)).all()) else []
        tried: Exception | None = None
        for dtype in dict.fromkeys([*native, torch.float32, torch.float64, *whole]):
            self.dtype = dtype
            try:
                self.raw(rows)
            except Refused:
                raise
            except Exception as error:  # noqa: BLE001 - the user's module: it may raise anything
                tried = tried or error
            else:
                return
        assert tried is not None
        raise tried

    @property
    def numpy_type(self) -> Any:
        """NumPy's type of the numbers that the module takes; single precision for one that NumPy lacks."""
        name = str(self.dtype).removeprefix("torch.")
        return np.dtype("float32" if name == "bfloat16" else name)

    def probe(self, parts: Sequence[Array], declared: Declared | None = None) -> int:
        """Look at the outputs for many samples: one column or several, logits or probabilities. Return k."""
        import torch

        self.settle(parts[0][:2])
        out, rows = outputs_of(self.raw, parts), len(parts[0])
        if out.ndim not in (1, 2) or len(out) < rows:
            out = out[:rows] if out.ndim else out
            raise Refused(
                f"the module must return (n, k) logits or probabilities, or (n,), got shape {out.shape} for {rows} "
                "samples"
            )
        require_finite(out)
        self.single = out.ndim == 1 or out.shape[1] == 1
        # a sigmoid may stand in `forward`, or a hidden layer be the last one named: only the outputs show it
        shares = bool(((out >= 0) & (out <= 1)).all())
        squashed = shares if self.single else are_probabilities(out)
        self.form = declared if declared in _FORMS else "probabilities" if squashed else "logits"
        if declared == "one-vs-rest" and self.single:
            raise Refused(f"one-vs-rest outputs must be (n, k), got shape {out.shape}")
        if (declared == "one-vs-rest" and not shares) or (declared == "probabilities" and not squashed):
            raise Refused(
                f"the module's outputs were said to be {declared}, but lie in [{out.min():.3g}, {out.max():.3g}]"
                + ("" if self.single else f" with row sums in [{out.sum(1).min():.3g}, {out.sum(1).max():.3g}]")
            )
        last = [layer for layer in self.module.modules() if not list(layer.children())]
        if declared is None and shares and not squashed and isinstance(last[-1], torch.nn.Sigmoid):
            raise Refused(
                f"multi-label and multi-output models are not supported: the module ends in {out.shape[1]} separate "
                "sigmoids; allowed: one label per sample (a softmax, or no activation, at the end); pass "
                "outputs='one-vs-rest' if each of them is one class against the rest"
            )
        return 2 if self.single else int(out.shape[1])

    def values(self, X: Array) -> Array:
        """Return (n,) values of a regression."""
        out: Array = self.raw(X).reshape(len(X))
        return out

    def logits(self, X: Array) -> Array:
        """Return (n, k) logits; logarithms where the module ends in a softmax or sigmoid."""
        out = self.raw(X).reshape(len(X), -1)
        if self.form == "one-vs-rest":
            return np.asarray(np.log(np.maximum(normalised(out), _TINY)))
        if self.form == "probabilities":
            out = still_shares(out)
            shares = np.hstack([1 - out, out]) if self.single else out
            return np.asarray(np.log(np.maximum(shares, _TINY)))
        return both_logits(out)

    def predict(self, X: Array) -> Array:
        """Return (n, k) probabilities."""
        return softmax(self.logits(X))

    @property
    def differentiable(self) -> bool:
        """Whether the samples enter as fractions (an embedding's have no derivative), and as the user has them."""
        return bool(self.dtype.is_floating_point) and not self.changes_samples

    def gradient(self, X: Array, y: Array) -> Array:
        """Return the derivative of the cross-entropy of class ``y`` with respect to X, in the shape of X."""
        import torch

        chosen = torch.as_tensor(np.array(y), device=self._device)
        loss = torch.nn.functional.cross_entropy
        return self._derivative(X, lambda out, part: loss(self._scores(out), chosen[part], reduction="sum"))

    def logit_gradient(self, X: Array, V: Any) -> Array:
        """Return the derivative of the logits, weighted with V (n, k) or a function of them, in the shape of X."""
        return self._derivative(X, lambda out, part: weighted(self._scores(out), V[part]))

    logit_gradient.steerable = True  # type: ignore[attr-defined]  # a mark that bound methods carry, too

    def slope(self, X: Array, y: Array) -> Array:  # noqa: ARG002 - a prediction has no classes
        """Return the derivative of the prediction of a regression with respect to X, in the shape of X."""
        return self._derivative(X, lambda out, _: out.sum())

    def _derivative(self, X: Array, of: Callable[[Any, slice], Any]) -> Array:
        import torch

        parts = []
        for start in range(0, len(X), _BATCH):
            part = slice(start, start + _BATCH)
            batch = self._tensor(X[part]).requires_grad_(True)
            parts.append(torch.autograd.grad(of(self.module(batch), part), batch)[0].cpu().double().numpy())
        return self._inputs.as_encoded(np.concatenate(parts), X.shape)

    def embed(self, X: Array) -> Array:
        """Return (n, e): what enters the last linear layer."""
        caught: list[Array] = []

        def keep(_: Any, given: tuple[Any, ...]) -> None:
            caught.append(given[0].detach().cpu().double().numpy().reshape(len(given[0]), -1))

        handle = self._last_linear().register_forward_pre_hook(keep)
        try:
            self.raw(X)
        finally:
            handle.remove()
        return np.concatenate(caught)

    @property
    def changes_samples(self) -> bool:
        """Whether a function of the user's stands before the module, through which nothing can be differentiated."""
        return self._inputs.preprocess is not None

    @property
    def has_linear(self) -> bool:
        """Whether there is a linear layer whose input can serve as features."""
        return self._last_linear() is not None

    def _last_linear(self) -> Any:
        import torch

        layers = [layer for layer in self.module.modules() if isinstance(layer, torch.nn.Linear)]
        return layers[-1] if layers else None

    def _tensor(self, X: Array) -> Any:
        import torch

        rows = np.array(as_type(self._inputs.to_user(X), self.numpy_type))  # a copy: the subject's arrays are locked
        return torch.as_tensor(rows, dtype=self.dtype, device=self._device)

    def _scores(self, out: Any) -> Any:
        return scores(out, self.form, self.single)


def adapt_torch(
    module: Any, inputs: Inputs, parts: Sequence[Array], y: Array, task: Task | None, outputs: Declared | None = None
) -> Adapted:
    """Adapt a torch module whose outputs are logits, probabilities, or values of a regression.

    Parameters
    ----------
    parts : sequence of array
        Samples of the data and changed ones, see `telling_rows`.
    outputs : optional
        What the user says they are.

    Raises
    ------
    Refused
        if a regression gives several outputs, or the samples have columns that are no numbers.
    """
    refuse_words("torch module", inputs)
    if outputs == "labels":
        raise Refused("a torch module gives numbers; for labels pass a function, got outputs='labels'")
    model = TorchModel(module, inputs)
    k = model.probe(parts, outputs)
    declared: Task | None = None if outputs is None else "regression" if outputs == "values" else "classification"
    task = task or declared or ("regression" if model.single and labels.are_values(y) else labels.guess_task(y))
    if task == "regression":
        if not model.single:
            raise Refused(f"multi-output models are not supported: the module gives {k} outputs; allowed: one")
        slope = gradient_if_any(model.differentiable, model.slope, parts[0][:2])
        return Adapted(task, "values", model.values, gradient=slope, state=digest(module))
    gradient = gradient_if_any(model.differentiable, model.gradient, parts[0][:2])
    return Adapted(
        task,
        "probabilities",
        model.predict,
        logits=model.logits,
        gradient=gradient,
        logit_gradient=model.logit_gradient if gradient else None,
        embed=model.embed if model.has_linear else None,
        layers=layers_of_sequential(model, parts[0][:64], inputs),
        state=digest(module),
    )
