"""An outcome against the approved one: the change of each measure, turned so that more is worse, and its verdict."""

from dataclasses import dataclass
from typing import Any, get_args

from xrai_widgets.core import Bound, Measure, Outcome, registered
from xrai_widgets.results.change_limits import Changes
from xrai_widgets.results.differences import difference
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.threshold import WORST_FIRST, Status, Threshold

MADE_BY = ("xrai-widgets", "xrai-widgets code")  # keys of `Outcome.versions`: other code measures other numbers


@dataclass(frozen=True)
class Change:
    """How much worse a measure is than in the approved outcome, with a 95 % interval and its verdict.

    ``pairs`` samples were compared with themselves, 0 where they are others; ``reason`` says why it is not judged, or
    what its verdict may not be.
    """

    key: str
    before: float
    now: float
    value: float
    low: float
    high: float
    pairs: int
    limit: float | None
    status: Status
    reason: str = ""


@dataclass(frozen=True)
class ChangeVerdict:
    """All changes of an outcome; its status is the worst of theirs."""

    status: Status
    changes: tuple[Change, ...] = ()
    reason: str = ""


def judge_change(outcome: Outcome, approved: Outcome, policy: Policy | None = None) -> ChangeVerdict:
    """Judge how much worse an outcome is than the approved one.

    Parameters
    ----------
    outcome, approved : Outcome
        Of the same assessment.
    policy : Policy, optional
        Its table ``[change]`` holds the limits; by default the packaged one.

    Raises
    ------
    ValueError
        for outcomes of two assessments.

    Notes
    -----
    The interval is that of `difference`: paired where both were measured on the same samples. What was measured with
    other parameters, by other code or in another series (another model or baseline) is not judged: the approved outcome
    is to be measured anew first. Where both numbers are bounds of the same side, their change is no bound of anything:
    it may fail, and never passes.
    """
    if outcome.assessment != approved.assessment:
        got = f"{approved.assessment} and {outcome.assessment}"
        raise ValueError(f"two outcomes of the same assessment are needed, got {got}")
    for name, one in (("this outcome", outcome), ("the approved outcome", approved)):
        if one.status != "ok" or one.finding is None:
            return ChangeVerdict("not judged", reason=f"{name} is {one.status}: {one.reason}")
    reason = unlike(outcome, approved)
    changes = (policy or Policy.default()).changes
    entry = registered().get(outcome.assessment)
    made = [_change(outcome, approved, m, changes, reason) for m in (entry.measures if entry is not None else ())]
    judged = tuple(change for change in made if change is not None)
    status: Status = min((change.status for change in judged), key=WORST_FIRST.index, default="not judged")
    why = reason or ("the policy has no limit for a change of it" if status == "not judged" else "")
    return ChangeVerdict(status, judged, why)


def unlike(outcome: Outcome, approved: Outcome) -> str:
    """Return why two outcomes of one assessment are no looks at the same thing; empty where they are."""
    if outcome.series and approved.series and outcome.series != approved.series:
        return "the model or its baseline is another one: it is to be approved first"
    if dict(outcome.params) != dict(approved.params):
        keys = sorted({*outcome.params, *approved.params})
        other = [key for key in keys if outcome.params.get(key) != approved.params.get(key)]
        return f"measured with other parameters ({', '.join(other)}): measure the approved outcome anew"
    made_by: list[Any] = [[one.versions.get(key, "") for key in MADE_BY] for one in (outcome, approved)]
    if made_by[0] != made_by[1]:
        return "measured by another version of xrai-widgets: measure the approved outcome anew"
    return ""


def _change(outcome: Outcome, approved: Outcome, measure: Measure, changes: Changes, reason: str) -> Change | None:
    assert outcome.finding is not None
    assert approved.finding is not None
    gap = difference(approved, outcome, measure.key)
    if gap is None:
        return None
    worse = measure.better == "lower"
    value, low, high = (gap.value, gap.low, gap.high) if worse else (-gap.value, -gap.high, -gap.low)
    before, now = (one.finding.values[measure.key] for one in (approved, outcome) if one.finding is not None)
    limit = changes.limit(outcome.assessment, measure)
    unjudged = reason or outcome.finding.unjudged.get(measure.key, "") or approved.finding.unjudged.get(measure.key, "")
    if limit is None or unjudged or value != value:
        why = unjudged or "the policy has no limit for a change of it"
        return Change(measure.key, before, now, value, low, high, gap.pairs, limit, "not judged", why)
    status, why = _standing(Threshold("max", limit).judge(low, high), *_bounds(outcome, approved, measure), measure)
    return Change(measure.key, before, now, value, low, high, gap.pairs, limit, status, why)


def _bounds(outcome: Outcome, approved: Outcome, measure: Measure) -> tuple[Bound | None, Bound | None]:
    bounds = [one.finding.bounds.get(measure.key, measure.bound) for one in (approved, outcome) if one.finding]
    return bounds[0], bounds[1]


def _standing(status: Status, before: Bound | None, now: Bound | None, measure: Measure) -> tuple[Status, str]:
    """Return what a verdict may be where the numbers are bounds: too favourable a change never passes."""
    kind = "upper" if measure.better == "higher" else "lower"  # the kind that flatters its model
    sides = [bound if bound in get_args(Bound)[:2] else None for bound in (before, now)]
    if sides[0] is not None and sides[0] == sides[1]:
        return ("not refuted" if status == "pass" else status), "both numbers are bounds: their change is none"
    if sides[1] == kind or (sides[0] is not None and sides[0] != kind):
        return ("not refuted" if status == "pass" else status), "it may be worse: one of the numbers is a bound"
    if sides[0] == kind or sides[1] is not None:
        return ("warn" if status == "fail" else status), "it may be less bad: one of the numbers is a bound"
    return status, ""
