"""The nearest latent variables at which a model has changed its mind, of many samples at once."""

from collections.abc import Callable

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import quiet
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.ood._latent.hunt import Generator, Hunt, Settings
from xrai_widgets.engines.ood._latent.mind import Mind
from xrai_widgets.engines.ood._latent.ways import along_slopes, expand, shrink

_SPREAD, _NARROWER = 0.7, 0.7  # of proposals round a direction, and how it narrows where they fail
_INSIDE = 0.985  # of the radius: where proposals are tried


def nearest_changes(
    generator: Generator,
    mind: Mind,
    origin: Array,
    before: Array,
    rows: Array,
    settings: Settings,
    step: Step = quiet,
) -> tuple[Array, Array]:
    """Return how far among latent variables the nearest change of mind lies, and where.

    Parameters
    ----------
    origin : array (n, latent)
        Latent variables of samples that the model gives the label ``before`` (n,).
    rows : int array (n,)
        Numbers of the samples: what is found for one does not depend on the others.

    Returns
    -------
    (distance, nearest) : array (n,), array (n, latent)
        Infinite, and NaN, where nothing was found within reach. What is found is an upper bound.
    """
    hunt = Hunt(generator, mind, origin, before, rows, settings, step)
    if settings.search == "gradients":
        along_slopes(hunt, hunt.share(0.0, 0.5))
        settle(hunt, np.arange(len(origin)))
    rest = np.flatnonzero(np.isinf(hunt.distance))
    (shrink if settings.search == "shrinking" else expand)(hunt, rest, hunt.share(0.5, 0.6))
    settle(hunt, rest)
    approach(hunt, rest, hunt.share(0.6, 1.0))
    step(1.0, "searching natural adversaries")
    reached = np.isfinite(hunt.distance)[:, None]
    moved = np.where(reached, hunt.distance[:, None], 0.0) * hunt.way
    return hunt.distance, np.where(reached, origin + moved, np.nan)


def settle(hunt: Hunt, some: Array) -> None:
    """Take back what the model does not confirm, and move the rest to the boundary."""
    some = some[np.isfinite(hunt.distance[some])]
    ways, distance = hunt.way[some], hunt.distance[some]
    holds = hunt.changed(some, distance[:, None], ways[:, None])[:, 0]
    hunt.distance[some[~holds]] = np.inf
    some = some[holds]
    hunt.distance[some] = hunt.bisect(some, distance[holds], ways[holds])


def approach(hunt: Hunt, some: Array, progress: Callable[[float], None], count: int = 64) -> None:
    """Try directions near the best one, just inside its distance, narrower where none succeeds."""
    some = some[np.isfinite(hunt.distance[some])]
    spread = np.full(len(some), _SPREAD / np.sqrt(hunt.generator.latent))
    for number in range(hunt.settings.rounds):
        progress(number / hunt.settings.rounds)
        ways = hunt.way[some][:, None] + spread[:, None, None] * hunt.draw(some, count)
        ways = unit(ways.reshape(-1, ways.shape[-1])).reshape(ways.shape)
        radius = hunt.distance[some] * _INSIDE
        there = hunt.changed(some, np.repeat(radius[:, None], count, axis=1), ways)
        hits = np.flatnonzero(there.any(axis=1))
        way = ways[hits, there[hits].argmax(axis=1)]
        hunt.note(some[hits], hunt.bisect(some[hits], radius[hits], way), way)
        spread[~there.any(axis=1)] *= _NARROWER
