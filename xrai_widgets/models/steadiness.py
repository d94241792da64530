"""Whether a model predicts the same for the same sample: asked twice, in another order, and alone."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core.subject import Array, Predict

_ROWS = 64
_ALONE = 8
_NOTHING = 1e-4  # single precision, in batches of another size, differs by less


@dataclass(frozen=True)
class Steadiness:
    """Largest difference between predictions for the same sample; 0 for what rounding explains.

    Parameters
    ----------
    twice : float
        The same samples asked again, or in another order.
    alone : float
        A sample asked by itself, and among others.
    rows : int
        How many samples were asked.
    """

    twice: float
    alone: float
    rows: int

    @property
    def largest(self) -> float:
        """The larger one."""
        return max(self.twice, self.alone)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know."""
        notes = []
        if self.twice:
            notes.append(f"the same rows get different predictions: they differ by up to {self.twice:.3g}")
        elif self.alone:
            notes.append(
                f"a row gets another prediction alone than among others: they differ by up to {self.alone:.3g}"
            )
        return tuple(notes)


def steadiness(predict: Predict, X: Array) -> Steadiness:
    """Ask for the same samples several times.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) probabilities or one-hot labels, or (n,) values: differences of values count as shares of their
        range.
    X : array (n, …)
        The first ones of them are asked.
    """
    rows = X[:_ROWS]
    first, again = np.asarray(predict(rows)), np.asarray(predict(rows))
    order = np.random.default_rng(0).permutation(len(rows))
    turned = np.empty_like(first)
    turned[order] = predict(rows[order])
    single = np.concatenate([np.asarray(predict(rows[place : place + 1])) for place in range(min(_ALONE, len(rows)))])
    scale = 1.0 if first.ndim == 2 else max(float(np.ptp(first)), _NOTHING)
    differ = [np.abs(other - first[: len(other)]).max() / scale for other in (again, turned, single)]
    twice, alone = (float(size) if size > _NOTHING else 0.0 for size in (max(differ[:2]), differ[2]))
    return Steadiness(twice, alone, len(rows))
