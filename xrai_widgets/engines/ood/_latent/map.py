"""What a trained generator and its inverter say: on the processor, so that no answer depends on the device."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._training.networks import Layers

SLOPE = 0.2  # of the inverter's rectifiers, on the negative side
Pull = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Latent variables ⇄ samples: linear layers with rectifiers between them; the generator ends in a sigmoid.

    Parameters
    ----------
    generator, inverter : layers
        Weights (inputs, outputs) and biases.
    rows : int
        Samples that are worked on at once.
    shift, scale : float
        A sample is ``shift + scale · G(z)``.
    low, high : array (d,), optional
        Ranges into which samples are clipped.
    """

    generator: Layers
    inverter: Layers
    rows: int
    shift: float = 0.0
    scale: float = 1.0
    low: Array | float = -np.inf
    high: Array | float = np.inf

    @property
    def latent(self) -> int:
        """Number of latent variables."""
        return int(self.generator[0][0].shape[0])

    def as_type(self, kind: type) -> "LatentMap":
        """Return the same map, computed in numbers of another kind."""

        def layers(given: Layers) -> Layers:
            return tuple((weight.astype(kind), bias.astype(kind)) for weight, bias in given)

        return replace(
            self,
            generator=layers(self.generator),
            inverter=layers(self.inverter),
            low=np.asarray(self.low, dtype=kind),
            high=np.asarray(self.high, dtype=kind),
        )

    def scaled(self, shift: float, scale: float) -> "LatentMap":
        """Return the same map for samples in units of their own."""
        return replace(self, shift=shift, scale=scale)

    def within(self, low: Array, high: Array) -> "LatentMap":
        """Return the same map, whose samples are clipped into ranges (d,)."""
        return replace(self, low=low, high=high)

    def generate(self, latent: Array) -> Array:
        """Return the samples (n, d) of latent variables (n, latent)."""
        starts = range(0, max(len(latent), 1), self.rows)
        return np.concatenate([self._made(latent[start : start + self.rows])[0] for start in starts])

    def invert(self, X: Array) -> Array:
        """Return the latent variables (n, latent) of samples (n, d)."""
        starts = range(0, max(len(X), 1), self.rows)
        return np.concatenate([self._inverted(X[start : start + self.rows]) for start in starts])

    def opened(self, latent: Array) -> tuple[Array, Pull]:
        """Return samples (n, d), and what turns slopes with respect to them (n, d) into slopes by latent variables."""
        made, states = self._made(latent)
        inside = (made > self.low) & (made < self.high)
        shares = (made - self.shift) / self.scale

        def pull(slopes: Array) -> Array:
            flow = np.where(inside, slopes * self.scale * shares * (1.0 - shares), 0.0).astype(shares.dtype)
            for (weight, _), state in zip(reversed(self.generator), reversed(states), strict=True):
                flow = (flow @ weight.T) * (state > 0) if state is not latent else flow @ weight.T
            return flow

        return made, pull

    def _made(self, latent: Array) -> tuple[Array, list[Array]]:
        states, rows = [], latent
        for number, (weight, bias) in enumerate(self.generator):
            rows = np.maximum(rows, 0.0) if number else rows
            states.append(rows)
            rows = rows @ weight + bias
        made = self.shift + self.scale * (0.5 * (1.0 + np.tanh(0.5 * rows)))
        return np.clip(made, self.low, self.high).astype(made.dtype), states

    def _inverted(self, X: Array) -> Array:
        # of a sample only what a sample can be: what lies outside is told apart
        rows = np.clip((X - self.shift) / self.scale, 0.0, 1.0).astype(self.inverter[0][0].dtype)
        for number, (weight, bias) in enumerate(self.inverter):
            rows = (np.where(rows > 0, rows, SLOPE * rows) if number else rows) @ weight + bias
        made: Array = rows
        return made
