"""Reading a report back that was saved as JSON."""

import json
from pathlib import Path
from typing import Any

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.io.migrations import REPORTS, migrated
from xrai_widgets.io.outcomes import finding_from_dict, outcome_from_dict, table_from_dict
from xrai_widgets.reporting.formats.json import COMBINED, SCHEMA
from xrai_widgets.results.combined import Combined
from xrai_widgets.results.policy import Policy


def read_report(path: str | Path) -> list[Outcome]:
    """Return the outcomes of a report that was saved as JSON.

    Raises
    ------
    ValueError
        if the file is no such report, or one of a newer format.
    """
    return [outcome_from_dict(entry) for entry in _read(path).get("outcomes", [])]


def read_policy(path: str | Path) -> Policy:
    """Return the policy, waivers included, of a report that was saved as JSON."""
    text = _read(path).get("policy")
    if not isinstance(text, str):
        raise ValueError(f"the report {Path(path).name} must hold its policy as text, got {text!r}")
    return Policy.parse(text, f"the policy in {Path(path).name}")


def read_named(path: str | Path) -> list[str]:
    """Return the assessments that were asked for by name in the run of a report that was saved as JSON."""
    return [str(name) for name in _read(path).get("named", [])]


def read_quality(path: str | Path) -> Finding | dict[str, Finding] | None:
    """Return the model's own quality in a report that was saved as JSON, if it is there; of several models by name."""
    data = _read(path)
    if data.get("qualities"):
        return {str(name): finding_from_dict(entry) for name, entry in data["qualities"].items()}
    entry = data.get("quality")
    return None if entry is None else finding_from_dict(entry)


def read_combined(path: str | Path) -> list[Combined]:
    """Return the combined readings in a report that was saved as JSON."""
    readings = []
    for entry in _read(path).get("combined", []):
        plain = {key: entry[key] for key in COMBINED}
        lists: dict[str, Any] = {key: tuple(entry[key]) for key in ("methods", "notes")}
        readings.append(Combined(**plain, **lists, samples=table_from_dict(entry["samples"])))
    return readings


def _read(path: str | Path) -> dict[str, Any]:
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"the report must be a JSON file, got {str(path)!r}, which does not exist")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the report {file.name} must be JSON: {error}") from None
    return migrated(data, SCHEMA, REPORTS, f"the report {file.name}")
