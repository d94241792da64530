"""What a database says when it fails, in words that tell what to do."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError


READ_ONLY = "is read-only"
_WORDS = {
    "BUSY": "is locked by another program that writes to it: try again, or end that program",
    "LOCKED": "is locked by another program that writes to it: try again, or end that program",
    "READONLY": "is read-only: allow writing to the file and its folder, or choose another store",
    "FULL": "cannot grow: the disk is full",
    "IOERR": "cannot be written: the disk is full or failing",
    "CORRUPT": "is damaged: move the file away and a new one is made, or restore it from a backup",
    "NOTADB": "is no store but some other file: choose another place, or move the file away",
    "CANTOPEN": "cannot be opened: its folder must exist and allow writing",
    "AUTH": "may not be used by this user",
    "PERM": "may not be used by this user",
}
_STATES = {
    "53100": "cannot grow: the disk is full",
    "25006": "is read-only: choose another store",
    "55P03": "is locked by another program that writes to it: try again, or end that program",
    "42501": "may not be written by this user: grant it the right, or choose another store",
}


def explain(error: "SQLAlchemyError | ImportError") -> str:
    """Return what goes after the name of the store."""
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError

    if isinstance(error, ImportError):
        package = (error.name or "").partition(".")[0]
        extra = ": pip install 'xrai-widgets[postgres]'" if package.startswith("psycopg") else ""
        return f"needs the package {package}{extra}"
    if isinstance(error, NoSuchModuleError):
        return (
            "has a URL of an unknown kind: it must begin with sqlite:///, postgresql:// or what else SQLAlchemy knows"
        )
    driver_error = getattr(error, "orig", None) if isinstance(error, DBAPIError) else None
    code = str(getattr(driver_error, "sqlite_errorname", "")).split("_")[1:2]
    words = _WORDS.get(code[0]) if code else _STATES.get(str(getattr(driver_error, "sqlstate", "")))
    first = str(driver_error or error).strip().splitlines()
    reason = first[0] if first else type(error).__name__
    return f"{words} ({reason})" if words else f"failed: {reason}"
