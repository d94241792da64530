"""Samples of which the nearest change of mind among latent variables is looked for, and what has been found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines.ood._latent.map import Pull
from xrai_widgets.engines.ood._latent.mind import Mind

Search = Literal["gradients", "expanding", "shrinking"]
_HALVINGS = 14
_ROOM = 4096  # candidates of all samples that are asked about at once


class Generator(Protocol):
    """What turns latent variables into samples."""

    @property
    def latent(self) -> int:
        """Number of latent variables."""

    def generate(self, latent: Array) -> Array:
        """Return samples (n, d)."""

    def opened(self, latent: Array) -> tuple[Array, Pull]:
        """Return samples (n, d), and what pulls slopes back to the latent variables."""


@dataclass(frozen=True)
class Settings:
    """How is searched.

    Parameters
    ----------
    search : {"gradients", "expanding", "shrinking"}
        Along slopes; in shells that grow; in a ball that shrinks.
    reach : float
        Largest distance that is looked at.
    steps, starts : int
        Of the search along slopes: steps of each start, which are led to one class after the other.
    directions, rounds : int
        Of the others: candidates per sample and shell, and rounds of proposals that bring what was found nearer.
    seed : int
    """

    search: Search
    reach: float = 10.0
    steps: int = 25
    starts: int = 3
    directions: int = 128
    rounds: int = 12
    seed: int = 0


@dataclass(eq=False)
class Hunt:
    """Samples of which another label is looked for, and what has been found.

    Parameters
    ----------
    generator, mind
    origin : array (n, latent)
        Where each begins.
    before : int array (n,)
        Its label there.
    rows : int array (n,)
        Numbers of the samples, from which with the seed all that is drawn for them comes.
    distance, way : array (n,), (n, latent)
        Of the nearest change, infinite where there is none yet, and its direction.
    """

    generator: Generator
    mind: Mind
    origin: Array
    before: Array
    rows: Array
    settings: Settings
    step: Step

    def __post_init__(self) -> None:
        self.distance = np.full(len(self.origin), np.inf)
        self.way = np.zeros_like(self.origin)
        self._streams = [np.random.default_rng([self.settings.seed, int(row)]) for row in self.rows]

    def draw(self, some: Array, count: int) -> Array:
        """Return standard normal numbers (s, count, latent), each sample's from a stream of its own."""
        shape = (count, self.generator.latent)
        drawn = [self._streams[number].standard_normal(shape, dtype=np.float32) for number in some]
        return np.stack(drawn) if drawn else np.zeros((0, *shape), dtype=np.float32)

    def uniform(self, some: Array, count: int) -> Array:
        """Return numbers in [0, 1) (s, count)."""
        drawn = [self._streams[number].random(count, dtype=np.float32) for number in some]
        return np.stack(drawn) if drawn else np.zeros((0, count), dtype=np.float32)

    def changed(self, some: Array, distance: Array, ways: Array) -> Array:
        """Return at which candidates (s, c) the model has changed its mind: distances (s, c), ways (s, c, latent)."""
        count = ways.shape[1]
        mask = np.zeros((len(some), count), dtype=bool)
        size = max(1, _ROOM // count)
        for start in range(0, len(some), size):
            self.look()
            part = slice(start, start + size)
            latent = self.origin[some[part], None] + distance[part, :, None] * ways[part]
            samples = self.generator.generate(latent.reshape(-1, self.generator.latent).astype(self.origin.dtype))
            mask[part] = self.mind.changed(samples, np.repeat(self.before[some[part]], count)).reshape(-1, count)
        return mask

    def note(self, some: Array, distance: Array, way: Array) -> None:
        """Keep what was found for some samples where it is nearer than what is known."""
        nearer = distance < self.distance[some]
        self.distance[some[nearer]], self.way[some[nearer]] = distance[nearer], way[nearer]

    def bisect(self, some: Array, distance: Array, ways: Array) -> Array:
        """Return distances (s,) just behind the boundary, between each sample and a change along its way."""
        low, high = np.zeros_like(distance), distance.copy()
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            there = self.changed(some, middle[:, None], ways[:, None])[:, 0]
            high, low = np.where(there, middle, high), np.where(there, low, middle)
        return high

    def look(self, done: float | None = None) -> None:
        """Let whoever waits stop the hunt."""
        self._done = getattr(self, "_done", 0.0) if done is None else done
        self.step(self._done, "searching natural adversaries")

    def share(self, first: float, last: float) -> Callable[[float], None]:
        """Return a function that tells how much of a part of the hunt is done."""
        return lambda share: self.look(first + share * (last - first))
