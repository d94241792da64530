"""Files that only their owner may read: the whole file or none, whenever the process is killed."""

import os
from pathlib import Path


def write_private(file: Path, content: bytes, part: Path | None = None) -> None:
    """Write a file of mode 0600; one that is there is replaced at once.

    Parameters
    ----------
    file : Path
    content : bytes
    part : Path, optional
        Where it is written before it has its name, in the same folder.

    Raises
    ------
    OSError
        if that cannot be done.
    """
    part = file.with_name(f".{file.name}.{os.urandom(6).hex()}.part") if part is None else part
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            stream.write(content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
