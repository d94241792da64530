"""What one column of the samples may hold."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

_KINDS = ("continuous", "integer", "category")


@dataclass(frozen=True)
class Constraint:
    """What one column may hold.

    Parameters
    ----------
    kind : {"continuous", "integer", "category"}
    categories : tuple
        The original labels of the ordinal codes 0, 1, … of a category column.
    group : str
        Columns of one one-hot group share this name.
    immutable : bool
        The value of a sample must not be changed.
    monotone : {-1, 0, 1}
        The value may only fall (-1), only rise (1), or change freely (0).
    fillable : bool
        A number that is missing in a sample may become any number of the column's range. That counts as a change by
        the whole range, whatever the number, as any change of a category counts. Without it, missing stays missing.
    """

    kind: Literal["continuous", "integer", "category"] = "continuous"
    categories: tuple[Any, ...] = ()
    group: str = ""
    immutable: bool = False
    monotone: Literal[-1, 0, 1] = 0
    fillable: bool = False

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"kind of a Constraint must be one of {', '.join(_KINDS)}, got {self.kind!r}")
        if self.monotone not in (-1, 0, 1):
            raise ValueError(f"monotone of a Constraint must be -1, 0 or 1, got {self.monotone!r}")
        if self.fillable and (self.immutable or self.kind == "category"):
            why = "immutable: its missing numbers stay" if self.immutable else "a category: there, missing is a word"
            raise ValueError(f"fillable of a Constraint must be False where it is {why}, got True")

    def __repr__(self) -> str:
        """Say what older versions said, unless there is more to say: fingerprints are made of it."""
        parts = [f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.name != "fillable"]
        return f"Constraint({', '.join(parts)}{', fillable=True' if self.fillable else ''})"
