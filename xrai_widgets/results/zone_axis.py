"""An axis with a safe and an unsafe zone, and the numbers on it."""

import math
from dataclasses import dataclass

from xrai_widgets.results.threshold import Status, Threshold
from xrai_widgets.results.words import interval, number


@dataclass(frozen=True)
class Row:
    """One number on the axis."""

    name: str
    value: float
    low: float
    high: float
    count: int | None = None
    note: str = ""
    is_model: bool = False

    @property
    def says(self) -> str:
        """The number in words."""
        if self.value != self.value:
            return "not measured"
        return f"{number(self.value)} {interval(self.low, self.high)}"


@dataclass(frozen=True)
class Zone:
    """An axis with its zones and the numbers on it; positions are in per cent of its width.

    Parameters
    ----------
    key, label : str
        The number, and what people call it.
    rows : tuple of Row
        The model's own number first, then the controls.
    low, high : float
        Ends of the axis.
    threshold : Threshold, optional
        Without one there are no zones.
    chance : float, optional
        What guessing gives.
    status : Status
    verdict : str
        What the status says, in one or two sentences.
    """

    key: str
    label: str
    rows: tuple[Row, ...]
    low: float
    high: float
    threshold: Threshold | None
    chance: float | None
    status: Status
    verdict: str

    def at(self, x: float) -> float:
        """Return where a number stands; what lies outside stands at the end."""
        return round(100 * min(max((x - self.low) / (self.high - self.low), 0.0), 1.0), 2)

    @property
    def limit(self) -> float:
        """Where the threshold stands."""
        return self.at(self.threshold.value) if self.threshold else 0.0

    @property
    def safe(self) -> tuple[float, float]:
        """Where the safe zone begins and ends."""
        return (self.limit, 100.0) if self.threshold and self.threshold.bound == "min" else (0.0, self.limit)

    @property
    def unsafe(self) -> tuple[float, float]:
        """Where the unsafe zone begins and ends."""
        return (0.0, self.limit) if self.threshold and self.threshold.bound == "min" else (self.limit, 100.0)

    @property
    def names(self) -> tuple[str, str]:
        """What stands to the left and to the right of the threshold; a name that finds no room is left out."""
        if self.threshold is None:
            return "", ""
        value = number(self.threshold.value)
        sides = (f"safe: ≤ {value}", "unsafe") if self.threshold.bound == "max" else ("unsafe", f"safe: ≥ {value}")
        room = (self.limit, 100 - self.limit)
        left, right = (
            side if part >= 24 else side.partition(":")[0] if part >= 14 else ""
            for side, part in zip(sides, room, strict=True)
        )
        return left, right

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers along the axis, and where they stand."""
        rough = (self.high - self.low) / 4
        step = 10.0 ** math.floor(math.log10(rough))
        step *= next((m for m in (1, 2, 5) if m * step >= rough), 10)
        places = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [(self.at(place * step), number(round(place * step, 12))) for place in places]

    @property
    def says(self) -> str:
        """What the picture shows, in one or two sentences."""
        sentences = [self.verdict] if self.verdict else []
        first = self.rows[0]
        if self.chance is not None:
            reach = "contains" if first.low <= self.chance <= first.high else "excludes"
            sentences.append(f"Guessing gives {number(self.chance)}, which the interval {reach}.")
        return " ".join(sentences)

    @property
    def alt(self) -> str:
        """The text alternative: every number, the zones, and how they lie."""
        rows = "; ".join(f"{row.name} {row.says}" for row in self.rows)
        zones = f" Safe zone: {self.threshold}." if self.threshold else ""
        return f"{self.label}: {rows}.{zones} {self.says}"
