"""What the arguments of the command line's ``assess`` mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from xrai_widgets.core import Subject

if TYPE_CHECKING:
    from xrai_widgets.io.plans import PlanFile
    from xrai_widgets.runtime.parallel import parallel


def limits_of(planned: Mapping[str, Mapping[str, Any]], lines: list[str]) -> dict[str, Mapping[str, Any]]:
    """Return the constraints of a plan with those of the options over them."""
    from xrai_widgets.io.plans import read_constraint

    limits = dict(planned)
    for line in lines:
        for name, table in read_constraint(line).items():
            limits[name] = {**limits.get(name, {}), **table}
    return limits


def defended_by(subject: Subject, lines: list[str]) -> Subject:
    """Return a subject with the defences of the options, in their order."""
    from xrai_widgets.io.plans import read_defence
    from xrai_widgets.models.defences import defended

    for line in lines:
        name, params = read_defence(line)
        subject = defended(subject, name, **params)
    return subject


def batch_of(planned: "PlanFile | None", new: Path | None, foreign: str) -> dict[str, Any]:
    """Return the batch of new samples: that of the options, else that of a plan."""
    if foreign and new is None:
        raise typer.BadParameter("--foreign is a column of a batch of new samples: give its table with --new")
    if new is not None or planned is None:
        return {"new": new, "foreign": foreign}
    return {"new": planned.new, "foreign": planned.foreign}


def workers_of(jobs: int | None, cluster: str) -> "parallel":
    """Return who does the work: cores of this machine, or a cluster that the option names."""
    from xrai_widgets.runtime.parallel import parallel

    try:
        return parallel(cluster=cluster) if cluster else parallel(jobs=jobs)
    except (ConnectionError, ModuleNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error


def plan_of(plan: Path | None, names: list[str], settings: list[str]) -> list[tuple[str, dict[str, Any]]]:
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
    by_name = {p.name: p for p in entry.parameters}
    if parameter not in by_name:  # one that the runtime knows; else this raises with the allowed names
        chosen[name][parameter] = entry.check({parameter: text})[parameter]
    else:
        chosen[name][parameter] = by_name[parameter].called(by_name[parameter].both).parse(text)


def subject_of(model: str, models: list[str], data: Path | None, **roles: Any) -> Subject:
    """Return the subject of one of the models: a built-in example, or a file with its tables."""
    from xrai_widgets.data import examples
    from xrai_widgets.io.model_files import MODELS
    from xrai_widgets.runtime.trial import read_subject

    if not model.lower().endswith(MODELS) and not Path(model).exists():
        for option in ("groups", "classes", "weights"):
            if roles[option]:
                raise typer.BadParameter(f"--{option} is for a model from a file; a built-in example has none")
        if roles["new"] is None:
            return examples.load(model)
        words = ("new", "foreign", "target", "ids", "ignore", "text", "delimiter", "decimal", "encoding")
        return examples.load_with(model, **{name: roles[name] for name in words})
    if data is None or not roles["target"]:
        raise typer.BadParameter("a model from a file needs --data and --target")
    try:
        file, stems = Path(model).resolve(), [Path(one).stem for one in models]
        name = f"{file.stem} in {file.parent.name}" if stems.count(file.stem) > 1 else ""
        return read_subject(model, data, **roles, name=name)
    except SystemExit as error:  # the model's own, which would end the program as if all were well
        raise ValueError(f"{model} ended the program with sys.exit({error.code!r}) when it was asked") from None


def check_target(file: Path) -> None:
    """Refuse a report that could not be written, before anything is run."""
    if file.suffix not in {".html", ".json", ".md"} or not file.parent.is_dir():
        raise ValueError(f"--out must end in .html, .json or .md and lie in a folder that exists, got {str(file)!r}")
