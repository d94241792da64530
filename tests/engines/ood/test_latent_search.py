"""The nearest change of mind among latent variables: against closed forms and brute force."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, Cancelled, Step
from xrai_widgets.engines.ood._latent.hunt import Search, Settings
from xrai_widgets.engines.ood._latent.mind import Mind
from xrai_widgets.engines.ood._latent.search import nearest_changes

RNG = np.random.default_rng(0)
WIDE = 12
WEIGHTS, SHIFT = RNG.normal(size=(4, WIDE)), RNG.normal(size=WIDE)
SCORES, OFFSET = RNG.normal(size=(WIDE, 3)), RNG.normal(size=3)
SEARCHES: tuple[Search, ...] = ("gradients", "expanding", "shrinking")


class Linear:
    """A generator that is an affine map."""

    latent = 4

    def generate(self, latent: Array) -> Array:
        return latent @ WEIGHTS + SHIFT

    def opened(self, latent: Array) -> tuple[Array, Callable[[Array], Array]]:
        return self.generate(latent), lambda slopes: slopes @ WEIGHTS.T


def logits(X: Array) -> Array:
    scores: Array = X.astype(np.float64) @ SCORES + OFFSET
    return scores


def softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Array = shares / shares.sum(axis=1, keepdims=True)
    return result


def mind(**more: Any) -> Mind:
    fields: dict[str, Any] = {
        "predict": lambda X: softmax(logits(X)),
        "decide": None,
        "logits": logits,
        "logit_gradient": lambda _, V: V @ SCORES.T,
        "shape": (WIDE,),
        "rows": 100,
    }
    return Mind(**(fields | more))


ORIGIN = RNG.normal(size=(60, 4))
BEFORE = mind().labels(Linear().generate(ORIGIN))


def exact(origin: Array, before: Array, target: int | None = None) -> Array:
    """Return the distance to the nearest boundary of another class: its lead, over the slope of that."""
    scores = logits(Linear().generate(origin))
    row = np.arange(len(origin))
    far = np.full(scores.shape, np.inf)
    for rival in range(3):
        slope = np.linalg.norm(WEIGHTS @ (SCORES[:, before] - SCORES[:, [rival]]), axis=0)
        far[:, rival] = (scores[row, before] - scores[:, rival]) / np.where(slope > 0, slope, np.nan)
    far[row, before] = np.inf
    return far.min(axis=1) if target is None else far[:, target]


@pytest.mark.parametrize(("search", "slack"), [("gradients", 0.01), ("expanding", 0.05), ("shrinking", 0.05)])
def test_between_linear_maps_it_is_the_closed_form(search: Search, slack: float) -> None:
    blind = {} if search == "gradients" else {"logits": None, "logit_gradient": None}
    far, nearest = nearest_changes(Linear(), mind(**blind), ORIGIN, BEFORE, np.arange(60), Settings(search))
    ratio = far / exact(ORIGIN, BEFORE)
    assert ratio.min() >= 1 - 1e-5, "nothing lies nearer than the boundary"
    assert np.median(ratio) <= 1 + slack
    assert ratio.max() <= 1 + 3 * slack if search != "gradients" else ratio.max() <= 1 + slack
    np.testing.assert_allclose(np.linalg.norm(nearest - ORIGIN, axis=1), far, rtol=1e-6)


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_aimed_at_is_the_only_success(search: Search) -> None:
    aimed = mind(target=1)
    some = np.flatnonzero(BEFORE != 1)[:20]
    far, nearest = nearest_changes(Linear(), aimed, ORIGIN[some], BEFORE[some], some, Settings(search, reach=40.0))
    reached = np.isfinite(far)
    assert reached.mean() > 0.9
    assert (far[reached] >= exact(ORIGIN[some], BEFORE[some])[reached] * (1 - 1e-5)).all()
    now = aimed.labels(Linear().generate(ORIGIN[some] + 1.001 * (nearest - ORIGIN[some]))[reached])
    assert (now == 1).all()


BENT = np.array([[0.4, -0.7], [0.3, 0.2], [1.0, -0.4], [-0.9, 0.8], [0.5, -0.6]])


class Folded:
    """A generator of two latent variables that is no affine map."""

    latent = 2

    def generate(self, latent: Array) -> Array:
        u, v = latent.T
        made: Array = np.column_stack([u, v, np.sin(2 * u), np.cos(1.5 * v), u * v])
        return made

    def opened(self, latent: Array) -> tuple[Array, Callable[[Array], Array]]:
        u, v = latent.T

        def pull(slopes: Array) -> Array:
            by_u = slopes[:, 0] + 2 * np.cos(2 * u) * slopes[:, 2] + v * slopes[:, 4]
            by_v = slopes[:, 1] - 1.5 * np.sin(1.5 * v) * slopes[:, 3] + u * slopes[:, 4]
            return np.column_stack([by_u, by_v])

        return self.generate(latent), pull


def curved(X: Array) -> Array:
    rows = X.astype(np.float64)
    scores: Array = rows @ BENT + [0.3, 0.0]
    return scores


def curved_mind(**more: Any) -> Mind:
    fields: dict[str, Any] = {"predict": lambda X: softmax(curved(X)), "logits": curved, "shape": (5,)}
    return mind(**(fields | {"logit_gradient": lambda _, V: V @ BENT.T} | more))


@cache
def brute_force() -> tuple[Array, Array]:
    """Return latent variables, and how far from each of them the label changes first on a fine grid of its disc."""
    origin = np.random.default_rng(1).normal(size=(40, 2))
    angles, radii = np.linspace(0, 2 * np.pi, 360, endpoint=False), np.linspace(0.01, 4.0, 400)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    truth = np.full(40, np.inf)
    for number, start in enumerate(origin):
        before = curved(Folded().generate(start[None])).argmax()
        points = start + (radii[:, None, None] * circle).reshape(-1, 2)
        turned = (curved(Folded().generate(points)).argmax(axis=1) != before).reshape(400, -1).any(axis=1)
        truth[number] = radii[turned.argmax()] if turned.any() else np.inf
    return origin, truth


@pytest.mark.parametrize(("search", "share"), [("gradients", 0.8), ("expanding", 0.95), ("shrinking", 0.95)])
def test_in_two_dimensions_it_is_what_brute_force_finds(search: Search, share: float) -> None:
    origin, truth = brute_force()
    model = curved_mind() if search == "gradients" else curved_mind(logits=None, logit_gradient=None)
    before = model.labels(Folded().generate(origin))
    assert np.isfinite(truth).sum() > 30
    far, _ = nearest_changes(Folded(), model, origin, before, np.arange(40), Settings(search, reach=4.0))
    assert (far >= truth - 0.02).all()
    near = np.isfinite(truth)
    assert (far[near] <= 1.03 * truth[near] + 0.01).mean() >= share
    assert np.isinf(far[~near]).all()


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_not_found_within_reach_is_infinite_and_not_0(search: Search) -> None:
    far, nearest = nearest_changes(Linear(), mind(), ORIGIN, BEFORE, np.arange(60), Settings(search, reach=1e-3))
    beyond = exact(ORIGIN, BEFORE) > 1e-3
    assert beyond.any()
    assert np.isinf(far[beyond]).all()
    assert np.isnan(nearest[beyond]).all()
    sure = mind(predict=lambda X: np.tile([1.0, 0, 0], (len(X), 1)), logits=None, logit_gradient=None)
    far, _ = nearest_changes(Linear(), sure, ORIGIN, np.zeros(60, dtype=int), np.arange(60), Settings(search))
    assert np.isinf(far).all(), "a constant model never changes its mind"


@pytest.mark.parametrize("search", SEARCHES)
def test_what_is_found_for_a_sample_does_not_depend_on_the_others(search: Search) -> None:
    together, _ = nearest_changes(Linear(), mind(), ORIGIN, BEFORE, np.arange(60), Settings(search, seed=3))
    some = np.array([41, 7])
    alone, _ = nearest_changes(Linear(), mind(), ORIGIN[some], BEFORE[some], some, Settings(search, seed=3))
    np.testing.assert_allclose(alone, together[some], rtol=1e-9)


def test_a_model_that_decides_by_a_rule_of_its_own_is_taken_at_its_word() -> None:
    """Where slopes lead to a boundary that decides nothing, shells find the one that does."""

    def decide(X: Array) -> Array:
        result: Array = (X[:, 0] > SHIFT[0] + 1.0).astype(int)
        return result

    model = mind(decide=decide)
    origin = np.zeros((3, 4))
    far, nearest = nearest_changes(Linear(), model, origin, np.zeros(3, dtype=int), np.arange(3), Settings("gradients"))
    truth = 1.0 / np.linalg.norm(WEIGHTS[:, 0])
    assert (far >= truth * (1 - 1e-5)).all()
    assert (far <= truth * 1.3).all()
    assert (decide(Linear().generate(origin + 1.001 * nearest)) == 1).all()


@pytest.mark.parametrize("steerable", [True, False])
def test_the_lead_and_its_slopes_are_those_of_the_logits(steerable: bool) -> None:
    def slopes(X: Array, V: Any) -> Array:
        parts = [slice(a, a + 7) for a in range(0, len(X), 7)]
        weights = np.concatenate([V[part](logits(X[part])) for part in parts]) if callable(V) else V
        result: Array = weights @ SCORES.T
        return result

    slopes.steerable = steerable  # type: ignore[attr-defined]  # as models mark it
    samples = Linear().generate(ORIGIN)
    for rows in (10, 100):
        lead, slope = mind(logit_gradient=slopes, rows=rows, logits=None).lead(samples, BEFORE, None)
        scores = logits(samples)
        ordered = np.sort(scores, axis=1)
        np.testing.assert_allclose(lead, ordered[:, 2] - ordered[:, 1], rtol=1e-4, atol=1e-5)
        second = np.argsort(scores, axis=1)[:, 1]
        np.testing.assert_allclose(slope, (SCORES[:, BEFORE] - SCORES[:, second]).T)
        third = np.argsort(scores, axis=1)[:, 0]
        lead, slope = mind(logit_gradient=slopes, rows=rows, logits=None).lead(samples, BEFORE, third)
        np.testing.assert_allclose(lead, ordered[:, 2] - ordered[:, 0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(slope, (SCORES[:, BEFORE] - SCORES[:, third]).T)


class _Stopping(Step):
    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise Cancelled("enough")


@pytest.mark.parametrize("search", SEARCHES)
def test_cancel_stops_it_between_two_questions(search: Search) -> None:
    asked = []

    def predict(X: Array) -> Array:
        asked.append(len(X))
        return softmax(logits(X))

    model = mind(predict=predict, logits=None, rows=10_000)
    with pytest.raises(Cancelled):
        nearest_changes(Linear(), model, ORIGIN, BEFORE, np.arange(60), Settings(search), _Stopping(5))
    assert max(asked) <= 4096
    assert len(asked) < 10
