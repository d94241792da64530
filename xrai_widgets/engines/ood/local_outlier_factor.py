"""Local outlier factor: is it emptier around a sample than around its neighbours?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by local density",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    inputs=("tabular",),
    reference="Breunig et al. 2000, doi:10.1145/342009.335388",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def local_outlier_factor(
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
    n_neighbors: Annotated[int, Range(1, 200), Label("neighbours"), "training samples that tell the density"] = 20,
    n_fit: Fitted = 5000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether it is emptier around foreign samples than around their neighbours.

    Interpretation
    --------------
    What is far for a dense region may be usual in a sparse one.

    Limitations
    -----------
    In many columns that do not matter, distances say little. The detector holds the training samples themselves.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints)
    chosen = watches.local_outlier_factor(seen, n_neighbors)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
