"""What is new since the last look, what lasts, what is over: so that nobody is told the same twice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["opened", "still there", "acknowledged", "resolved"]


@dataclass(frozen=True)
class Standing:
    """A problem at the newest look.

    Parameters
    ----------
    key : str
        Its name, such as ``monitoring.performance accuracy_fall fail``.
    state : {"opened", "still there", "acknowledged", "resolved"}
    looks : int
        Looks in a row that have had it; of one that is resolved, had had it.
    notify : bool
        Whether somebody is to be told now.
    """

    key: str
    state: State
    looks: int
    notify: bool


def standings(
    looks: Sequence[frozenset[str]],
    acknowledged: Mapping[int, frozenset[str]],
    reminder: int = 7,
    *,
    unasked: Sequence[frozenset[str]] | None = None,
    fresh: Collection[int] | None = None,
) -> list[Standing]:
    """Return the state of every problem at the newest look.

    Parameters
    ----------
    looks : sequence of sets
        Problems of each look, oldest first.
    acknowledged : mapping of index of a look to set
        What somebody has acknowledged after that look, until it is resolved.
    reminder : int
        Looks after which what lasts is told again; at least 1.
    unasked : sequence of sets, optional
        Problems that each look could not have found, as it had no labels or no batch: there they neither end nor last
        longer.
    fresh : collection of int, optional
        Looks made just now: only what they found or ended is told. By default the newest one.
    """
    notified = {len(looks) - 1} if fresh is None else set(fresh)
    lasted: dict[str, int] = {}
    newest: dict[str, int] = {}
    ended: dict[str, tuple[int, int]] = {}
    silenced: set[str] = set()
    for number, problems in enumerate(looks):
        held = problems | (lasted.keys() & unasked[number] if unasked is not None else frozenset())
        ended |= {key: (number, count) for key, count in lasted.items() if key not in held}
        lasted = {key: lasted.get(key, 0) + (key in problems) for key in held}
        newest |= dict.fromkeys(problems, number)
        silenced &= held
        silenced |= acknowledged.get(number, frozenset()) & held
    states = [
        _standing(key, count, key in silenced, reminder, new=newest[key] in notified) for key, count in lasted.items()
    ]
    over = {key: count for key, (number, count) in ended.items() if number in notified and key not in lasted}
    states += [Standing(key, "resolved", count, notify=True) for key, count in over.items()]
    return sorted(states, key=lambda one: one.key)


def _standing(key: str, looks: int, silenced: bool, reminder: int, *, new: bool) -> Standing:
    if silenced:
        return Standing(key, "acknowledged", looks, notify=False)
    if looks == 1:
        return Standing(key, "opened", looks, notify=new)
    return Standing(key, "still there", looks, notify=new and (looks - 1) % reminder == 0)
