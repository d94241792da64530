"""What earlier looks say: which of them count, what was acknowledged, what is new."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import Any

from xrai_widgets.results.look import Counts, History
from xrai_widgets.results.look_states import Standing, standings
from xrai_widgets.runtime.look_tables import Look, LookTables, Mark
from xrai_widgets.watch.schedule import Slot

_ALARM = "history accuracy alarm"
_OF_EVERY_LOOK = ("batch error", "slots missed")


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
    # by time: the look that was acknowledged may have had no labels, and then it is none of these
    at = {look.slot: look.at for look in looks} | {slot.name: slot.at.isoformat()}
    silenced = {at[mark.slot] for mark in acknowledged if _ALARM in mark.detail["keys"] and mark.slot in at}
    restarts = tuple(sorted({bisect_right(times, moment) for moment in silenced} - {0}))
    return History(slots, tuple(by_time[time][1] for time in times), restarts)


class Kept:
    """The looks of a watch, read once while it is held: nobody else writes any."""

    def __init__(self, tables: LookTables) -> None:
        self._tables = tables
        self._looks: list[Look] | None = None

    def looks(self) -> list[Look]:
        """Return all of them, oldest first."""
        if self._looks is None:
            self._looks = self._tables.looks()
        return self._looks

    def write(self, look: Look) -> None:
        """Keep a look in the place of one of the same slot."""
        self._tables.write(look)
        if self._looks is not None:
            others = [one for one in self._looks if one.slot != look.slot]
            self._looks = sorted([*others, look], key=lambda one: one.at)


def standing_of(
    looks: Sequence[Look],
    acknowledged: Sequence[Mark],
    occasions: frozenset[str],
    reminder: int,
    fresh: Collection[str] | None = None,
) -> list[Standing]:
    """Return the state of every problem of some occasions at the newest look; ``fresh`` are slots of this run."""
    real = [look for look in looks if look.status != "missed"]
    sets = [frozenset(p["key"] for p in problems_of(look) if p["occasion"] in occasions) for look in real]
    every = frozenset[str]().union(*sets)
    unasked = [
        frozenset(key for key in every - these if not _asked(look, key)) for look, these in zip(real, sets, strict=True)
    ]
    places = {look.slot: number for number, look in enumerate(real)}
    silenced: dict[int, frozenset[str]] = {}
    for mark in acknowledged:
        if mark.slot in places:
            number = places[mark.slot]
            silenced[number] = silenced.get(number, frozenset()) | frozenset(mark.detail["keys"])
    new = None if fresh is None else [places[slot] for slot in fresh if slot in places]
    return standings(sets, silenced, reminder, unasked=unasked, fresh=new)


def _asked(look: Look, key: str) -> bool:
    """Whether a look could have found a problem: without labels it says nothing of the accuracy, and so on."""
    if key in _OF_EVERY_LOOK:
        return True
    ended = {outcome["assessment"]: outcome["status"] for outcome in look.detail.get("outcomes", ())}
    if not ended:
        return False  # no batch was read
    if key == _ALARM:
        return bool(look.detail.get("counts"))
    name, _, rest = key.partition(" ")
    if name not in ended:
        return True  # about the batch; or the plan has it no more
    if rest == "error":
        return bool(ended[name] != "not applicable")
    return bool(ended[name] == "ok") and not (" change " in rest and look.status == "model changed")


def texts_of(looks: Sequence[Look]) -> dict[str, str]:
    """Return the newest sentence on every problem."""
    return {p["key"]: p["text"] for look in looks for p in problems_of(look)}


def stated(name: str, text: str) -> str:
    """Return who decided, or why; a decision without it is refused."""
    if not text.strip():
        raise ValueError(f"say {name}: the decision is read by others later")
    return text.strip()
