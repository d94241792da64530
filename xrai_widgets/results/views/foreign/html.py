"""What an alarm does at one α and at several, and what it says of one input."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from xrai_widgets.core import Finding
from xrai_widgets.results import html
from xrai_widgets.results.views.foreign.reading import Share, at_alpha, curve, has_p_values

_REPORTED = (0.01, 0.05, 0.1)
_W, _H, _LEFT, _RIGHT, _TOP, _BOTTOM = 560.0, 200.0, 52.0, 14.0, 10.0, 40.0


def reported(finding: Finding, include_rows: bool) -> Markup:  # noqa: ARG001 - no sample's contents are shown
    """Return what a report shows: what the alarm does at several α."""
    if not has_p_values(finding):
        return Markup("")
    levels = [(alpha, at_alpha(finding, alpha)) for alpha in _REPORTED]
    return Markup(html.render("foreign/templates/levels.html", levels=levels, name=_named))


def beside(finding: Finding, alpha: float) -> str:
    """Return what the alarm does at α: how much the model answers and how well, and the alarms in each set."""
    return html.render("foreign/templates/alpha.html", alpha=alpha, shares=at_alpha(finding, alpha), name=_named)


def sentence(finding: Finding, alpha: float) -> str:
    """Return in words how much is answered at α, and how well."""
    shares = {share.key: share for share in at_alpha(finding, alpha)}
    kept, accuracy = shares.get("answered"), shares.get("accuracy")
    if kept is None:
        return ""
    right = f", {_percent(accuracy.value)} of them rightly" if accuracy is not None else ""
    return f"At α = {alpha:.3g} the model answers {_percent(kept.value)} of the normal samples{right}."


def covered(finding: Finding, alpha: float) -> str:
    """Return the curve of accuracy against the share that is answered, with the place of α on it."""
    points = curve(finding)
    if points.empty:
        return ""
    shares = {share.key: share for share in at_alpha(finding, alpha)}
    low = min(0.999, float(points["low"].min()))
    here = (shares["answered"].value, shares["accuracy"].value) if "accuracy" in shares else None

    def x(share: float) -> float:
        return round(_LEFT + share * (_W - _LEFT - _RIGHT), 1)

    def y(accuracy: float) -> float:
        return round(_H - _BOTTOM - (accuracy - low) / (1 - low) * (_H - _TOP - _BOTTOM), 1)

    def path(column: str) -> list[tuple[float, float]]:
        return [(x(a), y(b)) for a, b in zip(points["covered"], points[column], strict=True)]

    size = {"width": _W, "height": _H, "left": _LEFT, "right": _W - _RIGHT, "top": _TOP, "bottom": _H - _BOTTOM}
    drawn = {"line": path("accuracy"), "band": [*path("low"), *reversed(path("high"))]}
    ticks = {"across": (0, 0.25, 0.5, 0.75, 1), "up": (low, (1 + low) / 2, 1.0)}
    ends = points.iloc[[0, -1]].to_dict("records")
    return html.render(
        "foreign/templates/curve.html", x=x, y=y, here=here, alpha=alpha, ends=ends, **size, **drawn, **ticks
    )


def reply(message: dict[str, Any]) -> str:
    """Return what the alarm and the model say of one input: a headline, the reason, and what to look out for."""
    return html.render("foreign/templates/reply.html", **message)


def votes(rows: Sequence[tuple[str, float]], alpha: float, judged: str) -> str:
    """Return the p-value of each detector, and whether it alone would ring at α."""
    return html.render("foreign/templates/votes.html", rows=rows, alpha=alpha, judged=judged)


def pictures(shown: Sequence[tuple[str, str, str]], title: str = "") -> str:
    """Return pictures side by side: (address, caption, text alternative)."""
    return html.render("foreign/templates/pictures.html", shown=shown, title=title)


def nearest_rows(frame: pd.DataFrame, caption: str) -> str:
    """Return an input beside the training samples nearest to it: a row per column, what differs is marked."""
    rows = [
        (str(name), [html.cell(value) for value in cells], [value != cells[0] for value in cells])
        for name, cells in zip(frame.index, frame.astype(object).to_numpy().tolist(), strict=True)
    ]
    return html.render("foreign/templates/nearest.html", heads=list(frame.columns), rows=rows, caption=caption)


def _named(share: Share) -> str:
    names = {
        "answered": "normal samples: answered",
        "accuracy": "of those answered: predicted rightly",
    }
    return names.get(share.key, f"{share.name}: alarms")


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
