"""One autoescaping renderer for everything that is shown as HTML, in widgets and in reports."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from xrai_widgets.core import Assessment, Chart, Finding, Measure, Outcome, registered
from xrai_widgets.core.control import CONTROLS
from xrai_widgets.results import as_code, run_as_code, sentences, verdict_words, words, zones
from xrai_widgets.results.charts import describe
from xrai_widgets.results.combined import Combined, combined
from xrai_widgets.results.families import families
from xrai_widgets.results.policy import Check, Policy, Verdict, judge

_BAR = 140.0  # width of an interval bar
_TEMPLATES = ("templates", "views")  # those of a view are named by its folder
Quality = Finding | Mapping[str, Finding] | None  # of one model, or of several by their names


@cache
def environment() -> jinja2.Environment:
    """Return the template environment; everything is escaped unless it is `Markup` made here."""
    env = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("xrai_widgets.results", folder) for folder in _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "label": words.label,
        "asked": words.asked,
        "number": words.number,
        "seconds": words.seconds,
        "moment": words.moment,
        "cell": cell,
    }
    env.globals |= {"shapes": words.SHAPES, "interval": words.interval, "bar": bar, "waiver_sentence": waiver_sentence}
    env.globals |= {"chance_of": zones.chance_of, "measure_of": measure_of, "doubt": verdict_words.doubt}
    env.globals |= {"meant": verdict_words.MEANT, "plain_sentence": sentences.plain_sentence}
    return env


def render(template: str, **context: Any) -> str:
    """Render a template of the results room."""
    return environment().get_template(template).render(**context)


@cache
def style() -> str:
    """Return the style sheet that widgets and reports share."""
    return resources.files("xrai_widgets.results").joinpath("templates/style.css").read_text(encoding="utf-8")


def bar(check: Check, chance: float | None = None) -> Markup:
    """Return a small picture of an interval against its threshold; the numbers stand beside it."""
    marks = [check.low, check.high, check.value, chance or 0.0, *([check.threshold.value] if check.threshold else [])]
    marks = [x for x in marks if abs(x) < float("inf")]
    low, high = min(*marks, 0.0), max(marks)
    span = (high - low) * 1.08 or 1.0

    def at(x: float) -> float:
        return 4 + (_BAR - 8) * min(max((x - low) / span, 0.0), 1.0)

    return Markup(
        render(
            "bar.html", at=at, check=check, chance=chance, width=_BAR, bad="below" if _min(check) else "above"
        ).replace("\n", "")
    )


def figures(finding: Finding, assessment: str = "") -> list[Markup]:
    """Return every chart of a finding as inline SVG, but for the controls: `places` shows those."""
    return [picture(chart, finding, assessment) for chart in finding.charts if chart.table != CONTROLS]


def picture(chart: Chart, finding: Finding, assessment: str = "") -> Markup:
    """Return a chart of an assessment as inline SVG. The libraries that draw are loaded by the first one."""
    from xrai_widgets.results.charts.figure import draw, svg

    return svg(draw(chart, finding, assessment), describe(chart, finding, assessment))


def scoreboard(
    outcomes: Iterable[Outcome],
    policy: Policy,
    quality: Quality = None,
    title: str = "",
    *,
    families_too: bool = True,
) -> str:
    """Return the scoreboard: the model's own quality, then one row per value, grouped by assessment.

    ``families_too``: also what stands in the way of a family's pass, and what several searches say together.
    """
    given = list(outcomes)
    verdicts = [judge(outcome, policy) for outcome in given]
    rows = [(outcome, verdict, entry_of(outcome)) for outcome, verdict in zip(given, verdicts, strict=True)]
    readings = [(reading, reading.check(policy, given)) for reading in combined(given)] if families_too else []
    summaries = families(given, verdicts, [check for _, check in readings]) if families_too else []
    doubts = [family for family in summaries if family.reason]
    several = len({outcome.subject for outcome in given}) > 1
    context = {"rows": rows, "qualities": by_name(quality), "title": title, "several": several, "doubts": doubts}
    return render("scoreboard.html", **context, readings=readings)


def by_name(quality: Quality) -> dict[str, Finding]:
    """Return the quality of each model; of the only one without a name."""
    if quality is None:
        return {}
    return dict(quality) if isinstance(quality, Mapping) else {"": quality}


def together(readings: Sequence[tuple[Combined, Check]]) -> str:
    """Return what several searches say together."""
    return render("combined.html", readings=readings) if readings else ""


def head(outcome: Outcome, verdict: Verdict) -> str:
    """Return what ran and how it ended: title, verdict or reason, and the notes that must be read with the numbers."""
    return render("head.html", outcome=outcome, verdict=verdict, entry=entry_of(outcome))


def values(outcome: Outcome, verdict: Verdict) -> str:
    """Return the table of an outcome's numbers with intervals, thresholds and verdicts."""
    return render("values.html", outcome=outcome, verdict=verdict)


