"""When a model is looked at: slots of a schedule in a named time zone, each of them once."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

SHORTEST = timedelta(minutes=5)
_NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LOOKED_AT = 61  # slots: a whole hour of the densest expression and the first of the next
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday: weeks begin on it
_MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, order=True)
class Slot:
    """One time at which a look is due.

    Parameters
    ----------
    at : datetime
        In UTC.
    name : str
        The minute on the clock of the schedule's zone: what comes twice when clocks are put back is one slot.
    """

    at: datetime
    name: str


@dataclass(frozen=True)
class Schedule:
    """Times of looks, by a cron expression or by an interval.

    Parameters
    ----------
    zone : str
        Name of the time zone, such as ``Europe/Berlin``.
    cron : str
        Five fields (minute, hour, day of month, month, weekday; 0 is Sunday; a day counts if either of the two day
        fields names it), or ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``. A minute that clocks skip comes at the
        first one after it.
    every : str
        In place of ``cron``: a number and ``m``, ``h``, ``d`` or ``w``, counted from a Monday, 0:00 UTC.

    Raises
    ------
    ValueError
        if neither or both are given, the zone does not exist, or the times cannot be read, never come, or are less
        than five minutes apart.
    """

    zone: str
    cron: str = ""
    every: str = ""

    def __post_init__(self) -> None:
        if not self.zone:
            raise ValueError('schedule: name the time zone, such as tz = "Europe/Berlin"')
        try:
            _ = self._zone
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f'schedule: there is no time zone {self.zone!r}; write one such as "Europe/Berlin"'
            ) from None
        if bool(self.cron) == bool(self.every):
            raise ValueError('schedule: give cron, such as "0 6 * * 1-5", or every, such as "6h"')
        if self.every:
            if self._interval < SHORTEST:
                raise ValueError(f"schedule: every = {self.every!r} is less than 5 minutes")
            return
        self._check_cron()

    def after(self, moment: datetime) -> Iterator[Slot]:
        """Yield the slots after a moment (with its time zone), without end."""
        last = ""
        for at in self._times(moment):
            name = at.astimezone(self._zone).strftime(_MINUTE) if self.cron else at.strftime(_MINUTE) + "Z"
            if name > last:
                last = name
                yield Slot(at, name)

    def between(self, moment: datetime, until: datetime) -> list[Slot]:
        """Return the slots after a moment up to another, this included."""
        return list(itertools.takewhile(lambda slot: slot.at <= until, self.after(moment)))

    def period(self, moment: datetime) -> timedelta:
        """Return the time from the next slot to the one after it."""
        first, second = itertools.islice(self.after(moment), 2)
        return second.at - first.at

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @cached_property
    def _interval(self) -> timedelta:
        found = re.fullmatch(r"([1-9][0-9]{0,4})\s*([mhdw])", self.every.strip())
        if found is None:
            raise ValueError(f"schedule: every is a number and m, h, d or w, such as 6h; got {self.every!r}")
        return int(found[1]) * _UNITS[found[2]]

    @cached_property
    def _fields(self) -> str:
        return _NAMED.get(self.cron.strip(), self.cron.strip())

    def _check_cron(self) -> None:
        if len(self._fields.split()) != 5:
            allowed = ", ".join(_NAMED)
            raise ValueError(f"schedule: cron has five fields, or is one of {allowed}; got {self.cron!r}")
        from croniter import CroniterBadDateError, CroniterError

        try:
            slots = list(itertools.islice(self.after(datetime.now(UTC)), _LOOKED_AT))
        except CroniterBadDateError:
            raise ValueError(f"schedule: {self.cron!r} never comes") from None
        except (CroniterError, ValueError, TypeError) as error:
            raise ValueError(f"schedule: cron = {self.cron!r} cannot be read ({error})") from None
        if any(later.at - slot.at < SHORTEST for slot, later in itertools.pairwise(slots)):
            raise ValueError(f"schedule: {self.cron!r} comes more often than every 5 minutes")

    def _times(self, moment: datetime) -> Iterator[datetime]:
        if self.every:
            passed = (moment - _EPOCH) // self._interval
            for number in itertools.count(passed + 1):
                yield _EPOCH + number * self._interval
        from croniter import croniter

        # on the clock of the wall alone: what croniter makes of changes of the clock differs from version to version
        times: Any = croniter(self._fields, moment.astimezone(self._zone).replace(tzinfo=None))
        while True:
            at = self._instant(times.get_next(datetime))
            if at > moment:
                yield at

    def _instant(self, wall: datetime) -> datetime:
        """Return when the wall's clock shows a time first; for one that it skips, when it has skipped it."""
        first = wall.replace(tzinfo=self._zone, fold=0)
        at = first.astimezone(UTC)
        if at.astimezone(self._zone).replace(tzinfo=None) == wall:
            return at
        after = first.replace(fold=1)
        at = after.astimezone(UTC)
        while at.astimezone(self._zone).utcoffset() != after.utcoffset():
            at += timedelta(minutes=1)
        return at
