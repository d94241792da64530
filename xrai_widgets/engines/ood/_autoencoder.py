"""What a trained autoencoder says: in float64 on the processor, so that no answer depends on the rows beside it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array

Likelihood = Literal["bernoulli", "gaussian"]
Layers = tuple[tuple[Array, Array], ...]
NOISE = (-7.0, 3.0)  # logarithm of the variance of what the decoder leaves open of a column
SOFT = 10.0  # logarithms of posterior variances beyond this are no numbers of use
_OUTSIDE = 50.0  # nats per squared range by which a pixel lies outside of the training range: a spread of a tenth


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """Encoder and decoder: linear layers with rectifiers between them.

    Parameters
    ----------
    encoder, decoder : layers
        Weights (inputs, outputs) and biases. The encoder ends in means and logarithms of variances.
    noise : array (d,), optional
        Logarithm of the variance that each column's decoder leaves open. None: pixels between 0 and 1, of which the
        decoder gives the logits.
    rows : int
        Samples that are worked on at once.
    """

    encoder: Layers
    decoder: Layers
    noise: Array | None
    rows: int

    def terms(self, X: Array) -> Array:
        """Return the terms of the negative ELBO at the posterior mean, reconstruction and KL, in nats (n, 2).

        A pixel outside [0, 1] counts as one at the end and adds the squared excess: its own cross-entropy would reward
        it without bound.
        """
        return self._in_chunks(X, self._terms)

    def embed(self, X: Array) -> Array:
        """Return the posterior means (n, latent)."""
        return self._in_chunks(X, lambda rows: self._encoded(rows)[0])

    def reconstruct(self, X: Array) -> Array:
        """Return the samples as the decoder makes them from their posterior means (n, d)."""
        return self._in_chunks(X, lambda rows: self._shown(self._encoded(rows)[0]))

    def generate(self, latent: Array) -> Array:
        """Return the samples that the decoder makes of latent variables (n, latent)."""
        return self._in_chunks(latent, self._shown)

    def _terms(self, rows: Array) -> Array:
        mean, log_variance = self._encoded(rows)
        divergence = 0.5 * (mean**2 + np.exp(log_variance) - 1.0 - log_variance).sum(axis=1)
        out = _through(self.decoder, mean)
        if self.noise is None:
            seen = np.clip(rows, 0.0, 1.0)
            entropy = np.maximum(out, 0.0) - out * seen + np.log1p(np.exp(-np.abs(out)))
            open_ = (entropy + _OUTSIDE * (rows - seen) ** 2).sum(axis=1)
        else:
            noise = np.clip(self.noise, *NOISE)
            open_ = 0.5 * ((rows - out) ** 2 / np.exp(noise) + noise + math.log(2 * math.pi)).sum(axis=1)
        return np.column_stack([open_, divergence])

    def _encoded(self, rows: Array) -> tuple[Array, Array]:
        # of a picture only what a picture can be: the excess is told apart
        out = _through(self.encoder, np.clip(rows, 0.0, 1.0) if self.noise is None else rows)
        mean, log_variance = np.split(out, 2, axis=1)
        return mean, np.clip(log_variance, -SOFT, SOFT)

    def _shown(self, latent: Array) -> Array:
        out = _through(self.decoder, latent)
        return out if self.noise is not None else 0.5 * (1.0 + np.tanh(0.5 * out))

    def _in_chunks(self, X: Array, function: Callable[[Array], Array]) -> Array:
        starts = range(0, max(len(X), 1), self.rows)
        return np.concatenate([function(np.asarray(X[a : a + self.rows], dtype=np.float64)) for a in starts])


def _through(layers: Layers, rows: Array) -> Array:
    for number, (weight, bias) in enumerate(layers):
        rows = (np.maximum(rows, 0.0) if number else rows) @ weight + bias
    return rows
