"""The command line: serve, list, assess, report, doctor. The exit codes stand in `reporting.exit_codes`."""

import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xrai_widgets.io.store_place import StoreError
from xrai_widgets.reporting.exit_codes import BROKEN, FAILED, MISUSED, exit_code, listed

if TYPE_CHECKING:
    from xrai_widgets.core import Subject

app = typer.Typer(
    name="xrai-widgets",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Audit one fitted model: robustness, privacy leakage, with an interval on every number.",
    epilog=listed(),
)
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
    """List the assessments and the built-in examples; with a name, the parameters of that assessment."""
    from rich.console import Console
    from rich.table import Table

    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.core import find, registered
    from xrai_widgets.data import examples
    from xrai_widgets.terminal import plain

    console = Console()
    if name:
        entry = find(name)
        table = Table("parameter", "allowed", "default", "meaning", title=f"{entry.name}: {entry.title}")
        for parameter in entry.parameters:
            table.add_row(parameter.name, plain(parameter.allowed), repr(parameter.default), parameter.help)
        console.print(entry.summary, table)
        return
    table = Table("assessment", "title", "needs", title="assessments")
    for entry in registered().values():
        table.add_row(entry.name, entry.title, ", ".join(entry.needs))
    console.print(table)
    table = Table("example", "what it is", title="built-in examples")
    for example in examples.names():
        table.add_row(example, examples.summary(example))
    console.print(table)


@app.command(epilog=listed())
def assess(
    model: Annotated[
        str,
        typer.Argument(help="a built-in example, or a file (.skops .onnx .ubj .json .txt .cbm …); default: the plan's"),
    ] = "",
    data: Annotated[Path | None, typer.Option(help="table of held-out samples (.csv .csv.gz .parquet .npz)")] = None,
    target: Annotated[str, typer.Option(help="column of the true labels in the tables")] = "",
    train: Annotated[Path | None, typer.Option(help="table of the training samples")] = None,
    ids: Annotated[str, typer.Option(help="column that names the samples")] = "",
    ignore: Annotated[list[str] | None, typer.Option(help="column that is no feature; may be repeated")] = None,
    immutable: Annotated[list[str] | None, typer.Option(help="feature nobody can change; may be repeated")] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="what a feature may become: 'age = { monotone = 1, range = [18, 75] }'; may be repeated"),
    ] = None,
    split: Annotated[float | None, typer.Option(help="share of --data held out; trained on the rest")] = None,
    seed: Annotated[int, typer.Option(help="random_state of scikit-learn's train_test_split")] = 0,
    stratify: Annotated[bool, typer.Option("--stratify", help="the split keeps the shares of the classes")] = False,
    delimiter: Annotated[str | None, typer.Option(help="of a CSV, where it cannot be told: , ; | or tab")] = None,
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
    include_rows: Annotated[bool, typer.Option(help="write the samples' own contents into the report, too")] = False,
    store: Annotated[str, typer.Option(help="file or database URL that answers what it knows and keeps the rest")] = "",
    fresh: Annotated[bool, typer.Option(help="run again even what the store knows")] = False,
    allow_unjudged: Annotated[bool, typer.Option("--allow-unjudged", help=_ALLOW)] = False,
) -> None:
    """Assess a model and print the verdicts."""
    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.io.plans import read_plan_file
    from xrai_widgets.models.constrained import constrained
    from xrai_widgets.reporting.compose import report as compose
    from xrai_widgets.results.policy import Policy
    from xrai_widgets.runtime.store import Store
    from xrai_widgets.terminal import quality_of, run_here, show

    said = read_plan_file(plan) if plan else None
    judged_by = Policy.load(policy) if policy else Policy.default()
    if said and said.policy is not None and not policy:
        judged_by = Policy.of(said.policy, f"the policy in {Path(plan or '').name}")
    model = model or (said.example if said else "")
    if not model:
        raise typer.BadParameter("name a model or a built-in example, or a --plan with [subject]")
    work = _plan(plan, run or [], set_ or [])
    for file in out or []:
        _check_target(file)
    keeper = Store(store) if store else None
    style = {"delimiter": "\t" if delimiter == "tab" else delimiter, "decimal": decimal, "encoding": encoding}
    roles = {"target": target, "train": train, "ids": ids, "ignore": ignore or [], "immutable": immutable or []}
    roles |= {"classes": classes or [], "text": text or []}
    limits = _limits(said.constraints if said else {}, constraint or [])
    subject = _subject(model, data, **roles, **style, split=split, seed=seed, stratify=stratify, groups=groups)
    subject = constrained(subject, limits)
    outcomes, interrupted = run_here(subject, work, store=keeper, fresh=fresh)
    named = [name for name, _ in work] if run or plan else []
    quality = None if interrupted else quality_of(subject)
    made = compose(outcomes, judged_by, include_rows=include_rows, quality=quality, named=named)
    show(made, outcomes)
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
    from xrai_widgets.reporting.export import read_combined, read_named, read_policy, read_quality, read_report
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


