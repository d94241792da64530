"""The command line of an alarm in service: make one, and ask it about rows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from xrai_widgets.reporting.exit_codes import FAILED

app = typer.Typer(no_args_is_help=True, help="Make an alarm for foreign inputs, and ask it about new rows.")
_MODEL = "a built-in example or a file (.skops .onnx .ubj .json .txt .cbm .safetensors)"
_ENDINGS = (".csv", ".json")


def _subject(model: str, data: Path | None, target: str, train: Path | None, given: dict[str, Any]) -> Any:
    from xrai_widgets import arguments

    roles = {"groups": "", "classes": [], "text": [], "weights": "", "new": None, "foreign": "", "immutable": []}
    roles |= {"split": None, "seed": 0, "stratify": False, "delimiter": None, "decimal": None, "encoding": None}
    return arguments.subject_of(model, [model], data, **{**roles, "target": target, "train": train, **given})


@app.command()
def fit(
    model: Annotated[str, typer.Argument(help=_MODEL)],
    out: Annotated[Path, typer.Option(help="file to write (.safetensors)")],
    detector: Annotated[str, typer.Option(help="which detector: knn, mahalanobis, vae, ensemble, …")] = "ensemble",
    alpha: Annotated[float, typer.Option(help="share of normal rows for which it may ring")] = 0.05,
    data: Annotated[Path | None, typer.Option(help="table of held-out samples (.csv .csv.gz .parquet .npz)")] = None,
    target: Annotated[str, typer.Option(help="column of the true labels in the tables")] = "",
    train: Annotated[Path | None, typer.Option(help="table of the training samples")] = None,
    ids: Annotated[str, typer.Option(help="column that names the samples")] = "",
    ignore: Annotated[list[str] | None, typer.Option(help="column that is no feature; may be repeated")] = None,
    split: Annotated[float | None, typer.Option(help="share of --data held out; trained on the rest")] = None,
    seed: Annotated[int, typer.Option(help="random_state of scikit-learn's train_test_split")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="a parameter of the detector, as n_neighbors=5; may be repeated")
    ] = None,
    include_rows: Annotated[
        bool, typer.Option("--include-rows", help="write training rows, too: neighbours and the map are made of them")
    ] = False,
) -> None:
    """Fit and calibrate an alarm on a model's samples, and save it, without the model."""
    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.core import find
    from xrai_widgets.io.alarm_files import check_target
    from xrai_widgets.runtime.alarm import Alarm

    by_name = {one.name: one for one in find(f"ood.{detector.removeprefix('ood.')}").parameters}
    params: dict[str, Any] = {}
    for setting in set_ or []:
        key, equals, text = setting.partition("=")
        if not equals or key not in by_name:
            raise typer.BadParameter(f"--set must be one of {', '.join(by_name)} as NAME=VALUE, got {setting!r}")
        params[key] = by_name[key].parse(text)
    check_target(out)
    given = {"ids": ids, "ignore": ignore or [], "split": split, "seed": seed}
    subject = _subject(model, data, target, train, given)
    made = Alarm.of(subject, detector, **{"alpha": alpha, **params})
    made.save(out, include_rows=include_rows)
    typer.echo(_summary(made))
    typer.echo(f"wrote {out}")


@app.command()
def check(
    alarm: Annotated[Path, typer.Argument(help="a file that `alarm fit` or Alarm.save has written")],
    rows: Annotated[Path, typer.Argument(help="rows to check: a table, a picture, or a folder of pictures")],
    out: Annotated[Path | None, typer.Option(help="table to write, a line per row (.csv .json)")] = None,
    alpha: Annotated[float | None, typer.Option(help="another share of false alarms than the file says")] = None,
    ids: Annotated[str, typer.Option(help="column that names the rows")] = "",
    ignore: Annotated[list[str] | None, typer.Option(help="column that is no feature; may be repeated")] = None,
    most: Annotated[
        float | None,
        typer.Option("--most-alarms", min=0, max=1, help="end with 1 only where surely more than this share ring"),
    ] = None,
    model: Annotated[str, typer.Option(help=f"{_MODEL}: for predictions, and for detectors that ask it")] = "",
    data: Annotated[Path | None, typer.Option(help="of the model: table of held-out samples")] = None,
    target: Annotated[str, typer.Option(help="of the model: column of the true labels")] = "",
    train: Annotated[Path | None, typer.Option(help="of the model: table of the training samples")] = None,
) -> None:
    """Ask an alarm about rows. Exit codes: 0 it rings for none; 1 it rings; 2 bad usage."""
    import xrai_widgets.engines  # noqa: F401 - fills the catalog
    from xrai_widgets.io.alarm_rows import read_rows
    from xrai_widgets.runtime.alarm import Alarm

    if out is not None and (out.suffix not in _ENDINGS or not out.parent.is_dir()):
        raise ValueError(f"--out must end in {' or '.join(_ENDINGS)} and lie in a folder that exists, got {str(out)!r}")
    gone = [column for column in ignore or [] if column != target]
    subject = None
    if model:
        subject = _subject(model, data, target, train, {"ids": ids, "ignore": gone})
    made = Alarm.load(alarm, subject)
    made = made if alpha is None else made.at(alpha)
    given, names = read_rows(rows, made.form, made.bounds, ignore=gone, ids=ids, target=target)
    checked = made.check(given)
    table = checked.table()
    table.insert(0, "id", names)
    if out is not None:
        text = table.to_csv(index=False) if out.suffix == ".csv" else table.to_json(orient="records", indent=1)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {out}")
    rate, count = checked.rate, int(checked.abstain.sum())
    typer.echo(_summary(made))
    for one, p in (
        table.loc[table["abstain"], ["id", "p_value"]].sort_values("p_value").head(10).itertuples(index=False)
    ):
        typer.echo(f"  it rings for {one}: p = {p:.3g}")
    typer.echo(
        f"it rings for {count} of {len(table)} rows ({100 * rate.value:.3g} %, 95 % interval {100 * rate.low:.3g} to "
        f"{100 * rate.high:.3g} %; {100 * made.guarantee:.3g} % of normal rows at most)"
    )
    if count if most is None else rate.low > most:
        raise typer.Exit(FAILED)


def _summary(made: Any) -> str:
    mute = " No row like those that calibrate can make it ring at this α: too many tie." if made.mute else ""
    return (
        f"{made.service.method}, α = {made.alpha:g}, {made.n_calibration} rows calibrate it (smallest α "
        f"{made.smallest_alpha:.3g}), made {made.made}.{mute}"
    )
