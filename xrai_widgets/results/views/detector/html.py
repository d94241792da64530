"""The thresholds of a detector in a report, and one of them beside its slider."""

from typing import Any

from markupsafe import Markup

from xrai_widgets.core import Finding
from xrai_widgets.results import html
from xrai_widgets.results.views.detector.reading import Share, has_detector, rows_for_report

_MOST = 10  # thresholds in a report beside the named ones
_SHOWN = ("false_alarms", "plain_detection", "adaptive_detection", "foreign_detection", "accuracy")
WORDS = {
    "false_alarms": "clean samples flagged (false alarms)",
    "plain_detection": "plain attack flagged",
    "adaptive_detection": "adaptive attack flagged",
    "foreign_detection": "foreign inputs flagged",
    "accuracy": "accuracy of what is not flagged",
}


def reported(finding: Finding, include_rows: bool) -> Markup:  # noqa: ARG001 - no sample's contents are shown
    """Return what a report shows: what several thresholds flag, with their intervals."""
    if not has_detector(finding):
        return Markup("")
    table = rows_for_report(finding, _MOST)
    keys = [key for key in _SHOWN if key in table.columns]
    rows: list[dict[str, Any]] = []
    for row in table.to_dict("records"):
        cells = [_cell(row, key) for key in keys]
        rows.append({"threshold": row["threshold"], "which": row["which"], "cells": cells})
    heads = [WORDS[key] for key in keys]
    return Markup(html.render("detector/templates/thresholds.html", rows=rows, heads=heads))


def _cell(row: dict[Any, Any], key: str) -> dict[str, float]:
    low, high = ("low", "high") if key == "accuracy" else (f"{key}_low", f"{key}_high")
    return {"value": row[key], "low": row[low], "high": row[high]}


def beside(threshold: float, which: str, shares: list[Share]) -> str:
    """Return what one threshold does."""
    return html.render(
        "detector/templates/threshold.html", threshold=threshold, which=which, shares=shares, words=WORDS
    )
