"""Charts as matplotlib figures: colour-blind-safe, with a text alternative, without pyplot state."""

import io
import re
import threading

import matplotlib as mpl
import seaborn as sns
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from xrai_widgets.core import Chart, Finding, Outcome
from xrai_widgets.results.charts import kind_of
from xrai_widgets.results.charts.parts import rows_of
from xrai_widgets.results.words import labels_of

_WIDTH, _HEIGHT = 6.4, 3.6
_saving = threading.Lock()  # matplotlib's settings are global while an SVG is written


def outcome_figure(outcome: Outcome, index: int = 0) -> Figure:
    """Draw chart number ``index`` of an outcome.

    Raises
    ------
    ValueError
        if there is no finding or no such chart.
    """
    if outcome.finding is None:
        raise ValueError(f"{outcome.assessment} has no figure: {outcome.status}, {outcome.reason}")
    charts = outcome.finding.charts
    if not 0 <= index < len(charts):
        raise ValueError(f"{outcome.assessment} has {len(charts)} figures, numbered from 0, got {index}")
    return draw(charts[index], outcome.finding, outcome.assessment)


def draw(chart: Chart, finding: Finding, assessment: str = "") -> Figure:
    """Draw one chart of an assessment on a figure of its own."""
    kind, data, label = kind_of(chart), rows_of(chart, finding), labels_of(assessment)
    height = kind.height(data) if hasattr(kind, "height") else _HEIGHT
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    kind.draw(chart, data, finding, label, axes)
    axes.set_title(chart.title, fontsize=11, loc="left")
    axes.set_xlabel(label(chart.x))
    sns.despine(ax=axes)
    return figure


def svg(figure: Figure, alt: str) -> Markup:
    """Return a figure as inline SVG whose ink follows the text colour around it.

    Parameters
    ----------
    figure : Figure
    alt : str
        Text alternative.
    """
    buffer = io.StringIO()
    with _saving, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": None}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#000000", "currentColor").replace("#262626", "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head = f'<svg role="img" aria-label="{escape(alt)}" class="xrai-figure" '
    return Markup(text.replace("<svg ", head, 1))
