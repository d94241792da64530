"""GEN: is the model unsure between its classes?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by generalised entropy",
    measures=MEASURES,
    words=WORDS,
    reference="Liu, Lochman, Zach 2023, CVPR (GEN)",
    missing="kept",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def gen(
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
    """Measure whether the model is unsure of foreign samples, by the generalised entropy of its probabilities.

    Interpretation
    --------------
    Small probabilities of other classes count more than in the entropy: what is nearly sure differs from what is sure.

    Limitations
    -----------
    A model may be sure of what it never saw; and what is hard to decide is unsure without being foreign.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, logits=logits)
    chosen = watches.gen(seen)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, len(X), seed), step)
