"""Layers whose weights are drawn from a generator of our own, and the device on which they live."""

import itertools
from typing import TYPE_CHECKING, Literal

import numpy as np

from xrai_widgets.core import Array

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def device_of(device: Device) -> "torch.device":
    """Return the device that is asked for; "auto": the accelerator if there is one.

    Raises
    ------
    ValueError
        for an accelerator that is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next((name for name, is_there in there.items() if is_there), "cpu"))
    if not there.get(device, device == "cpu"):
        usable = ", ".join(["auto", "cpu", *(name for name, is_there in there.items() if is_there)])
        raise ValueError(f"device must be one that this machine has ({usable}), got {device!r}")
    return torch.device(device)


class Draws:
    """All that is drawn in a training: the same numbers on every device, and no global state.

    Parameters
    ----------
    seed : int
    device : torch.device
        Where the numbers are wanted.
    """

    def __init__(self, seed: int, device: "torch.device") -> None:
        import torch

        self._device = device
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> "torch.Tensor":
        """Return standard normal numbers."""
        import torch

        return torch.randn(*shape, generator=self.generator).to(self._device)

    def uniform(self, *shape: int) -> "torch.Tensor":
        """Return numbers in [0, 1)."""
        import torch

        return torch.rand(*shape, generator=self.generator).to(self._device)

    def orders(self, n: int, times: int) -> "torch.Tensor":
        """Return the numbers below ``n`` in random order, and so again as often as ``times`` says."""
        import torch

        return torch.cat([torch.randperm(n, generator=self.generator) for _ in range(times)])


def mlp(
    widths: tuple[int, ...],
    draws: Draws,
    *,
    slope: float = 0.0,
    last: "torch.nn.Module | None" = None,
) -> "torch.nn.Sequential":
    """Return linear layers with rectifiers between them, drawn as torch draws them by default.

    Parameters
    ----------
    widths : tuple of int
        Of the input, of each hidden layer, of the output.
    slope : float
        Of the rectifiers on the negative side.
    last : module, optional
        Follows the last layer.
    """
    import torch

    layers: list[torch.nn.Module] = []
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        if number:
            layers.append(torch.nn.LeakyReLU(slope) if slope else torch.nn.ReLU())
        layer = torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs)  # type: ignore[no-untyped-call]  # torch has no type there
        bound = 1.0 / np.sqrt(inputs)
        with torch.no_grad():
            for part in (layer.weight, layer.bias):
                part.uniform_(-bound, bound, generator=draws.generator)
        layers.append(layer)
    return torch.nn.Sequential(*layers, *(() if last is None else (last,)))


Layers = tuple[tuple[Array, Array], ...]


def layers_of(network: "torch.nn.Sequential") -> Layers:
    """Return weights (inputs, outputs) and biases of the linear layers, float64."""
    import torch

    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    numbers = [(layer.weight.detach().T, layer.bias.detach()) for layer in linear]
    return tuple((weight.double().cpu().numpy(), bias.double().cpu().numpy()) for weight, bias in numbers)


def tensor_of(X: Array) -> "torch.Tensor":
    """Return samples as a float32 matrix of torch's own, in the memory of the processor."""
    import torch

    return torch.from_numpy(np.array(X, dtype=np.float32).reshape(len(X), -1))
