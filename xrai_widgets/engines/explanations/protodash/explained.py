"""The whole search for one group: similarities, prototypes, draws to compare with, criticisms."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines.explanations.protodash.aix360 import search_by_aix360
from xrai_widgets.engines.explanations.protodash.groups import Group
from xrai_widgets.engines.explanations.protodash.kernel import Kernel
from xrai_widgets.engines.explanations.protodash.search import Chosen, at_random, search
from xrai_widgets.engines.explanations.protodash.similarity import Means, Rows, mean_similarity, within_similarity

_ALIKE = 1e-12
_DRAWS, _DRAWN = 20, 100  # draws to compare with, and how many samples of each at most


def criticise(rows: Rows, witness: Array, most: int, step: Step) -> list[int]:
    """Return the rows where the witness function is farthest from 0, no two of them alike.

    The witness is the mean similarity to the explained samples less that to the prototypes: positive where the
    prototypes are too few, negative where they are too many. The rows C that are chosen, one by one, make
    Π |witness|² · det K_C large: quality and diversity as in a determinantal point process, on logarithms, so that
    neither needs a weight against the other.
    """
    size = np.abs(witness)
    norms = np.sqrt(np.maximum(rows.diagonal(), 1e-300))
    rest = np.ones(len(rows))
    columns = np.empty((most, len(rows)))
    chosen: list[int] = []
    for number in range(most):
        step(number / most, "criticisms")
        with np.errstate(divide="ignore"):
            score = np.log(size) + 0.5 * np.log(np.maximum(rest, 0.0))
        score[chosen] = -np.inf
        best = int(score.argmax())
        if size[best] <= _ALIKE or rest[best] <= _ALIKE:
            break
        similar = rows.column(rows.points([best])[0]) / (norms * norms[best])
        before = columns[:number]
        columns[number] = (similar - before[:, best] @ before) / np.sqrt(rest[best])
        rest -= columns[number] ** 2
        chosen.append(best)
    return chosen


@dataclass
class Explained:
    """One group, and what was found for it so far."""

    group: Group
    to: Rows
    pool: Rows
    within: Means
    chosen: Chosen = field(default_factory=Chosen)
    criticisms: list[int] = field(default_factory=list)
    witness: Array = field(default_factory=lambda: np.zeros(0))
    random: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def rows(self) -> Array:
        """The prototypes as rows of the training samples."""
        return self.group.pool[self.chosen.indices]

    @property
    def points(self) -> Array:
        """The prototypes as points."""
        return self.pool.points(self.chosen.indices)

    @property
    def shares(self) -> Array:
        """The weights, summing to 1."""
        weights = self.chosen.weights
        total = float(weights.sum())
        return weights / total if total > 0 else weights


@dataclass(frozen=True, eq=False)
class Task:
    """How the search for a group is to go."""

    kernel: Kernel
    n_prototypes: int
    n_criticisms: int
    implementation: str
    seed: int
    memory: float


def explain_group(
    task: Task, group: Group, X: Array, X_train: Array, done: list[Explained], finish: Callable[[], Finding], step: Step
) -> None:
    """Choose prototypes and criticisms for one group; ``done`` gets them as they come."""
    kernel, memory = task.kernel, task.memory
    whose = f" of {group.name}" if group.name != "all" else ""
    to = Rows(kernel, _take(X, group.explained), memory / 8)
    same = X is X_train and np.array_equal(group.explained, group.pool)
    pool = to if same else Rows(kernel, _take(X_train, group.pool), memory / 8)
    split = 0.8 if same else 0.8 * len(to) / (len(to) + 2 * len(pool))  # each pair within a set is computed once
    within = within_similarity(to, step.part(0.0, split), f"similarity{whose}")
    one = Explained(group, to, pool, within)
    done.append(one)
    means = (
        within if same else mean_similarity(pool, to, step.part(split, 0.8), f"similarity{whose} to training samples")
    )
    rest = step.part(0.8, 0.9)
    if task.implementation == "aix360":
        search_by_aix360(pool, to, task.n_prototypes, memory, one.chosen, rest)
    else:
        search(pool, to, means, task.n_prototypes, memory / 4, one.chosen, rest, finish)
    if not one.chosen.indices:
        raise ValueError(
            f"no training sample has a positive mean similarity to the samples{whose or ' explained'}: "
            "use kernel='gaussian', or scale='columns', which keeps the linear kernel from negative values"
        )
    one.random = at_random(pool, means, min(task.n_prototypes, _DRAWN), _DRAWS, task.seed, step.part(0.9, 0.95))
    if task.n_criticisms and len(to) > 1:
        one.witness = within.values - to.mixture(one.points, one.shares)
        one.criticisms = criticise(to, one.witness, min(task.n_criticisms, len(to)), step.part(0.95, 1.0))


def _take(samples: Array, rows: Array) -> Array:
    return samples if len(rows) == len(samples) else samples[rows]
