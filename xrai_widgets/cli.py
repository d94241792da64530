"""The command line: serve, list, assess, report, doctor. The exit codes stand in `reporting.exit_codes`."""

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from xrai_widgets import alarm_commands
from xrai_widgets.io.store_place import StoreError
from xrai_widgets.reporting.exit_codes import BROKEN, FAILED, MISUSED, exit_code, listed

app = typer.Typer(
    name="xrai-widgets",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Audit one fitted model: robustness, privacy leakage, with an interval on every number.",
    epilog=listed(),
)
app.add_typer(alarm_commands.app, name="alarm")
_ALLOW = "end with 0 where something is not judged, too"


def main() -> None:
    """Run the command line; what the user got wrong is said in one line, without a traceback."""
    try:
        app()
    except (ValueError, TypeError, StoreError) as error:
        _say(error)
        sys.exit(MISUSED)
    except Exception:  # noqa: BLE001 - the program ends here; Python's own ending, 1, would mean that a verdict fails
        traceback.print_exc()
        sys.exit(BROKEN)


def _say(error: Exception) -> None:
    from rich.console import Console

    from xrai_widgets.terminal import plain

    Console(stderr=True).print(f"[bold red]error[/] {plain(str(error))}", highlight=False)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port of the server")] = 8866,
    host: Annotated[str, typer.Option(help="address to listen on; by default this machine only")] = "127.0.0.1",
    base_url: Annotated[str, typer.Option(help="path under which it is reached")] = "/",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open a browser")] = True,
    token: Annotated[
        str, typer.Option(envvar="XRAI_TOKEN", help="word visitors need; made up if others can reach the host")
    ] = "",
    seats: Annotated[int, typer.Option(min=1, help="visitors at once, about 230 MB each before torch is used")] = 10,
    pool: Annotated[
        int | None, typer.Option(min=0, help="kernels kept ready, about 230 MB each; default: what memory allows")
    ] = None,
    idle: Annotated[int, typer.Option(min=1, help="seconds after which an unused kernel is ended")] = 600,
    name: Annotated[list[str] | None, typer.Option(help="another host name it is reached by; may be repeated")] = None,
    store: Annotated[str, typer.Option(help="file or database URL of the visitors' histories, or none")] = "",
) -> None:
    """Serve the gallery of tutorials as apps."""
    from xrai_widgets.apps.gallery import serve as run
    from xrai_widgets.apps.server.serving import Serving

    run(Serving(port, host, base_url, browser, token, seats, pool, idle, tuple(name or ()), store))


@app.command(name="list")
def list_(name: Annotated[str, typer.Argument(help="an assessment, to see its parameters")] = "") -> None:
    """List assessments, defences and built-in examples; with a name, the parameters of that assessment."""
    from rich.console import Console
    from rich.table import Table

    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.core import find, registered
    from xrai_widgets.core.assessment import family_title
    from xrai_widgets.data import examples
    from xrai_widgets.models.defences import DEFENCES
    from xrai_widgets.terminal import plain

    console = Console()
    if name:
        entry = find(name)
        table = Table("parameter", "called", "allowed", "default", "meaning", title=f"{entry.name}: {entry.title}")
        for parameter in entry.parameters:
            cells = (plain(text) for text in (parameter.label, parameter.allowed, repr(parameter.default)))
            table.add_row(parameter.name, *cells, plain(parameter.help))
        console.print(entry.summary, table)
        return
    table = Table("family", "assessment", "title", "needs", title="assessments")
    for entry in registered().values():
        table.add_row(family_title(entry.family), entry.name, entry.title, ", ".join(entry.needs))
    console.print(table)
    table = Table("defence", "parameters", "what it does", title="defences, for --defend")
    for defence in DEFENCES.values():
        allowed = [f"{p.name} ({p.allowed})" for p in defence.parameters]
        table.add_row(defence.name, plain(", ".join(allowed)), plain(defence.summary))
    console.print(table)
    table = Table("example", "what it is", title="built-in examples")
    for example in examples.names():
        table.add_row(example, examples.summary(example))
    console.print(table)


