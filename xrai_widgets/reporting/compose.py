"""What a report says: the same structure for HTML, JSON and Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from xrai_widgets.core import Outcome
from xrai_widgets.reporting.formats.html import to_html
from xrai_widgets.reporting.formats.json import to_json
from xrai_widgets.reporting.formats.markdown import to_markdown
from xrai_widgets.results.combined import Combined, combined
from xrai_widgets.results.families import FamilySummary, families
from xrai_widgets.results.html import Quality, entry_of
from xrai_widgets.results.policy import Check, Policy, Verdict, judge
from xrai_widgets.results.sentences import plain_sentence
from xrai_widgets.results.threshold import WORST_FIRST, Status


@dataclass(frozen=True)
class Recommendation:
    """What to do about a result that failed or straddles."""

    assessment: str
    status: Status
    text: str


@dataclass(frozen=True)
class Report:
    """Outcomes against a policy, ready to be written.

    Parameters
    ----------
    outcomes : sequence of Outcome
    policy : Policy
    title : str
    include_rows : bool
        Also write the samples' own contents. Off by default: samples are named by id only.
    quality : Finding or mapping of str to Finding, optional
        The model's own accuracy, AUROC and calibration; of several models by their names.
    created : str
        ISO 8601, UTC.
    named : tuple of str
        Assessments that were asked for by name: one that does not end is no fine ending.
    combined : tuple of Combined
        What several searches on one subject say together.
    """

    outcomes: Sequence[Outcome]
    policy: Policy
    title: str
    include_rows: bool
    quality: Quality
    created: str
    named: tuple[str, ...] = ()
    combined: tuple[Combined, ...] = ()

    @property
    def verdicts(self) -> list[Verdict]:
        """One verdict per outcome, in order."""
        return [judge(outcome, self.policy) for outcome in self.outcomes]

    @property
    def families(self) -> list[FamilySummary]:
        """One line per family: how bad the worst judged result is."""
        return families(self.outcomes, self.verdicts, [check for _, check in self.readings])

    @property
    def readings(self) -> list[tuple[Combined, Check]]:
        """What several searches say together, each with its verdict."""
        return [(reading, reading.check(self.policy, self.outcomes)) for reading in self.combined]

    @property
    def sentences(self) -> list[tuple[Status, str]]:
        """What each judged number says in plain words, with its verdict."""
        several, rows = len({outcome.subject for outcome in self.outcomes}) > 1, []
        for outcome, verdict in zip(self.outcomes, self.verdicts, strict=True):
            entry = entry_of(outcome)
            where = f"{entry.title if entry else outcome.assessment}{f' on {outcome.subject_name}' if several else ''}"
            sentences = [(check.status, plain_sentence(outcome, check)) for check in verdict.checks]
            rows += [(status, f"{where}: {text}") for status, text in sentences if text]
        return rows

    @property
    def recommendations(self) -> list[Recommendation]:
        """What to do about everything that failed or straddles, the failures first."""
        advice = []
        for outcome, verdict in zip(self.outcomes, self.verdicts, strict=True):
            entry = entry_of(outcome)
            if verdict.status in ("fail", "warn") and entry is not None:
                advice.append(Recommendation(outcome.assessment, verdict.status, entry.section("Recommendations")))
        return sorted(advice, key=lambda item: WORST_FIRST.index(item.status))

    @property
    def failed(self) -> bool:
        """Whether anything fails that is not waived."""
        return any(verdict.failed for verdict in self.verdicts) or any(check.failed for _, check in self.readings)

    def to_html(self) -> str:
        """Return one self-contained HTML page."""
        return to_html(self)

    def to_json(self) -> str:
        """Return JSON by the packaged schema ``report.schema.json``."""
        return to_json(self)

    def to_markdown(self) -> str:
        """Return a Markdown model card."""
        return to_markdown(self)

    def save(self, path: str | Path) -> Path:
        """Write the report; the file's ending (.html, .json or .md) says in which form.

        Raises
        ------
        ValueError
            for another ending, or a folder that does not exist.
        """
        file = Path(path)
        writers = {".html": self.to_html, ".json": self.to_json, ".md": self.to_markdown}
        if file.suffix not in writers:
            raise ValueError(f"a report ends in {', '.join(writers)}, got {file.name!r}")
        if not file.parent.is_dir():
            raise ValueError(f"the folder of the report must exist, got {str(file.parent)!r}")
        file.write_text(writers[file.suffix](), encoding="utf-8")
        return file


def redacted(outcome: Outcome) -> Outcome:
    """Return the outcome without the contents of samples.

    Left out are the table ``rows`` with its charts, the arrays that are not declared shareable, and the words of an
    error: a model that fails on a sample may quote it.
    """
    if outcome.finding is not None:
        outcome = replace(outcome, finding=outcome.finding.without_contents())
    if outcome.status != "error":
        return outcome
    number = re.search(r"\(error \w+; .*\)$", outcome.reason)
    return replace(outcome, reason=f"the assessment failed {number.group() if number else '(no details)'}")


def report(
    outcomes: Iterable[Outcome] | Mapping[str, Iterable[Outcome]],
    policy: Policy | None = None,
    *,
    title: str = "",
    include_rows: bool = False,
    quality: Quality = None,
    named: Iterable[str] = (),
    read_together: Iterable[Combined] | None = None,
) -> Report:
    """Compose a report.

    Parameters
    ----------
    outcomes : iterable of Outcome, or mapping of str to such
        The latter as `run_plan` returns them for several models.
    policy : Policy, optional
        By default the packaged one.
    title : str, optional
    include_rows : bool
        Also write the samples' own contents; without it they are named by id only.
    quality : Finding or mapping of str to Finding, optional
        The model's own quality, as `xrai_widgets.runtime.model_quality` gives it; of several models by their names.
    named : iterable of str
        Assessments that were asked for by name; the exit code of the command line depends on how they end.
    read_together : iterable of Combined, optional
        What several searches say together, where the outcomes do not hold the points that they found any more.
    """
    given = [one for part in outcomes.values() for one in part] if isinstance(outcomes, Mapping) else list(outcomes)
    if not given:
        raise ValueError("a report needs at least one outcome, got none")
    together = tuple(combined(given) if read_together is None else read_together)
    names = ", ".join(dict.fromkeys(outcome.subject_name for outcome in given))
    if not include_rows:
        given = [redacted(outcome) for outcome in given]
    created = datetime.now(UTC).isoformat(timespec="seconds")
    heading = title or f"Audit of {names}"
    return Report(given, policy or Policy.default(), heading, include_rows, quality, created, tuple(named), together)
