"""What a policy may judge of a finding."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal, get_args

from xrai_widgets.core.finding import Bound, check_bounds
from xrai_widgets.core.subject import Task

_SCALES = ("", "100", "exp")


@dataclass(frozen=True)
class Measure:
    """A value that a policy may judge.

    Parameters
    ----------
    key : str
        Its name in `Finding.values`.
    better : {"lower", "higher"}
    chance : float, optional
        The value that means "nothing found".
    meaning : str
        One line for the scoreboard: what the value says, and what to do about it.
    bound : {"upper", "lower", "exact"}, optional
        What the value is of the quantity that it names: an attack finds an ``upper`` bound of robustness, a certificate
        a ``lower`` one. A bound that can only be too favourable may fail a model, never pass it. None: the value is
        defined by how it is measured, as the advantage of one attacker. A finding may say otherwise for its run.
    attacker : bool
        The value is what one named attacker gets: it may pass, and says nothing of a stronger attacker.
    task : {"classification", "regression"}, optional
        The only task in which it is measured; None: in every task that the assessment serves.
    label : str
        What people call it; without it the key with its spaces.
    sentence : str
        What a judged value says to somebody who knows none of the words: one sentence with ``{value}``, which is filled
        in with its interval, and ``{limit}``, true on both sides of the limit. ``{value:100}`` says how many in 100,
        ``{value:exp}`` the factor of a logarithm.
    """

    key: str
    better: Literal["lower", "higher"]
    chance: float | None = None
    meaning: str = ""
    bound: Bound | None = None
    attacker: bool = False
    task: Task | None = None
    label: str = ""
    sentence: str = ""

    @property
    def is_share(self) -> bool:
        """Whether it lies in [0, 1] or is a difference of two that do: its sentence tells it in hundreds."""
        return "{value:100}" in self.sentence

    def __post_init__(self) -> None:
        if self.better not in {"lower", "higher"}:
            raise ValueError(f"better of the measure {self.key!r} must be 'lower' or 'higher', got {self.better!r}")
        if self.task not in (None, *get_args(Task)):
            raise ValueError(f"task of the measure {self.key!r} must be one of {get_args(Task)}, got {self.task!r}")
        if self.bound is not None:
            check_bounds({self.key: self.bound})
        _check_sentence(self)


def _check_sentence(measure: Measure) -> None:
    if not measure.sentence:
        return
    places = [(name, scale) for _, name, scale, _ in Formatter().parse(measure.sentence) if name is not None]
    if {name for name, _ in places} != {"value", "limit"} or not {scale for _, scale in places} <= {*_SCALES}:
        allowed = "{value} and {limit}, with nothing, :100 or :exp"
        raise ValueError(f"sentence of the measure {measure.key!r} must hold {allowed}, got {measure.sentence!r}")
