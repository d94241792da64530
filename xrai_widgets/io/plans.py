"""Plans as TOML: one table per assessment, its parameters inside."""

import tomllib
from pathlib import Path
from typing import Any


def read_plan(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """Read a plan.

    The file has one table per assessment, in the order in which they run::

        ["privacy.shapr"]
        n_neighbors = 5

    Raises
    ------
    ValueError
        if the file is no TOML, or holds anything but tables.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the plan must be a TOML file, got {str(path)!r}, which {what}")
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the plan {file.name} must be TOML: {error}") from None
    wrong = [key for key, table in tables.items() if not isinstance(table, dict)]
    if wrong:
        raise ValueError(f'the plan {file.name} must hold tables such as ["privacy.shapr"], got the key {wrong[0]!r}')
    nested = [key for key, table in tables.items() if any(isinstance(value, dict) for value in table.values())]
    if nested:
        raise ValueError(f'the plan {file.name} must quote names with a dot, ["privacy.shapr"], got [{nested[0]}.…]')
    if not tables:
        raise ValueError(f'the plan {file.name} must hold at least one table such as ["privacy.shapr"], got none')
    return list(tables.items())
