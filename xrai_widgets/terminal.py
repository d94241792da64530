"""What the command line shows: progress while it runs, then every verdict."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.reporting import console as said
from xrai_widgets.reporting.compose import Report
from xrai_widgets.results import words
from xrai_widgets.runtime import Job, PlanProgress, run_plan


def run_here(subject: Subject, work: list[tuple[str, dict[str, Any]]], **kept: Any) -> list[Outcome]:
    """Run a plan with a progress bar for each assessment; Ctrl-C keeps what is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        bars = {name: progress.add_task(name, total=1.0, start=False) for name, _ in work}

        def hear(news: Any) -> None:
            if isinstance(news, PlanProgress):
                progress.start_task(bars[news.assessment])
                progress.update(bars[news.assessment], completed=news.current.done)
            elif isinstance(news, Outcome):
                progress.update(bars[news.assessment], completed=1.0)

        job = Job(lambda job: run_plan(subject, work, cancel=job.cancel_event, each=job.post, **kept), hear).start()
        try:
            job.wait()
        except KeyboardInterrupt:  # what is done is kept and reported
            job.cancel()
            job.wait(5)
    if job.error is not None:
        raise job.error
    return job.result or []


def show(made: Report, outcomes: Sequence[Outcome]) -> None:
    """Print every outcome with its verdict; ``outcomes`` may be those that the report redacted."""
    console = Console()
    for outcome, verdict in zip(outcomes, made.verdicts, strict=True):
        ending = said.coloured(verdict.status if outcome.status == "ok" else outcome.status)
        console.print(f"\n[bold]{outcome.assessment}[/] on {plain(outcome.subject_name)}: {ending}")
        if outcome.recalled:
            console.print(f"[dim]from the store, computed {words.moment(outcome.started)}[/]")
        if outcome.unsaved:
            Console(stderr=True).print(f"[bold red]not saved[/] {plain(outcome.unsaved)}", highlight=False)
        if outcome.reason:
            console.print(plain(outcome.reason) + (f" Instead: {plain(outcome.instead)}." if outcome.instead else ""))
        for headers, rows in ((said.VALUES, said.value_rows(verdict)), (said.GROUPS, said.group_rows(verdict))):
            table = Table(*headers)
            for row in rows:
                table.add_row(*row)
            if rows:
                console.print(table)
        for line in said.doubt_lines(verdict) + said.waiver_lines(verdict):
            console.print(line, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """Return text in which brackets are no markup."""
    return text.replace("[", r"\[")
