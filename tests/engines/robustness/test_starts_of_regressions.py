"""Where searches of a regression start: at real samples whose prediction is another one for the sample at hand."""

import numpy as np
import pytest

from xrai_widgets.core import Array, quiet
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._band import WITHIN, Band
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._search.coordinates import _start_from_samples
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.towards import towards_samples
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion.knowledge import Knowledge
from xrai_widgets.engines.robustness.evasion.search import Search

RNG = np.random.default_rng(0)
ISLANDS = RNG.random((6, 5))
RADIUS = 0.02  # in five dimensions no random start meets one
PLAIN = 0.5 + 0.02 * RNG.random((200, 5))
PLAIN = PLAIN[np.linalg.norm(PLAIN[:, None] - ISLANDS, axis=2).min(axis=1) > 0.1]
POOL = np.vstack([PLAIN, ISLANDS])


def height(X: Array) -> Array:
    """10 on the islands, 0 elsewhere."""
    apart = np.linalg.norm(X[:, None] - ISLANDS, axis=2).min(axis=1)
    return np.where(apart < RADIUS, 10.0, 0.0)


@pytest.fixture
def problem() -> Problem:
    """First a sample on an island, then one of the plain: what is another answer for one is none for the other."""
    samples = np.vstack([ISLANDS[0], PLAIN[0]])
    band = Band(height, height(samples), 1.0)
    return Problem(
        predict=band.scores,
        space=Space(np.array([[0.0] * 5, [1.0] * 5]), ()),
        samples=samples,
        labels=np.full(2, WITHIN),
        numbers=np.arange(2),
        shape=(5,),
        norm="l2",
        rows=5000,
        offsets=band.offsets,
    )


def nearest_shore() -> float:
    """How far the sample of the plain is from the nearest island."""
    return float(np.linalg.norm(ISLANDS - PLAIN[0], axis=1).min() - RADIUS)


def test_hop_skip_jump_starts_at_samples_that_lie_outside_of_the_samples_own_tolerance(problem: Problem) -> None:
    best = Best.nothing(problem)
    told = problem.outputs(POOL)
    hsj.hop_skip_jump(problem, best, POOL, told, hsj.Settings(2, 100, 20, 50), 0, quiet)
    assert best.success.all()
    assert best.distance[0] == pytest.approx(RADIUS, rel=0.3)
    assert best.distance[1] == pytest.approx(nearest_shore(), rel=0.05)


def search(problem: Problem) -> Search:
    return Search(problem, Best.nothing(problem), Knowledge(None, None, None, None, POOL), 0, quiet)


def test_real_samples_are_gone_towards_that_lie_outside_of_the_samples_own_tolerance(problem: Problem) -> None:
    made = search(problem)
    towards_samples(made.contrast, made.incumbents, POOL, problem.outputs(POOL), quiet)
    distance = np.linalg.norm(made.incumbents.points - problem.samples, axis=1)
    assert made.incumbents.done.all()
    assert distance[0] == pytest.approx(RADIUS, rel=0.3)
    assert distance[1] == pytest.approx(nearest_shore(), rel=0.05)


def test_the_search_feature_by_feature_starts_at_such_samples_too(problem: Problem) -> None:
    contrast = search(problem).contrast
    copies = contrast.part(np.repeat([0, 1], 4))
    second = Incumbents.untouched(copies)
    _start_from_samples(copies, second, POOL, 5000, quiet)
    assert second.done.all()
    assert (height(second.points) == np.repeat([0.0, 10.0], 4)).all()
