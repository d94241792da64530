"""A report as a Markdown model card."""

from typing import TYPE_CHECKING

from xrai_widgets.reporting.formats.html import environment
from xrai_widgets.results import as_code, html

if TYPE_CHECKING:
    from xrai_widgets.reporting.compose import Report


def to_markdown(report: "Report") -> str:
    """Return a model card."""
    plain = environment().overlay(autoescape=False)
    plain.filters = {**plain.filters, "md": _escaped}
    pairs = list(zip(report.outcomes, report.verdicts, strict=True))
    context = {"changed": as_code.changed, "qualities": html.by_name(report.quality)}
    return plain.get_template("report.md").render(report=report, pairs=pairs, **context)


def _escaped(text: object) -> str:
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