def _limits(planned: Mapping[str, Mapping[str, Any]], lines: list[str]) -> dict[str, Mapping[str, Any]]:
    """Return the constraints of a plan with those of the options over them."""
    from xrai_widgets.io.plans import read_constraint

    limits = dict(planned)
    for line in lines:
        for name, table in read_constraint(line).items():
            limits[name] = {**limits.get(name, {}), **table}
    return limits


def _plan(plan: Path | None, names: list[str], settings: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the checked plan of the options."""
    from xrai_widgets.core import registered
    from xrai_widgets.runtime import check_plan

    if plan is not None:
        if names or settings:
            raise typer.BadParameter("--plan stands alone, without --run and --set")
        return [(entry.name, params) for entry, params in check_plan(plan)]
    chosen: dict[str, dict[str, Any]] = {entry.name: {} for entry, _ in check_plan(names or list(registered()))}
    for setting in settings:
        _set(chosen, setting)
    return [(entry.name, params) for entry, params in check_plan(list(chosen.items()))]


def _set(chosen: dict[str, dict[str, Any]], setting: str) -> None:
    from xrai_widgets.core import find

    key, equals, text = setting.partition("=")
    prefix, _, parameter = key.rpartition(".")
    if not equals or (not prefix and len(chosen) > 1) or (prefix and prefix not in chosen):
        allowed = ", ".join(f"{name}.PARAMETER=VALUE" for name in chosen)
        raise typer.BadParameter(f"--set must be one of {allowed}, got {setting!r}")
    name = prefix or next(iter(chosen))
    entry = find(name)
    known = {p.name: p for p in entry.parameters}
    if parameter not in known:
        entry.check({parameter: text})  # raises with the allowed names
    chosen[name][parameter] = known[parameter].parse(text)


def _subject(model: str, data: Path | None, **roles: Any) -> "Subject":
    from xrai_widgets.data import examples
    from xrai_widgets.io.model_files import MODELS
    from xrai_widgets.runtime.trial import read_subject

    if not model.lower().endswith(MODELS) and not Path(model).exists():
        for option in ("groups", "classes", "text"):
            if roles[option]:
                raise typer.BadParameter(f"--{option} is for a model from a file; a built-in example has none")
        return examples.load(model)
    if data is None or not roles["target"]:
        raise typer.BadParameter("a model from a file needs --data and --target")
    try:
        return read_subject(model, data, **roles)
    except SystemExit as error:  # the model's own, which would end the program as if all were well
        raise ValueError(f"{model} ended the program with sys.exit({error.code!r}) when it was asked") from None


def _check_target(file: Path) -> None:
    if file.suffix not in {".html", ".json", ".md"} or not file.parent.is_dir():
        raise ValueError(f"--out must end in .html, .json or .md and lie in a folder that exists, got {str(file)!r}")


if __name__ == "__main__":
    main()
