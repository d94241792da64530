"""Ensemble: is a sample foreign to any of several detectors that err differently?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Advanced, Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


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
    new_groups: Array | None = None,
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
    the nearest neighbour of the last hidden layer, the nearest neighbour of the pixels, and in classification the
    generalised entropy.
    What one of them is sure of counts.

    Limitations
    -----------
    Its members' p-values and its own need rows of their own: it takes more samples than a single detector. On tables
    that nobody had looked at when its rule was fixed the AUROC was 0.995 to 0.999 (columns shuffled) and 0.955 to 0.979
    (one number beyond) with 4,000 training rows, but 0.68 to 0.74 and 0.85 to 0.89 with 212.
    """
    given = Given(predict, X, y, X_train, y_train, constraints, X_new, foreign, decide, naming, new_groups)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, embed, logits)
    chosen = watches.ensemble(seen, n_estimators, seed)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
