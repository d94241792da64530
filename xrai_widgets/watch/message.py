"""What is told and what is kept of a look."""

from collections.abc import Mapping, Sequence
from typing import Any

from xrai_widgets.core import Outcome
from xrai_widgets.io.alerts import Message
from xrai_widgets.results.look_states import Standing
from xrai_widgets.runtime.look_tables import Look


def message_of(
    name: str, look: Look, standing: Sequence[Standing], texts: Mapping[str, str], missed: Sequence[Look]
) -> Message:
    """Return one message for a look: what is new first, then what lasts, then what is over."""
    order = ("opened", "still there", "acknowledged", "resolved")
    lines, entries = [], []
    for one in sorted(standing, key=lambda one: (order.index(one.state), one.key)):
        text = texts.get(one.key, one.key)
        lines.append(f"{one.state} ({one.looks} look{'s' * (one.looks != 1)}): {text}")
        entries.append({"key": one.key, "state": one.state, "looks": one.looks, "text": text})
    if missed:
        lines.append(f"missed: {len(missed)} slots, from {missed[0].slot} to {missed[-1].slot}")
    title = f"{name}, {look.slot}: {look.status}"
    lines += [f"note: {note}" for note in look.detail.get("notes", ())]
    document = {
        "watch": name,
        "slot": look.slot,
        "at": look.at,
        "status": look.status,
        "problems": entries,
        "missed": [one.slot for one in missed],
        "notes": list(look.detail.get("notes", ())),
    }
    return Message(title, "\n".join([title, "", *lines]), document)


def brief(outcome: Outcome) -> dict[str, Any]:
    """Return what the history shows of an outcome: its numbers, not its contents."""
    finding = outcome.finding
    values = {} if finding is None else {k: _number(v) for k, v in finding.values.items()}
    intervals = {} if finding is None else {k: [_number(e) for e in ends] for k, ends in finding.intervals.items()}
    return {
        "assessment": outcome.assessment,
        "status": outcome.status,
        "reason": outcome.reason,
        "unsaved": bool(outcome.unsaved),
        "values": values,
        "intervals": intervals,
    }


def _number(value: float) -> float | None:
    return float(value) if value == value and abs(value) != float("inf") else None
