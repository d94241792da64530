"""Mahalanobis distance: is a sample as far from what the model was trained on as no normal one is?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Looks, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by Mahalanobis distance",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Lee et al. 2018, arXiv:1807.03888; Müller and Hein 2025, arXiv:2505.18032 (Mahalanobis++)",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def mahalanobis(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
    y_train: Array | None = None,
    constraints: tuple[Constraint, ...] = (),
    X_new: Array | None = None,
    foreign: Array | None = None,
    embed: Predict | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
    features: Looks = "automatic",
    n_fit: Fitted = 5000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether foreign samples lie far from the training samples, in units of how these vary together.

    Interpretation
    --------------
    A linear dependency between columns that a sample breaks shows, where each of its values alone is usual.

    Limitations
    -----------
    It knows ellipsoids: of training samples that form several clusters beside their classes it knows too little.
    """
    given = Given(predict, X, y, X_train, y_train, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, embed)
    chosen = watches.mahalanobis(seen, features)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
