"""A report as JSON by the packaged schema."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from xrai_widgets.core import Outcome
from xrai_widgets.io.outcomes import finding_to_dict, outcome_to_dict, table_to_dict
from xrai_widgets.results import html
from xrai_widgets.results.combined import Combined
from xrai_widgets.results.families import FamilySummary
from xrai_widgets.results.policy import Check, Verdict

if TYPE_CHECKING:
    from xrai_widgets.reporting.compose import Report

SCHEMA = "xrai-widgets/report/4"
COMBINED = ("subject", "subject_name", "norm", "scale", "epsilon", "value", "low", "high", "count", "bound")


def to_json(report: "Report") -> str:
    """Return JSON by the schema that `schema` returns."""
    data = {
        "schema": SCHEMA,
        "title": report.title,
        "created": report.created,
        "policy": report.policy.to_toml(),
        "include_rows": report.include_rows,
        **_quality(report.quality),
        "named": list(report.named),
        "combined": [_combined(*reading) for reading in report.readings],
        "families": [_family(family) for family in report.families],
        "outcomes": [outcome_to_dict(outcome, include_rows=report.include_rows) for outcome in report.outcomes],
        "verdicts": [
            _verdict(outcome, verdict) for outcome, verdict in zip(report.outcomes, report.verdicts, strict=True)
        ],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    text = resources.files("xrai_widgets.reporting").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _quality(quality: html.Quality) -> dict[str, Any]:
    if isinstance(quality, Mapping):
        return {"quality": None, "qualities": {name: finding_to_dict(finding) for name, finding in quality.items()}}
    return {"quality": None if quality is None else finding_to_dict(quality)}


def _verdict(outcome: Outcome, verdict: Verdict) -> dict[str, Any]:
    checks = [_check(check) for check in verdict.checks if check.threshold is not None]
    return {
        "assessment": outcome.assessment,
        "status": verdict.status,
        "waived": verdict.waived,
        "reason": verdict.reason,
        "checks": checks,
        "missing": list(verdict.missing),
        "subgroups": [
            {"group": group.group, "measure": group.key, "status": group.status, "together": group.together}
            for group in verdict.groups
        ],
    }


def _combined(reading: Combined, check: Check) -> dict[str, Any]:
    plain = {key: getattr(reading, key) for key in COMBINED}
    lists = {"methods": list(reading.methods), "notes": list(reading.notes)}
    return {**plain, **lists, "samples": table_to_dict(reading.samples), **_check(check)}


def _family(family: FamilySummary) -> dict[str, Any]:
    return {
        "family": family.family,
        "status": family.status,
        "waived": family.waived,
        "judged": family.judged,
        "total": family.total,
        "counts": dict(family.counts),
        "reason": family.reason,
    }


def _check(check: Check) -> dict[str, Any]:
    waiver = check.waiver
    entry = None
    if waiver is not None:
        until = waiver.until.isoformat()
        entry = {"who": waiver.who, "why": waiver.why, "until": until, "subject": waiver.subject, "holds": check.waived}
    return {
        "measure": check.key,
        "threshold": str(check.threshold or ""),
        "status": check.status,
        "bound": check.bound,
        "reason": check.reason,
        "waiver": entry,
    }
