"""The rule by which a model itself decides, where that is not its most probable class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.decision import labels
from xrai_widgets.core.subject import Array
from xrai_widgets.models.adapted import Adapted, Refused
from xrai_widgets.models.bounds import filled
from xrai_widgets.models.function import Call
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.linear import probes

_AT_ONCE = 8192  # samples
_BETWEEN = 2000  # points at which a rule is compared beside the samples


@dataclass(frozen=True, eq=False)
class Decision:
    """Labels, in the user's own words → numbers of the classes.

    Parameters
    ----------
    ask : callable
        (n, …) → (n,) or (n, 1) labels.
    classes : tuple
    what : str
        Who decides, for a message.
    """

    ask: Callable[[Array], Any]
    classes: tuple[Any, ...]
    what: str = "the model"

    def __call__(self, X: Array) -> Array:
        """Return int (n,)."""
        if not len(X):  # many models cannot be asked about nothing
            return np.empty(0, dtype=np.int64)
        given = np.asarray(self.ask(X))
        if given.shape not in ((len(X),), (len(X), 1)):
            raise Refused(f"{self.what} must give one label per sample, got shape {given.shape} for {len(X)} samples")
        place = {label: index for index, label in enumerate(self.classes)}
        numbers = [place.get(label, -1) for label in given.ravel().tolist()]
        if -1 in numbers:
            odd = given.ravel().tolist()[numbers.index(-1)]
            raise Refused(f"{self.what} must give one of {list(self.classes)[:8]}, got {odd!r}")
        return np.array(numbers, dtype=np.int64)


def check_decide(decide: Any, model: Any, adapted: Adapted) -> None:
    """Refuse a rule that is no function, or for which there is no use."""
    if decide is None:
        return
    if not callable(decide) or isinstance(decide, type):
        raise TypeError(f"decide must be a function of the samples that returns their labels, got {decide!r}")
    if adapted.task != "classification":
        raise ValueError("decide goes with a classification: it returns labels, and a regression has none")
    if model is None:
        raise ValueError("decide needs a model: without one, X is the table of its outputs, and nothing else is known")
    if adapted.outputs == "labels":
        raise ValueError("decide goes with class probabilities, and this model's outputs are its labels already")


def rule_of(
    decide: Any,
    model: Any,
    adapted: Adapted,
    fields: Mapping[str, Any],
    arrays: Mapping[str, Array],
    inputs: Inputs,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return fields of a subject whose model decides by a rule of its own, and what the reader must know.

    Nothing is returned where the rule gives the most probable class for every sample of X and X_train; of a rule that
    was passed also for random points between them, where attacks go. Else what is known from inside holds for it as far
    as it is checked: of a linear model's scores the largest one must be the label for all of them; leaves are dropped.

    Parameters
    ----------
    decide : callable, optional
        The user's own rule; by default that of the model.
    fields : mapping
        ``predict`` and ``classes`` of the subject.
    arrays : mapping
        Encoded samples by role.

    Raises
    ------
    ValueError, TypeError
        for a rule that gives something else than one of the classes per sample.
    """
    check_decide(decide, model, adapted)
    ask = adapted.decide if decide is None else Call(decide, inputs)
    if ask is None or adapted.task != "classification" or adapted.outputs == "labels":
        return {}, ()
    rule = Decision(ask, fields["classes"], "the model's own predict" if decide is None else "decide")
    parts = [part for role in ("X", "X_train") if (part := arrays.get(role)) is not None]
    batches = [(part[a : a + _AT_ONCE]) for part in parts for a in range(0, len(part), _AT_ONCE)]
    beyond = [] if decide is None else [_between(filled(arrays["X"]), inputs).astype(arrays["X"].dtype)]
    decided = [rule(part) for part in [*batches, *beyond]]
    wrong = [
        int((labels(fields["predict"], None, part) != of_rule).sum())
        for part, of_rule in zip([*batches, *beyond], decided, strict=True)
    ]
    if not any(wrong):
        return {}, ()
    differ, batches = sum(wrong[: len(batches)]), [*batches, *beyond]
    note = (
        f"decides by {'its own rule' if decide is None else 'the rule that was passed'}: it differs from the most "
        f"probable class on {differ} of {sum(map(len, parts))} samples"
    )
    if not differ:
        note += f", and on {wrong[-1]} of {len(beyond[0])} random points between them"
    linear = adapted.linear if adapted.linear is not None and _holds(adapted.linear, batches, decided) else None
    return {"decide": rule, "regions": None, "trees": None, "layers": None, "linear": linear}, (note,)


def _between(X: Array, inputs: Inputs) -> Array:
    """Return random points between the least and the largest value of each column, seeded; one-hot groups as they are.

    Where there are no columns but pixels, they are drawn between images.
    """
    if len(inputs.constraints) == int(np.prod(X.shape[1:])):
        return probes(X, inputs, count=_BETWEEN)[-_BETWEEN:]
    rng = np.random.default_rng(0)
    first, second = X[rng.integers(0, len(X), (2, _BETWEEN))]
    share = rng.random((_BETWEEN, *[1] * (X.ndim - 1)))
    points: Array = share * first + (1 - share) * second
    return points


def _holds(linear: tuple[Array, Array], parts: Sequence[Array], decided: Sequence[Array]) -> bool:
    weights, bias = linear
    for part, of_rule in zip(parts, decided, strict=True):
        flat = part.reshape(len(part), -1)
        whole = ~np.isnan(flat).any(axis=1)  # weights speak of numbers
        if not np.array_equal((flat[whole] @ weights.T + bias).argmax(axis=1), of_rule[whole]):
            return False
    return True
