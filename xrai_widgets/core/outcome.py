"""What happened when an assessment ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from xrai_widgets.core.finding import Finding
from xrai_widgets.core.origin import Origin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xrai_widgets.results.policy import Policy, Verdict

Status = Literal["ok", "not applicable", "cancelled", "error"]
STATUSES: tuple[Status, ...] = ("ok", "not applicable", "cancelled", "error")


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run of one assessment on one subject.

    Parameters
    ----------
    assessment : str
        Name of the assessment, ``family.method``.
    subject : str
        Fingerprint of the subject.
    subject_name : str
        Its name.
    params : mapping
        Every parameter with the value that was used.
    status : {"ok", "not applicable", "cancelled", "error"}
    finding : Finding, optional
        The result; for a cancelled run, what was done until then.
    reason, instead : str
        Why there is no (full) finding, and what to use instead.
    seconds : float
        Wall time.
    queries : int
        Rows the model was asked for.
    versions : mapping of str to str
    seed : int, optional
    started : str
        Time of the start, ISO 8601 in UTC.
    origin : Origin
        How the subject was made, as far as that is known.
    recalled : bool
        Whether it comes from a store; it was computed at ``started``.
    unsaved : str
        Why the store that was to keep it could not; empty if it did, or if there was none.
    inputs : str
        Digest of what the engine uses of the subject: the outcome is that of every subject with an equal one. Empty
        for outcomes of older versions, which are those of the very subject.
    parts : mapping of str to str
        Digest of each part of the subject's data, which tells whether two models were measured on the same samples.
    series, batch : str
        Digests of all that the subject is but its batch, and of the batch: the outcomes of one series are looks at one
        model. Empty for outcomes of older versions; ``batch`` also without one.
    """

    assessment: str
    subject: str
    subject_name: str
    params: Mapping[str, Any]
    status: Status
    finding: Finding | None = None
    reason: str = ""
    instead: str = ""
    seconds: float = 0.0
    queries: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    started: str = ""
    origin: Origin = Origin()
    recalled: bool = False
    unsaved: str = ""
    inputs: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    series: str = ""
    batch: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, got {self.status!r}")
        if self.status == "ok" and self.finding is None:
            raise ValueError(f"the outcome of {self.assessment} is ok but has no finding")

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two outcomes runs of the same kind: subject, assessment, parameters."""
        return self.subject, self.assessment, repr(sorted(self.params.items()))

    def table(self, name: str = "values") -> pd.DataFrame:
        """Return a table of the finding: ``values`` (numbers with intervals) or one of its own, such as ``samples``."""
        from xrai_widgets.results.tables import outcome_table

        return outcome_table(self, name)

    def figure(self, index: int = 0) -> Figure:
        """Draw the finding's chart number ``index``."""
        from xrai_widgets.results.charts.figure import outcome_figure

        return outcome_figure(self, index)

    def verdict(self, policy: Policy | None = None) -> Verdict:
        """Judge the finding by a policy; by the packaged defaults if none is given."""
        from xrai_widgets.results.policy import judge

        return judge(self, policy)

    def __repr__(self) -> str:
        head = f"Outcome({self.assessment} on {self.subject_name!r}: {self.status}, {self.seconds:.2f} s)"
        head += f"\n  from the store, computed {self.started}" if self.recalled else ""
        head += f"\n  not saved: {self.unsaved}" if self.unsaved else ""
        if self.finding is None:
            return f"{head}\n  {self.reason}" + (f"\n  instead: {self.instead}" if self.instead else "")
        lines = [f"  {key} = {value:.4g}" + self._interval(key) for key, value in self.finding.values.items()]
        return "\n".join([head, *lines, *(f"  note: {note}" for note in self.finding.notes)])

    def _interval(self, key: str) -> str:
        if self.finding is None or key not in self.finding.intervals:
            return ""
        low, high = self.finding.intervals[key]
        count = f", n = {self.finding.counts[key]}" if key in self.finding.counts else ""
        return f"  [{low:.4g}, {high:.4g}]{count}"
