"""The package's own small torch networks: what a safetensors file of weights is filled into.

A safetensors file holds numbers and no code. What the numbers mean is given by a `Network` in its metadata, from which
the module is built here. `xrai_widgets.io.network_files.save_network` writes such a file.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

_ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "gelu": "GELU", "silu": "SiLU"}
_MOST = {"layers": 16, "width": 16_384, "weights": 50_000_000}


@dataclass(frozen=True)
class Network:
    """The configuration of a network.

    ``mlp``: an optional standardisation of the inputs, then linear layers with an activation between them.
    ``cnn``: convolutions (kernel 3, padding 1), each followed by the activation and a maximum over 2 × 2, then one
    linear layer. Both end in logits, or in one value for a regression.

    Parameters
    ----------
    kind : {"mlp", "cnn"}
    inputs : tuple of int
        (features,) of an ``mlp``; (channels, height, width) of a ``cnn``.
    hidden : tuple of int
        Width of each hidden layer; channels of each convolution.
    outputs : int
        Number of classes; 1 for a regression, or for the logit of the second of two classes.
    activation : {"relu", "tanh", "gelu", "silu"}
    standardize : bool
        The network begins with a batch normalisation without parameters, whose mean and variance are the training
        data's: then it takes features in their own units.
    classes : tuple, optional
        Labels in the order of the outputs.
    features : tuple of str, optional
        Columns in the order of the inputs.
    """

    kind: Literal["mlp", "cnn"]
    inputs: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int
    activation: str = "relu"
    standardize: bool = False
    classes: tuple[Any, ...] = ()
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("mlp", "cnn"):
            raise ValueError(f"kind of a network must be 'mlp' or 'cnn', got {self.kind!r}")
        sides = 1 if self.kind == "mlp" else 3
        if len(self.inputs) != sides:
            raise ValueError(f"inputs of a {self.kind} must be {sides} whole number(s), got {self.inputs!r}")
        sizes = (*self.inputs, *self.hidden, self.outputs)
        if not all(isinstance(size, int) and 0 < size <= _MOST["width"] for size in sizes):
            raise ValueError(f"the sizes of a network must be whole numbers in [1, {_MOST['width']}], got {sizes}")
        if len(self.hidden) > _MOST["layers"]:
            raise ValueError(f"a network must have at most {_MOST['layers']} hidden layers, got {len(self.hidden)}")
        if self.activation not in _ACTIVATIONS:
            allowed = ", ".join(_ACTIVATIONS)
            raise ValueError(f"activation of a network must be one of {allowed}, got {self.activation!r}")
        if self.classes and len(self.classes) != max(self.outputs, 2):
            raise ValueError(f"classes must name the {max(self.outputs, 2)} outputs, got {len(self.classes)}")
        if self.features and len(self.features) != math.prod(self.inputs):
            raise ValueError(f"features must name the {math.prod(self.inputs)} inputs, got {len(self.features)}")
        if self.weights > _MOST["weights"]:
            raise ValueError(f"a network must have at most {_MOST['weights']:,} weights, got {self.weights:,}")

    @property
    def weights(self) -> int:
        """Number of weights, counted without building anything."""
        if self.kind == "mlp":
            widths = (*self.inputs, *self.hidden, self.outputs)
            return sum((a + 1) * b for a, b in itertools.pairwise(widths))
        channels = (self.inputs[0], *self.hidden)
        folds = sum((9 * a + 1) * b for a, b in itertools.pairwise(channels))
        return folds + (channels[-1] * math.prod(self._last_picture()) + 1) * self.outputs

    def _last_picture(self) -> tuple[int, int]:
        height, width = self.inputs[1:]
        for _ in self.hidden:
            height, width = height // 2, width // 2
        if not height * width:
            raise ValueError(f"a picture of {self.inputs[1:]} is too small to be halved {len(self.hidden)} times")
        return height, width

    def build(self) -> Any:
        """Return the torch module with fresh weights; it takes (n, features) and, as a ``cnn``, images too."""
        from torch import nn

        activation = getattr(nn, _ACTIVATIONS[self.activation])
        layers: list[Any] = [nn.Flatten()]
        if self.standardize:
            layers.append(nn.BatchNorm1d(math.prod(self.inputs), affine=False))
        if self.kind == "mlp":
            before = self.inputs[0]
        else:
            layers.append(nn.Unflatten(1, self.inputs))
            before = self.inputs[0]
        for size in self.hidden:
            if self.kind == "mlp":
                layers += [nn.Linear(before, size), activation()]
            else:
                layers += [nn.Conv2d(before, size, 3, padding=1), activation(), nn.MaxPool2d(2)]
            before = size
        if self.kind == "cnn":
            layers.append(nn.Flatten())
            before *= math.prod(self._last_picture())
        module = nn.Sequential(*layers, nn.Linear(before, self.outputs))
        module.network = self  # type: ignore[assignment]
        return module


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    standardize: bool = True,
    classes: Sequence[Any] = (),
    features: Sequence[str] = (),
) -> Any:
    """Return a multi-layer perceptron, a torch module to be trained; see `Network`."""
    words = (tuple(classes), tuple(features))
    return Network("mlp", (inputs,), tuple(hidden), outputs, activation, standardize, *words).build()


def cnn(
    inputs: Sequence[int],
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    classes: Sequence[Any] = (),
) -> Any:
    """Return a small convolutional network, a torch module to be trained; see `Network`."""
    return Network("cnn", tuple(inputs), tuple(hidden), outputs, activation, classes=tuple(classes)).build()
