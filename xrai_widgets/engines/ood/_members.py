"""Which detectors the ensemble joins: they were chosen on data of the developers, before any of the user's was seen."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Constraint, Predict
from xrai_widgets.engines.ood._features import flat, log_probabilities, of_table


def of_rows(constraints: tuple[Constraint, ...], n_estimators: int, seed: int) -> Any:
    """Return the ensemble for rows of a table: it never asks the model."""
    from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
    from xrai_widgets.engines.ood.estimators.forests import ShuffleForestDetector
    from xrai_widgets.engines.ood.estimators.knn import KNNDetector
    from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector

    forest = ShuffleForestDetector(n_estimators=n_estimators, random_state=seed)
    members = [
        ("mahalanobis", of_table(MahalanobisDetector(normalize=False), constraints)),
        ("knn", of_table(KNNDetector(metric="euclidean"), constraints)),
        ("shuffle_forest", of_table(forest, constraints, one_hot=False)),
    ]
    return EnsembleDetector(members, random_state=seed)


def of_pictures(
    predict: Predict, X: Array, embed: Predict | None, logits: Predict | None, classes: bool
) -> tuple[Any, Callable[[Array], Array], bool]:
    """Return the ensemble for pictures, what it looks at, and whether that is what the model says."""
    from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
    from xrai_widgets.engines.ood.estimators.knn import KNNDetector
    from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
    from xrai_widgets.engines.ood.estimators.outputs import GENDetector

    body = flat if embed is None else embed
    width = np.asarray(body(X[:1])).shape[1]
    front = slice(0, width)
    members: list[Any] = [("mahalanobis", MahalanobisDetector(), front), ("knn", KNNDetector(), front)]
    if not classes:
        return EnsembleDetector(members), body, embed is not None
    say = log_probabilities(predict) if logits is None else logits
    members.append(("gen", GENDetector(), slice(width, None)))

    def both(samples: Array) -> Array:
        return np.column_stack([body(samples), say(samples)])

    return EnsembleDetector(members), both, True
