"""Thresholds, and what an outcome is worth against them. Thresholds live nowhere else."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import resources
from pathlib import Path

from xrai_widgets.core import Bound, Finding, Measure, Outcome, closest, registered
from xrai_widgets.results.alert import Alert, alert_of
from xrai_widgets.results.change_limits import Changes, changes_of, check_changes
from xrai_widgets.results.split_leak import beyond
from xrai_widgets.results.subgroups import GroupCheck, judge_groups
from xrai_widgets.results.threshold import WORST_FIRST, Status, Threshold, standing
from xrai_widgets.results.waiver import Waiver, waivers_of

RESERVED = ("waiver", "change", "alert")  # tables of a policy that are no assessments


@dataclass(frozen=True)
class Check:
    """One value of an outcome against its threshold.

    The status is the true one, waived or not. ``waiver`` is what the policy says about this measure, in force or not;
    ``waived`` whether it is in force and there is something to waive. ``bound`` says whether the value is a bound of
    what it names, ``attacker`` that it is what one attacker gets; ``reason`` why one with a threshold is not judged.
    """

    key: str
    value: float
    low: float
    high: float
    count: int | None
    threshold: Threshold | None
    status: Status
    waiver: Waiver | None = None
    waived: bool = False
    bound: Bound | None = None
    reason: str = ""
    attacker: bool = False

    @property
    def failed(self) -> bool:
        """Whether it fails and no waiver covers it."""
        return self.status == "fail" and not self.waived


@dataclass(frozen=True)
class Verdict:
    """An outcome against a policy: the worst of its checks.

    A subgroup that fails when all are read together fails the outcome, too; one that is too small to judge does not.
    ``missing`` are the measures that have a threshold and no value in this outcome.
    """

    status: Status
    checks: tuple[Check, ...] = ()
    reason: str = ""
    groups: tuple[GroupCheck, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def unjudged(self) -> dict[str, str]:
        """Measures with a threshold that are not judged although the run ended well, and why."""
        held = [check for check in self.checks if check.threshold is not None and check.status == "not judged"]
        reasons = {check.key: check.reason or "it is no number" for check in held}
        return reasons | dict.fromkeys(self.missing, "this run gives no such number")

    @property
    def failed(self) -> bool:
        """Whether anything fails that is not waived."""
        waived = {check.key for check in self.checks if check.waived}
        return any(check.failed for check in self.checks) or any(
            group.together == "fail" and group.key not in waived for group in self.groups
        )

    @property
    def waived(self) -> bool:
        """Whether there is a failure and all of them are waived."""
        return self.status == "fail" and not self.failed


@dataclass(frozen=True)
class Policy:
    """Thresholds by assessment and measure, what is waived, how much worse it may become, and what is told."""

    thresholds: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    changes: Changes = Changes()
    alert: Alert = Alert()

    @classmethod
    def default(cls) -> "Policy":
        """Return the packaged policy."""
        text = resources.files("xrai_widgets.results").joinpath("policy.toml").read_text(encoding="utf-8")
        return cls._made(_tables(text, "packaged policy"), "packaged policy")

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
        return cls.of(_tables(text, source), source)

    @classmethod
    def of(cls, tables: Mapping[str, object], source: str = "policy") -> "Policy":
        """Make a policy from the tables of a TOML file and check its names against the catalog."""
        policy = cls._made(tables, source)
        for name, table in policy.thresholds.items():
            _check_assessment(name, source)
            for key, threshold in table.items():
                _check_bound(name, key, threshold, source)
        for waiver in policy.waivers:
            _check_assessment(waiver.assessment, source)
            _measure(waiver.assessment, waiver.measure, source)
        check_changes(policy.changes, source)
        return policy

    @classmethod
    def _made(cls, tables: Mapping[str, object], source: str) -> "Policy":
        rest = {name: _thresholds(name, table, source) for name, table in tables.items() if name not in RESERVED}
        changes = changes_of(tables.get("change", {}), source)
        return cls(
            rest, waivers_of(tables.get("waiver", []), source), changes, alert_of(tables.get("alert", {}), source)
        )

    def threshold(self, assessment: str, key: str) -> Threshold | None:
        """Return the threshold of a measure, if there is one."""
        return self.thresholds.get(assessment, {}).get(key)

    def with_threshold(self, assessment: str, key: str, value: float) -> "Policy":
        """Return the policy with another value for a threshold that exists, or a new one on the measure's good side."""
        old = self.threshold(assessment, key)
        better = {measure.key: measure.better for measure in _measures(assessment)}.get(key, "lower")
        new = replace(old, value=value) if old else Threshold("max" if better == "lower" else "min", value)
        table = {**self.thresholds.get(assessment, {}), key: new}
        return replace(self, thresholds={**self.thresholds, assessment: table})

    def with_waiver(self, waiver: Waiver) -> "Policy":
        """Return the policy with a waiver; an older one for the same thing gives way."""
        return replace(self, waivers=(*self.without_waiver(waiver).waivers, waiver))

    def without_waiver(self, waiver: Waiver) -> "Policy":
        """Return the policy without what it waives for the same assessment, measure and subject."""
        return replace(self, waivers=tuple(old for old in self.waivers if old.key != waiver.key))

    def waiver(self, outcome: Outcome, measure: str, today: date | None = None) -> Waiver | None:
        """Return the waiver of a measure: of several, the one in force, then the one for this very subject."""
        covering = [waiver for waiver in self.waivers if waiver.covers(outcome, measure)]
        return max(covering, key=lambda waiver: (waiver.in_force(today), bool(waiver.subject)), default=None)

    def to_toml(self, under: str = "") -> str:
        """Return the policy as TOML, readable by `parse`; ``under`` stands before the names of its tables."""
        lines: list[str] = []
        for name, table in self.thresholds.items():
            lines += [f'[{under}"{name}"]', *(f"{key} = {{ {t.bound} = {t.value!r} }}" for key, t in table.items()), ""]
        lines += [*self.changes.to_toml(under), *self.alert.to_toml(under)]
        lines += [waiver.to_toml(under) for waiver in self.waivers]
        return "\n".join(lines)


