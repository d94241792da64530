"""A model that could not be trained loses what it was for, and does not end the run."""

from collections.abc import Callable
from typing import NamedTuple

from xrai_widgets.core import Array, Cancelled, NotApplicable


class Lost(NamedTuple):
    """Why there is no result: in the words of a report, and in full."""

    reason: str
    message: str


class Endless(ValueError):
    """A refitted model gave NaN or infinite outputs."""


def tried(work: Callable[[], Array]) -> Array | Lost:
    """Return what the work gives, or why training failed: the words of a library may quote a sample."""
    try:
        return work()
    except (Cancelled, NotApplicable, MemoryError):
        raise
    except Endless as error:
        return Lost("the refit gave NaN or infinite outputs", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a library raises while it trains
        return Lost(f"the refit failed ({type(error).__name__})", f"{error}")
