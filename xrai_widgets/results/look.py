"""What a look found against the policy, the approved outcomes and the history: its status and its problems."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from xrai_widgets.core import Outcome
from xrai_widgets.results import words
from xrai_widgets.results.alert import Occasion
from xrai_widgets.results.change import judge_change
from xrai_widgets.results.detector import confidence_sequence, log_growth, spread_of_looks, watch_losses
from xrai_widgets.results.false_years import upper_end
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.threshold import WORST_FIRST, Status

_SMALL_BASELINE = 10  # times the batch: below it, looks share what the baseline does not know


@dataclass(frozen=True)
class Problem:
    """Something that somebody is to know about.

    Parameters
    ----------
    key : str
        Its name, by which it is known again at the next look.
    occasion : str
        As ``[alert]`` of the policy names it.
    text : str
        One sentence, with the interval and the limit.
    """

    key: str
    occasion: Occasion
    text: str


@dataclass(frozen=True)
class Judged:
    """The verdict of a look."""

    status: Status
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counts:
    """Wrong answers and rows, of the baseline and of one look."""

    wrong: int
    rows: int
    baseline_wrong: int
    baseline_rows: int

    def limit(self, allowed_fall: float = 0.0) -> float | None:
        """Return the largest share of wrong answers that is no change; None where the baseline leaves no such limit."""
        limit = float(upper_end(self.baseline_wrong, self.baseline_rows)) + allowed_fall
        return limit if 0 < limit < 1 else None

    def to_dict(self) -> dict[str, int]:
        """Return them for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class History:
    """The looks at one series that have labels, oldest first, each batch once.

    Parameters
    ----------
    slots : tuple of str
    counts : tuple of Counts
    restarts : tuple of int
        Looks before which an alarm was acknowledged.
    """

    slots: tuple[str, ...] = ()
    counts: tuple[Counts, ...] = ()
    restarts: tuple[int, ...] = ()


def judge_look(
    outcomes: Sequence[Outcome],
    approved: Mapping[str, Outcome],
    policy: Policy,
    history: History = History(),
    allowed_fall: float = 0.0,
) -> Judged:
    """Judge the outcomes of a look.

    Parameters
    ----------
    outcomes : sequence of Outcome
    approved : mapping of assessment to Outcome
        What its number is held against.
    policy : Policy
    history : History
        The newest look included, if it has labels.
    allowed_fall : float
        Fall of accuracy that the history need not notice.
    """
    statuses: list[Status] = []
    problems: list[Problem] = []
    notes: list[str] = []
    for outcome in outcomes:
        status, more = _of_outcome(outcome, policy)
        statuses.append(status)
        problems += more
        if outcome.status == "ok" and status == "not judged":
            notes.append(f"{outcome.assessment}: measured and not judged, as the policy has no limit for it")
        if outcome.assessment in approved:
            change, changed, why = _of_change(outcome, approved[outcome.assessment], policy)
            statuses.append(change)
            problems += changed
            notes += [f"{outcome.assessment}, change: {why}"] if why else []
    if history.counts:
        alarms, remarks = _of_history(history, allowed_fall)
        problems += alarms
        notes += remarks
        statuses += ["fail"] if alarms else []
    worst: Status = min(statuses, key=WORST_FIRST.index, default="not judged")
    return Judged(worst, tuple(problems), tuple(notes))


def _of_outcome(outcome: Outcome, policy: Policy) -> tuple[Status, list[Problem]]:
    name = outcome.assessment
    if outcome.status in ("error", "cancelled"):
        return "not judged", [Problem(f"{name} error", "error", f"{name} ended as {outcome.status}: {outcome.reason}")]
    verdict = judge(outcome, policy)
    problems = []
    for check in verdict.checks:
        if check.waived or check.threshold is None or check.status not in ("fail", "warn"):
            continue
        limit = f"{check.threshold.bound} {check.threshold.value:g}"
        text = f"{name}: {_measured(check.key, name, check.value, check.low, check.high)}, limit {limit}"
        problems.append(Problem(f"{name} {check.key} {check.status}", check.status, text))
    for group in verdict.groups:
        if group.together == "fail":
            text = f"{name}: {words.label(group.key, name)} of the subgroup {group.group} fails"
            problems.append(Problem(f"{name} {group.key} {group.group} fail", "fail", text))
    return ("warn" if verdict.waived else verdict.status), problems


