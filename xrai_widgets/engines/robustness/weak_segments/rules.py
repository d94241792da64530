"""Rules in the user's units: which samples a segment holds, and how it is written."""

from dataclasses import dataclass, replace

import numpy as np

from xrai_widgets.core import Array

_MOST_WORDS = 6
_DIGITS = 17


@dataclass(frozen=True)
class Condition:
    """What a rule asks of one column.

    Parameters
    ----------
    column : int
    low, high : float
        Of numbers: more than ``low``, at most ``high``.
    codes : frozenset of int, optional
        Of words: one of these.
    missing : bool
        Whether an empty cell fits.
    there : bool
        Whether anything but an empty cell fits.
    """

    column: int
    low: float = -np.inf
    high: float = np.inf
    codes: frozenset[int] | None = None
    missing: bool = True
    there: bool = True

    def holds(self, X: Array) -> Array:
        """Return the mask of the samples (n, d) that fit."""
        values = X[:, self.column]
        gone = np.isnan(values)
        if self.codes is not None:
            mask: Array = np.isin(values, list(self.codes))
            return mask
        with np.errstate(invalid="ignore"):
            inside = (values > self.low) & (values <= self.high)
        return np.where(gone, self.missing, inside & self.there).astype(bool)

    def text(self, name: str, categories: tuple[str, ...], gaps: bool) -> str:
        """Return the condition in words; ``gaps``: whether empty cells of the column need a word."""
        if self.codes is not None:
            return _words_text(name, sorted(self.codes), categories)
        if not self.there:
            return f"{name} missing"
        ends = {
            (True, True): f"{_short(self.low)} < {name} ≤ {_short(self.high)}",
            (True, False): f"{name} > {_short(self.low)}",
            (False, True): f"{name} ≤ {_short(self.high)}",
            (False, False): f"{name} not missing",
        }[bool(np.isfinite(self.low)), bool(np.isfinite(self.high))]
        return f"{ends} or missing" if gaps and self.missing else ends


@dataclass(frozen=True)
class Rule:
    """A segment: all of its conditions, at most one for each column."""

    conditions: tuple[Condition, ...] = ()

    def holds(self, X: Array) -> Array:
        """Return the mask of the samples (n, d) in the segment."""
        mask = np.ones(len(X), dtype=bool)
        for condition in self.conditions:
            mask &= condition.holds(X)
        return mask

    def of(self, column: int) -> Condition:
        """Return the condition on a column: one that everything fits, if there is none."""
        return next((one for one in self.conditions if one.column == column), Condition(column))

    def but(self, condition: Condition) -> "Rule":
        """Return the rule with another condition on the condition's column."""
        others = tuple(one for one in self.conditions if one.column != condition.column)
        return replace(self, conditions=(*others, condition))

    def text(self, names: list[str], categories: list[tuple[str, ...]], gaps: Array) -> str:
        """Return the rule in words."""
        parts = [one.text(names[one.column], categories[one.column], bool(gaps[one.column])) for one in self.conditions]
        return " and ".join(parts) or "all samples"


def cut_between(low: float, high: float) -> float:
    """Return the number with the fewest digits that is at least ``low`` and less than ``high``."""
    middle = low + (high - low) / 2
    for digits in range(1, _DIGITS):
        number = float(f"{middle:.{digits}g}")
        if low <= number < high:
            return number
    return low


def _short(number: float) -> str:
    return np.format_float_positional(number, trim="-").replace("-", "−") if abs(number) < 1e15 else f"{number:g}"


def _words_text(name: str, codes: list[int], categories: tuple[str, ...]) -> str:
    def listed(places: list[int]) -> str:
        words = [categories[place] if place < len(categories) else f"new word {place}" for place in places]
        more = f", … ({len(words)} in all)" if len(words) > _MOST_WORDS else ""
        return ", ".join(words[:_MOST_WORDS]) + more

    others = [place for place in range(len(categories)) if place not in codes]
    if others and len(others) < len(codes):
        return f"{name} is not {listed(others)}" if len(others) == 1 else f"{name} is none of {listed(others)}"
    return f"{name} is {listed(codes)}" if len(codes) == 1 else f"{name} is one of {listed(codes)}"
