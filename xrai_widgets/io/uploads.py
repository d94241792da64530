"""Files that arrive in slices: written to a private folder, measured on the way, removed when done."""

import contextlib
import os
import re
import shutil
import tempfile
import weakref
from pathlib import Path

SLICE = 2**20
LIMIT = 200 * 2**20
_PREFIX = "xrai-upload-"
_MOST_NAME = 120


class Upload:
    """One file on its way, or arrived.

    Parameters
    ----------
    name : str
        As the browser says; only the last part of it is used, and none of the characters that a file system minds.
    size : int
        Bytes announced.
    limit : int
        Most bytes.

    Raises
    ------
    ValueError
        if the announced size is none, or over the limit.
    """

    def __init__(self, name: str, size: int, limit: int = LIMIT) -> None:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"the size of a file must be a whole number of bytes, got {size!r}")
        if not isinstance(name, str):
            raise ValueError(f"the name of a file must be text, got {type(name).__name__}")
        self.name = safe_name(name)
        if size > limit:
            raise ValueError(f"{self.name} must have at most {limit:,} bytes ({limit / 2**20:g} MB), got {size:,}")
        self.size, self.received = size, 0
        _sweep()
        # mkdtemp: no one else may enter; the process is named so that a later one can tidy up after a killed one
        folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        self.path = Path(folder) / self.name
        self.path.touch(mode=0o600)
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def add(self, offset: int, data: bytes | memoryview) -> int:
        """Append a slice; return the bytes received so far.

        Raises
        ------
        ValueError
            if a slice is missing, too long, or more arrives than was announced.
        """
        if self.closed:
            raise ValueError(f"{self.name} is no longer being uploaded")
        if offset != self.received or isinstance(offset, bool):
            raise ValueError(f"a slice of {self.name} must begin at byte {self.received}, got {offset!r}")
        length = memoryview(data).nbytes
        if not 0 < length <= SLICE or self.received + length > self.size:
            room = min(SLICE, self.size - self.received)
            raise ValueError(f"a slice of {self.name} must have at least 1 and at most {room:,} bytes, got {length:,}")
        try:
            with self.path.open("ab") as file:
                file.write(data)
        except OSError as error:
            self.close()
            raise ValueError(f"{self.name} could not be kept: {error.strerror}") from None
        self.received += length
        return self.received

    @property
    def complete(self) -> bool:
        """Whether every announced byte is here."""
        return not self.closed and self.received == self.size == self.path.stat().st_size

    @property
    def closed(self) -> bool:
        """Whether the file was removed."""
        return not self._remove.alive

    def close(self) -> None:
        """Remove the file. It happens by itself when the upload is no longer used, and at the end of the process."""
        self._remove()

    def __repr__(self) -> str:
        return f"Upload({self.name!r}, {self.received:,} of {self.size:,} bytes)"


def safe_name(name: str) -> str:
    """Return the last part of a path, without control characters, without ``<>:"|?*``, and not too long."""
    last = re.split(r"[/\\]", name)[-1]
    last = re.sub(r'[<>:"|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]', "_", last).strip(
        ". "
    )
    stem, dot, ending = last.partition(".")
    while len(f"{stem}{dot}{ending}".encode()) > _MOST_NAME:
        stem, ending = (stem[:-1], ending) if stem else (stem, ending[1:])
    return f"{stem}{dot}{ending}" or "file"


def _sweep() -> None:
    """Remove what processes left that were killed."""
    if os.name != "posix":  # elsewhere signal 0, which asks whether a process runs, would end it
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _runs(int(owner)):
            with contextlib.suppress(OSError):
                if folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
