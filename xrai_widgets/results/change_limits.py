"""The table ``[change]`` of a policy: how much worse than the approved outcome a measure may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xrai_widgets.core import Measure, closest, registered


@dataclass(frozen=True)
class Changes:
    """The table ``[change]`` of a policy: how much worse than the approved outcome a measure may be.

    Parameters
    ----------
    default : float, optional
        For every measure that is a share, told in hundreds; others have limits of their own or are not judged.
    limits : mapping of assessment to mapping of measure to float
    """

    default: float | None = None
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def limit(self, assessment: str, measure: Measure) -> float | None:
        """Return how much worse a measure may be, if that is said."""
        limit = self.limits.get(assessment, {}).get(measure.key)
        return limit if limit is not None else self.default if measure.is_share else None

    def to_toml(self, under: str = "") -> list[str]:
        """Return the lines that `changes_of` reads; none where nothing is said."""
        lines = [] if self.default is None else [f"[{under}change]", f"default = {self.default!r}", ""]
        for name, table in self.limits.items():
            lines += [f'[{under}change."{name}"]', *(f"{key} = {{ max = {v!r} }}" for key, v in table.items()), ""]
        return lines


def changes_of(table: object, source: str) -> Changes:
    """Read the table ``[change]`` of a policy.

    Raises
    ------
    ValueError
        naming what is misspelt, or is no number from 0 on.
    """
    if not isinstance(table, dict):
        raise ValueError(f"{source} must hold [change] as a table with default = …, got {table!r}")
    default = table.get("default")
    rest = {name: entry for name, entry in table.items() if name != "default"}
    limits = {name: _limits(name, entry, source) for name, entry in rest.items()}
    return Changes(None if default is None else _number(default, f"{source}: change.default"), limits)


def check_changes(changes: Changes, source: str) -> None:
    """Refuse limits of assessments and measures that there are not."""
    catalog = registered()
    for name, table in changes.limits.items():
        if name.startswith("custom."):
            continue  # those may be registered in a notebook only
        if name not in catalog:
            raise ValueError(f"{source}: change names the assessment {name!r}{closest(name, catalog)}")
        keys = {measure.key for measure in catalog[name].measures}
        for key in table:
            if key not in keys:
                allowed = ", ".join(sorted(keys)) or "none: it is not judged"
                got = f"{key!r} of {name}; allowed: {allowed}{closest(key, keys)}"
                raise ValueError(f"{source}: change names the measure {got}")


def _limits(name: str, entry: object, source: str) -> dict[str, float]:
    if not isinstance(entry, dict):
        hint = closest(name, ("default",))
        raise ValueError(f'{source}: change must hold default or tables such as [change."{name}"], got {name!r}{hint}')
    read = {}
    for key, limit in entry.items():
        if not isinstance(limit, dict) or set(limit) != {"max"}:
            raise ValueError(f"{source}: change.{name}.{key} must be {{ max = … }} (more is worse), got {limit!r}")
        read[key] = _number(limit["max"], f"{source}: change.{name}.{key}.max")
    return read


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{what} must be a number from 0 on, got {value!r}")
    return float(value)
