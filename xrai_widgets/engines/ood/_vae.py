"""The training of a variational autoencoder (Kingma, Welling 2014, arXiv:1312.6114)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xrai_widgets.core import Array
from xrai_widgets.engines._training.networks import Draws, device_of, layers_of, mlp
from xrai_widgets.engines.ood._autoencoder import NOISE, SOFT, Autoencoder, Likelihood

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Device

_FASTER = 10
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
            min(max(3 * inputs, 32), 400) if hidden is None else hidden,
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
    validation : array (m, d)
        Samples on which the losses are told, too.
    """

    sizes: Sizes
    likelihood: Likelihood
    learning_rate: float
    seed: int
    device: "Device"
    rows: int
    validation: Array
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
        rate = self.learning_rate
        # one number has a long way to go where thousands of weights go a short one together
        rates = {"noise": _FASTER * rate}
        learned = [
            {"params": list(network.parameters()), "lr": rates.get(name, rate)}
            for name, network in self.networks.items()
        ]
        self._adam = torch.optim.Adam(learned, fused=self.place.type in ("cpu", "cuda"))

    @property
    def networks(self) -> "Mapping[str, torch.nn.Module]":
        """Encoder, decoder, and the variance of each column."""
        networks = {"encoder": self._encoder, "decoder": self._decoder}
        return networks if self.likelihood == "bernoulli" else {**networks, "noise": self._noise}

    @property
    def optimizers(self) -> "Mapping[str, torch.optim.Optimizer]":
        """Adam."""
        return {"adam": self._adam}

    def learn(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Learn from a batch, and return its mean reconstruction loss and KL divergence."""
        import torch

        given = rows.to(self.place)
        mean, log_variance = self._encoder(given).chunk(2, dim=1)
        log_variance = log_variance.clamp(-SOFT, SOFT)
        drawn = mean + torch.exp(0.5 * log_variance) * self.draws.normal(*mean.shape)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1)
        losses = torch.stack([self._open(drawn, given).mean(), divergence.mean()])
        self._adam.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]  # torch has no type there
        self._adam.step()
        return losses.detach()

    def held_out(self) -> Array | None:
        """Return the mean losses on the held-out samples, at the posterior mean."""
        return self.answering().terms(self.validation).mean(axis=0) if len(self.validation) else None

    def answering(self) -> Autoencoder:
        """Return the networks as they are now."""
        noise = None if self.likelihood == "bernoulli" else self._noise[0].detach().double().cpu().numpy()
        return Autoencoder(layers_of(self._encoder), layers_of(self._decoder), noise, self.rows)

    def _open(self, latent: "torch.Tensor", given: "torch.Tensor") -> "torch.Tensor":
        """Return how little of each sample the decoder explains, in nats."""
        import torch

        out = self._decoder(latent)
        if self.likelihood == "bernoulli":
            return torch.nn.functional.binary_cross_entropy_with_logits(out, given, reduction="none").sum(dim=1)
        noise = self._noise[0].clamp(*NOISE)
        left: torch.Tensor = 0.5 * ((given - out) ** 2 / noise.exp() + noise + math.log(2 * math.pi)).sum(dim=1)
        return left
