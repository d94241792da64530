"""A small autoencoder: how unlike the known samples is a changed one?"""

import hashlib
import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._space import Space

_SAMPLES, _BATCH = 4000, 64
_EPOCHS, _UPDATES = 60, 1500  # whichever is reached first
_trained: OrderedDict[str, "Autoencoder"] = OrderedDict()  # of the last few data sets
_KEPT = 4


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A trained torch module on the coordinates of the space."""

    module: Any
    space: Space
    rows: int
    loss: float

    def error(self, flat: Array) -> Array:
        """Return (n,): squared length of what the autoencoder does not reproduce."""
        import torch

        parts = []
        with torch.no_grad():
            for start in range(0, len(flat), self.rows):
                points = self._points(flat[start : start + self.rows])
                parts.append(((self.module(points) - points) ** 2).sum(dim=1).double().numpy())
        return np.concatenate(parts) if parts else np.empty(0)

    def slope(self, flat: Array) -> Array:
        """Return the derivative of the error with respect to the samples, (n, d); every column is a number."""
        import torch

        parts = []
        for start in range(0, len(flat), self.rows):
            points = self._points(flat[start : start + self.rows]).requires_grad_(True)
            loss = ((self.module(points) - points) ** 2).sum()
            parts.append(torch.autograd.grad(loss, points)[0].double().numpy())
        flow: Array = np.concatenate(parts) / self.space.slopes
        return flow

    def _points(self, flat: Array) -> Any:
        import torch

        return torch.as_tensor(self.space.to_coordinates(flat), dtype=torch.float32)


@dataclass(frozen=True, eq=False)
class Penalty:
    """γ times the error of the autoencoder."""

    gamma: float
    autoencoder: Autoencoder

    def __call__(self, flat: Array) -> Array:
        """Return (n,)."""
        return self.gamma * self.autoencoder.error(flat)

    def slope(self, flat: Array) -> Array:
        """Return (n, d)."""
        return self.gamma * self.autoencoder.slope(flat)


def train_autoencoder(
    background: Array, space: Space, shape: tuple[int, ...], rows: int, seed: int, step: Step
) -> Autoencoder:
    """Return an autoencoder of the known samples; the same data and seed are not trained for twice.

    Tables get two dense layers on either side of a third as many numbers, images two convolutions on either side of a
    picture of half the size.
    """
    # whom a change is allowed to does not matter here: immutable and monotone columns are learnt like the others
    kinds = [(kind.kind, kind.categories) for kind in space.constraints]
    digest = hashlib.sha256(np.ascontiguousarray(background).tobytes())
    digest.update(repr((space.bounds.tolist(), kinds, space.scale, shape, rows, seed)).encode())
    key = digest.hexdigest()
    if key not in _trained:
        points = space.to_coordinates(
            background[np.random.default_rng([seed, 3]).permutation(len(background))[:_SAMPLES]]
        )
        module, loss = _fit(points, shape, seed, step)
        _trained[key] = Autoencoder(module, space, rows, loss)
        while len(_trained) > _KEPT:
            _trained.popitem(last=False)
    return _trained[key]


def _fit(points: Array, shape: tuple[int, ...], seed: int, step: Step) -> tuple[Any, float]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    module = _picture(shape) if len(shape) == 3 and min(shape[1:]) >= 4 else _dense(points.shape[1])
    with torch.no_grad():
        for parameter in module.parameters():
            width = parameter[0].numel() if parameter.ndim > 1 else parameter.numel()
            parameter.uniform_(-(width**-0.5), width**-0.5, generator=generator)
    data = torch.as_tensor(points, dtype=torch.float32)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    last, batches = 0.0, -(-len(data) // _BATCH)
    epochs = max(1, min(_EPOCHS, _UPDATES // batches))
    for epoch in range(epochs):
        step(epoch / epochs, f"autoencoder: round {epoch + 1} of {epochs}")
        last = 0.0
        for batch in torch.split(torch.randperm(len(data), generator=generator), _BATCH):
            optimizer.zero_grad()
            loss = ((module(data[batch]) - data[batch]) ** 2).sum(dim=1).mean()
            torch.autograd.backward(loss)
            optimizer.step()
            last += float(loss.detach()) * len(batch) / len(data)
    return module.eval().requires_grad_(False), last


def _dense(d: int) -> Any:
    from torch import nn

    wide, narrow = min(2 * d, 256), max(1, d // 3)
    sizes = (d, wide, narrow, wide, d)
    layers: list[Any] = []
    for before, after in itertools.pairwise(sizes):
        layers += [_empty(nn.Linear, before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _picture(shape: tuple[int, ...]) -> Any:
    from torch import nn

    def fold(before: int, after: int) -> Any:
        return _empty(nn.Conv2d, before, after, 3, padding=1)

    return nn.Sequential(
        nn.Unflatten(1, shape),
        *(fold(shape[0], 16), nn.ReLU(), nn.MaxPool2d(2), fold(16, 8), nn.ReLU()),
        *(fold(8, 16), nn.ReLU(), nn.Upsample(size=shape[1:]), fold(16, shape[0])),
        nn.Flatten(),
    )


def _empty(layer: Any, *sizes: int, **others: Any) -> Any:
    """Return a layer whose weights are not set: setting them would draw from torch's global generator."""
    from torch.nn import utils

    return utils.skip_init(layer, *sizes, **others)  # type: ignore[no-untyped-call]
