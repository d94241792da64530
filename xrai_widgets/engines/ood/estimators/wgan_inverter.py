"""How far a picture lies from what a generator makes, and its latent variables from those it was trained with."""

from math import ceil, prod
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Array, Finding
from xrai_widgets.engines._training.checkpoint import key_of
from xrai_widgets.engines._training.live import UNFINISHED, as_bytes, training_finding
from xrai_widgets.engines._training.loop import History, Schedule, train
from xrai_widgets.engines._training.networks import tensor_of
from xrai_widgets.engines._training.watch import watching
from xrai_widgets.engines.ood._latent.map import LatentMap
from xrai_widgets.engines.ood._wgan import WGAN, Sizes
from xrai_widgets.engines.ood._wgan_gate import Gate, gate_of
from xrai_widgets.engines.ood.estimators.detector import Detector, look_up
from xrai_widgets.engines.ood.estimators.vae import grey_range, held_out_rows

_EPOCH = 25  # steps of the generator between two states that are kept
_FEW = 20  # held-out rows of which a mean or a quantile says little
_SHOWN = 8
_ARRAYS = 8  # of the width of the input that live at once when a chunk is scored


class WGANInverterDetector(Detector):
    """The density of a picture x and its latent variables I(x) under a generator G that was trained against a critic.

    WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) with an inverter (Zhao, Dua, Singh 2018, arXiv:1710.11342). The
    score is log p(x, I(x)) where z is standard normal and x is G(z) with Gaussian noise, whose variance is that of the
    held-out rows; up to a constant −‖x − G(I(x))‖² / 2σ² − ‖I(x)‖² / 2. Pixels are scaled to [0, 1] by the range of
    the training pixels. Where generator and inverter do not pass the gate, `fit` raises `GateFailed`.

    Parameters
    ----------
    image_shape : tuple of int, optional
        (height, width) or (channels, height, width), to show pictures of the training; the networks see rows.
    generator_steps : int
        Batches from which generator and inverter learn.
    critic_steps : int
        Batches from which the critic learns, for each of those.
    hidden, latent : int, optional
        Units of each of two hidden layers and latent variables; by the width, 128 and 16 for 64 pixels.
    batch_size : int
    learning_rate : float
        Of Adam.
    quality : float
        Share of the held-out rows, reconstructed, and of generated ones that must look like training rows; 0 lets
        every generator pass.
    held_out : float
        Share of the rows, 5,000 at most, that are not learned from: they settle σ², the gate and ``offset_``.
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
        Losses of each epoch of training.
    map_ : LatentMap
        Generator and inverter, in the rows' own units.
    gate_ : Gate
        What they reach on held-out rows.
    held_out_ : int array
        Rows that were not learned from.
    variance_ : float
        σ² of a pixel, in [0, 1].
    """

    history_: History
    map_: LatentMap
    gate_: Gate
    held_out_: Array
    variance_: float
    pictures_: Array

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        generator_steps: int = 1000,
        critic_steps: int = 5,
        hidden: int | None = None,
        latent: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        quality: float = 0.4,
        held_out: float = 0.1,
        random_state: int = 0,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        memory_limit: float = 1.0,
        alpha: float = 0.05,
    ) -> None:
        self.image_shape, self.hidden, self.latent = image_shape, hidden, latent
        self.generator_steps, self.critic_steps = generator_steps, critic_steps
        self.batch_size, self.learning_rate, self.quality = batch_size, learning_rate, quality
        self.held_out, self.random_state, self.device = held_out, random_state, device
        self.memory_limit, self.alpha = memory_limit, alpha

    def reconstruct(self, X: Any) -> Array:
        """Return G(I(x)) of each row, in their own units (m, d)."""
        return self.map_.generate(self.embed(X))

    def embed(self, X: Any) -> Array:
        """Return I(x), the latent variables of each row (m, latent)."""
        return self.map_.invert(self._checked(X))

    def reconstruction_error(self, X: Any) -> Array:
        """Return ‖x − G(I(x))‖² of each row (m,), pixels scaled to [0, 1]."""
        rows = self._checked(X)
        return self._terms(rows)[0]

    def _learn(self, X: Array, y: Array | None) -> None:  # noqa: ARG002 - classes are not used
        self._check(X)
        shift, scale = grey_range(X)
        self.held_out_, rest = held_out_rows(len(X), self.held_out, self.random_state)
        scaled = (X - shift) / scale
        learned, held = scaled[rest], scaled[self.held_out_]
        self.pictures_ = held[:_SHOWN]
        sizes = Sizes.of(X.shape[1], self.hidden, self.latent)
        at_once = max(64, int(self.memory_limit * 1e9 / 8 / (_ARRAYS * max(X.shape[1], sizes.hidden))))
        model = WGAN(sizes, self.critic_steps, self.learning_rate, self.random_state, self.device, at_once)
        size = self.batch_size * self.critic_steps
        passes = ceil(min(_EPOCH, self.generator_steps) * size / len(learned))
        epochs = ceil(self.generator_steps / ceil(passes * len(learned) / size))
        schedule = Schedule(epochs, size, passes)
        settings = [sizes.hidden, sizes.latent, self.critic_steps, self.learning_rate, self.random_state]
        settings += [epochs, passes, size]
        key = key_of(learned.astype(np.float32), {"wgan": settings}, model.place.type)

        def live(history: History) -> Finding:
            return self.shown(model.answering(), history, (UNFINISHED,))

        watch = watching()
        self.history_ = train(model, tensor_of(learned), schedule, key, watch.step, live, "training the generator")
        made = model.answering()
        look_up()
        self.gate_ = gate_of(made, learned, held if len(held) >= _FEW else scaled, self.random_state)
        self.gate_.check(self.quality)
        self.map_ = made.scaled(shift, scale)
        look_up()
        error = self._terms(X[self.held_out_] if len(held) >= _FEW else X)[0]
        self.variance_ = max(float(error.mean()) / X.shape[1], np.finfo(np.float64).tiny)
        watch.trained.append(self)

    def shown(self, model: LatentMap, history: History, notes: tuple[str, ...]) -> Finding:
        """Return the losses, and some held-out pictures, their reconstructions and new ones, as a scaled map has it."""
        if self.image_shape is None:
            return training_finding(history, {}, notes, rivals=True)
        shape = (prod(self.image_shape[:-2]), *self.image_shape[-2:])
        some = self.pictures_
        drawn = np.random.default_rng(self.random_state).normal(size=(2 * _SHOWN, model.latent))
        both = np.concatenate([some, model.generate(model.invert(some))])
        strips = {
            "reconstructions": (as_bytes(both, shape), ["held out"] * len(some) + ["reconstructed"] * len(some)),
            "new pictures": (as_bytes(model.generate(drawn), shape), ["drawn"] * len(drawn)),
        }
        return training_finding(history, strips, notes, rivals=True)

    def _scores(self, X: Array) -> Array:
        error, spread = self._terms(X)
        score: Array = -0.5 * (error / self.variance_ + spread)
        return score

    def _fresh_scores(self, X: Array, y: Array | None) -> Array:  # noqa: ARG002
        return self._scores(X[self.held_out_] if len(self.held_out_) >= _FEW else X)

    def _terms(self, X: Array) -> tuple[Array, Array]:
        """Return ‖x − G(I(x))‖² and ‖I(x)‖² of each row."""
        latent = self.map_.invert(X)
        apart = (X - self.map_.generate(latent)) / self.map_.scale
        return (apart**2).sum(axis=1), (latent**2).sum(axis=1)

    def _check(self, X: Array) -> None:
        shape = self.image_shape
        if shape is not None and (len(shape) not in (2, 3) or prod(shape) != X.shape[1]):
            allowed = f"(height, width) or (channels, height, width) of rows with {X.shape[1]} pixels"
            raise ValueError(f"image_shape must be {allowed}, got {tuple(shape)}")
        for name in ("hidden", "latent"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, or None, got {value!r}")
        for name in ("generator_steps", "critic_steps", "batch_size"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate!r}")
        if not 0 <= self.quality <= 1:
            raise ValueError(f"quality must lie in [0, 1], got {self.quality!r}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {self.held_out!r}")
