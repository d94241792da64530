"""What earlier looks say: which of them count, what was acknowledged, what is new."""

from collections.abc import Sequence
from typing import Any

from xrai_widgets.results.look import Counts, History
from xrai_widgets.results.look_states import Standing, standings
from xrai_widgets.runtime.look_tables import Look, Mark
from xrai_widgets.watch.schedule import Slot

_ALARM = "history accuracy alarm"


def problems_of(look: Look) -> list[dict[str, Any]]:
    """Return the problems of a look as they are kept."""
    return list(look.detail.get("problems", ()))


def twin_of(looks: Sequence[Look], slot: Slot, batch: str) -> str:
    """Return an earlier slot with the same batch, which counts already; empty if there is none."""
    return next((look.slot for look in looks if look.batch == batch and look.at < slot.at.isoformat()), "")


def history_of(
    looks: Sequence[Look], acknowledged: Sequence[Mark], slot: Slot, series: str, counts: Counts | None
) -> History:
    """Return the looks of a series that have labels, that of the slot in its place; empty where it has none."""
    if counts is None:
        return History()
    by_time = {
        look.at: (look.slot, Counts(**look.detail["counts"]))
        for look in looks
        if look.series == series and look.detail.get("counts") and look.slot != slot.name
    }
    by_time[slot.at.isoformat()] = (slot.name, counts)
    times = sorted(by_time)
    slots = tuple(by_time[time][0] for time in times)
    silenced = {mark.slot for mark in acknowledged if _ALARM in mark.detail["keys"]}
    restarts = tuple(number + 1 for number, name in enumerate(slots) if name in silenced)
    return History(slots, tuple(by_time[time][1] for time in times), restarts)


def standing_of(
    looks: Sequence[Look], acknowledged: Sequence[Mark], occasions: frozenset[str], reminder: int
) -> list[Standing]:
    """Return the state of every problem of some occasions at the newest look."""
    real = [look for look in looks if look.status != "missed"]
    sets = [frozenset(p["key"] for p in problems_of(look) if p["occasion"] in occasions) for look in real]
    places = {look.slot: number for number, look in enumerate(real)}
    silenced: dict[int, frozenset[str]] = {}
    for mark in acknowledged:
        if mark.slot in places:
            number = places[mark.slot]
            silenced[number] = silenced.get(number, frozenset()) | frozenset(mark.detail["keys"])
    return standings(sets, silenced, reminder)
