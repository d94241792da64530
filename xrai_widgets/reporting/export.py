"""A report as HTML, JSON and Markdown."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.core.finding import FOR_PAIRS, ROWS
from xrai_widgets.io.migrations import REPORTS, migrated
from xrai_widgets.io.outcomes import (
    finding_from_dict,
    finding_to_dict,
    outcome_from_dict,
    outcome_to_dict,
    table_from_dict,
    table_to_dict,
)
from xrai_widgets.reporting.compose import Report
from xrai_widgets.results import as_code, html, words
from xrai_widgets.results.combined import Combined
from xrai_widgets.results.families import FamilySummary
from xrai_widgets.results.policy import Check, Policy, Verdict
from xrai_widgets.results.views import VIEWS

SCHEMA = "xrai-widgets/report/3"
_EXPOSED = 20


def to_html(report: Report) -> str:
    """Return one HTML page without any outside request."""
    sections = [
        {
            "head": Markup(html.head(outcome, verdict)),
            "values": Markup(html.values(outcome, verdict)),
            "places": Markup(html.places(outcome, verdict)),
            "meaning": Markup(html.meaning(outcome, verdict)),
            "code": Markup(html.code(outcome)),
            "figures": html.figures(outcome.finding) if outcome.finding else [],
            "views": _views(outcome.finding, report.include_rows),
            "tables": _tables(outcome, report.include_rows),
        }
        for outcome, verdict in zip(report.outcomes, report.verdicts, strict=True)
    ]
    board = html.scoreboard(report.outcomes, report.policy, report.quality, families_too=False)
    return _template("report.html").render(
        report=report,
        sections=sections,
        board=Markup(board),
        together=Markup(html.together(report.readings)),
        style=Markup(html.style()),
        policy=report.policy.to_toml(),
        blocks=html.run_blocks(report.outcomes, report.policy),
    )


def to_json(report: Report) -> str:
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


def to_markdown(report: Report) -> str:
    """Return a model card."""
    pairs = list(zip(report.outcomes, report.verdicts, strict=True))
    told = {"changed": as_code.changed, "qualities": html.by_name(report.quality)}
    return _template("report.md").render(report=report, pairs=pairs, **told)


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
        return {str(name): finding_from_dict(found) for name, found in data["qualities"].items()}
    found = data.get("quality")
    return None if found is None else finding_from_dict(found)


def _quality(quality: html.Quality) -> dict[str, Any]:
    if isinstance(quality, Mapping):
        return {"quality": None, "qualities": {name: finding_to_dict(found) for name, found in quality.items()}}
    return {"quality": None if quality is None else finding_to_dict(quality)}


def read_combined(path: str | Path) -> list[Combined]:
    """Return what several searches said together in a report that was saved as JSON."""
    found = []
    for entry in _read(path).get("combined", []):
        plain = {key: entry[key] for key in _COMBINED}
        lists: dict[str, Any] = {key: tuple(entry[key]) for key in ("methods", "notes")}
        found.append(Combined(**plain, **lists, samples=table_from_dict(entry["samples"])))
    return found


def _read(path: str | Path) -> dict[str, Any]:
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"the report must be a JSON file, got {str(path)!r}, which does not exist")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the report {file.name} must be JSON: {error}") from None
    return migrated(data, SCHEMA, REPORTS, f"the report {file.name}")


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    text = resources.files("xrai_widgets.reporting").joinpath("report.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _environment() -> jinja2.Environment:
    results = html.environment()
    assert results.loader is not None
    own = jinja2.PackageLoader("xrai_widgets.reporting", "templates")
    return results.overlay(loader=jinja2.ChoiceLoader([own, results.loader]))


def _template(name: str) -> jinja2.Template:
    if name.endswith(".md"):
        plain = _environment().overlay(autoescape=False)
        plain.filters = {**plain.filters, "md": _markdown}
        return plain.get_template(name)
    return _environment().get_template(name)


def _markdown(text: object) -> str:
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _views(finding: Finding | None, include_rows: bool) -> list[Markup]:
    found = [] if finding is None else [view.reported(finding, include_rows) for view in VIEWS]
    return [shown for shown in found if shown]


def _tables(outcome: Outcome, include_rows: bool) -> list[Markup]:
    if outcome.finding is None:
        return []
    found = []
    for name, frame in outcome.finding.tables.items():
        if frame.empty or name in FOR_PAIRS or (name == ROWS and not include_rows):
            continue
        scores = [column for column in frame.columns if name == "samples" and frame[column].dtype.kind == "f"]
        shown = frame.sort_values(scores[0], ascending=False, kind="stable") if scores else frame
        caption = f"{words.label(name)}, largest {words.label(scores[0])} first" if scores else words.label(name)
        found.append(Markup(html.table(shown, caption, _EXPOSED)))
    return found


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
    plain = {key: getattr(reading, key) for key in _COMBINED}
    lists = {"methods": list(reading.methods), "notes": list(reading.notes)}
    return {**plain, **lists, "samples": table_to_dict(reading.samples), **_check(check)}


_COMBINED = ("subject", "subject_name", "norm", "scale", "epsilon", "value", "low", "high", "count", "bound")


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
    said = None
    if waiver is not None:
        until = waiver.until.isoformat()
        said = {"who": waiver.who, "why": waiver.why, "until": until, "subject": waiver.subject, "holds": check.waived}
    return {
        "measure": check.key,
        "threshold": str(check.threshold or ""),
        "status": check.status,
        "bound": check.bound,
        "reason": check.reason,
        "waiver": said,
    }
