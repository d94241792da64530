"""How a run ends: whatever happens in it, it becomes an ending."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from xrai_widgets.core import Assessment, Cancelled, Finding, NotApplicable
from xrai_widgets.core.outcome import Status
from xrai_widgets.runtime.run_step import RunStep

logger = logging.getLogger("xrai_widgets")
_EXTRAS = {"torch": "torch", "aix360": "aix360", "multiprocess": "attacks"}


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Parameters
    ----------
    status : {"ok", "not applicable", "cancelled", "error"}
    finding : Finding, optional
        The result; of a run that was cancelled, what was done until then.
    reason, instead : str
        Why there is no (full) finding, and what to use instead.
    """

    status: Status
    finding: Finding | None = None
    reason: str = ""
    instead: str = ""

    @property
    def failure(self) -> str:
        """Why there is no finding, for a table that is part of every report: an error may quote a sample."""
        if self.finding is not None:
            return ""
        if self.status != "error":
            return f"{self.status}: {self.reason}"
        return f"failed ({self.reason.rpartition('(')[2]}"  # its number leads to the log

    def but(self, finding: Finding) -> "Ending":
        """Return the ending with another finding."""
        return replace(self, finding=finding)

    def broken_off(self, later: "Ending", what: str) -> "Ending":
        """Return the ending of a whole whose finding is complete and whose extras were cancelled."""
        return replace(self, status="cancelled", reason=f"{later.reason}; {what} are not complete")


def ended(work: Callable[[], Ending], entry: Assessment, step: RunStep, strict: bool) -> Ending:
    """Do the work; return its ending, whatever happens."""
    try:
        return work()
    except NotApplicable as gap:
        return Ending("not applicable", reason=gap.reason, instead=gap.instead)
    except Cancelled as cancelled:
        return Ending("cancelled", _partial(step, entry), str(cancelled) or "cancelled")
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in _EXTRAS:
            reason = f"needs the package {package}: pip install 'xrai-widgets[{_EXTRAS[package]}]'"
            return Ending("not applicable", reason=reason)
        return _failed(missing, entry, strict, step)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # the one place where a failure becomes an outcome
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # it is the user's
        return _failed(error, entry, strict, step)


def _partial(step: RunStep, entry: Assessment) -> Finding | None:
    try:
        return step.partial()
    except Exception:
        logger.info("no partial finding of %s", entry.name, exc_info=True)
        return None


def _failed(error: BaseException, entry: Assessment, strict: bool, step: RunStep) -> Ending:
    if strict:
        raise error
    number = uuid.uuid4().hex[:8]
    logger.error("error %s in %s", number, entry.name, exc_info=error)
    reason = "" if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: "
    reason = f"{reason}{error} (error {number}; the log has the details)"
    return Ending("error", _partial(step, entry), reason)
