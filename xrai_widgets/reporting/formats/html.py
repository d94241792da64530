"""A report as one HTML page without any outside request."""

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.core.finding import FOR_PAIRS, ROWS
from xrai_widgets.results import html, words
from xrai_widgets.results.views import VIEWS

if TYPE_CHECKING:
    from xrai_widgets.reporting.compose import Report

_EXPOSED = 20


def to_html(report: "Report") -> str:
    """Return one HTML page without any outside request."""
    sections = [
        {
            "head": Markup(html.head(outcome, verdict)),
            "values": Markup(html.values(outcome, verdict)),
            "places": Markup(html.places(outcome, verdict)),
            "meaning": Markup(html.meaning(outcome, verdict)),
            "code": Markup(html.code(outcome)),
            "figures": html.figures(outcome.finding, outcome.assessment) if outcome.finding else [],
            "views": _views(outcome.finding, report.include_rows),
            "tables": _tables(outcome, report.include_rows),
        }
        for outcome, verdict in zip(report.outcomes, report.verdicts, strict=True)
    ]
    board = html.scoreboard(report.outcomes, report.policy, report.quality, families_too=False)
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            sections=sections,
            board=Markup(board),
            together=Markup(html.together(report.readings)),
            style=Markup(html.style()),
            policy=report.policy.to_toml(),
            blocks=html.run_blocks(report.outcomes, report.policy),
        )
    )


@cache
def environment() -> jinja2.Environment:
    """Return the template environment of reports, which is that of results with templates of their own."""
    results = html.environment()
    assert results.loader is not None
    templates = jinja2.PackageLoader("xrai_widgets.reporting", "templates")
    return results.overlay(loader=jinja2.ChoiceLoader([templates, results.loader]))


def _views(finding: Finding | None, include_rows: bool) -> list[Markup]:
    views = [] if finding is None else [view.reported(finding, include_rows) for view in VIEWS]
    return [shown for shown in views if shown]


def _tables(outcome: Outcome, include_rows: bool) -> list[Markup]:
    if outcome.finding is None:
        return []
    tables, label = [], words.labels_of(outcome.assessment)
    for name, frame in outcome.finding.tables.items():
        if frame.empty or name in FOR_PAIRS or (name == ROWS and not include_rows):
            continue
        scores = [column for column in frame.columns if name == "samples" and frame[column].dtype.kind == "f"]
        shown = frame.sort_values(scores[0], ascending=False, kind="stable") if scores else frame
        caption = f"{label(name)}, largest {label(scores[0])} first" if scores else label(name)
        tables.append(Markup(html.table(shown, caption, _EXPOSED, outcome.assessment)))
    return tables
