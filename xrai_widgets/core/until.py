"""Stop when an interval is narrow enough."""

import numbers
from collections.abc import Mapping
from math import isfinite

UNTIL = "until"  # beside an engine's own parameters, of every engine that has measures which narrow


def check_until(name: str, narrowing: tuple[str, ...], until: object) -> dict[str, float]:
    """Return the widths of intervals at which a run may stop.

    Parameters
    ----------
    name : str
        Of the assessment.
    narrowing : tuple of str
        Values whose intervals become narrower from item to item.
    until : mapping of str to float, or str
        Width of each value's interval, from its low to its high end; as text ``"mean_excess=0.02, …"``.

    Raises
    ------
    ValueError, TypeError
        naming the allowed values, and what was given.
    """
    if not narrowing:
        raise ValueError(f"{name} does not go item by item: it has no parameter {UNTIL!r}")
    allowed = f"{UNTIL} of {name} must map one of {', '.join(narrowing)} to a width above 0"
    if isinstance(until, str):
        until = _read(until)
    if not isinstance(until, Mapping) or not until:
        raise TypeError(f"{allowed}, got {until!r}")
    for key, width in until.items():
        number = isinstance(width, numbers.Real) and not isinstance(width, bool)
        if key not in narrowing or not number or not isfinite(width) or width <= 0:
            raise ValueError(f"{allowed}, got {key!r}: {width!r}")
    return {str(key): float(width) for key, width in until.items()}


def _read(text: str) -> dict[str, object]:
    pairs = [entry.partition("=") for entry in text.split(",") if entry.strip()]
    return {key.strip(): _number(value) for key, _, value in pairs}


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text.strip()
