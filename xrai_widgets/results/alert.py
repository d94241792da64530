"""The table ``[alert]`` of a policy: about what somebody is told."""

from dataclasses import dataclass
from typing import Literal, get_args

from xrai_widgets.core import closest

Occasion = Literal["fail", "warn", "alarm", "error", "missed", "model changed"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)


@dataclass(frozen=True)
class Alert:
    """About what somebody is told.

    Parameters
    ----------
    on : tuple of str, optional
        A verdict that fails or warns, an alarm of the history, a look that ended in an error or was missed, and another
        model than the approved one. By default all of them but warnings.
    """

    on: tuple[Occasion, ...] | None = None

    @property
    def occasions(self) -> tuple[Occasion, ...]:
        """What counts, the default filled in."""
        return tuple(occasion for occasion in OCCASIONS if occasion != "warn") if self.on is None else self.on

    def to_toml(self, under: str = "") -> list[str]:
        """Return the lines that `alert_of` reads; none where nothing is said."""
        words = ", ".join(f'"{occasion}"' for occasion in self.on or ())
        return [] if self.on is None else [f"[{under}alert]", f"on = [{words}]", ""]


def alert_of(table: object, source: str) -> Alert:
    """Read the table ``[alert]`` of a policy.

    Raises
    ------
    ValueError
        naming what is misspelt.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{source} must hold [alert] as a table with on = [ … ], got {table!r}")
    for key in table:
        if key != "on":
            raise ValueError(f"{source}: alert.{key} is not known; allowed: on{closest(key, ('on',))}")
    if "on" not in table:
        return Alert()
    words = table["on"]
    allowed = ", ".join(OCCASIONS)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{source}: alert.on must be a list of {allowed}, got {words!r}")
    for word in words:
        if word not in OCCASIONS:
            raise ValueError(f"{source}: alert.on must hold words of {allowed}, got {word!r}{closest(word, OCCASIONS)}")
    return Alert(tuple(words))
