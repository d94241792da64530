"""Charts: a kind of chart is a module here, with ``describe`` and ``draw`` together, named in `CHART_KINDS`.

``describe(chart, data, finding, label)`` returns the parts of the text alternative; ``draw(chart, data, finding, label,
axes)`` draws on matplotlib's axes, and imports what it draws with inside. ``data`` are the rows that are drawn,
``label(column)`` is what people call a column. A kind may have ``height(data)``, the figure's height in inches.
`xrai_widgets.results.charts.figure` loads what draws.
"""

from importlib import import_module
from typing import Any

from xrai_widgets.core import Chart, Finding
from xrai_widgets.results.charts.parts import rows_of
from xrai_widgets.results.words import labels_of


def kind_of(chart: Chart) -> Any:
    """Return the module of a chart's kind."""
    return import_module(f"{__name__}.{chart.kind}")


def describe(chart: Chart, finding: Finding, assessment: str = "") -> str:
    """Return the text alternative of a chart of an assessment: what it shows, and its main numbers."""
    sentences = kind_of(chart).describe(chart, rows_of(chart, finding), finding, labels_of(assessment))
    return f"{chart.title}. {'; '.join(sentences)}."
