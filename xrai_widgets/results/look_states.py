"""What is new since the last look, what lasts, what is over: so that nobody is told the same twice."""

from collections.abc import Mapping, Sequence
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
    looks: Sequence[frozenset[str]], acknowledged: Mapping[int, frozenset[str]], reminder: int = 7
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
    """
    if not looks:
        return []
    since: dict[str, int] = {}
    silenced: set[str] = set()
    over: dict[str, int] = {}
    for number, problems in enumerate(looks):
        over = {key: number - begun for key, begun in since.items() if key not in problems}
        since = {key: since.get(key, number) for key in problems}
        silenced &= problems
        silenced |= acknowledged.get(number, frozenset()) & problems
    newest = len(looks) - 1
    states = [_standing(key, newest - begun + 1, key in silenced, reminder) for key, begun in since.items()]
    states += [Standing(key, "resolved", lasted, notify=True) for key, lasted in over.items()]
    return sorted(states, key=lambda one: one.key)


def _standing(key: str, looks: int, silenced: bool, reminder: int) -> Standing:
    if silenced:
        return Standing(key, "acknowledged", looks, notify=False)
    if looks == 1:
        return Standing(key, "opened", looks, notify=True)
    return Standing(key, "still there", looks, notify=(looks - 1) % reminder == 0)
