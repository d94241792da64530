"""Nearest neighbours: is no training sample like this one?"""

from typing import Annotated, Literal

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Looks, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by nearest neighbours",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Sun et al. 2022, arXiv:2204.06507",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def knn(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
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
    n_neighbors: Annotated[int, Range(1, 50), Label("neighbours"), "distance to which of the nearest samples"] = 1,
    metric: Annotated[
        Literal["automatic", "cosine", "euclidean"],
        "automatic: cosine of what the model says and of images, else euclidean",
    ] = "automatic",
    n_fit: Fitted = 5000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether foreign samples have no training sample close to them.

    Interpretation
    --------------
    The shape of the training samples does not matter, and what lies in a gap between them is foreign. A forest that
    needs no distances may know dependencies between many categories better.

    Limitations
    -----------
    In many columns that do not matter, distances say little. The detector holds the training samples themselves.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, embed)
    chosen = watches.knn(seen, features, n_neighbors, metric)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed), step)
