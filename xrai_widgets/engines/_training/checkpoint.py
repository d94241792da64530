"""The whole state of a training as named arrays, and back: what goes on from it ends as if it had never stopped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.step import Arrays

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Draws


@dataclass(frozen=True)
class State:
    """What changes in a training: weights, the optimizers' moments, and where the generator of numbers stands."""

    networks: "Mapping[str, torch.nn.Module]"
    optimizers: "Mapping[str, torch.optim.Optimizer]"
    draws: "Draws"

    def arrays(self) -> dict[str, Array]:
        """Return everything as arrays of the processor's memory."""
        arrays: dict[str, Array] = {"generator": self.draws.generator.get_state().numpy().copy()}
        for name, network in self.networks.items():
            for key, value in network.state_dict().items():
                arrays[f"weights/{name}/{key}"] = _array(value)
        for name, optimizer in self.optimizers.items():
            for place, moments in optimizer.state_dict()["state"].items():
                for key, value in moments.items():
                    arrays[f"optimizer/{name}/{place}/{key}"] = _array(value)
        return arrays

    def load(self, arrays: Arrays) -> None:
        """Take the state over.

        Raises
        ------
        ValueError, KeyError, RuntimeError, TypeError
            if the arrays are those of other networks, or hold numbers that are not finite.
        """
        import torch

        for key, value in arrays.items():
            if value.dtype.kind == "f" and key.startswith(("weights/", "optimizer/")) and not np.isfinite(value).all():
                raise ValueError(f"{key} must be finite")
        tensors = {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
        for name, network in self.networks.items():
            network.load_state_dict(_below(f"weights/{name}/", tensors))
        for name, optimizer in self.optimizers.items():
            moments: dict[int, dict[str, Any]] = {}
            shapes = [part.shape for group in optimizer.param_groups for part in group["params"]]
            for key, value in _below(f"optimizer/{name}/", tensors).items():
                place, _, word = key.partition("/")
                if not 0 <= int(place) < len(shapes) or value.shape not in ((), shapes[int(place)]):
                    raise ValueError(f"{key} must have the shape of what it moves, got {tuple(value.shape)}")
                moments.setdefault(int(place), {})[word] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        self.draws.generator.set_state(tensors["generator"])


def key_of(X: Array, settings: Mapping[str, object], device: str) -> str:
    """Return the name of a training: a digest of its samples, in their order, its settings and the kind of device."""
    samples = np.ascontiguousarray(X)
    digest = hashlib.sha256(json.dumps([samples.dtype.str, samples.shape, device]).encode())
    digest.update(json.dumps(dict(settings), sort_keys=True).encode())
    digest.update(samples.data)
    return digest.hexdigest()


def _array(value: Any) -> Array:
    made: Array = value.detach().cpu().numpy().copy()
    return made


def _below(start: str, tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
