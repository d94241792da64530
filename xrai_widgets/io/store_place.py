"""Where outcomes are kept unless somebody says otherwise."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SETTING = "XRAI_STORE"
NONE = "none"


def chosen_store(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the place of the store that a workbench uses by itself; None if nothing is to be kept.

    The setting ``XRAI_STORE`` (a file, a database URL, or ``none``) decides. Without it, a notebook keeps its outcomes
    in the user's own data folder, and a page of a Voilà server keeps nothing: its visitors may be several people.
    """
    given = os.environ if environ is None else environ
    setting = given.get(SETTING, "").strip()
    if setting:
        return None if setting.lower() == NONE else setting
    served = given.get("SERVER_SOFTWARE", "").startswith("voila") or any(key.startswith("VOILA_") for key in given)
    return None if served else str(own_store(given))


def own_store(environ: Mapping[str, str] | None = None) -> Path:
    """Return the store file in the user's data folder, by the custom of the system."""
    given = os.environ if environ is None else environ
    home = Path.home()
    if sys.platform == "win32":
        folder = Path(given.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(given.get("XDG_DATA_HOME") or home / ".local" / "share")
    return folder / "xrai-widgets" / "outcomes.sqlite"


def make_private(file: Path) -> None:
    """Make an empty file, and its folder if need be, that only its owner may read; leave one that is there alone.

    Raises
    ------
    OSError
        if that cannot be done.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder") from None
