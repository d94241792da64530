"""Thresholds, and what an outcome is worth against them. Thresholds live nowhere else."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from xrai_widgets.core import Outcome, closest, registered

Status = Literal["pass", "warn", "fail", "not judged"]
WORST_FIRST: tuple[Status, ...] = ("fail", "warn", "pass", "not judged")


@dataclass(frozen=True)
class Threshold:
    """A bound for one measure: the good side is at or below ``max``, or at or above ``min``."""

    bound: Literal["max", "min"]
    value: float

    def judge(self, low: float, high: float) -> Status:
        """Judge an interval: pass if all of it is good, fail if all of it is bad, else warn."""
        if self.bound == "max":
            return "pass" if high <= self.value else "fail" if low > self.value else "warn"
        return "pass" if low >= self.value else "fail" if high < self.value else "warn"

    def __str__(self) -> str:
        return f"{'≤' if self.bound == 'max' else '≥'} {self.value:g}"


@dataclass(frozen=True)
class Check:
    """One value of an outcome against its threshold."""

    key: str
    value: float
    low: float
    high: float
    count: int | None
    threshold: Threshold | None
    status: Status


@dataclass(frozen=True)
class Verdict:
    """An outcome against a policy: the worst of its checks."""

    status: Status
    checks: tuple[Check, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Policy:
    """Thresholds by assessment and measure."""

    thresholds: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict)

    @classmethod
    def default(cls) -> "Policy":
        """Return the packaged policy."""
        text = resources.files("xrai_widgets.results").joinpath("policy.toml").read_text(encoding="utf-8")
        return cls._read(text, "packaged policy")

    @classmethod
    def load(cls, path: str | Path) -> "Policy":
        """Read a policy from a TOML file.

        Raises
        ------
        ValueError
            naming the unknown assessment, measure or bound, what is allowed, and the nearest allowed word.
        """
        file = Path(path)
        if not file.is_file():
            raise ValueError(f"the policy must be a TOML file, got {str(path)!r}, which does not exist")
        return cls.parse(file.read_text(encoding="utf-8"), file.name)

    @classmethod
    def parse(cls, text: str, source: str = "policy") -> "Policy":
        """Read a policy from TOML text and check its names against the catalog."""
        policy = cls._read(text, source)
        for name, table in policy.thresholds.items():
            _check_names(name, table, source)
        return policy

    @classmethod
    def _read(cls, text: str, source: str) -> "Policy":
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{source} must be TOML: {error}") from None
        return cls({name: _thresholds(name, table, source) for name, table in tables.items()})

    def threshold(self, assessment: str, key: str) -> Threshold | None:
        """Return the threshold of a measure, if there is one."""
        return self.thresholds.get(assessment, {}).get(key)

    def with_threshold(self, assessment: str, key: str, value: float) -> "Policy":
        """Return the policy with another value for a threshold that exists, or a new one on the measure's good side."""
        old = self.threshold(assessment, key)
        better = {measure.key: measure.better for measure in _measures(assessment)}.get(key, "lower")
        new = replace(old, value=value) if old else Threshold("max" if better == "lower" else "min", value)
        table = {**self.thresholds.get(assessment, {}), key: new}
        return Policy({**self.thresholds, assessment: table})

    def to_toml(self) -> str:
        """Return the policy as TOML, readable by `parse`."""
        lines: list[str] = []
        for name, table in self.thresholds.items():
            lines += [f'["{name}"]', *(f"{key} = {{ {t.bound} = {t.value!r} }}" for key, t in table.items()), ""]
        return "\n".join(lines)


def judge(outcome: Outcome, policy: Policy | None = None) -> Verdict:
    """Judge an outcome by a policy; by the packaged one if none is given.

    Only measures are judged, and only in an outcome that ended well. A value without interval is judged by itself.
    """
    policy = policy or Policy.default()
    if outcome.status != "ok" or outcome.finding is None:
        return Verdict("not judged", reason=f"{outcome.status}: {outcome.reason}")
    finding = outcome.finding
    judged = {measure.key for measure in _measures(outcome.assessment)}
    checks = []
    for key, value in finding.values.items():
        low, high = finding.intervals.get(key, (value, value))
        threshold = policy.threshold(outcome.assessment, key) if key in judged else None
        status: Status = threshold.judge(low, high) if threshold and value == value else "not judged"
        checks.append(Check(key, value, low, high, finding.counts.get(key), threshold, status))
    worst: Status = min((check.status for check in checks), key=WORST_FIRST.index, default="not judged")
    return Verdict(worst, tuple(checks), "" if worst != "not judged" else "the policy has no threshold for it")


def _measures(assessment: str) -> tuple[Any, ...]:
    entry = registered().get(assessment)
    return entry.measures if entry is not None else ()


def _thresholds(name: str, table: object, source: str) -> dict[str, Threshold]:
    if not isinstance(table, dict):
        raise ValueError(f'{source} must hold tables such as ["privacy.membership_inference"], got the key {name!r}')
    found = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ValueError(f"{source}: {name}.{key} must be {{ max = … }} or {{ min = … }}, got {entry!r}")
        bound, value = next(iter(entry.items()))
        if bound not in ("max", "min"):
            raise ValueError(
                f"{source}: {name}.{key} must have max or min, got {bound!r}{closest(bound, ('max', 'min'))}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{source}: {name}.{key}.{bound} must be a number, got {value!r}")
        found[key] = Threshold(bound, float(value))
    return found


def _check_names(name: str, table: Mapping[str, Threshold], source: str) -> None:
    known = registered()
    if name not in known:
        if name.startswith("custom."):  # registered in somebody's notebook, perhaps not in this process
            return
        allowed = ", ".join(key for key, entry in known.items() if entry.measures)
        raise ValueError(f"{source} names the assessment {name!r}; allowed: {allowed}{closest(name, known)}")
    measures = {measure.key: measure for measure in known[name].measures}
    for key, threshold in table.items():
        if key not in measures:
            allowed = ", ".join(measures) or "none: it is not judged"
            raise ValueError(
                f"{source} names the measure {key!r} of {name}; allowed: {allowed}{closest(key, measures)}"
            )
        wanted = "max" if measures[key].better == "lower" else "min"
        if threshold.bound != wanted:
            raise ValueError(
                f"{source}: {name}.{key} must have {wanted} ({measures[key].better} is better), got {threshold.bound}"
            )
