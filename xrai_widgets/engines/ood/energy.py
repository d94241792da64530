"""Energy: are all logits of a sample small?"""

from typing import Annotated

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Rate, documented
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._watches import Seen


@assessment(
    title="Foreign inputs by energy of the logits",
    measures=MEASURES,
    words=WORDS,
    reference="Liu et al. 2020, arXiv:2010.03759",
    missing="kept",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def energy(
    predict: Predict,
    X: Array,
    y: Array,
    logits: Predict,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    X_new: Array | None = None,
    foreign: Array | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
    temperature: Annotated[float, Range(0.01, 1000), "logits are divided by it"] = 1.0,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure whether foreign samples get small logits of all classes.

    Interpretation
    --------------
    Where no class speaks up for a sample, it is like none of them.

    Limitations
    -----------
    A network may give large logits to what it never saw: inputs far away are often the surest ones.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints, logits=logits)
    chosen = watches.energy(seen, temperature)
    return measure(given, Watch.of(chosen, seen, alpha, false_discoveries, len(X), seed), step)
