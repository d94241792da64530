"""Subjects whose model lives in a cell: every query and every refit goes to a process of its own."""

import collections
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cloudpickle

from xrai_widgets.cells.cell import Cell, CellDied
from xrai_widgets.cells.inmate import ABILITIES
from xrai_widgets.cells.plain import careful
from xrai_widgets.core import Subject

_MOST_CELLS = 2  # that a worker process keeps for models it has been sent


class Home:
    """Where the functions of one model live: a cell, and all that it takes to start another one.

    Sent to another process, it starts a cell of its own there when it is first asked.

    Parameters
    ----------
    packed : bytes
        The functions, as one cell packed them for another; no one else unpacks them.
    kind : str
        Of the model, for tables.
    modules, budget, environment
        Of `Cell`.
    """

    def __init__(
        self,
        packed: bytes,
        kind: str,
        modules: tuple[str, ...] = (),
        budget: int | None = None,
        environment: Any = "stripped",
    ) -> None:
        self.packed, self.kind = packed, kind
        self.settings: dict[str, Any] = {"modules": modules, "budget": budget, "environment": environment}
        self.name = f"{os.getpid()}-{id(self)}-{len(packed)}"
        self.cell: Cell | None = None
        self._lock = threading.Lock()

    def living(self) -> Cell:
        """Return the cell, a new one if there is none here or it has died."""
        with self._lock:
            cell = self.cell
            if cell is None or not cell.alive or cell.owner != os.getpid():
                cell = self.cell = Cell(**self.settings)
            return cell

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("packed", "kind", "settings", "name")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.cell, self._lock = None, threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.name, self.__getstate__())

    def __deepcopy__(self, _: Any) -> "Home":
        return self


_homes: "weakref.WeakValueDictionary[str, Home]" = weakref.WeakValueDictionary()
_kept: "collections.OrderedDict[str, Home]" = collections.OrderedDict()
_arriving = threading.Lock()


def _arrived(name: str, state: dict[str, Any]) -> Home:
    """Return the home of this name in this process: one cell serves all that is sent of one model."""
    with _arriving:
        home = _homes.get(name)
        if home is None:
            home = Home.__new__(Home)
            home.__setstate__(state)
            _homes[name] = home
        _kept[name] = home
        _kept.move_to_end(name)
        while len(_kept) > _MOST_CELLS:
            _kept.popitem(last=False)
        return home


class Foreign:
    """Stands for a model that lives in a cell."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def kind(self) -> str:
        """The name of the model's class."""
        return self.home.kind

    def __repr__(self) -> str:
        return f"{self.kind} in a process of its own"


class Remote:
    """A function that a cell holds.

    Parameters
    ----------
    home : Home
    key : str
    packed : bytes, optional
        The function itself, where it is none of those that the home was made with.
    """

    def __init__(self, home: Home, key: str, cell: Cell | None = None, packed: bytes = b"") -> None:
        self.home, self.key, self._packed = home, key, packed
        self._cell = cell  # where a refitted model lives
        if cell is not None:
            weakref.finalize(self, _drop, weakref.ref(cell), key)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Return what the function returns."""
        cell = self._cell
        if cell is None or cell.owner != os.getpid():
            cell = self.home.living()
        elif not cell.alive and not self._packed:
            raise CellDied("the model that was trained anew was lost with the process it lived in")
        _tidy(cell)
        return cell.ask(
            self.key, args, named, self._packed or self.home.packed, lambda key: Remote(self.home, key, cell)
        )

    def __getstate__(self) -> dict[str, Any]:
        if self._cell is not None and not self._packed:
            self._packed = bytes(self._cell.tell({"op": "dump", "key": self.key})[1][0])
        return {"home": self.home, "key": self.key, "_packed": self._packed, "_cell": None}

    def __deepcopy__(self, _: Any) -> "Remote":
        return self

    def __repr__(self) -> str:
        return f"Remote({self.key!r} of {self.home.kind})"


_dropped: "collections.deque[tuple[weakref.ref[Cell], str]]" = collections.deque()


def _drop(cell: "weakref.ref[Cell]", key: str) -> None:
    # a finalizer runs whenever memory is collected, even inside a query: it only takes a note
    _dropped.append((cell, key))


def _tidy(cell: Cell) -> None:
    """Let the cell forget refitted models that are no longer used."""
    keys = []
    for _ in range(len(_dropped)):
        where, key = _dropped.popleft()
        if where() is cell:
            keys.append(key)
        elif where() is not None:
            _dropped.append((where, key))
    if keys and cell.alive:
        cell.tell({"op": "drop", "keys": keys})


def made_in_cell(function: Callable[..., Subject], arguments: tuple[Any, ...], modules: tuple[str, ...]) -> Subject:
    """Return the subject that a function makes in a cell; its model stays there.

    Parameters
    ----------
    function : callable
        Makes the subject; called in the cell with ``arguments`` and a step.
    modules : tuple of str
        What the cell imports before its memory is limited.
    """
    cell = Cell(modules)
    description, packed = cell.call(function, arguments)
    made = careful(description)
    home = Home(bytes(packed), str(made["kind"]), modules)
    home.cell = cell
    decode = None if made["codec"] is None else made["codec"].decode
    return Subject(**made["fields"], decode=decode, model=Foreign(home), **_remotes(home, made["abilities"]))


def in_cell(subject: Subject, *, budget: int | None = None) -> Subject:
    """Return the same subject with its model in a process of its own, which is killed on Cancel when a call hangs.

    Parameters
    ----------
    subject : Subject
        Of a model that can be pickled.
    budget : int, optional
        Bytes of memory that the model may use; by default 2 GiB.

    Raises
    ------
    TypeError
        if the model cannot be pickled.
    """
    abilities = {name: ability for name in ABILITIES if (ability := getattr(subject, name, None)) is not None}
    try:
        packed = cloudpickle.dumps(abilities, protocol=5)
    except Exception as error:
        raise TypeError(f"the model cannot be sent to a process of its own: {error}") from error
    home = Home(packed, type(subject.model).__name__, budget=budget, environment="own")
    return replace(subject, model=Foreign(home), **_remotes(home, list(abilities)))


def _remotes(home: Home, names: list[str]) -> dict[str, Any]:
    return {name: Remote(home, name) for name in names if name in ABILITIES}
