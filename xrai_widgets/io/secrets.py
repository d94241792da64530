"""Secrets stand in the environment or in a file of their owner's; never in a plan, a store, a report or a log."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

WAY = "write env:NAME or file:/path"
_MOST = 64 * 1024


def is_reference(text: str) -> bool:
    """Whether a text names where a secret stands."""
    return text.startswith(("env:", "file:"))


def read_secret(text: str, of: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret that a reference names.

    Parameters
    ----------
    text : str
        ``env:NAME`` or ``file:/path``; the file is readable by its owner alone.
    of : str
        What the secret is for, to be named in an error.
    environ : mapping, optional
        In place of the process's environment.

    Raises
    ------
    ValueError
        if it is no reference, or there is nothing, or others may read the file. The secret is never part of a message.
    """
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        secret = (os.environ if environ is None else environ).get(name, "").strip()
        if not secret:
            raise ValueError(f"{of}: the environment variable {name} is not set")
        return secret
    if text.startswith("file:"):
        return _from_file(Path(text.removeprefix("file:")).expanduser(), of)
    raise ValueError(f"{of} is a secret and does not belong in a file that others read: {WAY}")


def _from_file(file: Path, of: str) -> str:
    if not file.is_absolute():
        raise ValueError(f"{of}: name the file by its whole path, got {file}")
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ValueError(f"{of}: {file} cannot be read ({error.strerror})") from None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise ValueError(f"{of}: {file} is not a file")
    with os.fdopen(descriptor, "rb") as handle:
        if os.name == "posix" and facts.st_mode & 0o077:
            raise ValueError(f"{of}: others may read {file}: run chmod 600 {file}")
        content = handle.read(_MOST + 1)
    if len(content) > _MOST:
        raise ValueError(f"{of}: {file} is larger than 64 KB, which no secret is")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{of}: {file} does not hold text") from None
    if not secret:
        raise ValueError(f"{of}: {file} is empty")
    return secret
