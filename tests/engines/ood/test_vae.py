"""The autoencoder's answers, and what it finds foreign."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.engines.test_training import Keeping
from xrai_widgets.core import Array, Cancelled
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood._vae import VAE, Sizes
from xrai_widgets.engines.ood.estimators.vae import VAEDetector
from xrai_widgets.runtime.checkpoints import InMemory

X, Y = load_digits(return_X_y=True)
NEW = X[1200:]


@pytest.fixture(scope="session")
def detector() -> VAEDetector:
    return VAEDetector(image_shape=(8, 8), epochs=40, batch_size=64).fit(X[:1200])


def area(foreign: Array, normal: Array) -> float:
    return float(statistics.auc(foreign, normal).value)


@parametrize_with_checks([VAEDetector(epochs=3)])
def test_scikit_learns_checks_pass(estimator, check) -> None:  # type: ignore[no-untyped-def]  # given by scikit-learn
    check(estimator)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_terms_are_those_of_torchs_distributions(likelihood: str) -> None:
    rows = np.random.default_rng(0).uniform(size=(7, 12))
    model = VAE(Sizes(12, 9, 3), likelihood, 1e-2, 0, "cpu", 3, rows)  # type: ignore[arg-type]  # drawn
    for _ in range(30):
        model.learn(torch.tensor(rows, dtype=torch.float32))
    given = torch.tensor(rows)
    encoder, decoder = (network.double() for network in (model._encoder, model._decoder))
    with torch.no_grad():
        mean, log_variance = encoder(given).chunk(2, dim=1)
        out = decoder(mean)
        normal = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0)).sum(dim=1)
        if likelihood == "bernoulli":
            bernoulli = torch.distributions.Bernoulli(logits=out, validate_args=False)
            log_likelihood = bernoulli.log_prob(given).sum(dim=1)
        else:
            assert float(model._noise[0].abs().min()) > 0.01  # it was learned
            log_likelihood = normal(out, (0.5 * model._noise[0].double()).exp()).log_prob(given).sum(dim=1)
    terms = model.answering().terms(rows)
    np.testing.assert_allclose(terms[:, 0], -log_likelihood.numpy(), rtol=1e-10)
    np.testing.assert_allclose(terms[:, 1], kl.numpy(), rtol=1e-10)


def test_its_size_follows_the_input() -> None:
    assert Sizes.of(784, None, None) == Sizes(784, 400, 20)
    assert Sizes.of(3, None, None) == Sizes(3, 32, 2)
    assert Sizes.of(784, 50, 7) == Sizes(784, 50, 7)


def test_foreign_pictures_are_foreign(detector: VAEDetector) -> None:
    new = NEW.reshape(-1, 8, 8)
    labels = Y[1200:]
    sets = {
        "transposed": (new.transpose(0, 2, 1), 0.98),
        "inverted": (16 - new, 0.99),
        "noise": (np.random.default_rng(0).uniform(0, 16, size=(300, 8, 8)), 0.99),
        "upside down": (new[~np.isin(labels, [0, 1])][:, ::-1], 0.75),
        "mirrored": (new[~np.isin(labels, [0, 1, 8])][:, :, ::-1], 0.75),
    }
    normal = -detector.score_samples(NEW)
    for name, (pictures, least) in sets.items():
        assert area(-detector.score_samples(pictures.reshape(-1, 64)), normal) >= least, name


def test_the_correction_sees_simple_pictures_to_which_the_elbo_is_blind(detector: VAEDetector) -> None:
    blots = np.zeros((36, 8, 8))
    for number in range(36):
        row, column = divmod(number, 6)
        blots[number, row : row + 3, column : column + 3] = 12
    blots = blots.reshape(-1, 64)
    plain = area(-detector.elbo(blots), -detector.elbo(NEW))
    corrected = area(-detector.score_samples(blots), -detector.score_samples(NEW))
    assert corrected > plain
    assert corrected >= 0.95


def test_the_corrected_score_is_the_elbo_less_a_line_on_variation_and_ink(detector: VAEDetector) -> None:
    pictures = NEW[:20].reshape(-1, 8, 8) / 16
    variation = [
        sum(abs(p[i + 1, j] - p[i, j]) for i in range(7) for j in range(8))
        + sum(abs(p[i, j + 1] - p[i, j]) for i in range(8) for j in range(7))
        for p in pictures
    ]
    line = np.column_stack([np.ones(20), variation, pictures.sum(axis=(1, 2))]) @ detector.correction_
    np.testing.assert_allclose(detector.score_samples(NEW[:20]), detector.elbo(NEW[:20]) + line)
    # on the held-out rows what is left owes nothing to either
    rest = detector.score_samples(X[detector.held_out_])
    columns = detector.complexity(X[detector.held_out_])
    assert np.abs(columns.T @ rest).max() < 1e-6 * np.abs(columns).sum()


def test_rows_that_were_learned_from_settle_neither_correction_nor_offset(detector: VAEDetector) -> None:
    assert len(detector.held_out_) == 120
    held = detector.score_samples(X[detector.held_out_])
    assert (held < detector.offset_).mean() <= detector.alpha <= (held <= detector.offset_ + 1e-6).mean() + 1 / 120


def test_a_score_does_not_depend_on_the_other_rows(detector: VAEDetector) -> None:
    together = detector.score_samples(NEW[:40])
    alone = np.concatenate([detector.score_samples(row[None]) for row in NEW[:40]])
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-10)
    small = VAEDetector(image_shape=(8, 8), epochs=1, memory_limit=1e-9).fit(X[:200])
    large = VAEDetector(image_shape=(8, 8), epochs=1).fit(X[:200])
    assert small.autoencoder_.rows == 64 < large.autoencoder_.rows
    np.testing.assert_allclose(small.score_samples(NEW[:200]), large.score_samples(NEW[:200]), rtol=1e-12, atol=1e-10)


def test_pixels_beyond_the_training_range_make_a_picture_more_foreign(detector: VAEDetector) -> None:
    scores = [detector.score_samples(NEW[:50] * factor).max() for factor in (1, 2, 4, 255)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < detector.offset_


def test_a_table_whose_columns_no_longer_belong_together_is_foreign() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(900, 2))
    table = common @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(900, 8))
    table = np.column_stack([100 + 1e3 * table, np.full(900, 5.0)])
    detector = VAEDetector(epochs=30, batch_size=32).fit(table[:400])
    shuffled = np.column_stack([rng.permutation(column) for column in table[600:].T])
    assert area(-detector.score_samples(shuffled), -detector.score_samples(table[600:])) >= 0.9
    assert detector.correction_.tolist() == [0, 0, 0]
    assert np.isfinite(detector.score_samples(table[600:] + 1)).all()  # the constant column has moved


def test_reconstructions_come_in_the_rows_own_units(detector: VAEDetector) -> None:
    made = detector.reconstruct(NEW)
    assert made.shape == NEW.shape
    assert ((made - NEW) ** 2).mean() < 0.6 * ((NEW - NEW.mean(axis=0)) ** 2).mean()
    assert detector.embed(NEW).shape == (len(NEW), 16)


def test_it_goes_on_where_a_cancelled_fit_stood() -> None:
    keeper = InMemory()
    one = VAEDetector(image_shape=(8, 8), epochs=6).fit(X[:300])
    with pytest.raises(Cancelled), watched(Keeping(keeper, batches=8)):
        VAEDetector(image_shape=(8, 8), epochs=6).fit(X[:300])
    step = Keeping(keeper)
    with watched(step) as watch:
        other = VAEDetector(image_shape=(8, 8), epochs=6).fit(X[:300])
    assert watch.trained == [other]
    assert step.done[0] == pytest.approx(2 / 6)  # two epochs of three batches, and two of the third, which are lost
    np.testing.assert_array_equal(one.score_samples(NEW), other.score_samples(NEW))
    shown = [chart.array for chart in step.partials[-1].charts]
    assert shown == ["", "reconstructions", "new_pictures"]


def test_what_does_not_fit_is_said() -> None:
    for shape in ((8, 9), (64,), (1, 1, 8, 8)):
        with pytest.raises(ValueError, match=r"image_shape must be .* rows with 64 pixels"):
            VAEDetector(image_shape=shape).fit(X[:50])
    with pytest.raises(ValueError, match="must not all be one grey, got 3"):
        VAEDetector(image_shape=(8, 8)).fit(np.full((50, 64), 3.0))
    for name, value in (("epochs", 0), ("latent", 0), ("batch_size", 0), ("learning_rate", 0.0), ("held_out", 1.0)):
        with pytest.raises(ValueError, match=f"{name} must"):
            VAEDetector(**{name: value}).fit(X[:50])  # type: ignore[arg-type]  # wrong on purpose
