"""What a model was before it was defended: with it a defence is measured, and whoever attacks knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrai_widgets.core.inside import Trees
    from xrai_widgets.core.subject import Array, Gradient, Predict, Subject

_FUNCTIONS = ("predict", "decide", "gradient", "logits", "logit_gradient")
_INSIDE = ("linear", "regions", "thresholds", "trees")


@dataclass(frozen=True, eq=False)
class Side:
    """A model as far as an attack or a comparison asks it.

    Parameters
    ----------
    predict, decide, gradient, logits, logit_gradient, linear, regions, thresholds, trees
        As in a Subject.
    scored : bool
        Whether it gives probabilities.
    """

    predict: Predict
    decide: Predict | None = None
    gradient: Gradient | None = None
    logits: Predict | None = None
    logit_gradient: Gradient | None = None
    linear: tuple[Array, Array] | None = None
    regions: Array | None = None
    thresholds: tuple[Array, ...] | None = None
    trees: Trees | None = None
    scored: bool = True


@dataclass(frozen=True, eq=False)
class Undefended(Side):
    """A model before its defence; ``defence`` says in words what was done to it."""

    defence: str = ""

    @classmethod
    def of(cls, subject: Subject, defence: str) -> Undefended:
        """Return what a subject is before a defence; of one that is defended already what it was before all of them."""
        if (before := subject.undefended) is not None:
            return replace(before, defence=f"{before.defence}, then {defence}")
        inside = {name: getattr(subject, name) for name in (*_FUNCTIONS, *_INSIDE)}
        return cls(**inside, scored=subject.outputs == "probabilities", defence=defence)

    def asked_by(self, guarded: Callable[[str, Any], Any]) -> Undefended:
        """Return a copy whose functions are those that ``guarded(name, function)`` makes of them."""
        there = {name: call for name in _FUNCTIONS if (call := getattr(self, name)) is not None}
        return replace(self, **{name: guarded(name, call) for name, call in there.items()})

    def from_outside(self) -> Undefended:
        """Return a copy of which nothing but predictions is known: the columns mean something else now."""
        nothing: dict[str, Any] = dict.fromkeys(("gradient", "logit_gradient", *_INSIDE))
        return replace(self, **nothing)
