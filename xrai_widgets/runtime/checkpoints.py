"""What engines keep of a training: in the user's cache, in memory where nothing may be written, or through a pipe."""

import hashlib
import json
import logging
import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Protocol

import cloudpickle
import numpy as np

from xrai_widgets.core.step import Arrays
from xrai_widgets.io.checkpoint_files import chosen_folder, prune, read_checkpoint, write_checkpoint
from xrai_widgets.runtime.versions import versions

logger = logging.getLogger("xrai_widgets")
LIMIT = 2**30  # bytes on the disk
_MEMORY = 2**28  # bytes in the memory of a process


class Keeper(Protocol):
    """Whatever keeps arrays."""

    def recall(self, key: str) -> Arrays | None:
        """Return what is kept under the key; None if nothing is."""

    def keep(self, key: str, arrays: Arrays) -> None:
        """Keep arrays under the key, in place of what was."""


class InMemory:
    """Arrays in this process, up to a number of bytes; what was used longest ago goes first. Safe across threads."""

    def __init__(self, limit: int = _MEMORY) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, Arrays] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, key: str) -> Arrays | None:
        """Return copies of what is kept under the key; None if nothing is."""
        with self._lock:
            if (arrays := self._kept.get(key)) is None:
                return None
            self._kept.move_to_end(key)
        return {name: np.array(value) for name, value in arrays.items()}

    def keep(self, key: str, arrays: Arrays) -> None:
        """Keep copies under the key, in place of what was."""
        with self._lock:
            self._kept[key] = {name: np.array(value) for name, value in arrays.items()}
            self._kept.move_to_end(key)
            while self._kept and sum(map(_size, self._kept.values())) > self._limit:
                self._kept.popitem(last=False)


class InFolder:
    """Arrays in files, up to a number of bytes; in memory as long as the folder cannot be written.

    Parameters
    ----------
    folder : Path
    limit : int
        Bytes; what was used longest ago goes first.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder, self._limit = folder, limit
        self._instead = InMemory()

    def recall(self, key: str) -> Arrays | None:
        """Return what is kept under the key; None if nothing is, or it was damaged."""
        arrays = read_checkpoint(self._folder, _name(key))
        return self._instead.recall(key) if arrays is None else arrays

    def keep(self, key: str, arrays: Arrays) -> None:
        """Write arrays under the key, in place of what was; more than the limit is not kept."""
        if _size(arrays) > self._limit:
            logger.warning("a checkpoint of %d MB is more than the %d MB of the cache", *_mega(arrays, self._limit))
            return
        try:
            write_checkpoint(self._folder, _name(key), arrays)
            prune(self._folder, self._limit)
        except OSError as error:
            logger.warning("a checkpoint is kept in memory alone: %s", error)
            self._instead.keep(key, arrays)


class Afresh:
    """Whatever this process keeps, blind to what it has not kept itself: everything is trained again."""

    def __init__(self) -> None:
        self._reserved: set[str] = set()

    def recall(self, key: str) -> Arrays | None:
        """Return what was kept here under the key; None if nothing was."""
        return kept_by_user().recall(key) if key in self._reserved else None

    def keep(self, key: str, arrays: Arrays) -> None:
        """Keep arrays in place of those of earlier runs."""
        self._reserved.add(key)
        kept_by_user().keep(key, arrays)


class Piped:
    """In a process of its own: whoever started it keeps the arrays.

    Parameters
    ----------
    send : callable
        Sends a kind of message and its value to the process that waits.
    replies : stream
        From which its answers are read.
    """

    def __init__(self, send: Callable[[str, object], None], replies: IO[bytes]) -> None:
        self._send, self._replies = send, replies

    def recall(self, key: str) -> Arrays | None:
        """Ask for what is kept under the key, and wait for it."""
        self._send("recall", key)
        arrays: Arrays | None = pickle.load(self._replies)
        return arrays

    def keep(self, key: str, arrays: Arrays) -> None:
        """Send arrays to be kept."""
        self._send("keep", (key, dict(arrays)))


def answer(replies: IO[bytes], arrays: Arrays | None) -> None:
    """Send what a process has asked for; one that has ended needs no answer."""
    with suppress(BrokenPipeError):
        cloudpickle.dump(None if arrays is None else dict(arrays), replies, protocol=5)
        replies.flush()


def kept_by_user() -> Keeper:
    """Return where this process keeps what engines train: by the settings as they are now."""
    folder = chosen_folder()
    # safetensors comes with the extra torch, without which the package's own engines train nothing
    return _in_memory(os.getpid()) if folder is None or find_spec("safetensors") is None else _in_folder(folder)


@cache
def _in_memory(_process: int) -> InMemory:
    return InMemory()


@cache
def _in_folder(folder: Path) -> InFolder:
    return InFolder(folder)


def _name(key: str) -> str:
    """Return the name of the key's file: what other versions have trained is no part of this run."""
    return hashlib.sha256(json.dumps([key, versions()], sort_keys=True).encode()).hexdigest()


def _size(arrays: Arrays) -> int:
    return sum(np.asarray(value).nbytes for value in arrays.values())


def _mega(arrays: Arrays, limit: int) -> tuple[int, int]:
    return _size(arrays) // 2**20, limit // 2**20