def judge(outcome: Outcome, policy: Policy | None = None, today: date | None = None) -> Verdict:
    """Judge an outcome by a policy; by the packaged one if none is given.

    Only measures are judged, and only in an outcome that ended well. A value without interval is judged by itself. One
    that a split explains which leaks by itself fails where it lies beyond that and the limit, else it is not judged. A
    waiver changes no status: it is noted beside it, with whether it is in force ``today``.
    """
    policy = policy or Policy.default()
    if outcome.status != "ok" or outcome.finding is None:
        return Verdict("not judged", reason=f"{outcome.status}: {outcome.reason}")
    finding = outcome.finding
    measures = {measure.key: measure for measure in _measures(outcome.assessment)}
    bounds = {key: finding.bounds.get(key, measure.bound) for key, measure in measures.items()}
    thresholds = {k: t for k, t in policy.thresholds.get(outcome.assessment, {}).items() if k in bounds}
    groups = judge_groups(finding, {k: t for k, t in thresholds.items() if k not in finding.unjudged}, bounds)
    bad = {group.key for group in groups if group.together == "fail"}
    checks = []
    for key, value in finding.values.items():
        low, high = finding.intervals.get(key, (value, value))
        threshold = thresholds.get(key)
        sure = threshold is not None and beyond(finding, measures[key], threshold, low, high)
        reason = finding.unjudged.get(key, "") if threshold and not sure else ""
        can = threshold is not None and value == value and not reason
        status: Status = standing(threshold, low, high, bounds.get(key)) if threshold and can else "not judged"
        waiver = policy.waiver(outcome, key, today) if threshold else None
        waived = waiver is not None and (status in ("fail", "warn") or key in bad) and waiver.in_force(today)
        count, bound = finding.counts.get(key), bounds.get(key)
        attacker = key in measures and measures[key].attacker
        checks.append(Check(key, value, low, high, count, threshold, status, waiver, waived, bound, reason, attacker))
    statuses: list[Status] = [check.status for check in checks] + ["fail" for _ in bad]
    worst: Status = min(statuses, key=WORST_FIRST.index, default="not judged")
    made = Verdict(worst, tuple(checks), "", groups, _lacking(thresholds, measures, finding))
    why = "; ".join(dict.fromkeys(made.unjudged.values())) or "the policy has no threshold for it"
    return made if worst != "not judged" else replace(made, reason=why)


def _lacking(thresholds: Iterable[str], measures: Mapping[str, Measure], finding: Finding) -> tuple[str, ...]:
    """Return the measures with a threshold that the run should have given; those of another task are none."""
    tasks = {measures[key].task for key in finding.values if key in measures} - {None}
    here = [key for key in thresholds if not tasks or measures[key].task in {None, *tasks}]
    return tuple(key for key in here if key not in finding.values)


def _tables(text: str, source: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} must be TOML: {error}") from None


def _measures(assessment: str) -> tuple[Measure, ...]:
    entry = registered().get(assessment)
    return entry.measures if entry is not None else ()


def _thresholds(name: str, table: object, source: str) -> dict[str, Threshold]:
    if not isinstance(table, dict):
        hint = closest(name, RESERVED)
        raise ValueError(
            f'{source} must hold tables such as ["privacy.membership_inference"], got the key {name!r}{hint}'
        )
    read = {}
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
        read[key] = Threshold(bound, float(value))
    return read


def _check_assessment(name: str, source: str) -> None:
    catalog = registered()
    if name not in catalog and not name.startswith("custom."):  # those may be registered in a notebook only
        allowed = ", ".join(key for key, entry in catalog.items() if entry.measures)
        raise ValueError(f"{source} names the assessment {name!r}; allowed: {allowed}{closest(name, catalog)}")


def _measure(name: str, key: str, source: str) -> Measure | None:
    if name not in registered():
        return None
    measures = {measure.key: measure for measure in _measures(name)}
    if key not in measures:
        allowed = ", ".join(measures) or "none: it is not judged"
        raise ValueError(f"{source} names the measure {key!r} of {name}; allowed: {allowed}{closest(key, measures)}")
    return measures[key]


def _check_bound(name: str, key: str, threshold: Threshold, source: str) -> None:
    measure = _measure(name, key, source)
    if measure is None:
        return
    wanted = "max" if measure.better == "lower" else "min"
    if threshold.bound != wanted:
        raise ValueError(
            f"{source}: {name}.{key} must have {wanted} ({measure.better} is better), got {threshold.bound}"
        )
