"""Names of samples, columns and classes, and the way back to the user's own units."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Decode = Callable[[Array], pd.DataFrame]
_ROLES = {"X": "ids", "X_train": "train_ids", "X_new": "new_ids"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Names:
    """What a subject's samples, columns and classes are called; an engine that is called on bare arrays needs none.

    Parameters
    ----------
    ids, train_ids, new_ids : array, optional
        Names of the samples of ``X``, ``X_train`` and ``X_new``.
    feature_names : tuple of str
        Names of the columns.
    classes : tuple
        The original labels of the classes 0…k−1.
    decode : callable, optional
        (n, d) → DataFrame in the user's own columns and units.
    """

    ids: Array | None = None
    train_ids: Array | None = None
    new_ids: Array | None = None
    feature_names: tuple[str, ...] = ()
    classes: tuple[Any, ...] = ()
    decode: Decode | None = None

    def of(self, part: str, count: int) -> Array:
        """Return the names of the ``count`` samples of a part (X, X_train or X_new); 0…n−1 where they have none."""
        ids: Array | None = getattr(self, _ROLES[part])
        return np.arange(count) if ids is None else ids

    def only(self, names: Collection[str]) -> Names:
        """Return these names and no others."""
        return Names(**{name: getattr(self, name) for name in names})

    def of_classes(self, count: int) -> tuple[str, ...]:
        """Return the classes as text; 0…k−1 where they have no names."""
        return tuple(str(label) for label in self.classes) or tuple(map(str, range(count)))


def id_as_text(one: Any) -> str:
    """Return the name of a sample as text: 7, 7.0 and "7" are one, as the type is the table's choice."""
    return str(int(one)) if isinstance(one, float) and one.is_integer() else str(one)


UNNAMED = Names()
NAMED = tuple(field.name for field in fields(Names))  # the fields of a subject that it gathers


def names_of(subject: object) -> Names:
    """What samples, columns and classes are called."""
    return Names(**{name: getattr(subject, name) for name in NAMED})


def names_read(engine: Callable[..., object], inputs: Collection[str]) -> frozenset[str]:
    """Return the fields of `Names` that an engine reads.

    Those that ``naming: Annotated[Names, "train_ids", "classes"]`` lists; without a list all but the ids of parts that
    are not among the engine's inputs.
    """
    hint = get_type_hints(engine, include_extras=True).get("naming")
    listed = frozenset(mark for mark in get_args(hint)[1:] if isinstance(mark, str))
    return listed or frozenset(NAMED) - {role for part, role in _ROLES.items() if part not in inputs}
