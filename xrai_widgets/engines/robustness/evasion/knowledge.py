"""What an attack may know of a model from inside, and how much the searches ask."""

from dataclasses import dataclass, field

from xrai_widgets.core import Array, Gradient, Predict
from xrai_widgets.core.inside import Trees


@dataclass(frozen=True)
class Effort:
    """How much is asked per sample, about."""

    near: int = 50
    coordinates: bool = True
    flat: int = 2400  # random points where there are few columns
    wide: int = 150  # and where there are many
    rounds: int = 30


@dataclass(eq=False)
class Knowledge:
    """What is known of the model from inside, and real samples.

    Parameters
    ----------
    gradient, logits, logit_gradient, linear, regions, thresholds, trees : optional
        As in a Subject.
    pool, classes : array (r, d), array
        Real samples and what the model returns for them (`Problem.outputs`).
    """

    gradient: Gradient | None
    linear: tuple[Array, Array] | None
    regions: Array | None
    thresholds: tuple[Array, ...] | None
    pool: Array
    classes: Array = field(init=False)
    logits: Predict | None = field(default=None, kw_only=True)
    logit_gradient: Gradient | None = field(default=None, kw_only=True)
    trees: Trees | None = field(default=None, kw_only=True)
