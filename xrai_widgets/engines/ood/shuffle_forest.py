"""Shuffled columns: do the values of a sample go together as those of training samples do?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by a forest of shuffled rows",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    inputs=("tabular",),
    reference="Shi and Horvath 2006, doi:10.1198/106186006X94072",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def shuffle_forest(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
    constraints: tuple[Constraint, ...] = (),
    X_new: Array | None = None,
    foreign: Array | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
    n_estimators: Annotated[int, Range(1, 2000), Label("trees"), "trees of the forest"] = 100,
    n_fit: Fitted = 5000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether foreign samples look like rows whose columns were shuffled.

    Interpretation
    --------------
    A sample of usual values in an unusual combination is foreign to it, whatever shape the dependencies have.

    Limitations
    -----------
    One unusual value in a usual combination may stay unseen, and columns without dependencies give it nothing.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints)
    chosen = watches.shuffle_forest(seen, n_estimators, seed)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
