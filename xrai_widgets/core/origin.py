"""How a subject was made, as data: what it was made of, and what was done to it then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Example:
    """A built-in example, by its name; ``roles`` say which file new samples come from, as `load_with` takes them."""

    name: str
    roles: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", _words(self.roles, "roles of new samples"))


@dataclass(frozen=True)
class Files:
    """Files of the user's own, by name, and the roles of columns: words of `read_subject`, those that were given.

    ``roles`` maps each word to its value: text, number, truth, or a tuple of these.
    """

    model: str
    data: str
    roles: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", _words(self.roles, "roles of files"))


@dataclass(frozen=True)
class ConstrainedBy:
    """Columns may be changed within other limits, as `constrained` takes them."""

    columns: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        kept = {str(name): _words(table, f"constraints of {name!r}") for name, table in self.columns.items()}
        object.__setattr__(self, "columns", kept)


@dataclass(frozen=True)
class DefendedBy:
    """A defence of the output, the input or the training, as `defended` takes it."""

    defence: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", _words(self.params, "parameters of a defence"))


Made = Example | Files
Change = ConstrainedBy | DefendedBy


@dataclass(frozen=True)
class Origin:
    """How a subject was made.

    Parameters
    ----------
    made : Example or Files, optional
        None: by nothing that could be written down, as `Subject.of` on objects of a notebook.
    changes : tuple of ConstrainedBy or DefendedBy
        What was done to it then, in order.
    """

    made: Made | None = None
    changes: tuple[Change, ...] = ()

    def then(self, change: Change) -> "Origin":
        """Return the origin of what is made by one change more."""
        return replace(self, changes=(*self.changes, change))

    @property
    def is_unknown(self) -> bool:
        """Whether there is nothing to say about it."""
        return self.made is None and not self.changes

    @property
    def is_defended(self) -> bool:
        """Whether a defence stands before the model."""
        return bool(self.defences)

    @property
    def bare(self) -> "Origin":
        """The origin of the model before its first defence."""
        first = next((n for n, change in enumerate(self.changes) if isinstance(change, DefendedBy)), len(self.changes))
        return replace(self, changes=self.changes[:first])

    @property
    def defences(self) -> tuple["DefendedBy", ...]:
        """The defences, in order."""
        return tuple(change for change in self.changes if isinstance(change, DefendedBy))

    @property
    def constraints(self) -> dict[str, dict[str, Any]]:
        """What was declared of each column since the last defence, all changes together; the later word holds."""
        tables: dict[str, dict[str, Any]] = {}
        for change in self.changes:
            if isinstance(change, DefendedBy):
                tables = {}
            else:
                tables |= {name: tables.get(name, {}) | dict(table) for name, table in change.columns.items()}
        return tables


def _words(given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return words with their values as they are kept; the words are names, so that they can be written as code."""
    odd = [word for word in given if not (isinstance(word, str) and word.isidentifier())]
    if odd:
        raise ValueError(f"{what} must be said by names, got {odd[0]!r}")
    return {word: _kept(value) for word, value in given.items()}


def _kept(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_kept, value)) if isinstance(value, Iterable) and not isinstance(value, str) else value
