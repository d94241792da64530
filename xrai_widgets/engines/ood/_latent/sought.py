"""Which samples are looked at, what becomes of each, and what was found of those that can be looked at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines.ood._latent.hunt import Settings
from xrai_widgets.engines.ood._latent.map import LatentMap
from xrai_widgets.engines.ood._latent.mind import Mind
from xrai_widgets.engines.ood._latent.search import nearest_changes

TURNED, STANDING, WAITING = "found", "not found", "not looked at"
WRONG, OTHER, THERE = "answered wrongly before", "another label when reconstructed", "of that class already"
_BLOCK = 256  # samples that are looked at together
_CONFIRM = (1.0, 1.0001, 1.001, 1.01)  # times the distance: what lies at the boundary itself is a matter of rounding


@dataclass(frozen=True, eq=False)
class Given:
    """Samples (n, …) that are to be looked at.

    Parameters
    ----------
    part, ids : array (n,)
    truth : int array (n,)
        −1 where it is not known.
    foreign : bool array (n,)
    foreignness : array (n,)
    """

    part: Array
    ids: Array
    samples: Array
    truth: Array
    foreign: Array
    foreignness: Array


@dataclass(eq=False)
class Sought:
    """Samples, and the nearest change of mind that was found for each.

    Parameters
    ----------
    given : Given
    origin : array (n, latent)
        Their latent variables.
    reconstructed : array (n, …)
        As the generator makes them of these.
    labels, becomes : int array (n,)
        What the model says of a sample, and of the nearest change.
    right : bool array (n,)
        Whether the label is the true one; True where none is known.
    kept : bool array (n,)
        Whether the model gives the reconstruction the label of the sample: without it nothing can be said.
    there : bool array (n,)
        Whether it is of the class that is aimed at.
    distance : array (n,)
        Infinite where nothing was found, NaN where nothing was looked for (yet).
    nearest : array (n, …)
        NaN where there is none.
    """

    given: Given
    origin: Array
    reconstructed: Array
    labels: Array
    right: Array
    kept: Array
    there: Array
    classes: tuple[str, ...]
    distance: Array
    nearest: Array
    becomes: Array

    @property
    def of_x(self) -> Array:
        """Which samples are of X."""
        mask: Array = self.given.part == "X"
        return mask

    @property
    def looked(self) -> Array:
        """Which samples were looked at."""
        return ~np.isnan(self.distance)

    @property
    def counted(self) -> Array:
        """Which samples speak of the model: of X, answered rightly, and looked at."""
        counted: Array = self.of_x & self.right & self.looked
        return counted

    def status(self) -> Array:
        """Return what became of each sample."""
        status = np.where(np.isfinite(self.distance), TURNED, STANDING).astype(object)
        status[~self.looked] = WAITING
        status[~self.right] = WRONG
        status[self.there] = THERE
        status[~self.kept] = OTHER
        return status


def sought_of(given: Given, mind: Mind, made: LatentMap, classes: tuple[str, ...]) -> Sought:
    """Ask the model about the samples and their reconstructions."""
    rows = given.samples.reshape(len(given.samples), -1)
    origin = made.invert(rows)
    reconstructed = made.generate(origin)
    labels, again = mind.labels(rows), mind.labels(reconstructed)
    there = np.zeros(len(rows), dtype=bool) if mind.target is None else labels == mind.target
    return Sought(
        given,
        origin,
        reconstructed.reshape(given.samples.shape),
        labels,
        right=(given.truth < 0) | (labels == given.truth),
        kept=again == labels,
        there=there,
        classes=classes,
        distance=np.full(len(rows), np.nan),
        nearest=np.full(given.samples.shape, np.nan, dtype=np.float32),
        becomes=np.full(len(rows), -1),
    )


def look(
    sought: Sought, mind: Mind, made: LatentMap, settings: Settings, step: Step, partial: Callable[[], Finding]
) -> None:
    """Look for the nearest change of mind of each sample that can be looked at, block by block."""
    able = np.flatnonzero(sought.kept & ~sought.there)
    blocks = [able[start : start + _BLOCK] for start in range(0, len(able), _BLOCK)]
    for number, block in enumerate(blocks):
        part = step.part(number / len(blocks), (number + 1) / len(blocks))
        before = sought.labels[block]
        distance, nearest = nearest_changes(made, mind, sought.origin[block], before, block, settings, part)
        _confirm(sought, mind, made, block, distance, nearest)
        step((number + 1) / len(blocks), "searching natural adversaries", partial)


def _confirm(sought: Sought, mind: Mind, made: LatentMap, block: Array, distance: Array, nearest: Array) -> None:
    """Keep what the model, asked again, answers otherwise."""
    left = np.flatnonzero(np.isfinite(distance))
    sought.distance[block] = np.inf
    for factor in _CONFIRM:
        if not len(left):
            return
        rows = block[left]
        moved = sought.origin[rows] + factor * (nearest[left] - sought.origin[rows])
        samples = made.generate(moved.astype(sought.origin.dtype))
        now = mind.labels(samples)
        turned = now != sought.labels[rows] if mind.target is None else now == mind.target
        keep = rows[turned]
        sought.distance[keep], sought.becomes[keep] = factor * distance[left][turned], now[turned]
        sought.nearest[keep] = samples[turned].reshape(-1, *sought.nearest.shape[1:])
        left = left[~turned]
