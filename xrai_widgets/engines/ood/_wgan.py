"""The training of a generator against a critic, and of the way back from a sample to its latent variables.

WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) with an inverter (Zhao, Dua, Singh 2018, arXiv:1710.11342).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xrai_widgets.engines._training.networks import Draws, device_of, layers_of, mlp
from xrai_widgets.engines.ood._latent.map import SLOPE, LatentMap

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Device

LOSSES = ("critic", "generator", "inverter")
_BETAS = (0.5, 0.9)
_PENALTY = 10.0  # of the critic's gradient
_LATENT = 0.1  # weight of what the inverter makes of generated samples


@dataclass(frozen=True)
class Sizes:
    """Numbers of inputs, of hidden units of each of two layers, and of latent variables."""

    inputs: int
    hidden: int
    latent: int

    @classmethod
    def of(cls, inputs: int, hidden: int | None, latent: int | None) -> "Sizes":
        """Return the sizes that are given; others by the number of inputs: 128 and 16 for 64."""
        return cls(
            inputs,
            min(max(2 * inputs, 32), 512) if hidden is None else hidden,
            min(max(inputs // 4, 2), 64) if latent is None else latent,
        )


@dataclass(eq=False)
class WGAN:
    """Generator, critic and inverter that learn together, on samples in [0, 1].

    Parameters
    ----------
    sizes : Sizes
    critic_steps : int
        Batches from which the critic learns for one from which generator and inverter do.
    learning_rate : float
        Of Adam.
    seed : int
    device : {"auto", "cpu", "cuda", "mps"}
    rows : int
        Samples that are asked about at once.
    """

    sizes: Sizes
    critic_steps: int
    learning_rate: float
    seed: int
    device: "Device"
    rows: int
    losses: tuple[str, ...] = LOSSES
    draws: Draws = field(init=False)

    def __post_init__(self) -> None:
        import torch

        self.place = device_of(self.device)
        self.draws = Draws(self.seed, self.place)
        sizes = self.sizes
        inner = (sizes.hidden, sizes.hidden)
        generator = mlp((sizes.latent, *inner, sizes.inputs), self.draws, last=torch.nn.Sigmoid())
        critic = mlp((sizes.inputs, *inner, 1), self.draws, slope=SLOPE)
        inverter = mlp((sizes.inputs, *inner, sizes.latent), self.draws, slope=SLOPE)
        self.generator, self.critic, self.inverter = (one.to(self.place) for one in (generator, critic, inverter))
        fused = self.place.type in ("cpu", "cuda")
        self._adams = {
            "critic": torch.optim.Adam(self.critic.parameters(), self.learning_rate, _BETAS, fused=fused),
            "generator": torch.optim.Adam(self.generator.parameters(), self.learning_rate, _BETAS, fused=fused),
            "inverter": torch.optim.Adam(self.inverter.parameters(), self.learning_rate, fused=fused),
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
        drawn = self.draws.normal(len(last), self.sizes.latent)
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

    def answering(self) -> LatentMap:
        """Return generator and inverter as they are now."""
        return LatentMap(layers_of(self.generator), layers_of(self.inverter), self.rows)

    def _criticise(self, given: "torch.Tensor") -> "torch.Tensor":
        import torch

        with torch.no_grad():
            made = self.generator(self.draws.normal(len(given), self.sizes.latent))
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
