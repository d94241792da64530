"""The autoencoder term: gradients, likelihood of explanations, and one training per data set."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.pace import slowness
from xrai_widgets.core import Array, Step, Subject
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations.cem import autoencoder as _autoencoder
from xrai_widgets.engines.explanations.cem import search as _search
from xrai_widgets.engines.explanations.cem.autoencoder import Autoencoder, train_autoencoder

pytestmark = pytest.mark.usefixtures("without_controls")

pytest.importorskip("torch")


class Notes(Step):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, done: float, note: str = "", partial: object = None) -> None:
        assert 0 <= done <= 1
        assert partial is None
        self.said.append(note)


def curve(n: int, rng: np.random.Generator) -> Array:
    t = rng.random(n)
    return np.column_stack([t, t**2, 1 - t, 0.5 * t]) * 4


@pytest.mark.parametrize("shape", [(4,), (1, 8, 8)])
def test_the_slope_is_the_derivative_of_the_error(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    d = int(np.prod(shape))
    X = rng.random((200, d)) * 3
    space = Space(np.stack([np.zeros(d), np.full(d, 3.0)]), ())
    trained = train_autoencoder(X, space, shape, 100, 0, Notes())
    slope = trained.slope(X[:5])
    for column in range(min(d, 6)):
        nudge = np.zeros(d)
        nudge[column] = 0.01
        difference = (trained.error(X[:5] + nudge) - trained.error(X[:5] - nudge)) / 0.02
        assert np.allclose(slope[:, column], difference, atol=5e-3)


def test_samples_off_the_curve_have_larger_errors(rng: np.random.Generator) -> None:
    X = curve(600, rng)
    space = Space(np.stack([np.zeros(4), np.full(4, 4.0)]), ())
    trained = train_autoencoder(X, space, (4,), 50, 0, Notes())
    off = rng.permuted(curve(200, rng), axis=0)
    assert np.median(trained.error(off)) > 10 * np.median(trained.error(curve(200, rng)))


def test_the_same_data_are_not_trained_for_twice(rng: np.random.Generator) -> None:
    X = curve(100, rng)
    space = Space(np.stack([np.zeros(4), np.full(4, 4.0)]), ())
    first, second, third = Notes(), Notes(), Notes()
    made = train_autoencoder(X, space, (4,), 50, 0, first)
    assert train_autoencoder(X, space, (4,), 50, 0, second) is made
    assert train_autoencoder(X, space, (4,), 50, 1, third) is not made
    assert len(first.said) > 10
    assert not second.said
    for seed in range(10):
        train_autoencoder(X[:20], space, (4,), 50, seed, Notes())
    assert len(_autoencoder._trained) <= _autoencoder._KEPT


@pytest.mark.parametrize("name", ["logistic", "digits"])
def test_a_second_run_on_the_same_subject_does_not_train_again(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject: Subject = request.getfixturevalue(name)
    trained: list[Array] = []
    fit = _autoencoder._fit

    def counted(points: Array, *others: Any) -> Any:
        trained.append(points)
        return fit(points, *others)

    monkeypatch.setattr(_autoencoder, "_fit", counted)
    monkeypatch.setattr(_autoencoder, "_UPDATES", 30)
    for polish in ("approach", "polish", "trim"):
        monkeypatch.setattr(_search, polish, lambda *_, **__: None)
    _autoencoder._trained.clear()
    params = {"n_samples": 1, "mode": "PN", "noise": 0.0, "max_iter": 5, "autoencoder": True}
    for changed in ({}, {"beta": 0.5}, {"gamma": 10.0, "kappa": 0.1}, {"mode": "PP", "max_iter": 6}):
        outcome = xw.assess(subject, "explanations.cem", strict=True, **{**params, **changed})
        assert outcome.finding is not None
        assert outcome.finding.tables["samples"].filter(like="ae_error").notna().all(axis=None)
    assert len(trained) == 1
    kinds = [replace(kind, immutable=number == 0) for number, kind in enumerate(subject.constraints)]
    xw.assess(replace(subject, constraints=tuple(kinds)), "explanations.cem", strict=True, **params)
    assert len(trained) == 1, "what may change has nothing to do with what known samples look like"
    xw.assess(subject, "explanations.cem", strict=True, **params, seed=1)
    assert len(trained) == 2


def test_the_same_seed_trains_the_same_and_torchs_own_generator_is_not_touched(rng: np.random.Generator) -> None:
    import torch

    X = rng.random((80, 64))
    space = Space(np.stack([np.zeros(64), np.ones(64)]), ())
    state = torch.random.get_rng_state()

    def train() -> Autoencoder:
        _autoencoder._trained.clear()
        return train_autoencoder(X, space, (1, 8, 8), 50, 3, Notes())

    assert np.array_equal(train().error(X), train().error(X))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["logistic", "credit", pytest.param("digits", marks=pytest.mark.slow)])
def test_explanations_with_an_autoencoder_look_more_like_known_samples(
    name: str, request: pytest.FixtureRequest
) -> None:
    subject: Subject = request.getfixturevalue(name)
    params = {"n_samples": 4, "mode": "PN", "noise": 0.0, "max_iter": 100}
    with_ae, without = (
        xw.assess(subject, "explanations.cem", strict=True, autoencoder=True, **params, **extra).finding
        for extra in ({}, {"gamma": 0.0})
    )
    assert with_ae is not None
    assert without is not None
    near, far = (finding.tables["samples"]["pn_ae_error"] for finding in (with_ae, without))
    assert near.mean() < far.mean()
    assert with_ae.values["validity"] == 1.0


def test_cancel_lands_while_the_autoencoder_is_trained(logistic: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_EPOCHS", "_UPDATES"):
        monkeypatch.setattr(_autoencoder, name, 10_000_000)
    _autoencoder._trained.clear()
    outcome = xw.assess(logistic, "explanations.cem", autoencoder=True, max_seconds=1.0)
    assert outcome.status == "cancelled"
    assert outcome.seconds < 5 * slowness()
