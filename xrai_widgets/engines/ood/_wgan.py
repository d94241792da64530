"""The training of a generator against a critic, and of the way back from a sample to its latent variables.

WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) with an inverter (Zhao, Dua, Singh 2018, arXiv:1710.11342).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._training.networks import Draws, device_of, mlp, tensor_of

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Device

LOSSES = ("critic", "generator", "inverter")
_RATE, _INVERTER_RATE = 3e-4, 1e-3  # of Adam
_BETAS = (0.5, 0.9)
_PENALTY = 10.0  # of the critic's gradient
_LATENT = 0.1  # weight of what the inverter makes of generated samples
_SLOPE = 0.2


@dataclass(eq=False)
class WGAN:
    """Generator, critic and inverter that learn together, on samples in [0, 1].

    Parameters
    ----------
    inputs, hidden, latent : int
        Pixels, hidden units of each of two layers, latent variables.
    critic_steps : int
        Batches from which the critic learns for one from which generator and inverter do.
    seed : int
    device : {"auto", "cpu", "cuda", "mps"}
    rows : int
        Samples that are asked about at once.
    """

    inputs: int
    hidden: int
    latent: int
    critic_steps: int
    seed: int
    device: "Device"
    rows: int
    losses: tuple[str, ...] = LOSSES
    draws: Draws = field(init=False)

    def __post_init__(self) -> None:
        import torch

        self.place = device_of(self.device)
        self.draws = Draws(self.seed, self.place)
        inner = (self.hidden, self.hidden)
        generator = mlp((self.latent, *inner, self.inputs), self.draws, last=torch.nn.Sigmoid())
        critic = mlp((self.inputs, *inner, 1), self.draws, slope=_SLOPE)
        inverter = mlp((self.inputs, *inner, self.latent), self.draws, slope=_SLOPE)
        self.generator, self.critic, self.inverter = (one.to(self.place) for one in (generator, critic, inverter))
        fused = self.place.type in ("cpu", "cuda")
        self._adams = {
            "critic": torch.optim.Adam(self.critic.parameters(), _RATE, _BETAS, fused=fused),
            "generator": torch.optim.Adam(self.generator.parameters(), _RATE, _BETAS, fused=fused),
            "inverter": torch.optim.Adam(self.inverter.parameters(), _INVERTER_RATE, fused=fused),
        }

    @property
    def networks(self) -> "Mapping[str, torch.nn.Module]":
        """Generator, critic and inverter."""
        return {"generator": self.generator, "critic": self.critic, "inverter": self.inverter}

    @property
    def optimizers(self) -> "Mapping[str, torch.optim.Optimizer]":
        """An Adam for each."""
        return self._adams

    def learn(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Let the critic learn from each part of the rows, then generator and inverter once; return their losses."""
        import torch

        given = rows.to(self.place)
        critics = [self._criticise(part) for part in given.chunk(self.critic_steps)]
        last = given[-(len(given) // self.critic_steps or 1) :]
        drawn = self.draws.normal(len(last), self.latent)
        made = self._down("generator", -self.critic(self.generator(drawn)).mean())
        with torch.no_grad():
            shown = self.generator(drawn)
        there = ((self.generator(self.inverter(last)) - last) ** 2).sum(dim=1).mean()
        back = ((self.inverter(shown) - drawn) ** 2).sum(dim=1).mean()
        inverted = self._down("inverter", there + _LATENT * back)
        return torch.stack([torch.stack(critics).mean(), made, inverted])

    def held_out(self) -> None:
        """Tell nothing of held-out samples: the critic's loss says nothing there."""
        return

    def generate(self, latent: Array) -> Array:
        """Return samples (n, d) in [0, 1] that are made of latent variables (n, latent)."""
        return self._asked(self.generator, latent, self.inputs)

    def invert(self, X: Array) -> Array:
        """Return latent variables (n, latent) of samples (n, d)."""
        return self._asked(self.inverter, X, self.latent)

    def _criticise(self, given: "torch.Tensor") -> "torch.Tensor":
        import torch

        with torch.no_grad():
            made = self.generator(self.draws.normal(len(given), self.latent))
        between = self.draws.uniform(len(given), 1)
        mixed = (between * given + (1 - between) * made).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
        distance = self.critic(made).mean() - self.critic(given).mean()
        return self._down("critic", distance + _PENALTY * ((slope.norm(2, dim=1) - 1) ** 2).mean())

    def _down(self, name: str, loss: "torch.Tensor") -> "torch.Tensor":
        """Let one of the networks learn; the others stay."""
        import torch

        adam = self._adams[name]
        learned = list(self.networks[name].parameters())
        slopes = torch.autograd.grad(loss, learned)
        for part, slope in zip(learned, slopes, strict=True):
            part.grad = slope
        adam.step()
        return loss.detach()

    def _asked(self, network: "torch.nn.Module", X: Array, width: int) -> Array:
        import torch

        with torch.no_grad():
            parts = [
                network(tensor_of(X[start : start + self.rows]).to(self.place)).double().cpu().numpy()
                for start in range(0, len(X), self.rows)
            ]
        return np.concatenate([np.zeros((0, width)), *parts])
