"""Criticisms: samples that the prototypes stand for badly (Kim, Khanna, Koyejo 2016)."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines.explanations._prototype_similarity import Rows

_ALIKE = 1e-12


def criticise(rows: Rows, witness: Array, most: int, step: Step) -> list[int]:
    """Return the rows where the witness function is farthest from 0, no two of them alike.

    The witness is the mean similarity to the explained samples less that to the prototypes: positive where the
    prototypes are too few, negative where they are too many. The rows C that are chosen, one by one, make
    Π |witness|² · det K_C large: quality and diversity as in a determinantal point process, on logarithms, so that
    neither needs a weight against the other.
    """
    size = np.abs(witness)
    own = np.sqrt(np.maximum(rows.diagonal(), 1e-300))
    rest = np.ones(len(rows))
    columns = np.empty((most, len(rows)))
    chosen: list[int] = []
    for number in range(most):
        step(number / most, "criticisms")
        with np.errstate(divide="ignore"):
            score = np.log(size) + 0.5 * np.log(np.maximum(rest, 0.0))
        score[chosen] = -np.inf
        best = int(score.argmax())
        if size[best] <= _ALIKE or rest[best] <= _ALIKE:
            break
        similar = rows.column(rows.points([best])[0]) / (own * own[best])
        before = columns[:number]
        columns[number] = (similar - before[:, best] @ before) / np.sqrt(rest[best])
        rest -= columns[number] ** 2
        chosen.append(best)
    return chosen
