"""The linear layers of a torch Sequential as arrays."""

from typing import Any

import numpy as np

from xrai_widgets.core.inside import Layers
from xrai_widgets.core.subject import Array, Predict
from xrai_widgets.models.adapted import softmax
from xrai_widgets.models.inputs import Inputs

_PASSED = ("Flatten", "Dropout", "Identity", "Softmax", "LogSoftmax", "Sigmoid")
_ROUNDING = 1e-5  # of float32, over all layers
_LARGEST = 4096  # outputs of a layer


def layers_of_sequential(model: Any, X: Array, inputs: Inputs) -> Layers | None:
    """Return the layers of a `TorchModel` that is a Sequential of Linear, BatchNorm1d and ReLU, else None.

    A softmax or sigmoid may stand at the end. The form is compared with the module's probabilities on ``X`` and on
    random points of its range. Whatever is not exactly torch's own layer (a subclass, a quantised or a parametrised
    one, one with hooks, in half precision) is not read.
    """
    try:
        steps = _steps(model.module)
        return None if steps is None or not inputs.numeric else _read(steps, model, X)
    except (AttributeError, TypeError, ValueError, RuntimeError, NotImplementedError):  # insides that are others
        return None


def _read(steps: list[Any], model: Any, X: Array) -> Layers | None:
    weights, biases = [np.eye(int(np.prod(X.shape[1:])))], [np.zeros(int(np.prod(X.shape[1:])))]
    fresh = False  # a ReLU stands before the next affine map
    for number, step in enumerate(steps):
        kind = type(step).__name__  # of torch.nn.modules
        last = all(type(later).__name__ in _PASSED for later in steps[number:])
        if kind in ("Flatten", "Dropout", "Identity") or (last and number):
            continue
        if kind == "ReLU":
            fresh = True
            continue
        read = _affine(step)
        if read is None or read[0].shape[0] != weights[-1].shape[1]:
            return None
        weight, bias = read
        if fresh:
            weights.append(weight)
            biases.append(bias)
        else:
            weights[-1], biases[-1] = weights[-1] @ weight, biases[-1] @ weight + bias
        fresh = False
    if fresh or len(weights) < 2 or max(weight.shape[1] for weight in weights) > _LARGEST:
        return None
    if weights[-1].shape[1] == 1:  # one logit for two classes: the other one is 0
        weights[-1] = np.hstack([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.r_[0.0, biases[-1]]
    layers = Layers(tuple(weights), tuple(biases), "relu", _ROUNDING)
    return layers if _agrees(layers, model.predict, X) else None


def _steps(module: Any) -> list[Any] | None:
    """Return the layers of nested Sequentials, each as often as it is passed; None where one is not torch's own."""
    import torch

    if not _plain(module):
        return None
    if type(module) is not torch.nn.Sequential:
        return [module]
    steps: list[Any] = []
    for step in module:  # children() leaves out what stands there twice
        inner = _steps(step)
        if inner is None:
            return None
        steps += inner
    return steps


def _plain(module: Any) -> bool:
    """Whether nothing but torch's own ``forward`` runs, on numbers of single or double precision."""
    import torch
    from torch.nn.modules import module as common

    hooks = ("_forward_hooks", "_forward_pre_hooks")
    native = type(module).__module__.startswith("torch.nn.modules.") and "forward" not in vars(module)
    changed = any(getattr(module, name) for name in hooks) or any(getattr(common, f"_global{name}") for name in hooks)
    held = [*module.parameters(recurse=False), *(part for part in module.buffers(recurse=False) if part.ndim)]
    return native and not changed and all(part.dtype in (torch.float32, torch.float64) for part in held)


def _affine(step: Any) -> tuple[Array, Array] | None:
    def numbers(tensor: Any) -> Array:
        return np.asarray(tensor.detach().cpu().double().numpy())

    if type(step).__name__ == "Linear":
        weight = numbers(step.weight).T
        return weight, np.zeros(weight.shape[1]) if step.bias is None else numbers(step.bias)
    if type(step).__name__ == "BatchNorm1d" and step.running_var is not None:
        slope = 1.0 / np.sqrt(numbers(step.running_var) + step.eps)
        slope = slope if step.weight is None else slope * numbers(step.weight)
        offset = -numbers(step.running_mean) * slope
        return np.diag(slope), offset if step.bias is None else offset + numbers(step.bias)
    return None


def _agrees(layers: Layers, predict: Predict, X: Array) -> bool:
    flat, rng = X.reshape(len(X), -1), np.random.default_rng(0)
    low, high = flat.min(axis=0), flat.max(axis=0)
    rows = np.vstack([flat, low + rng.random((len(flat), len(low))) * (high - low)])
    state = rows.astype(np.float64)
    for number, (weight, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        state = np.maximum(state, 0.0) if number else state
        state = state @ weight + bias
    given = predict(rows.reshape(-1, *X.shape[1:]).astype(X.dtype))
    return given.shape == state.shape and bool(np.allclose(softmax(state), given, rtol=0, atol=1e-4))
