"""What every attack is given: the samples, what is known of the model, the settings, and a count of what is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd

if TYPE_CHECKING:
    from xrai_widgets.engines.robustness.evasion.knowledge import Knowledge
    from xrai_widgets.engines.robustness.evasion.search import Search

Kind = Literal["gradients", "trees", "scores", "labels"]
GRADIENT = 2  # queries of going backwards once; a gradient step asks for a prediction, too


@dataclass(eq=False)
class Counter:
    """Counts the rows that a model is asked for, a row of a gradient as two."""

    queries: int = 0

    def of(self, ask: Callable[..., Array] | None, each: int = 1) -> Any:
        """Return the function, counted; None stays None."""
        return None if ask is None else _Counted(ask, self, each)


@dataclass(frozen=True, eq=False)
class _Counted:
    ask: Callable[..., Array]
    counter: Counter
    each: int

    def __call__(self, X: Array, *others: Any) -> Array:
        # weights that are a function of the scores: they were predicted on the way
        self.counter.queries += (self.each + any(callable(other) for other in others)) * len(X)
        return self.ask(X, *others)

    @property
    def steerable(self) -> bool:
        """Whether a gradient of logits takes a function of them as weights."""
        return bool(getattr(self.ask, "steerable", False))


@dataclass(eq=False)
class AttackBest(Best):
    """What one attack has found, and by which of its methods, where it has several."""

    methods: Array | None = None

    @classmethod
    def nothing(cls, problem: Problem) -> "AttackBest":
        """No sample found yet: infinite distance."""
        return cls(problem.origins.copy(), np.full(len(problem.samples), np.inf))


@dataclass(frozen=True)
class Budget:
    """What attacks may spend.

    Parameters
    ----------
    queries : int
        Per sample, of all attacks of ``strongest`` together, and of what follows them.
    max_iter : int, optional
        Most steps of HopSkipJump.
    hsj, pgd : Settings
        Those of an attack that is asked for by its name.
    seed, n_classes : int
    memory_limit : float
        GB.
    """

    queries: int
    max_iter: int | None
    hsj: hsj.Settings
    pgd: pgd.Settings
    seed: int
    n_classes: int
    memory_limit: float = 1.0


@dataclass(frozen=True, eq=False)
class Ground:
    """The samples under attack, what is known of the model, and the settings.

    Parameters
    ----------
    problem : Problem
    knowledge : Knowledge
        Its functions, and those of the problem, are counted by ``counter``.
    search : Search
        The searches, which have looked for exact distances already.
    epsilon : float
        Size at which those attacks work that work at one size.
    labels_only : bool
        The model gives labels and no scores.
    """

    problem: Problem
    knowledge: "Knowledge"
    search: "Search"
    budget: Budget
    counter: Counter
    epsilon: float
    labels_only: bool = False

    @property
    def meter(self) -> Meter:
        """What may be asked about each sample."""
        assert self.problem.meter is not None
        return self.problem.meter

    @property
    def kind(self) -> Kind:
        """Which list of attacks fits the model."""
        if self.knowledge.thresholds is not None:
            return "trees"
        if self.knowledge.gradient is not None:
            return "gradients"
        return "labels" if self.labels_only else "scores"

    @property
    def image(self) -> bool:
        """Whether the samples are images."""
        return len(self.problem.shape) == 3

    @property
    def table(self) -> bool:
        """Whether a sample is one row of numbers."""
        return len(self.problem.shape) == 1