def check(outcome: Outcome, checked: Check, within: tuple[float, float] | None = None) -> str:
    """Return one judged number: its verdict, and where its interval lies between the safe and the unsafe zone."""
    return render("check.html", outcome=outcome, check=checked, zone=zones.zone(checked, outcome, within))


def places(outcome: Outcome, verdict: Verdict) -> str:
    """Return where the numbers lie, those that are judged and those that have controls."""
    judged, others = zones.zones(outcome, verdict)
    first = [] if judged else others[:1]
    return render("zones.html", open=judged + first, folded=others[len(first) :])


def controls(outcome: Outcome, verdict: Verdict) -> str:
    """Return where the numbers lie that have controls and are not judged."""
    others = zones.unjudged(outcome, verdict)
    first = [] if zones.is_judged(verdict) else others[:1]
    return render("zones.html", open=first, folded=others[len(first) :]) if others else ""


def finding_values(finding: Finding, heading: str, assessment: str = "") -> str:
    """Return the numbers of a finding that is not finished."""
    return render("partial.html", finding=finding, heading=heading, assessment=assessment)


def meaning(outcome: Outcome, verdict: Verdict) -> str:
    """Return what the result means, what it does not show, and what to do about it."""
    entry = entry_of(outcome)
    sections = (
        {} if entry is None else {name: entry.section(name).split("\n") for name in _SECTIONS if entry.section(name)}
    )
    return render("meaning.html", sections=sections, entry=entry, verdict=verdict, outcome=outcome)


def code(outcome: Outcome) -> str:
    """Return the outcome as Python and as a command."""
    return render("code.html", python=as_code.as_python(outcome), command=as_code.as_command(outcome), outcome=outcome)


def run_blocks(outcomes: Sequence[Outcome], policy: Policy) -> list[tuple[str, str]]:
    """Return what runs everything on the board again, one subject after the other: (title, text)."""
    blocks = []
    for run in by_subject(outcomes):
        on = f" on {run[0].subject_name}" if len({outcome.subject for outcome in outcomes}) > 1 else ""
        blocks += [
            (f"Python{on}", run_as_code.run_as_python(run, policy)),
            (f"run.toml{on}", run_as_code.run_as_plan(run, policy)),
            (f"Command line{on}", run_as_code.run_as_command(run, policy)),
        ]
    return blocks


def table(frame: pd.DataFrame, caption: str, most: int = 20, assessment: str = "") -> str:
    """Return a plain table of the first rows, in the words of its assessment."""
    shown = words.readable(frame.head(most), words.labels_of(assessment))
    return render("table.html", frame=shown, total=len(frame), caption=caption, assessment=assessment)


def message(text: str, kind: str = "error") -> str:
    """Return a message box; kind is ``error``, ``info`` or ``status``."""
    return render("message.html", text=text, kind=kind)


def entry_of(outcome: Outcome) -> Assessment | None:
    """Return the outcome's assessment, if it is registered in this process."""
    return registered().get(outcome.assessment)


def measure_of(outcome: Outcome, key: str) -> Measure | None:
    """Return the measure of that name, if a policy may judge the value."""
    entry = entry_of(outcome)
    return next((measure for measure in entry.measures if measure.key == key), None) if entry is not None else None


def waiver_sentence(check: Check) -> str:
    """Return one sentence on what is waived, by whom, why and until when."""
    waiver = check.waiver
    if waiver is None:
        return ""
    if check.waived:
        return f"Waived by {waiver.says}"
    if check.status in ("fail", "warn"):
        return f"No longer waived; the waiver has ended: {waiver.says}"
    return f"There is nothing to waive, and the waiver can go; it is by {waiver.says}"


def cell(value: object) -> str:
    """Return a table cell as text."""
    if isinstance(value, float):
        return words.number(value)
    return str(value)


def by_subject(outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
    """Return the outcomes of each subject, in the order in which the subjects first appear."""
    grouped: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        grouped.setdefault(outcome.subject, []).append(outcome)
    return list(grouped.values())


_SECTIONS = ("Interpretation", "Limitations", "Recommendations")


def _min(check: Check) -> bool:
    return check.threshold is not None and check.threshold.bound == "min"
