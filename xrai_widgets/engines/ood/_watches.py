"""The detectors by the name of their assessment: what each is made of, and what it looks at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Array, Constraint, Predict
from xrai_widgets.engines.ood._features import flat, log_probabilities, of_table

Part = Literal["samples", "embed", "logits", "log_probabilities"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a detector may look at: samples, whose columns have constraints, and what the model says of them.

    Parameters
    ----------
    shape : tuple of int
        Of one sample.
    classes : bool
        Whether the model tells classes.
    """

    predict: Predict | None
    shape: tuple[int, ...]
    classes: bool
    constraints: tuple[Constraint, ...] = ()
    embed: Predict | None = None
    logits: Predict | None = None

    def look(self, parts: tuple[Part, ...]) -> Callable[[Array], Array]:
        """Return the function of samples (n, …) that gives what is looked at (n, d), the parts side by side.

        Raises
        ------
        ValueError
            where the model is not there, or does not say it.
        """
        asked = [self._part(part) for part in parts]
        if len(asked) == 1:
            return asked[0]
        return lambda samples: np.column_stack([ask(samples) for ask in asked])

    def with_outputs(self, outputs: Array) -> "Seen":
        """Return the same with what the model has predicted: it is not asked again."""
        return Seen(lambda _: outputs, self.shape, self.classes, self.constraints, self.embed, self.logits)

    def _part(self, part: Part) -> Callable[[Array], Array]:
        if part == "samples":
            return flat
        function = self.predict if part == "log_probabilities" else getattr(self, part)
        if function is None:
            raise ValueError(f"this detector looks at what the model says ({part}), and there is no model that says it")
        return log_probabilities(function) if part == "log_probabilities" else function


@dataclass(frozen=True, eq=False)
class Chosen:
    """A detector to be fitted, and how: see `_measured.Watch`."""

    called: str
    detector: Any
    parts: tuple[Part, ...] = ("samples",)
    by_class: bool = False
    nested: bool = False
    learns: bool = True

    @property
    def asks(self) -> bool:
        """Whether it looks at what the model says."""
        return self.parts != ("samples",)


def energy(seen: Seen, temperature: float = 1.0) -> Chosen:  # noqa: ARG001 - all take the same
    """Return the energy of the logits."""
    from xrai_widgets.engines.ood.estimators.outputs import EnergyDetector

    return Chosen("energy", EnergyDetector(temperature=temperature), ("logits",), learns=False)


def gen(seen: Seen) -> Chosen:
    """Return the generalised entropy."""
    from xrai_widgets.engines.ood.estimators.outputs import GENDetector

    return Chosen("generalised entropy", GENDetector(), (_logits(seen),), learns=False)


def max_softmax(seen: Seen) -> Chosen:
    """Return the largest probability."""
    from xrai_widgets.engines.ood.estimators.outputs import MaxSoftmaxDetector

    return Chosen("largest probability", MaxSoftmaxDetector(), (_logits(seen),), learns=False)


def knn(seen: Seen, features: str = "automatic", n_neighbors: int = 1, metric: Any = "automatic") -> Chosen:
    """Return the distance to the nearest neighbours."""
    from xrai_widgets.engines.ood.estimators.knn import KNNDetector

    part = _looked_at(seen, features)
    rows = part == "samples" and len(seen.shape) == 1
    chosen: Any = metric if metric != "automatic" else "euclidean" if rows else "cosine"
    detector = KNNDetector(n_neighbors=n_neighbors, metric=chosen)
    return Chosen("nearest neighbours", of_table(detector, seen.constraints) if rows else detector, (part,))


def mahalanobis(seen: Seen, features: str = "automatic") -> Chosen:
    """Return the Mahalanobis distance."""
    from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector

    part = _looked_at(seen, features)
    rows = part == "samples" and len(seen.shape) == 1
    detector = of_table(MahalanobisDetector(normalize=False), seen.constraints) if rows else MahalanobisDetector()
    return Chosen("Mahalanobis distance", detector, (part,), by_class=part == "embed" and seen.classes)


