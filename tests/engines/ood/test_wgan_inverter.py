"""Generator and inverter: their training, their gate, and what they call foreign."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import xrai_widgets as xw
from tests.engines.test_training import Keeping
from tests.subjects import small_digits
from xrai_widgets.core import Array, Cancelled
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._training.checkpoint import State
from xrai_widgets.engines._training.networks import tensor_of
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood._latent.map import LatentMap
from xrai_widgets.engines.ood._wgan import WGAN, Sizes
from xrai_widgets.engines.ood._wgan_gate import GateFailed, gate_of
from xrai_widgets.engines.ood.estimators.reliable_classifier import ReliableClassifier
from xrai_widgets.engines.ood.estimators.wgan_inverter import WGANInverterDetector
from xrai_widgets.runtime.checkpoints import InMemory

X, Y = load_digits(return_X_y=True)
NEW = X[1200:]
QUICK: dict[str, Any] = {"generator_steps": 4, "hidden": 8, "latent": 3, "quality": 0.0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the small network is not trained to the end


@pytest.fixture(scope="session")
def detector() -> WGANInverterDetector:
    return WGANInverterDetector(image_shape=(8, 8), generator_steps=500, quality=0.2).fit(X[:1200])


def quick(**more: Any) -> WGANInverterDetector:
    return WGANInverterDetector(**(QUICK | more))


def area(foreign: Array, normal: Array) -> float:
    return float(statistics.auc(foreign, normal).value)


def trained() -> WGAN:
    model = WGAN(Sizes(64, 12, 3), 3, 1e-3, 0, "cpu", 50)
    for _ in range(5):
        model.learn(tensor_of(X[:90] / 16))
    return model


def test_the_map_is_what_the_networks_say() -> None:
    model = trained()
    made = model.answering().scaled(0.0, 16.0)
    latent = np.random.default_rng(0).normal(size=(120, 3))
    with torch.no_grad():
        drawn = model.generator.double()(torch.tensor(latent)).numpy() * 16
        back = model.inverter.double()(torch.tensor(X[:120] / 16)).numpy()
    np.testing.assert_allclose(made.generate(latent), drawn, rtol=1e-10)
    np.testing.assert_allclose(made.invert(X[:120]), back, rtol=1e-10, atol=1e-12)


def test_slopes_are_pulled_back_as_differences_tell() -> None:
    rng = np.random.default_rng(0)
    made = trained().answering().scaled(2.0, 16.0).within(np.full(64, 3.0), np.full(64, 17.0))
    latent, weights = rng.normal(size=(6, 3)), rng.normal(size=(6, 64))
    samples, pull = made.opened(latent)
    np.testing.assert_allclose(samples, made.generate(latent))
    assert 3.0 <= samples.min() < samples.max() <= 17.0
    slopes = pull(weights)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6
        difference = ((made.generate(latent + step) - made.generate(latent - step)) * weights).sum(axis=1) / 2e-6
        np.testing.assert_allclose(slopes[:, place], difference, rtol=1e-4, atol=1e-5)


def test_each_network_learns_by_its_own_loss_alone() -> None:
    model = trained()
    before = {name: [part.clone() for part in network.parameters()] for name, network in model.networks.items()}
    model._criticise(tensor_of(X[:30] / 16))
    for name, network in model.networks.items():
        same = all(torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
        assert same == (name != "critic")


def test_the_penalty_is_that_of_the_critics_slope() -> None:
    """Of a critic with one slope everywhere the loss is known: distance plus ten times (its size less one)²."""
    model = WGAN(Sizes(4, 3, 2), 1, 1e-3, 0, "cpu", 50)
    weight = torch.tensor([[3.0, 0.0, 4.0, 0.0]])
    linear = torch.nn.Linear(4, 1, bias=False)
    model.critic = torch.nn.Sequential(linear)
    with torch.no_grad():
        linear.weight.copy_(weight)
    model._adams["critic"] = torch.optim.Adam(model.critic.parameters(), 1e-3)
    given = torch.rand(8, 4, generator=torch.Generator().manual_seed(1))
    state = model.draws.generator.get_state()
    loss = model._criticise(given)
    model.draws.generator.set_state(state)
    with torch.no_grad():
        made = model.generator(model.draws.normal(8, 2))
    distance = (made @ weight.T).mean() - (given @ weight.T).mean()
    assert float(loss) == pytest.approx(float(distance) + 10 * (5 - 1) ** 2, rel=1e-5)


def test_what_is_foreign_looks_so(detector: WGANInverterDetector) -> None:
    new, labels = NEW.reshape(-1, 8, 8), Y[1200:]
    sets = {
        "transposed": (new.transpose(0, 2, 1), 0.98),
        "inverted": (16 - new, 0.99),
        "noise": (np.random.default_rng(0).uniform(0, 16, size=(300, 8, 8)), 0.99),
        "mirrored": (new[~np.isin(labels, [0, 1, 8])][:, :, ::-1], 0.85),
        "upside down": (new[~np.isin(labels, [0, 1])][:, ::-1], 0.75),
    }
    normal = -detector.score_samples(NEW)
    for name, (pictures, least) in sets.items():
        assert area(-detector.score_samples(pictures.reshape(-1, 64)), normal) >= least, name


def test_the_score_is_the_density_of_a_picture_and_its_latent_variables(detector: WGANInverterDetector) -> None:
    latent = detector.embed(NEW)
    error = ((NEW - detector.reconstruct(NEW)) ** 2).sum(axis=1) / 16**2
    np.testing.assert_allclose(detector.reconstruction_error(NEW), error, rtol=1e-9)
    normal: Any = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), detector.variance_**0.5)
    apart = torch.tensor((NEW - detector.reconstruct(NEW)) / 16)
    density = normal.log_prob(apart).sum(dim=1).numpy() - 0.5 * (latent**2).sum(axis=1)
    rest = density - detector.score_samples(NEW)
    np.testing.assert_allclose(rest, rest[0], rtol=1e-9)  # up to a constant
    held = X[detector.held_out_]
    assert detector.variance_ == pytest.approx(detector.reconstruction_error(held).mean() / 64)


def test_a_score_does_not_depend_on_the_other_rows(detector: WGANInverterDetector) -> None:
    together = detector.score_samples(NEW[:40])
    alone = np.concatenate([detector.score_samples(row[None]) for row in NEW[:40]])
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-10)


def test_pixels_beyond_the_training_range_make_a_picture_more_foreign(detector: WGANInverterDetector) -> None:
    scores = [detector.score_samples(NEW[:50] * factor).max() for factor in (1, 2, 4, 255)]
    assert scores == sorted(scores, reverse=True)


def test_the_gate_passes_what_learned_and_stops_what_did_not(detector: WGANInverterDetector) -> None:
    gate = detector.gate_
    assert gate.reconstructed.value > 0.6
    assert gate.drawn.value > 0.2
    assert gate.real.value > 0.8
    with pytest.raises(GateFailed, match=r"quality of 0\.4 \(reconstructed 0\.0.*drawn 0\.00.*generator_steps"):
        quick(quality=0.4).fit(X[:300])


def test_the_gate_counts_what_lies_among_the_training_samples() -> None:
    rng = np.random.default_rng(0)
    learned, held = rng.uniform(size=(400, 2)), rng.uniform(size=(100, 2))

    class Perfect(LatentMap):
        def generate(self, latent: Array) -> Array:
            return np.clip(latent, 0, 1)

        def invert(self, X: Array) -> Array:
            return X

    class Collapsed(Perfect):
        def generate(self, latent: Array) -> Array:
            return np.tile(learned[0], (len(latent), 1))

    layers = ((np.zeros((2, 2)), np.zeros(2)),)
    perfect, collapsed = (gate_of(kind(layers, layers, 100), learned, held, 0) for kind in (Perfect, Collapsed))
    assert perfect.reconstructed.value == 1.0
    assert perfect.real.value > 0.9
    assert collapsed.drawn.value == 1.0, "what is drawn is real"
    assert collapsed.reconstructed.value < 0.1, "and covers nothing"
    with pytest.raises(GateFailed, match=r"\(reconstructed 0\.0"):
        collapsed.check(0.4)


def test_it_goes_on_where_a_cancelled_fit_stood() -> None:
    keeper, settings = InMemory(), {"generator_steps": 60, "hidden": 16}
    one = quick(**settings).fit(X[:300])
    with pytest.raises(Cancelled), watched(Keeping(keeper, batches=40)):
        quick(**settings).fit(X[:300])
    step = Keeping(keeper)
    with watched(step) as watch:
        other = quick(**settings, image_shape=(8, 8)).fit(X[:300])
    assert watch.trained == [other]
    assert 0.3 < step.done[0] < 0.6, "the first epoch was not trained again"
    np.testing.assert_array_equal(one.score_samples(NEW), other.score_samples(NEW))
    assert [chart.array for chart in step.partials[-1].charts] == ["", "reconstructions", "new_pictures"]
    losses = step.partials[-1].tables["training"]
    assert set(losses["part"]) == {"critic", "generator", "inverter"}


def test_the_whole_state_is_kept() -> None:
    model = trained()
    kept = State(model.networks, model.optimizers, model.draws).arrays()
    other = WGAN(Sizes(64, 12, 3), 3, 1e-3, 99, "cpu", 50)
    State(other.networks, other.optimizers, other.draws).load(kept)
    rows = tensor_of(X[:90] / 16)
    assert torch.equal(model.learn(rows), other.learn(rows))
    after = [State(one.networks, one.optimizers, one.draws).arrays() for one in (model, other)]
    assert all(np.array_equal(after[0][key], after[1][key]) for key in after[0])


def test_fewer_samples_than_a_batch_are_enough_to_train() -> None:
    few = quick().fit(X[:9])
    assert np.isfinite(few.score_samples(NEW)).all()
    assert len(few.held_out_) == 1


def test_it_makes_a_classifier_abstain() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(1).fit(X[:1200], Y[:1200])
    reliable = ReliableClassifier(model, quick(generator_steps=2), alpha=0.1).fit(X[:600], Y[:600])
    assert len(reliable.predict(NEW[:5])) == 5


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match=r"image_shape must be .* rows with 64 pixels"):
        quick(image_shape=(8, 9)).fit(X[:50])
    with pytest.raises(ValueError, match="must not all be one grey, got 3"):
        quick().fit(np.full((50, 64), 3.0))
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.where(np.arange(64) == 3, np.nan, X[:50]))
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        quick().fit(X[:1])
    wrong = {"generator_steps": 0, "critic_steps": 0, "hidden": 0, "latent": 0, "batch_size": 0, "learning_rate": 0.0}
    for name, value in {**wrong, "quality": 1.1, "held_out": 1.0}.items():
        with pytest.raises(ValueError, match=f"{name} must"):
            quick(**{name: value}).fit(X[:50])


def test_the_assessment_says_what_each_part_of_the_score_is_or_why_there_is_none() -> None:
    outcome = xw.assess(small_digits(), "ood.wgan_inverter", **QUICK)
    assert outcome.finding is not None, outcome.reason
    samples = outcome.finding.tables["samples"]
    assert {"foreignness", "p_value", "distance_to_drawn", "latent_length"} <= set(samples.columns)
    assert list(outcome.finding.tables["gate"]["kind"]) == ["held out, reconstructed", "drawn", "held out, as they are"]
    assert {chart.array for chart in outcome.finding.charts} == {"", "reconstructions", "new_pictures"}
    failed = xw.assess(small_digits(), "ood.wgan_inverter", **(QUICK | {"quality": 0.5}))
    assert (failed.status, failed.finding, failed.instead) == ("not applicable", None, "ood.vae")
    assert "did not reach the quality of 0.5" in failed.reason


def test_the_names_of_sets_say_what_is_foreign_as_for_other_detectors() -> None:
    whole = small_digits()
    sets = np.repeat(["near: mirrored", "shifted: darker"], 40)
    new = np.concatenate([whole.X[:40, ..., ::-1], 0.9 * whole.X[:40]])
    subject = replace(whole, X_new=new, new_ids=np.arange(80), new_groups=sets)
    found = xw.assess(subject, "ood.wgan_inverter", strict=True, **QUICK).finding
    assert found is not None
    assert found.counts["detection"] == found.counts["shifted_alarms"] == 40
