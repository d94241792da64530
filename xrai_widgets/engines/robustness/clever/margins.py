"""How much a label leads before each other class, and how that changes with the sample."""

from collections.abc import Iterator
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
    logit_gradient : callable, optional
        As in a Subject: it is asked once where the gradient is asked twice.
    logits : callable, optional
        Without it the logarithms of the probabilities, whose differences are the same.
    shape : tuple of int
        Of one sample.
    """

    predict: Predict
    gradient: Gradient
    logit_gradient: Gradient | None
    logits: Predict | None
    shape: tuple[int, ...]

    def scores(self, flat: Array) -> Array:
        """Return (n, k) logits of flat samples, or what differs from them by a number per sample; −∞ at 0."""
        samples = flat.reshape(-1, *self.shape)
        if self.logits is not None:
            return np.asarray(self.logits(samples), dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(self.predict(samples), dtype=np.float64))

    def slopes(self, flat: Array, labels: Array, rivals: Array) -> Iterator[tuple[Array, int, Array]]:
        """Yield for each class that some samples have among their rivals, a mask (n, k), which, it, and the slopes.

        The slopes (m, d) are the derivatives of the lead of the label before the rival.
        """
        here = self._flow(flat, labels) if self.logit_gradient is None else None
        for rival in np.flatnonzero(rivals.any(axis=0)).tolist():
            some = np.flatnonzero(rivals[:, rival])
            if here is not None:
                yield some, rival, self._flow(flat[some], np.full(len(some), rival)) - here[some]
                continue
            towards = np.zeros((len(some), rivals.shape[1]))
            towards[np.arange(len(some)), labels[some]] = 1.0
            towards[:, rival] = -1.0
            yield some, rival, self._asked(self.logit_gradient, flat[some], towards)

    def _flow(self, flat: Array, classes: Array) -> Array:
        """Return (n, d) derivatives of the cross-entropy of the classes: of two, the difference is that of logits."""
        return self._asked(self.gradient, flat, classes)

    def _asked(self, gradient: Gradient | None, flat: Array, towards: Array) -> Array:
        assert gradient is not None
        return np.asarray(gradient(flat.reshape(-1, *self.shape), towards), dtype=np.float64).reshape(len(flat), -1)


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
