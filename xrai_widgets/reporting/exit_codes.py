"""How a run ends as a program: the exit code, and the one table of what each means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xrai_widgets.reporting.compose import Report

FINE, FAILED, MISUSED, BROKEN, UNJUDGED, INTERRUPTED = 0, 1, 2, 3, 4, 130
MEANINGS = {  # the first that holds, in this order
    MISUSED: "bad usage: nothing was run",
    INTERRUPTED: "interrupted by Ctrl-C: what was done is reported",
    FAILED: "a verdict is fail, and not waived",
    BROKEN: "an assessment ended with an error, or was not saved",
    UNJUDGED: "nothing was judged, or an assessment named by --run or the plan ended cancelled or not applicable, or a "
    "measure with a threshold is not judged (--allow-unjudged: 0)",
    FINE: "none of these; not refuted and warn are among them",
}


def exit_code(made: Report, *, interrupted: bool = False, allow_unjudged: bool = False) -> int:
    """Return the exit code of a run: the first of `MEANINGS` that holds."""
    if interrupted:
        return INTERRUPTED
    if made.failed:
        return FAILED
    if any(outcome.status == "error" or outcome.unsaved for outcome in made.outcomes):
        return BROKEN
    if unjudged(made) and not allow_unjudged:
        return UNJUDGED
    return FINE


def unjudged(made: Report) -> list[str]:
    """Return what of a run was to be judged and was not; empty if there is nothing such."""
    from xrai_widgets.results.words import labels_of

    reasons = []
    for outcome, verdict in zip(made.outcomes, made.verdicts, strict=True):
        if outcome.assessment in made.named and outcome.status in ("cancelled", "not applicable"):
            reasons.append(f"{outcome.assessment} was asked for and ended {outcome.status}")
        label = labels_of(outcome.assessment)
        reasons += [f"{outcome.assessment}: {label(key)} is not judged, {why}" for key, why in verdict.unjudged.items()]
    if all(verdict.status == "not judged" for verdict in made.verdicts):
        reasons.append("nothing was judged")
    return reasons


def table() -> str:
    """Return the exit codes as a table in Markdown."""
    return "\n".join(
        ["| exit code | when |", "| ---: | --- |", *(f"| {k} | {meaning} |" for k, meaning in MEANINGS.items())]
    )


def listed() -> str:
    """Return the exit codes as one sentence."""
    return (
        "Exit codes, the first that holds: "
        + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
        + "."
    )
