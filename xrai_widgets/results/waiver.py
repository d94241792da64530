"""Waivers: who accepts which failing value, why, and until when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from xrai_widgets.core import Outcome, closest

_FEWEST = 12  # characters of a fingerprint that name a subject; reports show as many


@dataclass(frozen=True)
class Waiver:
    """Somebody accepts what a policy says about one measure, for a reason and a time.

    The verdict stays what it is. A waiver in force keeps a failure from failing the run.

    Parameters
    ----------
    assessment, measure : str
        What is waived, in the whole and in its subgroups.
    who, why : str
    until : date
        The last day on which it is in force.
    subject : str
        Name or fingerprint (at least 12 characters of it) of the one subject it is for; by default for all.
    """

    assessment: str
    measure: str
    who: str
    why: str
    until: date
    subject: str = ""

    def __post_init__(self) -> None:
        for key in ("assessment", "measure", "who", "why", "subject"):
            value = getattr(self, key)
            if not isinstance(value, str):
                raise ValueError(f"{key} of a waiver must be text, got {value!r}")
            if not value.strip() and key != "subject":
                raise ValueError(f"{key} of a waiver must be given, got {value!r}: {_SAYS[key]}")
        if isinstance(self.until, datetime) or not isinstance(self.until, date):
            raise ValueError(f"until of a waiver must be a date such as 2027-03-31, without quotes, got {self.until!r}")

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about."""
        return self.assessment, self.measure, self.subject

    @property
    def says(self) -> str:
        """Who, until when and why, as one phrase."""
        return f"{self.who}, until {self.until.isoformat()}: {self.why}"

    def covers(self, outcome: Outcome, measure: str) -> bool:
        """Whether it is about this measure of this outcome, in force or not."""
        if (self.assessment, self.measure) != (outcome.assessment, measure):
            return False
        prefix = len(self.subject) >= _FEWEST and outcome.subject.startswith(self.subject)
        return not self.subject or self.subject in (outcome.subject_name, outcome.subject) or prefix

    def in_force(self, today: date | None = None) -> bool:
        """Whether it still holds; by default today."""
        return (today or date.today()) <= self.until

    def to_toml(self, under: str = "") -> str:
        """Return the lines that `waivers_of` reads."""
        entries = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}
        lines = [f"{k} = {v.isoformat() if isinstance(v, date) else toml_text(v)}" for k, v in entries.items()]
        return "\n".join([f"[[{under}waiver]]", *lines, ""])


def waivers_of(entries: object, source: str) -> tuple[Waiver, ...]:
    """Read the list ``[[waiver]]`` of a policy.

    Raises
    ------
    ValueError
        naming what is missing, misspelt or of the wrong kind.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{source} must hold waivers as [[waiver]] with double brackets, got {entries!r}")
    waivers = tuple(_waiver(entry, f"{source}, waiver {number}") for number, entry in enumerate(entries, 1))
    keys = [waiver.key for waiver in waivers]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"{source} must waive a measure once, got two waivers for {' '.join(filter(None, twice))}")
    return waivers


def _waiver(entry: Mapping[str, Any], source: str) -> Waiver:
    allowed = [field.name for field in fields(Waiver)]
    for key in entry:
        if key not in allowed:
            raise ValueError(f"{source}: {key!r} is not known; allowed: {', '.join(allowed)}{closest(key, allowed)}")
    missing = [key for key in allowed if key not in entry and key != "subject"]
    if missing:
        raise ValueError(f"{source} needs {missing[0]}: {_SAYS[missing[0]]}")
    try:
        return Waiver(**entry)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def toml_text(value: str) -> str:
    """Return text as TOML writes it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_SAYS = {
    "assessment": "which assessment, as privacy.membership_inference",
    "measure": "which of its measures, as advantage",
    "who": "the name of the person who accepts it",
    "why": "the reason",
    "until": "the last day, as 2027-03-31",
}
