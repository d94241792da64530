"""How much a label leads before each other class, and how that changes with the sample."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Gradient, NotApplicable, Predict


@dataclass(frozen=True, eq=False)
class Margins:
    """Differences of logits of a model.

    Parameters
    ----------
    predict, gradient
        As in a Subject.
    logits : callable, optional
        Without it the logarithms of the probabilities, whose differences are the same.
    shape : tuple of int
        Of one sample.
    """

    predict: Predict
    gradient: Gradient
    logits: Predict | None
    shape: tuple[int, ...]

    def scores(self, flat: Array) -> Array:
        """Return (n, k) logits of flat samples, or what differs from them by a number per sample; −∞ at 0."""
        samples = flat.reshape(-1, *self.shape)
        if self.logits is not None:
            return np.asarray(self.logits(samples), dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(self.predict(samples), dtype=np.float64))

    def flow(self, flat: Array, classes: Array) -> Array:
        """Return (n, d) derivatives of the cross-entropy of the classes: of two, the difference is that of logits."""
        flow = self.gradient(flat.reshape(-1, *self.shape), classes)
        return np.asarray(flow, dtype=np.float64).reshape(len(flat), -1)


def most_probable(predict: Predict, decide: Predict | None, X: Array) -> tuple[Array, int]:
    """Return the most probable classes (n,) and how many classes there are.

    Raises
    ------
    NotApplicable
        where the model decides for another class by a rule of its own: to its boundary no logit leads.
    """
    outputs = np.asarray(predict(X))
    labels: Array = outputs.argmax(axis=1)
    if decide is not None and (other := int((np.asarray(decide(X)) != labels).sum())):
        raise NotApplicable(
            f"the model decides by a rule of its own, for another class than the most probable one in {other} of "
            f"{len(X)} samples, and slopes of logits say nothing of where that rule changes its mind",
            "robustness.evasion",
        )
    return labels, outputs.shape[1]


def place_of(target: str, classes: tuple[str, ...]) -> int | None:
    """Return the number of a class by its name, or None for an empty one."""
    name = target.strip()
    if not name:
        return None
    if name not in classes:
        raise ValueError(f"target must be empty or one of the classes {', '.join(classes[:10])}, got {target!r}")
    return classes.index(name)
