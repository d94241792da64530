"""Ensemble: is a sample foreign to any of several detectors that err differently?"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Advanced, Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._features import flat, log_probabilities, of_table
from xrai_widgets.engines.ood._measured import Given, Watch, measure


@assessment(
    title="Foreign inputs by several detectors",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Wilson 2019, doi:10.1073/pnas.1814092116 (harmonic mean of p-values)",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def ensemble(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
    y_train: Array | None = None,
    constraints: tuple[Constraint, ...] = (),
    X_new: Array | None = None,
    foreign: Array | None = None,
    embed: Predict | None = None,
    logits: Predict | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
    n_estimators: Annotated[int, Range(1, 2000), Advanced(), Label("trees"), "trees of its forest, for tables"] = 100,
    n_fit: Fitted = 5000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether foreign samples are foreign to one of several detectors, by the harmonic mean of p-values.

    Interpretation
    --------------
    Tables: Mahalanobis distance, the nearest neighbour and a forest of shuffled rows. Images: Mahalanobis distance and
    the nearest neighbour of the last hidden layer, or of the pixels, and in classification the generalised entropy.
    What one of them is sure of counts.

    Limitations
    -----------
    Its members' p-values and its own need rows of their own: it takes more samples than a single detector.
    """
    given = Given(predict, X, y, X_train, y_train, constraints, X_new, foreign, decide, naming)
    look: Callable[[Array], Array] = flat
    asks = False
    if X.ndim == 2:
        detector = _of_rows(constraints, n_estimators, seed)
    else:
        detector, look, asks = _of_pictures(predict, X, embed, logits, y.dtype.kind in "iu")
    watch = Watch(
        "the ensemble", detector, look, asks, alpha, false_discoveries, n_fit, seed, by_class=asks, nested=asks
    )
    return measure(given, watch, step)


def _of_rows(constraints: tuple[Constraint, ...], n_estimators: int, seed: int) -> Any:
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


def _of_pictures(
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
