import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from xrai_widgets.runtime.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")


def _names(schedule: Schedule, begin: datetime, days: int) -> list[str]:
    return [slot.name for slot in schedule.between(begin, begin + timedelta(days=days))]


def _by_hand(begin: datetime, days: int, hour: int, minute: int) -> list[str]:
    """Every minute of the days, read from the clock on the wall; what is skipped comes at the first minute after it."""
    seen: list[str] = []
    before = begin.astimezone(BERLIN)
    for number in range(1, days * 1440 + 1):
        local = (begin + timedelta(minutes=number)).astimezone(BERLIN)
        here, wanted = local.replace(tzinfo=None), local.replace(hour=hour, minute=minute, tzinfo=None)
        if before.replace(tzinfo=None) < wanted <= here and here.strftime("%Y-%m-%dT%H:%M") not in seen:
            seen.append(here.strftime("%Y-%m-%dT%H:%M"))
        before = local
    return seen


@pytest.mark.parametrize("begin", [datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC)])
@pytest.mark.parametrize(("hour", "minute"), [(1, 59), (2, 0), (2, 30), (3, 0), (3, 1)])
def test_both_clock_changes_of_a_year_have_one_look_a_day(begin: datetime, hour: int, minute: int) -> None:
    found = _names(Schedule("Europe/Berlin", cron=f"{minute} {hour} * * *"), begin, 4)
    assert found == _by_hand(begin, 4, hour, minute)
    assert len({name[:10] for name in found}) == len(found) == 4


def test_a_year_of_days_has_one_slot_each() -> None:
    names = _names(Schedule("Europe/Berlin", cron="30 2 * * *"), datetime(2025, 12, 31, 12, tzinfo=UTC), 365)
    assert len(names) == len({name[:10] for name in names}) == 365


def test_monday_is_1_and_either_day_field_counts() -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    mondays = Schedule("UTC", cron="0 0 * * 1").between(begin, begin + timedelta(days=30))
    assert all(slot.at.weekday() == 0 for slot in mondays)
    assert len(mondays) == 5
    either = next(Schedule("UTC", cron="0 0 13 * 5").after(begin))
    assert either.name == "2026-11-06T00:00"


def test_named_times() -> None:
    begin = datetime(2026, 11, 28, 5, 30, tzinfo=UTC)
    for name, first in (
        ("@hourly", "2026-11-28T06:00"),
        ("@daily", "2026-11-29T00:00"),
        ("@weekly", "2026-11-29T00:00"),
        ("@monthly", "2026-12-01T00:00"),
    ):
        assert next(Schedule("UTC", cron=name).after(begin)).name == first


def test_an_interval_is_counted_from_one_monday() -> None:
    begin = datetime(2026, 10, 24, 20, tzinfo=UTC)
    schedule = Schedule("Europe/Berlin", every="6h")
    slots = list(itertools.islice(schedule.after(begin), 3))
    assert [slot.name for slot in slots] == ["2026-10-25T00:00Z", "2026-10-25T06:00Z", "2026-10-25T12:00Z"]
    assert schedule.period(begin) == timedelta(hours=6)
    assert next(Schedule("UTC", every="1w").after(begin)).at.weekday() == 0


def test_a_slot_is_after_the_moment_and_up_to_the_other() -> None:
    begin = datetime(2026, 11, 28, 6, tzinfo=UTC)
    schedule = Schedule("UTC", cron="0 6 * * *")
    assert schedule.between(begin, begin + timedelta(hours=23)) == []
    assert [slot.at for slot in schedule.between(begin, begin + timedelta(days=1))] == [begin + timedelta(days=1)]


@pytest.mark.parametrize(
    ("zone", "times", "said"),
    [
        ("", {"cron": "@daily"}, "name the time zone"),
        ("Europe/Berlni", {"cron": "@daily"}, "there is no time zone 'Europe/Berlni'"),
        ("../etc/passwd", {"cron": "@daily"}, "there is no time zone"),
        ("UTC", {}, "give cron, such as .* or every"),
        ("UTC", {"cron": "@daily", "every": "1d"}, "give cron, such as .* or every"),
        ("UTC", {"cron": "0 0 31 2 *"}, "never comes"),
        ("UTC", {"cron": "* * * * *"}, "more often than every 5 minutes"),
        ("UTC", {"cron": "0,59 0,1 * * *"}, "more often than every 5 minutes"),
        ("UTC", {"cron": "* * * * * *"}, "five fields"),
        ("UTC", {"cron": "@reboot"}, "five fields"),
        ("UTC", {"cron": "61 0 * * *"}, "cannot be read"),
        ("UTC", {"cron": "0 0 * * 8"}, "cannot be read"),
        ("UTC", {"cron": "H H * * *"}, "cannot be read"),
        ("UTC", {"every": "4m"}, "less than 5 minutes"),
        ("UTC", {"every": "0h"}, "a number and m, h, d or w"),
        ("UTC", {"every": "6 hours"}, "a number and m, h, d or w"),
    ],
)
def test_times_that_cannot_be(zone: str, times: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule(zone, **times)


def test_every_four_years_is_a_schedule() -> None:
    slots = itertools.islice(Schedule("UTC", cron="0 0 29 2 *").after(datetime(2026, 1, 1, tzinfo=UTC)), 2)
    assert [slot.name[:4] for slot in slots] == ["2028", "2032"]
