"""What the command line shows: progress while it runs, then every verdict."""

import contextlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.reporting import console as console_text
from xrai_widgets.reporting.compose import Report
from xrai_widgets.reporting.exit_codes import unjudged
from xrai_widgets.results import words
from xrai_widgets.results.compare import compare
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import Job, PlanProgress, model_quality, run_plan
from xrai_widgets.runtime.run_step import plainly

_PATIENCE = 5.0  # seconds that Ctrl-C waits for the call under way


def run_here(
    subjects: Sequence[Subject], work: list[tuple[str, dict[str, Any]]], **kept: Any
) -> tuple[list[Outcome], bool]:
    """Run a plan with a progress bar for each assessment; return the outcomes, and whether Ctrl-C ended it.

    Every outcome is taken the moment it is there: a model that does not come back from a call costs its own run only.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    runs = [(one, name, params) for one in subjects for name, params in work]
    ended: list[Outcome] = []
    with Progress(*columns, transient=True) as progress:
        names = [name if len(subjects) == 1 else f"{name} on {plain(one.name)}" for one, name, _ in runs]
        bars = [progress.add_task(name, total=1.0, start=False) for name in names]

        def hear(news: Any) -> None:
            if isinstance(news, PlanProgress):
                progress.start_task(bars[news.index])
                progress.update(bars[news.index], completed=news.current.done)
            elif isinstance(news, int):
                progress.update(bars[news], completed=1.0)

        def go(job: Job[Any]) -> Any:
            def each(news: Any) -> None:
                if isinstance(news, Outcome):
                    ended.append(news)
                    news = len(ended) - 1
                job.post(news)

            numbered = {str(number): one for number, one in enumerate(subjects)}
            return run_plan(numbered, work, cancel=job.cancel_event, each=each, backend=job.backend, **kept)

        job, interrupted = Job(go, hear).start(), False
        try:
            job.wait()
        except KeyboardInterrupt:
            interrupted = True
            job.cancel()
            with contextlib.suppress(KeyboardInterrupt):  # pressed again: no more waiting
                job.wait(_PATIENCE)
    if job.error is not None:
        raise plainly(job.error)
    done = list(ended)
    return [*done, *(_cut_off(*one_run) for one_run in runs[len(done) :])], interrupted


def _cut_off(subject: Subject, name: str, params: dict[str, Any]) -> Outcome:
    """Return the outcome of an assessment that had not ended when the program was to end."""
    reason = f"cancelled by Ctrl-C; the model did not come back within {_PATIENCE:g} s, or it was not started"
    return Outcome(name, subject.fingerprint, subject.name, params, "cancelled", reason=reason, origin=subject.origin)


def quality_of(subjects: Sequence[Subject]) -> Finding | dict[str, Finding] | None:
    """Return the model's own quality, or by name that of several."""
    by_name = {subject.name: quality for subject in subjects if (quality := _quality_of(subject)) is not None}
    return by_name if len(subjects) > 1 else next(iter(by_name.values()), None)


def _quality_of(subject: Subject) -> Finding | None:
    """Return it; a model that fails at that costs no outcome."""
    try:
        return model_quality(subject)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another's model; everything else is done
        message = f"{type(error).__name__}: {error}"
        Console(stderr=True).print(f"the model's own quality was not measured: {plain(message)}", highlight=False)
        return None


def show(made: Report, outcomes: Sequence[Outcome]) -> None:
    """Print every outcome with its verdict; ``outcomes`` may be those that the report redacted."""
    console = Console()
    for outcome, verdict in zip(outcomes, made.verdicts, strict=True):
        ending = console_text.coloured(verdict.status if outcome.status == "ok" else outcome.status)
        console.print(f"\n[bold]{outcome.assessment}[/] on {plain(outcome.subject_name)}: {ending}")
        if outcome.recalled:
            console.print(f"[dim]from the store, computed {words.moment(outcome.started)}[/]")
        if outcome.unsaved:
            Console(stderr=True).print(f"[bold red]not saved[/] {plain(outcome.unsaved)}", highlight=False)
        if outcome.reason:
            console.print(plain(outcome.reason) + (f" Instead: {plain(outcome.instead)}." if outcome.instead else ""))
        name = outcome.assessment
        for headers, rows in (
            (console_text.VALUES, console_text.value_rows(verdict, name)),
            (console_text.GROUPS, console_text.group_rows(verdict, name)),
        ):
            table = Table(*headers)
            for row in rows:
                table.add_row(*row)
            if rows:
                console.print(table)
        for line in console_text.doubt_lines(verdict, name) + console_text.waiver_lines(verdict, name):
            console.print(line, highlight=False, soft_wrap=True)

    _sum_up(console, made)


def _sum_up(console: Console, made: Report) -> None:
    """Print how many outcomes of each family have which verdict, and what was to be judged and is not."""
    table = Table("family", "worst verdict", "verdicts", "")
    for family in made.families:
        ending = console_text.coloured(family.status) + (" (waived)" if family.waived else "")
        table.add_row(family.title, ending, family.counted, plain(family.reason))
    console.print("", table)
    for line in console_text.reading_lines(made.readings):
        console.print(line, highlight=False, soft_wrap=True)
    for line in unjudged(made):
        console.print(plain(line), highlight=False, soft_wrap=True)


def show_side_by_side(outcomes: Sequence[Outcome], policy: Policy) -> None:
    """Print every number of several models beside those of the first one, and how they differ."""
    runs = {outcome.subject: [o for o in outcomes if o.subject == outcome.subject] for outcome in outcomes}
    if len(runs) < 2:
        return
    made, console = compare(*runs.values(), policy=policy), Console()
    table = Table("measure", *map(plain, made.names), title=f"Differences from {plain(made.names[0])}")
    for row in made.rows:
        table.add_row(f"{row.assessment} {words.label(row.key, row.assessment)}", *console_text.compared_cells(row))
    console.print("", table)
    for note in made.notes:
        console.print(plain(note), highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """Return text in which brackets are no markup."""
    return text.replace("[", r"\[")
