"""Verdicts as the rows of tables in a terminal, in the markup of the library rich."""

from collections.abc import Sequence

from xrai_widgets.results import words
from xrai_widgets.results.combined import Combined
from xrai_widgets.results.compare import Row
from xrai_widgets.results.html import waiver_sentence
from xrai_widgets.results.policy import Check, Verdict
from xrai_widgets.results.verdict_words import doubt

VALUES = ("measure", "value", "95 % interval", "n", "threshold", "verdict")
GROUPS = ("subgroup", "measure", "value", "95 % interval", "n", "by itself", "together (Holm)")


def value_rows(verdict: Verdict, assessment: str = "") -> list[list[str]]:
    """Return one row per value, under the headers `VALUES`."""
    rows, label = [], words.labels_of(assessment)
    for check in verdict.checks:
        numbers = [words.number(check.value), plain(words.interval(check.low, check.high))]
        ending = coloured(check.status) + (" (waived)" if check.waived else "")
        judged = [str(check.threshold), ending] if check.threshold else ["", ""]
        rows.append([label(check.key), *numbers, "" if check.count is None else str(check.count), *judged])
    return rows


def group_rows(verdict: Verdict, assessment: str = "") -> list[list[str]]:
    """Return one row per judged value and subgroup, under the headers `GROUPS`."""
    rows = []
    for check in verdict.groups:
        name = [plain(check.group), words.label(check.key, assessment)]
        numbers = [words.number(check.value), plain(words.interval(check.low, check.high)), str(check.count)]
        if check.note:
            rows.append([*name, "", plain(check.note), "", "", ""])
        else:
            rows.append([*name, *numbers, coloured(check.status), coloured(check.together)])
    return rows


def compared_cells(row: Row) -> list[str]:
    """Return one cell per subject: its number with the interval, and the difference from the first subject's."""
    cells = []
    for check, apart, reading in zip(row.checks, row.differences, row.readings, strict=True):
        text = "–" if check is None else f"{words.number(check.value)} {plain(words.interval(check.low, check.high))}"
        if apart is not None:
            sign, by = "+" if apart.value > 0 else "", f"{apart.pairs} pairs" if apart.pairs else "unpaired"
            between = plain(words.interval(apart.low, apart.high))
            text += f"\n{sign}{words.number(apart.value)} {between}: {reading} ({by})"
        cells.append(text)
    return cells


def waiver_lines(verdict: Verdict, assessment: str = "") -> list[str]:
    """Return a sentence for each waiver."""
    noted = [check for check in verdict.checks if check.waiver is not None]
    return [f"{words.label(check.key, assessment)}: {plain(waiver_sentence(check))}" for check in noted]


def doubt_lines(verdict: Verdict, assessment: str = "") -> list[str]:
    """Return a sentence for each value that is a bound or that is not judged although it has a threshold."""
    doubts = {check.key: doubt(check) for check in verdict.checks if doubt(check)}
    doubts |= {key: f"Not judged: {verdict.unjudged[key]}." for key in verdict.missing}
    return [f"{words.label(key, assessment)}: {plain(reason)}" for key, reason in doubts.items()]


def reading_lines(readings: Sequence[tuple[Combined, Check]]) -> list[str]:
    """Return a sentence for what several searches say together."""
    lines = []
    for reading, check in readings:
        numbers = f"{words.number(check.value)} {plain(words.interval(check.low, check.high))}, n = {check.count}"
        by = ", ".join(f"{method} for {count}" for method, count in reading.counted.items())
        name = words.label(check.key, reading.assessment)
        text = f"{name} {numbers}, at ε = {reading.epsilon:g}; nearest by {plain(by) or 'none'}"
        ending = coloured(check.status) + (" (waived)" if check.waived else "")
        lines.append(f"All searches together on {plain(reading.subject_name)}: {ending} {text}. {doubt(check)}")
        lines += [plain(note) for note in reading.notes]
    return lines


def coloured(status: str) -> str:
    """Return a verdict or an ending with its shape and colour."""
    colour = {"pass": "green", "not refuted": "blue", "warn": "yellow", "fail": "red"}.get(status, "dim")
    return f"[{colour}]{words.SHAPES.get(status, '○')} {status}[/]"


def plain(text: str) -> str:
    """Return text without meaning as markup."""
    return text.replace("[", r"\[")