@app.command(epilog=listed())
def assess(
    model: Annotated[
        list[str] | None,
        typer.Argument(help="a built-in example or a file (.skops .onnx .ubj .json .txt .cbm …), or several of them"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="table of held-out samples (.csv .csv.gz .parquet .npz)")] = None,
    target: Annotated[str, typer.Option(help="column of the true labels in the tables")] = "",
    train: Annotated[Path | None, typer.Option(help="table of the training samples")] = None,
    ids: Annotated[str, typer.Option(help="column that names the samples")] = "",
    ignore: Annotated[list[str] | None, typer.Option(help="column that is no feature; may be repeated")] = None,
    immutable: Annotated[list[str] | None, typer.Option(help="feature that no one can change; may be repeated")] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="what a feature may become: 'age = { monotone = 1, range = [18, 75] }'; may be repeated"),
    ] = None,
    defend: Annotated[
        list[str] | None,
        typer.Option(
            help="defence of the model: rounding, 'feature_squeezing = { bits = 3 }'; may be repeated, in order"
        ),
    ] = None,
    split: Annotated[float | None, typer.Option(help="share of --data held out; trained on the rest")] = None,
    seed: Annotated[int, typer.Option(help="random_state of scikit-learn's train_test_split")] = 0,
    stratify: Annotated[bool, typer.Option("--stratify", help="the split keeps the shares of the classes")] = False,
    delimiter: Annotated[str | None, typer.Option(help="of a CSV, where it cannot be detected: , ; | or tab")] = None,
    decimal: Annotated[str | None, typer.Option(help="of a CSV: . or ,")] = None,
    encoding: Annotated[str | None, typer.Option(help="of a CSV, such as cp1252")] = None,
    run: Annotated[list[str] | None, typer.Option(help="an assessment to run; may be repeated; default: all")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="a parameter, as n_neighbors=5 or privacy.shapr.n_neighbors=5; may be repeated"),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="TOML file with a table per assessment, instead of --run")] = None,
    policy: Annotated[Path | None, typer.Option(help="TOML file with thresholds; default: the packaged one")] = None,
    out: Annotated[list[Path] | None, typer.Option(help="report to write (.html .json .md); may be repeated")] = None,
    groups: Annotated[
        str, typer.Option(help="column of subgroups, in which every judged number is measured, too")
    ] = "",
    classes: Annotated[
        list[str] | None,
        typer.Option(help="a label, in the order of the model's outputs, where nothing else tells; repeated for each"),
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="column of codes, read as text; may be repeated")] = None,
    weights: Annotated[str, typer.Option(help="column of the weights that the training samples had")] = "",
    new: Annotated[
        Path | None, typer.Option(help="batch of new samples to be judged: a table, a picture or a folder of pictures")
    ] = None,
    foreign: Annotated[
        str, typer.Option(help="column of --new that says True for samples of another kind (or a folder's subfolder)")
    ] = "",
    include_rows: Annotated[bool, typer.Option(help="write the samples' own contents into the report, too")] = False,
    store: Annotated[str, typer.Option(help="file or database URL that keeps what is run and returns what was")] = "",
    fresh: Annotated[bool, typer.Option(help="run again even what the store knows")] = False,
    allow_unjudged: Annotated[bool, typer.Option("--allow-unjudged", help=_ALLOW)] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, envvar="XRAI_JOBS", help="most cores that long work is spread over; default: all"),
    ] = None,
    cluster: Annotated[
        str, typer.Option(help="address of a Dask scheduler that runs already, as tcp://10.0.0.5:8786, to work there")
    ] = "",
) -> None:
    """Assess a model, or several side by side, and print the verdicts. The plan may name it."""
    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets import arguments
    from xrai_widgets.io.plans import read_plan_file
    from xrai_widgets.models.constrained import constrained
    from xrai_widgets.reporting.compose import report as compose
    from xrai_widgets.results.policy import Policy
    from xrai_widgets.runtime.store import Store
    from xrai_widgets.terminal import quality_of, run_here, show, show_side_by_side

    plan_file = read_plan_file(plan) if plan else None
    judged_by = Policy.load(policy) if policy else Policy.default()
    if plan_file and plan_file.policy is not None and not policy:
        judged_by = Policy.of(plan_file.policy, f"the policy in {Path(plan or '').name}")
    models = model or ([plan_file.example] if plan_file and plan_file.example else [])
    if not models:
        raise typer.BadParameter("name a model or a built-in example, or a --plan with [subject]")
    work = arguments.plan_of(plan, run or [], set_ or [])
    for file in out or []:
        arguments.check_target(file)
    keeper = Store(store) if store else None
    style = {"delimiter": "\t" if delimiter == "tab" else delimiter, "decimal": decimal, "encoding": encoding}
    roles: dict[str, Any] = {
        "target": target,
        "train": train,
        "ids": ids,
        "ignore": ignore or [],
        "immutable": immutable or [],
    }
    roles |= {"classes": classes or [], "text": text or [], "weights": weights}
    limits = arguments.limits_of(plan_file.constraints if plan_file else {}, constraint or [])
    roles |= arguments.batch_of(plan_file, new, foreign)
    roles |= {"split": split, "seed": seed, "stratify": stratify, "groups": groups, **style}
    subjects = [constrained(arguments.subject_of(one, models, data, **roles), limits) for one in models]
    subjects = [arguments.defended_by(subject, defend or []) for subject in subjects]
    with arguments.workers_of(jobs, cluster):
        outcomes, interrupted = run_here(subjects, work, store=keeper, fresh=fresh)
    named = [name for name, _ in work] if run or plan else []
    quality = None if interrupted else quality_of(subjects)
    made = compose(outcomes, judged_by, include_rows=include_rows, quality=quality, named=named)
    show(made, outcomes)
    show_side_by_side(outcomes, judged_by)
    for file in out or []:
        typer.echo(f"wrote {made.save(file)}")
    raise typer.Exit(exit_code(made, interrupted=interrupted, allow_unjudged=allow_unjudged))


