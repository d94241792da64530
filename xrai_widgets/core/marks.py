"""What an ``Annotated`` keyword-only argument of an engine may say beside its type and its line of help."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """A closed interval of allowed numbers."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"a Range must have low ≤ high, got {self}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{_short(self.low)}, {_short(self.high)}]"


@dataclass(frozen=True)
class When:
    """The parameter only matters while another one has this value; elsewhere its control is greyed."""

    parameter: str
    value: object


@dataclass(frozen=True)
class Requires:
    """One choice of the parameter needs an optional field of the subject: ``Requires("pgd", "gradient")``."""

    choice: str
    field: str


@dataclass(frozen=True)
class Label:
    """What people call the parameter, in forms and in their messages; without it the name with its spaces."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("a Label must have text, got none")


@dataclass(frozen=True)
class Section:
    """The folded part of the form in which the control sits, by its title: ``Section("search")``."""

    title: str

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError("a Section must have a title, got none")


@dataclass(frozen=True)
class Advanced:
    """The control sits under *Advanced*, folded: most users never need it."""


# what many engines ask for word for word
Seed = Annotated[
    int,
    Range(0, 2**31 - 1),
    Label("random seed"),
    Advanced(),
    "of all that is drawn: the same seed, the same run",
]
MemoryLimit = Annotated[
    float, Range(0.05, 64), Label("memory limit (GB)"), Advanced(), "GB that the working arrays may take"
]


def _short(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else f"{number:g}"