def _of_change(outcome: Outcome, approved: Outcome, policy: Policy) -> tuple[Status, list[Problem], str]:
    verdict = judge_change(outcome, approved, policy)
    problems = []
    for change in verdict.changes:
        if change.status not in ("fail", "warn"):
            continue
        name = outcome.assessment
        measured = _measured(change.key, name, change.value, change.low, change.high)
        text = f"{name}: worse than approved by {measured}, limit max {change.limit:g}"
        problems.append(Problem(f"{name} {change.key} change {change.status}", change.status, text))
    return verdict.status, problems, verdict.reason


def _measured(key: str, assessment: str, value: float, low: float, high: float) -> str:
    return f"{words.label(key, assessment)} {value:.4g} ({low:.4g} to {high:.4g})"


def _of_history(history: History, allowed_fall: float) -> tuple[list[Problem], list[str]]:
    """Judge the wrong answers of all looks together."""
    newest = history.counts[-1]
    limit = newest.limit(allowed_fall)
    if limit is None:
        return [], [f"history: a baseline with {newest.baseline_wrong} wrong of {newest.baseline_rows} leaves no limit"]
    wrong, rows = ([getattr(one, name) for one in history.counts] for name in ("wrong", "rows"))
    looks = watch_losses(wrong, rows, limit, restarts=history.restarts)
    begun = max((restart for restart in history.restarts if restart <= len(wrong)), default=0)
    rang = [alarm for alarm in looks.alarms if alarm >= begun]
    begun_to_fall = _fell_at(wrong, rows, limit, begun, rang[0]) if rang else len(wrong)
    spread = spread_of_looks(wrong[:begun_to_fall], rows[:begun_to_fall])  # a fall is no wobble
    notes = []
    guaranteed = f"a false alarm comes once in about {looks.run_length:,.0f} looks, or more seldom"
    if spread is not None and spread.more_than_chance:
        guaranteed = (
            f"days differ by more than chance (factor {spread.factor:.1f}, {spread.low:.1f} to {spread.high:.1f}): "
            "nothing is guaranteed about false alarms"
        )
    notes.append(f"history: {len(wrong)} looks with labels, limit {limit:.4g} wrong; {guaranteed}")
    mean, low, high = (float(ends[-1]) for ends in confidence_sequence(wrong, rows))
    notes.append(f"all looks together: {mean:.4g} wrong ({low:.4g} to {high:.4g}, whenever one stops looking)")
    if newest.baseline_rows < _SMALL_BASELINE * float(np.median(rows)):
        notes.append(
            f"the baseline has {newest.baseline_rows} rows, fewer than ten times those of a look: what is not known of "
            "it is shared by all looks"
        )
    if not rang:
        return [], notes
    share = sum(wrong[begun_to_fall:]) / max(sum(rows[begun_to_fall:]), 1)
    text = (
        f"the share of wrong answers is above {limit:.4g}: {share:.4g} since about {history.slots[begun_to_fall]} "
        f"({len(wrong) - begun_to_fall} looks); {guaranteed}"
    )
    return [Problem("history accuracy alarm", "alarm", text)], notes


def _fell_at(wrong: Sequence[int], rows: Sequence[int], limit: float, begun: int, alarm: int) -> int:
    """Return the look from which on the bets that rang had won most."""
    looks = slice(begun, alarm + 1)
    grown = log_growth(np.asarray(wrong[looks]), np.asarray(rows[looks]), np.full(alarm + 1 - begun, limit))
    won = np.cumsum(grown[::-1], axis=0)[::-1]
    return begun + int(np.unravel_index(np.argmax(won), won.shape)[0])