@app.command(epilog=listed())
def report(
    source: Annotated[Path, typer.Argument(help="a report saved as JSON")],
    out: Annotated[list[Path], typer.Option(help="file to write (.html .json .md); may be repeated")],
    policy: Annotated[
        Path | None, typer.Option(help="TOML file with thresholds and waivers; default: those of the report")
    ] = None,
    allow_unjudged: Annotated[bool, typer.Option("--allow-unjudged", help=_ALLOW)] = False,
) -> None:
    """Judge saved results again, by another policy if given, and write them in another form."""
    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.reporting.compose import report as compose
    from xrai_widgets.reporting.saved import read_combined, read_named, read_policy, read_quality, read_report
    from xrai_widgets.results.policy import Policy
    from xrai_widgets.terminal import show

    judged_by = Policy.load(policy) if policy else read_policy(source)
    kept: dict[str, Any] = {
        "quality": read_quality(source),
        "named": read_named(source),
        "read_together": read_combined(source),
    }
    made = compose(read_report(source), judged_by, **kept)
    show(made, made.outcomes)
    for file in out:
        typer.echo(f"wrote {made.save(file)}")
    raise typer.Exit(exit_code(made, allow_unjudged=allow_unjudged))


@app.command()
def checkpoints(
    prune: Annotated[bool, typer.Option("--prune", help="remove what was used longest ago")] = False,
    keep: Annotated[float, typer.Option(min=0, help="MB that --prune leaves")] = 0.0,
) -> None:
    """Say what the training of networks has kept in your cache folder, and remove it."""
    from xrai_widgets.io import checkpoint_files

    folder = checkpoint_files.chosen_folder()
    if folder is None:
        typer.echo(f"nothing is kept in files: {checkpoint_files.SETTING} or XRAI_STORE is none")
        return
    removed = checkpoint_files.prune(folder, int(keep * 1e6)) if prune else []
    if prune:
        typer.echo(f"removed {len(removed)} checkpoints, {sum(one.size for one in removed) / 1e6:.1f} MB")
    left = checkpoint_files.kept_in(folder)
    typer.echo(f"{folder} holds {len(left)} checkpoints, {sum(one.size for one in left) / 1e6:.1f} MB")


@app.command()
def doctor() -> None:
    """Check that what is installed works together."""
    from rich.console import Console
    from rich.table import Table

    from xrai_widgets.runtime.doctor import examine

    findings = examine()
    table = Table("", "what", "found", "wanted")
    for finding in findings:
        table.add_row({"ok": "[green]●", "note": "[yellow]▲", "bad": "[red]■"}[finding.status], *finding.words)
    Console().print(table)
    if any(finding.status == "bad" for finding in findings):
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    main()
