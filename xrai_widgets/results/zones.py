"""Where a number lies: its interval on an axis with the policy's safe and unsafe zone, among the sanity controls."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from xrai_widgets.core import Outcome, registered
from xrai_widgets.core.control import CONTROLS, MODEL_ROW
from xrai_widgets.results.policy import Check, Verdict
from xrai_widgets.results.verdict_words import sentence
from xrai_widgets.results.words import label
from xrai_widgets.results.zone_axis import Row, Zone


def zone(check: Check, outcome: Outcome, within: tuple[float, float] | None = None) -> Zone:
    """Return where a checked number lies.

    Parameters
    ----------
    check : Check
    outcome : Outcome
        Gives the chance value and the controls.
    within : (low, high), optional
        The axis holds this range, too: it then stays still while the threshold moves inside.
    """
    chance = chance_of(outcome, check.key)
    controls = tuple(controls_of(outcome, check.key))
    name = label(check.key, outcome.assessment)
    rows = (
        Row("this model" if controls else name, check.value, check.low, check.high, check.count, is_model=True),
        *controls,
    )
    marks = [x for row in rows for x in (row.low, row.value, row.high)] + list(within or ())
    marks += [check.threshold.value] if check.threshold else []
    low, high = _axis([*marks, *([] if chance is None else [chance])])
    return Zone(check.key, name, rows, low, high, check.threshold, chance, check.status, sentence(check))


def zones(outcome: Outcome, verdict: Verdict) -> tuple[list[Zone], list[Zone]]:
    """Return the zone of every number that is judged, and of every other one that has controls."""
    judged = [zone(check, outcome) for check in _measured(verdict) if check.threshold is not None]
    return judged, unjudged(outcome, verdict)


def unjudged(outcome: Outcome, verdict: Verdict) -> list[Zone]:
    """Return the zone of every number that has controls and no threshold."""
    drawn = [zone(check, outcome) for check in _measured(verdict) if check.threshold is None]
    return [zone for zone in drawn if len(zone.rows) > 1]


def is_judged(verdict: Verdict) -> bool:
    """Return whether any number has a threshold."""
    return any(check.threshold is not None for check in _measured(verdict))


def _measured(verdict: Verdict) -> list[Check]:
    return [check for check in verdict.checks if check.value == check.value]


def chance_of(outcome: Outcome, key: str) -> float | None:
    """Return what guessing gives for a measure, if the assessment says so."""
    entry = registered().get(outcome.assessment)
    return next((measure.chance for measure in entry.measures if measure.key == key), None) if entry else None


def controls_of(outcome: Outcome, key: str) -> Iterable[Row]:
    """Yield the sanity controls of a measure: the rows of the table ``controls``, if there is one.

    One that could not be measured has no value; its note says why.
    """
    frame = outcome.finding.tables.get(CONTROLS) if outcome.finding is not None else None
    if frame is None or not {"control", "measure", "value"} <= set(frame.columns):
        return
    mine = (frame["measure"].astype(str) == key) & (frame["control"] != MODEL_ROW)
    for record in frame[mine].to_dict("records"):
        value = float(record["value"])
        low, high = (_bound(record.get(name), value) for name in ("low", "high"))
        count, note = record.get("n"), record.get("note")
        yield Row(
            name=str(record["control"]),
            value=value,
            low=low,
            high=high,
            count=None if count is None or pd.isna(count) else int(count),
            note="" if note is None or pd.isna(note) else str(note),
        )


def _bound(given: Any, value: float) -> float:
    return value if given is None or pd.isna(given) else float(given)


def _axis(marks: list[float]) -> tuple[float, float]:
    finite = [x for x in marks if math.isfinite(x)] or [0.0]
    low, high = min(finite), max(finite)
    if 0 < low <= 0.25 * high:
        low = 0.0
    room = 0.04 * (high - low) or 0.5 * max(abs(high), 1.0)
    return low - room, high + room
