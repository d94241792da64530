"""Which samples an engine looks at: of which part, those that are named, or a draw."""

from collections.abc import Iterable

import numpy as np

from xrai_widgets.core import Array, Constraint, Names, NotApplicable

NAMED = "the samples were named, not drawn, so that the value speaks of them alone"
SEEN = (
    "These are training samples, on which a model does better than on new ones: the values may fail it, never pass it."
)


def samples_of(
    part: str, X: Array, y: Array, X_train: Array | None, y_train: Array | None, naming: Names
) -> tuple[Array, Array, Array]:
    """Return samples, labels and ids of the part."""
    if part == "X":
        return X, y, naming.of("X", len(X))
    if X_train is None or y_train is None:
        raise NotApplicable("part='X_train' needs training samples and their labels", "part='X'")
    return X_train, y_train, naming.of("X_train", len(X_train))


def named_rows(text: str, ids: Array, parameter: str = "samples") -> Array | None:
    """Return the rows of the samples whose ids the text names, in its order and once each; None if it names none.

    Raises
    ------
    ValueError
        for an id that no sample has.
    """
    wanted = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not wanted:
        return None
    place = {str(name): row for row, name in enumerate(ids.tolist())}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        few, got = ", ".join(list(place)[:5]), ", ".join(map(repr, unknown[:5]))
        raise ValueError(f"{parameter} must be ids of the samples, such as {few}, got {got}")
    return np.array([place[name] for name in wanted], dtype=np.intp)


def drawn_rows(text: str, ids: Array, n_samples: int, rng: np.random.Generator, parameter: str = "samples") -> Array:
    """Return the rows of the named samples, or of ``n_samples`` drawn ones in their order."""
    drawn = np.sort(rng.permutation(len(ids))[:n_samples])
    rows = named_rows(text, ids, parameter)
    return drawn if rows is None else rows


def not_judged(text: str, keys: Iterable[str]) -> dict[str, str]:
    """Say why nobody may judge the values where samples were chosen by name."""
    return dict.fromkeys(keys, NAMED) if text.strip() else {}


def named_of(
    text: str, part: str, X_train: Array, X: Array, naming: Names, least: int
) -> tuple[Array | None, Array | None]:
    """Return the named rows of the members and of the non-members, one of which is None, or both.

    Raises
    ------
    ValueError
        for an id that no sample of the part has, for too few of them, and where the other part has fewer samples.
    """
    here, other = (X_train, X) if part == "X_train" else (X, X_train)
    rows = named_rows(text, naming.of(part, len(here)))
    if rows is not None and not least <= len(rows) <= len(other):
        allowed = f"between {least} and {len(other)}, as many as there are samples to set against them"
        raise ValueError(f"samples must name {allowed}, got {len(rows)} ids of {part}")
    return (rows, None) if part == "X_train" else (None, rows)


def rows_at_once(memory_limit: float, arrays: int, columns: int, constraints: tuple[Constraint, ...]) -> int:
    """Return how many samples fit into the memory with so many arrays, a column for each category; 64 or more."""
    width = columns + sum(len(kind.categories) for kind in constraints)
    return max(64, int(memory_limit * 1e9 / 8 / (arrays * width)))
