"""What an engine's table ``samples`` says of one sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Score:
    """The column of the table ``samples`` that says how badly a sample fares, so that methods can be read together.

    Parameters
    ----------
    columns : tuple of str
        The first one that a run's table has is the score.
    worse : {"higher", "lower"}
        At which end a sample fares worse: leaks more, is easier to turn.
    chosen_by : str
        A parameter whose value is the column, where the user chooses among several.
    status : str
        A column of words that say what became of the sample.
    instead : mapping of str to float
        What the score is for such a word: infinite for a distance that was searched and not found.
    """

    columns: tuple[str, ...]
    worse: Literal["higher", "lower"]
    chosen_by: str = ""
    status: str = ""
    instead: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.columns or not isinstance(self.columns, tuple):
            raise ValueError(f"columns of a Score must be a tuple of names, got {self.columns!r}")
        if self.worse not in {"lower", "higher"}:
            raise ValueError(f"worse of the score {self.columns[0]!r} must be 'lower' or 'higher', got {self.worse!r}")
        if bool(self.status) != bool(self.instead):
            raise ValueError(f"the score {self.columns[0]!r} must have status and instead, or neither")
