"""Older reports, brought to the schema of today step by step."""

from collections.abc import Callable, Sequence
from typing import Any

from xrai_widgets.io.origins import origin_from_text, origin_to_dict

Migration = tuple[str, Callable[[dict[str, Any]], None]]


def migrated(data: Any, current: str, steps: Sequence[Migration], what: str) -> dict[str, Any]:
    """Return what a file of the current or of an older schema says, as one of the current schema.

    Parameters
    ----------
    data : object
        As JSON gives it; a dict is changed in place.
    current : str
    steps : sequence of (schema, function)
        Oldest first; each function turns what is of its schema into the next one.
    what : str
        What the file is, for the message.

    Raises
    ------
    ValueError
        for another schema, a newer one included.
    """
    written = data.get("schema") if isinstance(data, dict) else None
    names = [name for name, _ in steps]
    if written not in (current, *names):
        raise ValueError(
            f"{what} must have the schema {current!r} or an older one, got {written!r}; a newer one takes a newer "
            "xrai-widgets"
        )
    for name, step in steps[names.index(written) if written in names else len(names) :]:
        try:
            step(data)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"{what} is no report of the schema {name!r}: {error}") from None
    data["schema"] = current
    current_data: dict[str, Any] = data
    return current_data


def _one_to_two(report: dict[str, Any]) -> None:
    """Waivers, subgroups, and the digests of the data."""
    for outcome in report.get("outcomes", []):
        outcome.setdefault("parts", {})
    for verdict in report.get("verdicts", []):
        verdict.setdefault("waived", False)
        verdict.setdefault("subgroups", [])
        for check in verdict.get("checks", []):
            check.setdefault("waiver", None)


def _two_to_three(report: dict[str, Any]) -> None:
    """Bounds and values that must not be judged; families, what was asked for by name, and the model's own quality."""
    for outcome in report.get("outcomes", []):
        finding = outcome.get("finding")
        if finding is not None:
            finding.setdefault("bounds", {})
            finding.setdefault("unjudged", {})
    for verdict in report.get("verdicts", []):
        verdict.setdefault("missing", [])
        for check in verdict.get("checks", []):
            check.setdefault("bound", None)
            check.setdefault("reason", "")
    report.setdefault("named", [])
    report.setdefault("families", [])
    report.setdefault("combined", [])
    report.setdefault("quality", None)


def _three_to_four(report: dict[str, Any]) -> None:
    """How a subject was made, as data; and the digest of what the engine uses of it, which is not known."""
    for outcome in report.get("outcomes", []):
        outcome.setdefault("inputs", "")
        outcome["origin"] = origin_to_dict(origin_from_text(outcome.pop("subject_source", "")))


REPORTS: tuple[Migration, ...] = (
    ("xrai-widgets/report/1", _one_to_two),
    ("xrai-widgets/report/2", _two_to_three),
    ("xrai-widgets/report/3", _three_to_four),
)