def shuffle_forest(seen: Seen, n_estimators: int = 100, seed: int = 0) -> Chosen:
    """Return the forest of shuffled rows."""
    from xrai_widgets.engines.ood.estimators.forests import ShuffleForestDetector

    forest = ShuffleForestDetector(n_estimators=n_estimators, random_state=seed)
    return Chosen("a forest of shuffled rows", of_table(forest, seen.constraints, one_hot=False))


def isolation_forest(seen: Seen, n_estimators: int = 100, seed: int = 0) -> Chosen:
    """Return the isolation forest."""
    from xrai_widgets.engines.ood.estimators.forests import IsolationForestDetector

    forest = IsolationForestDetector(n_estimators=n_estimators, random_state=seed)
    return Chosen("an isolation forest", of_table(forest, seen.constraints, one_hot=False))


def local_outlier_factor(seen: Seen, n_neighbors: int = 20) -> Chosen:
    """Return the local outlier factor."""
    from xrai_widgets.engines.ood.estimators.forests import LocalOutlierFactorDetector

    return Chosen("local density", of_table(LocalOutlierFactorDetector(n_neighbors=n_neighbors), seen.constraints))


def vae(seen: Seen, seed: int = 0, **params: Any) -> Chosen:
    """Return the autoencoder; the parameters are those of `VAEDetector`."""
    from xrai_widgets.engines.ood.estimators.vae import VAEDetector

    pictures = len(seen.shape) == 3
    detector: Any = VAEDetector(image_shape=seen.shape if pictures else None, random_state=seed, **params)
    return Chosen("an autoencoder", detector if pictures else of_table(detector, seen.constraints))


def ensemble(seen: Seen, n_estimators: int = 100, seed: int = 0) -> Chosen:
    """Return the ensemble: for rows of a table it never asks the model."""
    from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
    from xrai_widgets.engines.ood.estimators.forests import ShuffleForestDetector
    from xrai_widgets.engines.ood.estimators.knn import KNNDetector
    from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
    from xrai_widgets.engines.ood.estimators.outputs import GENDetector

    if len(seen.shape) == 1:
        forest = ShuffleForestDetector(n_estimators=n_estimators, random_state=seed)
        rows = [
            ("mahalanobis", of_table(MahalanobisDetector(normalize=False), seen.constraints)),
            ("knn", of_table(KNNDetector(metric="euclidean"), seen.constraints)),
            ("shuffle_forest", of_table(forest, seen.constraints, one_hot=False)),
        ]
        return Chosen("the ensemble", EnsembleDetector(rows, random_state=seed))
    body: Part = "samples" if seen.embed is None else "embed"
    one = np.zeros((1, *seen.shape), dtype=np.float32)
    width, pixels = np.asarray(seen.look((body,))(one)).shape[1], int(np.prod(seen.shape))
    front = slice(0, width)
    members: list[Any] = [("mahalanobis", MahalanobisDetector(), front), ("knn", KNNDetector(), front)]
    parts: tuple[Part, ...] = (body,)
    if body == "embed":  # the layer keeps what tells classes apart; a digit in the mirror may be one there
        members.append(("knn_samples", KNNDetector(), slice(width, width + pixels)))
        parts, width = (body, "samples"), width + pixels
    if seen.classes:
        members.append(("gen", GENDetector(), slice(width, None)))
        parts = (*parts, _logits(seen))
    asks = parts != ("samples",)
    return Chosen("the ensemble", EnsembleDetector(members), parts, by_class=asks, nested=asks)


METHODS: Mapping[str, Callable[..., Chosen]] = {
    made.__name__: made
    for made in (
        *(energy, ensemble, gen, isolation_forest, knn, local_outlier_factor, mahalanobis, max_softmax),
        *(shuffle_forest, vae),
    )
}


def _logits(seen: Seen) -> Part:
    return "log_probabilities" if seen.logits is None else "logits"


def _looked_at(seen: Seen, features: str) -> Part:
    """Return the model's last hidden layer or the samples; automatic: the layer for images, where there is one."""
    there = seen.embed is not None
    return (
        "embed"
        if there and (features == "embedding" or (features == "automatic" and len(seen.shape) == 3))
        else "samples"
    )
