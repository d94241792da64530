"""torch modules: probabilities, logits, input gradients and last-layer features."""

import copy
import sys
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Adapted, Refused, are_probabilities, require_finite, softmax
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.state import digest

_BATCH = 512
_PROBE = 256
_TINY = 1e-12


def is_torch_module(model: object) -> bool:
    """Whether the object is a torch module; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def float_type(module: Any) -> Any:
    """Return NumPy's type of the module's parameters; single precision if it has none."""
    first = next(iter(module.parameters()), None)
    return np.dtype(str(first.dtype).removeprefix("torch.")) if first is not None else np.dtype("float32")


class TorchModel:
    """A frozen copy of a module in evaluation mode, called with arrays in batches.

    Whatever the user does to their module afterwards does not change the subject.
    """

    def __init__(self, module: Any, inputs: Inputs) -> None:
        self._module = copy.deepcopy(module).eval().requires_grad_(False)
        self._inputs = inputs
        first = next(iter(self._module.parameters()), None)
        self._dtype = first.dtype if first is not None else None
        self._device = first.device if first is not None else "cpu"
        self.single = False
        self.squashed = False

    def raw(self, X: Array) -> Array:
        """Return the module's outputs, float64 (n, k) or (n,)."""
        import torch

        with torch.no_grad():
            parts: list[Any] = [self._module(self._tensor(X[a : a + _BATCH])) for a in range(0, len(X), _BATCH)]
        out: Array = torch.cat(parts).double().cpu().numpy()
        return out

    def probe(self, X: Array) -> int:
        """Look at the outputs for a few samples: one column or several, logits or probabilities. Return k."""
        import torch

        out = self.raw(X)
        if out.ndim not in (1, 2) or len(out) != len(X):
            raise Refused(
                f"the module must return (n, k) logits or probabilities, or (n,), got shape {out.shape} for {len(X)} "
                "samples"
            )
        require_finite(out)
        self.single = out.ndim == 1 or out.shape[1] == 1
        # a sigmoid may stand in `forward`, or a hidden layer be the last one named: only the outputs tell
        shares = bool(((out >= 0) & (out <= 1)).all())
        self.squashed = shares if self.single else are_probabilities(out)
        last = [layer for layer in self._module.modules() if not list(layer.children())]
        if shares and not self.squashed and isinstance(last[-1], torch.nn.Sigmoid):
            raise Refused(
                f"multi-label and multi-output models are not supported: the module ends in {out.shape[1]} separate "
                "sigmoids; allowed: one label per sample (a softmax, or no activation, at the end)"
            )
        return 2 if self.single else int(out.shape[1])

    def values(self, X: Array) -> Array:
        """Return (n,) values of a regression."""
        out: Array = self.raw(X).reshape(len(X))
        return out

    def logits(self, X: Array) -> Array:
        """Return (n, k) logits; logarithms where the module ends in a softmax or sigmoid."""
        out = self.raw(X).reshape(len(X), -1)
        if self.squashed:
            shares = np.hstack([1 - out, out]) if self.single else out
            return np.asarray(np.log(np.maximum(shares, _TINY)))
        both: Array = np.hstack([np.zeros_like(out), out]) if self.single else out
        return both

    def predict(self, X: Array) -> Array:
        """Return (n, k) probabilities."""
        return softmax(self.logits(X))

    def gradient(self, X: Array, y: Array) -> Array:
        """Return the derivative of the cross-entropy of class ``y`` with respect to X, in the shape of X."""
        import torch

        parts = []
        for start in range(0, len(X), _BATCH):
            batch = self._tensor(X[start : start + _BATCH]).requires_grad_(True)
            chosen = torch.as_tensor(np.array(y[start : start + _BATCH]), device=self._device)
            loss = self._loss(self._module(batch), chosen)
            parts.append(torch.autograd.grad(loss, batch)[0].double().cpu().numpy())
        flow: Array = np.concatenate(parts).reshape(X.shape)
        return flow

    def embed(self, X: Array) -> Array:
        """Return (n, e): what enters the last linear layer."""
        caught: list[Array] = []

        def keep(_: Any, given: tuple[Any, ...]) -> None:
            caught.append(given[0].detach().double().cpu().numpy().reshape(len(given[0]), -1))

        handle = self._last_linear().register_forward_pre_hook(keep)
        try:
            self.raw(X)
        finally:
            handle.remove()
        return np.concatenate(caught)

    @property
    def has_linear(self) -> bool:
        """Whether there is a linear layer whose input can serve as features."""
        return self._last_linear() is not None

    def _last_linear(self) -> Any:
        import torch

        found = [layer for layer in self._module.modules() if isinstance(layer, torch.nn.Linear)]
        return found[-1] if found else None

    def _tensor(self, X: Array) -> Any:
        import torch

        return torch.as_tensor(np.array(self._inputs.to_user(X)), dtype=self._dtype, device=self._device)

    def _loss(self, out: Any, target: Any) -> Any:
        import torch

        if self.single:
            function = torch.nn.functional.binary_cross_entropy
            if not self.squashed:
                function = torch.nn.functional.binary_cross_entropy_with_logits
            return function(out.reshape(-1), target.to(out.dtype), reduction="sum")
        if self.squashed:
            return torch.nn.functional.nll_loss(torch.log(out.clamp_min(_TINY)), target, reduction="sum")
        return torch.nn.functional.cross_entropy(out, target, reduction="sum")


def adapt_torch(module: Any, inputs: Inputs, X: Array, y: Array, task: Task | None) -> Adapted:
    """Adapt a torch module whose outputs are logits, probabilities, or values of a regression.

    Raises
    ------
    Refused
        if a regression gives several outputs, or the samples are a DataFrame.
    """
    if inputs.codec is not None:
        raise Refused("a torch module takes arrays, got a DataFrame: pass X.to_numpy() of numeric columns")
    model = TorchModel(module, inputs)
    k = model.probe(X[:_PROBE])
    task = task or ("regression" if model.single and labels.are_values(y) else labels.guess_task(y))
    if task == "regression":
        if not model.single:
            raise Refused(f"multi-output models are not supported: the module gives {k} outputs; allowed: one")
        return Adapted(task, "values", model.values, state=digest(module))
    return Adapted(
        task,
        "probabilities",
        model.predict,
        logits=model.logits,
        gradient=model.gradient,
        embed=model.embed if model.has_linear else None,
        state=digest(module),
    )
