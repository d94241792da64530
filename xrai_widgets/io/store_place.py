"""Where outcomes are kept by default, and the folders of a user."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

SETTING = "XRAI_STORE"
NONE = "none"
_FOLDERS = {  # on macOS; elsewhere the variable of the XDG Base Directory Specification, and what holds without it
    "data": ("Application Support", "XDG_DATA_HOME", ".local/share"),
    "cache": ("Caches", "XDG_CACHE_HOME", ".cache"),
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class StoreError(OSError):
    """The store cannot be read or written; the message says why and what to do."""


def chosen_store(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the place of the store that a workbench uses by itself; None if nothing is to be kept.

    The setting ``XRAI_STORE`` (a file, a database URL, or ``none``) decides. Without it, a notebook keeps its outcomes
    in the user's own data folder, and a page of a Voilà server keeps nothing: its visitors may be several people.
    """
    given = os.environ if environ is None else environ
    setting = given.get(SETTING, "").strip()
    if setting:
        return None if setting.lower() == NONE else setting
    return None if served(given) else str(user_store(given))


def served(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this is the kernel of a page that Voilà serves, so that its visitors may be several people."""
    given = os.environ if environ is None else environ
    return given.get("SERVER_SOFTWARE", "").startswith("voila") or any(key.startswith("VOILA_") for key in given)


def gallery_store(setting: str, host: str) -> str:
    """Return the setting for the pages of a gallery: what is named, else on loopback the user's own store, else none.

    Files become absolute, because the pages' kernels run in another folder.
    """
    named = setting.strip()
    if not named:
        return str(user_store()) if host in _LOOPBACK else NONE
    if named.lower() == NONE:
        return NONE
    prefix, file = ("sqlite:///", named[10:]) if named.startswith("sqlite:///") else ("", named)
    if not file or "://" in file or file.startswith(("file:", ":memory:")):
        return named
    return f"{prefix}{Path(file).expanduser().absolute()}"


def user_store(environ: Mapping[str, str] | None = None) -> Path:
    """Return the store file in the user's data folder."""
    return user_folder("data", environ) / "outcomes.sqlite"


def user_folder(kind: Literal["data", "cache"], environ: Mapping[str, str] | None = None) -> Path:
    """Return this package's folder among the user's data or caches, by the custom of the system."""
    given = os.environ if environ is None else environ
    home = Path.home()
    library, variable, otherwise = _FOLDERS[kind]
    if sys.platform == "win32":
        folder = Path(given.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / library
    else:
        folder = Path(given.get(variable) or home / otherwise)
    return folder / "xrai-widgets"


def make_private(file: Path) -> None:
    """Make an empty file, and its folder if need be, that only its owner may read; leave one that is there alone.

    Raises
    ------
    StoreError
        if that cannot be done.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if file.is_dir() or not file.parent.is_dir():
            raise StoreError(f"must be a file in a folder: {file if file.is_dir() else file.parent} is none") from None
    except OSError as error:
        raise StoreError(f"cannot be made: {error.strerror or error}") from None
