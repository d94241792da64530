"""The command line's ``watch``: run, status, show, approve, ack, test-alert, loop."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xrai_widgets.watch.watch import Ran, Watch

app = typer.Typer(
    no_args_is_help=True,
    help="Look at a model again and again: is it still the one that was approved?",
    epilog="Exit codes: 0 fine; 1 a failure, an alarm or another model; 2 bad usage; 3 an error, a batch that cannot "
    "be read, or a message that did not arrive; 4 nothing due (with --quiet: 0); 5 another run holds the watch.",
)
File = Annotated[Path, typer.Argument(help="TOML file of the watch")]
Who = Annotated[str, typer.Option(help="your name, for those who read the decision later")]
Why = Annotated[str, typer.Option(help="the reason")]
_NAP = 60.0


@app.command()
def run(
    file: File,
    if_due: Annotated[bool, typer.Option("--if-due", help="do nothing where no slot has passed")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing where nothing is due, and end with 0")] = False,
) -> None:
    """Look once: read the batch, run the plan, keep, judge, tell, end."""
    ran = _opened(file).run(if_due=if_due)
    raise typer.Exit(_end(ran, quiet=quiet))


@app.command()
def status(file: File) -> None:
    """Say the last look, the next slot, and whether a look is overdue: then the exit code is 1."""
    watch, moment = _opened(file), datetime.now(UTC)
    looks = [look for look in watch.tables.looks() if look.status != "missed"]
    coming = next(watch.schedule.after(moment))
    typer.echo(f"{watch.file.name}: next slot {coming.name} ({watch.file.schedule['zone']})")
    if not looks:
        typer.echo("no look yet")
    else:
        typer.echo(f"last look {looks[-1].slot}: {looks[-1].status}, ran {looks[-1].ran}")
    for one in watch.standing():
        typer.echo(f"{one.state} ({one.looks} looks): {one.key}")
    late = watch.overdue(moment)
    if late is not None:
        typer.echo(f"overdue: the slot {late.name} has not been looked at")
        raise typer.Exit(1)


@app.command()
def show(file: File) -> None:
    """Print what calls this watch: a line of cron, a systemd timer, a job of GitHub Actions."""
    from xrai_widgets.watch.callers import callers

    typer.echo(callers(_opened(file).file))


@app.command()
def approve(file: File, who: Who, why: Why) -> None:
    """Approve the model and its baseline: every look is held against them, and another model is told."""
    from xrai_widgets.results.false_years import false_years
    from xrai_widgets.watch.subjects import baseline_counts, subject_of

    watch = _opened(file)
    mark = watch.approve(who, why)
    typer.echo(f"approved by {mark.detail['who']}: series {mark.series[:12]}")
    counts = baseline_counts(subject_of(watch.file.subject, None))
    if counts is None or not 0 < counts[0] < counts[1]:
        return
    wrong, rows = counts
    typer.echo(f"what a year of looks with 200 labels each would show, {rows} rows of baseline, {wrong} of them wrong:")
    for line in false_years(1 - wrong / rows, rows, 200, allowed=watch.file.allowed_fall).to_dict("records"):
        if line["fall"] == 0:
            typer.echo(
                f"  unchanged model: {line['years_with_alarm']:.1%} of years with an alarm "
                f"({line['low']:.1%} to {line['high']:.1%})"
            )
        else:
            never = f", never in {line['never_found']:.0%} of years" if line["never_found"] else ""
            typer.echo(f"  accuracy falls by {line['fall']:.2f}: found after {line['median_looks']:g} looks{never}")


@app.command()
def ack(file: File, who: Who, why: Why) -> None:
    """Acknowledge what the newest look found: it is not told again, and the evidence of an alarm begins anew."""
    for key in _opened(file).acknowledge(who, why):
        typer.echo(f"acknowledged: {key}")


@app.command(name="test-alert")
def test_alert(file: File) -> None:
    """Send a message on every channel, and say whether it arrived."""
    from xrai_widgets.io.alerts import Message, deliver

    watch = _opened(file)
    if not watch.file.channels:
        raise typer.BadParameter(f"{file} has no [[alerts]]")
    name = watch.file.name
    message = Message(f"{name}: test", f"This is a test of the watch {name}.", {"watch": name, "status": "test"})
    deliveries = [deliver(channel, message) for channel in watch.file.channels]
    for delivery in deliveries:
        typer.echo(f"{delivery.channel}: {'arrived' if delivery.arrived else delivery.why}")
    raise typer.Exit(0 if all(delivery.arrived for delivery in deliveries) else 3)


@app.command()
def loop(file: File) -> None:
    """Look whenever a slot is due, until Ctrl-C: for those who have no cron."""
    watch = _opened(file)
    try:
        forever(watch, time.sleep, lambda ran: _end(ran, quiet=True))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def forever(watch: "Watch", sleep: Callable[[float], None], hear: Callable[["Ran"], object]) -> None:
    """Run what is due and sleep, at most a minute: a machine that slept meanwhile, or its store, catches up."""
    from xrai_widgets.io.store_place import StoreError
    from xrai_widgets.watch.watch import BROKEN, Ran

    while True:
        try:
            hear(watch.run(if_due=True))
        except StoreError as error:
            hear(Ran(BROKEN, note=str(error)))
        moment = datetime.now(UTC)
        wait = next(watch.schedule.after(moment)).at - moment
        sleep(min(max(wait, timedelta(seconds=1)).total_seconds(), _NAP))


def _opened(file: Path) -> "Watch":
    from xrai_widgets.io.watch_files import read_watch
    from xrai_widgets.watch.watch import Watch

    return Watch(read_watch(file))


def _end(ran: "Ran", *, quiet: bool) -> int:
    from xrai_widgets.watch.watch import NOTHING_DUE

    if ran.code == NOTHING_DUE and quiet:
        return 0
    for look in ran.looks:
        typer.echo(f"{look.slot}: {look.status}")
        for problem in look.detail.get("problems", ()):
            typer.echo(f"  {problem['occasion']}: {problem['text']}")
        for note in look.detail.get("notes", ()):
            typer.echo(f"  note: {note}")
    for delivery in ran.deliveries:
        if not delivery.arrived:
            typer.echo(f"  {delivery.channel}: not delivered ({delivery.why})")
    if ran.note:
        typer.echo(ran.note)
    return ran.code
