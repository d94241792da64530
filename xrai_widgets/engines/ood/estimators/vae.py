"""The evidence lower bound of a variational autoencoder, corrected for how complex a picture is."""

from math import ceil, prod
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Array, Finding
from xrai_widgets.engines._training.checkpoint import key_of
from xrai_widgets.engines._training.live import UNFINISHED, as_bytes, training_finding
from xrai_widgets.engines._training.loop import History, Schedule, train
from xrai_widgets.engines._training.networks import tensor_of
from xrai_widgets.engines._training.watch import watching
from xrai_widgets.engines.ood._autoencoder import Autoencoder
from xrai_widgets.engines.ood._vae import VAE, Sizes
from xrai_widgets.engines.ood.estimators.detector import Detector

_BATCHES = 3500  # that the automatic number of epochs is meant to come to
_MOST_EPOCHS = 200
_FEW = 20  # held-out rows of which a quantile says little
_MOST_HELD = 5000
_SHOWN = 8
_ARRAYS = 12  # of the width of the input that live at once when a chunk is scored


class VAEDetector(Detector):
    """The evidence lower bound (ELBO) of a row under a variational autoencoder at the posterior mean: nothing is drawn.

    Kingma and Welling 2014 (arXiv:1312.6114). Pictures: summed cross-entropy of pixels, scaled to [0, 1] by the range
    of the training pixels; tables: Gaussian, on standardised columns, each with a variance that is learned.

    The ELBO of a simple picture is high, whatever it shows. *Corrected*, the score is the ELBO minus a linear fit on
    total variation and ink (sum of the pixels) over held-out rows: how normal a picture is among those as complex.

    Parameters
    ----------
    image_shape : tuple of int, optional
        (height, width) or (channels, height, width) of rows that are pictures; without it they are rows of a table.
    corrected : bool
        Correct for the complexity; has no meaning for tables.
    hidden, latent : int, optional
        Hidden units and latent variables; by the width of the input, 400 and 20 for 784 pixels.
    epochs : int, optional
        Passes over the rows; by their number, between 5 and 200.
    batch_size : int
    learning_rate : float
        Of Adam.
    held_out : float
        Share of the rows, 5,000 at most, that are not learned from: on them the correction and ``offset_`` are found.
    random_state : int
    device : {"auto", "cpu", "cuda", "mps"}
        On which it is trained. Scores are computed in float64 on the processor.
    memory_limit : float
        GB that the working arrays of scoring may take.
    alpha : float
        Share of normal rows that `predict` may call foreign.

    Attributes
    ----------
    history_ : History
        Losses of each epoch.
    autoencoder_ : Autoencoder
        The trained networks.
    held_out_ : int array
        Rows that were not learned from.
    correction_ : array (3,)
        Constant and slopes of the negative ELBO on total variation and ink; zeros where nothing is corrected.
    """

    history_: History
    autoencoder_: Autoencoder
    held_out_: Array
    correction_: Array
    shift_: Array
    scale_: Array
    pictures_: Array

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        corrected: bool = True,
        hidden: int | None = None,
        latent: int | None = None,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        held_out: float = 0.1,
        random_state: int = 0,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        memory_limit: float = 1.0,
        alpha: float = 0.05,
    ) -> None:
        self.image_shape, self.corrected = image_shape, corrected
        self.hidden, self.latent = hidden, latent
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.held_out, self.random_state, self.device = held_out, random_state, device
        self.memory_limit, self.alpha = memory_limit, alpha

    def elbo(self, X: Any) -> Array:
        """Return the ELBO of each row in nats (m,), its expectation taken at the posterior mean."""
        bound: Array = -self._terms(self._checked(X)).sum(axis=1)
        return bound

    def reconstruction_error(self, X: Any) -> Array:
        """Return what the decoder leaves open of each row, in nats (m,)."""
        return self._terms(self._checked(X))[:, 0]

    def reconstruct(self, X: Any) -> Array:
        """Return the rows as the networks see them, in their own units (m, d)."""
        made: Array = self.autoencoder_.reconstruct(self._scaled(self._checked(X))) * self.scale_ + self.shift_
        return made

    def embed(self, X: Any) -> Array:
        """Return the posterior means (m, latent)."""
        return self.autoencoder_.embed(self._scaled(self._checked(X)))

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002 - classes are not used
        self._check(X)
        self._settle_scale(X)
        self.held_out_, rest = held_out_rows(len(X), self.held_out, self.random_state)
        rows = self._scaled(X)
        learned, held = rows[rest], rows[self.held_out_]
        self.pictures_ = held[:_SHOWN]
        sizes = Sizes.of(X.shape[1], self.hidden, self.latent)
        likelihood: Literal["bernoulli", "gaussian"] = "gaussian" if self.image_shape is None else "bernoulli"
        at_once = max(64, int(self.memory_limit * 1e9 / 8 / (_ARRAYS * max(X.shape[1], sizes.hidden))))
        model = VAE(sizes, likelihood, self.learning_rate, self.random_state, self.device, at_once, held[:1000])
        passes = ceil(_BATCHES * self.batch_size / len(learned))
        epochs = min(max(passes, 5), _MOST_EPOCHS) if self.epochs is None else self.epochs
        settings = {"vae": [sizes.hidden, sizes.latent, likelihood, self.learning_rate, self.random_state, epochs]}
        key = key_of(learned.astype(np.float32), settings | {"batch_size": self.batch_size}, model.place.type)

        def live(history: History) -> Finding:
            return self.shown(model.answering(), history, held, (UNFINISHED,))

        schedule = Schedule(epochs, self.batch_size)
        watch = watching()
        self.history_ = train(model, tensor_of(learned), schedule, key, watch.step, live, "training the autoencoder")
        self.autoencoder_ = model.answering()
        self.correction_ = np.zeros(3)
        if self.corrected and self.image_shape is not None:
            on = X[self.held_out_] if len(held) >= _FEW else X
            self.correction_ = np.linalg.lstsq(self.complexity(on), self._terms(on).sum(axis=1), rcond=None)[0]
        watch.trained.append(self)

    def complexity(self, X: Array) -> Array:
        """Return the columns 1, total variation and ink of pictures (m, 3); zeros of the last two for tables."""
        if self.image_shape is None:
            return np.column_stack([np.ones(len(X)), np.zeros((len(X), 2))])
        rows = np.clip(self._scaled(X), 0.0, 1.0)
        pictures = rows.reshape(len(X), -1, *self.image_shape[-2:])
        steps = [np.abs(np.diff(pictures, axis=axis)).sum(axis=(1, 2, 3)) for axis in (2, 3)]
        return np.column_stack([np.ones(len(X)), steps[0] + steps[1], rows.sum(axis=1)])

    def shown(self, model: Autoencoder, history: History, held: Array, notes: tuple[str, ...]) -> Finding:
        """Return the losses, and for pictures some held-out ones (scaled), their reconstructions and new ones."""
        if self.image_shape is None:
            return training_finding(history, {}, notes)
        shape = (prod(self.image_shape[:-2]), *self.image_shape[-2:])
        some = held[:_SHOWN]
        drawn = np.random.default_rng(self.random_state).normal(size=(2 * _SHOWN, model.decoder[0][0].shape[0]))
        both = np.concatenate([some, model.reconstruct(some)])
        strips = {
            "reconstructions": (as_bytes(both, shape), ["held out"] * len(some) + ["reconstructed"] * len(some)),
            "new pictures": (as_bytes(model.generate(drawn), shape), ["drawn"] * len(drawn)),
        }
        return training_finding(history, strips, notes)

    def _scores(self, X: Array) -> Array:
        score: Array = self.complexity(X) @ self.correction_ - self._terms(X).sum(axis=1)
        return score

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        return self._scores(X[self.held_out_] if len(self.held_out_) >= _FEW else X)

    def _terms(self, X: Array) -> Array:
        return self.autoencoder_.terms(self._scaled(X))

    def _scaled(self, X: Array) -> Array:
        scaled: Array = (X - self.shift_) / self.scale_
        return scaled

    def _settle_scale(self, X: Array) -> None:
        if self.image_shape is not None:
            self.shift_, self.scale_ = map(np.array, grey_range(X))
            return
        self.shift_, spread = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(spread > 1e-12 * np.maximum(np.abs(self.shift_), 1e-300), spread, 1.0)

    def _check(self, X: Array) -> None:
        shape = self.image_shape
        if shape is not None and (len(shape) not in (2, 3) or prod(shape) != X.shape[1]):
            allowed = f"(height, width) or (channels, height, width) of rows with {X.shape[1]} pixels"
            raise ValueError(f"image_shape must be {allowed}, got {tuple(shape)}")
        for name in ("hidden", "latent", "epochs"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, or None, got {value!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate!r}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {self.held_out!r}")


def grey_range(X: Array) -> tuple[float, float]:
    """Return the lowest pixel, and how far the highest one lies above.

    Raises
    ------
    ValueError
        where that is nothing.
    """
    low, high = float(X.min()), float(X.max())
    if low == high:
        raise ValueError(f"the pictures must not all be one grey, got {high:g} in every pixel")
    return low, high - low


def held_out_rows(n: int, share: float, seed: int) -> tuple[Array, Array]:
    """Return the numbers of a drawn share of ``n`` rows, 5,000 at most and one at least, and those of the others."""
    order = np.random.default_rng(seed).permutation(n)
    count = min(max(1, round(share * n)), _MOST_HELD, n - 1)
    return np.sort(order[:count]), np.sort(order[count:])
