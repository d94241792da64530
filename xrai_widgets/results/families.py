"""The worst verdict of each family of assessments; a pass only where its strongest attacker ran."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xrai_widgets.core import Outcome, registered
from xrai_widgets.core.assessment import family_title
from xrai_widgets.results.combined import EVASION
from xrai_widgets.results.policy import Check, Verdict
from xrai_widgets.results.threshold import WORST_FIRST, Status


@dataclass(frozen=True)
class FamilySummary:
    """The worst verdict of one family of assessments.

    Parameters
    ----------
    family : str
    status : Status
        *Not refuted* also where everything passes and a stronger attacker of the catalog was not run.
    judged, total : int
        Outcomes with a verdict, and all of them.
    waived : bool
        It fails, and every failure is waived.
    counts : mapping of Status to int
        Outcomes by their verdict, the worst first.
    reason : str
        What is in the way of a pass, if that is no outcome's own verdict.
    """

    family: str
    status: Status
    judged: int
    total: int
    waived: bool = False
    counts: Mapping[Status, int] = field(default_factory=dict)
    reason: str = ""

    @property
    def title(self) -> str:
        """What people call the family."""
        return family_title(self.family)

    @property
    def counted(self) -> str:
        """How many outcomes have which verdict, in words."""
        return ", ".join(f"{count} {status}" for status, count in self.counts.items())


def families(
    outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], together: Sequence[Check] = ()
) -> list[FamilySummary]:
    """Return one line per family: how bad the worst judged result is; ``together`` are the combined readings."""
    by_family: dict[str, list[tuple[Outcome, Verdict]]] = {}
    for outcome, verdict in zip(outcomes, verdicts, strict=True):
        by_family.setdefault(outcome.assessment.partition(".")[0], []).append((outcome, verdict))
    family = EVASION.partition(".")[0]
    return [_summary(name, pairs, together if name == family else ()) for name, pairs in by_family.items()]


def _summary(family: str, pairs: Sequence[tuple[Outcome, Verdict]], together: Sequence[Check]) -> FamilySummary:
    verdicts = [verdict for _, verdict in pairs]
    alone: Status = min((verdict.status for verdict in verdicts), key=WORST_FIRST.index)
    worst = min([alone, *(check.status for check in together)], key=WORST_FIRST.index)
    waived = worst == "fail" and not (any(v.failed for v in verdicts) or any(check.failed for check in together))
    counts = {status: sum(v.status == status for v in verdicts) for status in WORST_FIRST}
    present = {status: count for status, count in counts.items() if count}
    reason = "; ".join(dict.fromkeys(_stronger(pairs))) if worst in ("pass", "not refuted") else ""
    status = "not refuted" if reason else worst
    if WORST_FIRST.index(worst) < WORST_FIRST.index(alone):
        reason = "all searches together find more than each alone"
    return FamilySummary(family, status, len(pairs) - counts["not judged"], len(pairs), waived, present, reason)


def _stronger(pairs: Sequence[tuple[Outcome, Verdict]]) -> Iterable[str]:
    """Yield which stronger attackers were not run on a subject that a weaker one lets pass."""
    catalog = registered()
    # one that does not apply to the model is no stronger attacker of it
    tried = {(o.subject, o.assessment) for o, _ in pairs if o.status in ("ok", "not applicable")}
    for outcome, verdict in pairs:
        entry = catalog.get(outcome.assessment)
        if entry is None or not entry.stronger or verdict.status != "pass":
            continue
        if (outcome.subject, entry.stronger) not in tried:
            yield f"a stronger attacker was not run: {entry.stronger}"
