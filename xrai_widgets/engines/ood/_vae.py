"""A variational autoencoder (Kingma, Welling 2014, arXiv:1312.6114): its networks, its loss, its answers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._training.networks import Draws, device_of, mlp, tensor_of

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Device

_NOISE = (-7.0, 3.0)  # logarithm of the variance of what a column's decoder leaves open
_SOFT = 10.0  # logarithms of posterior variances beyond this are no numbers of use
_OUTSIDE = 50.0  # nats per squared range by which a pixel lies outside of the training range: a spread of a tenth
LOSSES = ("reconstruction", "KL")


@dataclass(frozen=True)
class Sizes:
    """Numbers of inputs, of hidden units of encoder and decoder, and of latent variables."""

    inputs: int
    hidden: int
    latent: int

    @classmethod
    def of(cls, inputs: int, hidden: int | None, latent: int | None) -> "Sizes":
        """Return the sizes that are given; others by the number of inputs: 400 and 20 for 784."""
        return cls(
            inputs,
            min(max(math.ceil(0.51 * inputs), 32), 400) if hidden is None else hidden,
            min(max(inputs // 4, 2), 20) if latent is None else latent,
        )


@dataclass(eq=False)
class VAE:
    """Encoder and decoder that learn together.

    Parameters
    ----------
    sizes : Sizes
    likelihood : {"bernoulli", "gaussian"}
        Of the inputs: pixels between 0 and 1, or standardised columns, each with a variance of its own.
    learning_rate : float
        Of Adam.
    seed : int
    device : {"auto", "cpu", "cuda", "mps"}
    rows : int
        Samples that are asked about at once.
    validation : tensor (m, d), optional
        Samples on which the losses are told, too.
    """

    sizes: Sizes
    likelihood: Literal["bernoulli", "gaussian"]
    learning_rate: float
    seed: int
    device: "Device"
    rows: int
    validation: "torch.Tensor | None" = None
    losses: tuple[str, ...] = LOSSES
    draws: Draws = field(init=False)

    def __post_init__(self) -> None:
        import torch

        self.place = device_of(self.device)
        self.draws = Draws(self.seed, self.place)
        s = self.sizes
        self._encoder = mlp((s.inputs, s.hidden, 2 * s.latent), self.draws).to(self.place)
        self._decoder = mlp((s.latent, s.hidden, s.inputs), self.draws).to(self.place)
        self._noise = torch.nn.ParameterList([torch.zeros(s.inputs, device=self.place)])
        learned = [part for network in self.networks.values() for part in network.parameters()]
        self._adam = torch.optim.Adam(learned, lr=self.learning_rate, fused=self.place.type in ("cpu", "cuda"))

    @property
    def networks(self) -> "Mapping[str, torch.nn.Module]":
        """Encoder, decoder, and the variance of each column."""
        found = {"encoder": self._encoder, "decoder": self._decoder}
        return found if self.likelihood == "bernoulli" else {**found, "noise": self._noise}

    @property
    def optimizers(self) -> "Mapping[str, torch.optim.Optimizer]":
        """Adam."""
        return {"adam": self._adam}

    def learn(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Learn from a batch, and return its mean reconstruction loss and KL divergence."""
        import torch

        given = rows.to(self.place)
        mean, log_variance = self._encode(given)
        drawn = mean + torch.exp(0.5 * log_variance) * self.draws.normal(*mean.shape)
        losses = torch.stack([self._open(drawn, given).mean(), _divergence(mean, log_variance).mean()])
        self._adam.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return losses.detach()

    def held_out(self) -> Array | None:
        """Return the mean losses on the held-out samples, at the posterior mean."""
        return None if self.validation is None else self.terms(self.validation.numpy()).mean(axis=0)

    def terms(self, X: Array) -> Array:
        """Return the two terms of the negative ELBO at the posterior mean, float64 (n, 2): nothing is drawn.

        A pixel outside [0, 1] counts as one at the end and adds the squared excess: its own cross-entropy would reward
        it without bound.
        """
        import torch

        parts = []
        for given in self._chunks(X):
            mean, log_variance = self._encode(given)
            parts.append(torch.stack([self._open(mean, given), _divergence(mean, log_variance)], dim=1).double().cpu())
        return _joined(parts, (0, 2))

    def embed(self, X: Array) -> Array:
        """Return the posterior means, float64 (n, latent)."""
        return _joined([self._encode(given)[0].double().cpu() for given in self._chunks(X)], (0, self.sizes.latent))

    def reconstruct(self, X: Array) -> Array:
        """Return the samples as the networks see them, float64 (n, d)."""
        parts = [self._shown(self._encode(given)[0]) for given in self._chunks(X)]
        return _joined([part.double().cpu() for part in parts], (0, self.sizes.inputs))

    def generate(self, latent: Array) -> Array:
        """Return the samples that the decoder makes of latent variables (n, latent), float64 (n, d)."""
        parts = [self._shown(given).double().cpu() for given in self._chunks(latent)]
        return _joined(parts, (0, self.sizes.inputs))

    def _encode(self, given: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        # of a picture only what a picture can be: the excess is told apart
        seen = given.clamp(0.0, 1.0) if self.likelihood == "bernoulli" else given
        mean, log_variance = self._encoder(seen).chunk(2, dim=1)
        return mean, log_variance.clamp(-_SOFT, _SOFT)

    def _open(self, latent: "torch.Tensor", given: "torch.Tensor") -> "torch.Tensor":
        """Return how little of each sample the decoder explains, in nats."""
        import torch

        out = self._decoder(latent)
        if self.likelihood == "bernoulli":
            seen = given.clamp(0.0, 1.0)
            entropy = torch.nn.functional.binary_cross_entropy_with_logits(out, seen, reduction="none").sum(dim=1)
            return entropy + _OUTSIDE * ((given - seen) ** 2).sum(dim=1)
        noise = self._noise[0].clamp(*_NOISE)
        return 0.5 * ((given - out) ** 2 / noise.exp() + noise + math.log(2 * math.pi)).sum(dim=1)

    def _shown(self, latent: "torch.Tensor") -> "torch.Tensor":
        out: torch.Tensor = self._decoder(latent)
        return out.sigmoid() if self.likelihood == "bernoulli" else out

    def _chunks(self, X: Array) -> "Iterator[torch.Tensor]":
        import torch

        with torch.no_grad():
            for start in range(0, len(X), self.rows):
                yield tensor_of(X[start : start + self.rows]).to(self.place)


def _divergence(mean: "torch.Tensor", log_variance: "torch.Tensor") -> "torch.Tensor":
    """Return the KL divergence of each posterior from the standard normal distribution."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1)


def _joined(parts: "list[torch.Tensor]", empty: tuple[int, int]) -> Array:
    made: Array = np.concatenate([np.zeros(empty), *(part.numpy() for part in parts)])
    return made
