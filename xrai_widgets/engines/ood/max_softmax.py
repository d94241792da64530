"""Largest probability: is the model unsure of its prediction?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by largest probability",
    measures=MEASURES,
    words=WORDS,
    reference="Hendrycks and Gimpel 2017, arXiv:1610.02136",
    missing="kept",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def max_softmax(
    predict: Predict,
    X: Array,
    y: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    X_new: Array | None = None,
    foreign: Array | None = None,
    logits: Predict | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether the model is less sure of foreign samples, by its largest probability.

    Interpretation
    --------------
    The baseline that every other detector should beat. It finds what lies between classes.

    Limitations
    -----------
    A model may be sure of what it never saw; and what is hard to decide is unsure without being foreign.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, logits=logits)
    chosen = watches.max_softmax(seen)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, len(X), seed), step)
