"""Isolation forest: do a few random splits set a sample apart?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by an isolation forest",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    inputs=("tabular",),
    reference="Liu, Ting, Zhou 2008, doi:10.1109/ICDM.2008.17",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def isolation_forest(
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
    """Measure whether random splits set foreign samples apart sooner than others.

    Interpretation
    --------------
    Samples at the edge of many columns are foreign to it.

    Limitations
    -----------
    It is nearly blind to broken dependencies between columns: see `ood.shuffle_forest`.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints)
    chosen = watches.isolation_forest(seen, n_estimators, seed)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
