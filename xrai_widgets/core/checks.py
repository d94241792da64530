"""What an engine says about itself when it is registered, checked: fields, marks, controls, words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import TYPE_CHECKING, get_args

from xrai_widgets.core.control import Control
from xrai_widgets.core.finding import Finding
from xrai_widgets.core.missing import Missing
from xrai_widgets.core.names import NAMED
from xrai_widgets.core.parameter import Parameter
from xrai_widgets.core.subject import Subject

if TYPE_CHECKING:
    from xrai_widgets.core.assessment import Assessment

_TASKS = {"classification", "regression"}
_INPUTS = {"tabular", "image"}


def check(entry: Assessment) -> None:
    """Raise `TypeError` or `ValueError` for what an engine says about itself and cannot hold."""
    subject_fields = {field.name for field in fields(Subject)} | {"inputs", "naming"}
    unknown = [name for name in entry.uses if name not in subject_fields]
    if unknown:
        raise TypeError(
            f"{entry.name} asks for {unknown}, which a Subject does not have; it has {sorted(subject_fields)}"
        )
    if not entry.names <= {*NAMED}:
        raise TypeError(f"naming of {entry.name} must list fields of Names, {list(NAMED)}, got {sorted(entry.names)}")
    if not entry.summary:
        raise TypeError(f"{entry.name} needs a docstring: its first line is shown to the user")
    if entry.missing not in get_args(Missing):
        raise ValueError(f"missing of {entry.name} must be one of {list(get_args(Missing))}, got {entry.missing!r}")
    for role, allowed, got in (("tasks", _TASKS, entry.tasks), ("inputs", _INPUTS, entry.inputs)):
        if not got or not got <= allowed:
            raise ValueError(f"{role} of {entry.name} must be among {sorted(allowed)}, got {sorted(got)}")
    _check_signature(entry)
    entry.check({p.name: p.default for p in entry.parameters})
    for parameter in entry.parameters:
        _check_marks(entry, parameter, subject_fields)
    if entry.score is not None and entry.score.chosen_by not in {"", *(p.name for p in entry.parameters)}:
        names = [p.name for p in entry.parameters]
        raise TypeError(f"the score of {entry.name} is chosen by {entry.score.chosen_by!r}; allowed: {names}")
    for control in entry.controls:
        _check_control(entry, control)
    twice = sorted({measure.key for measure in entry.measures if measure.label} & {*entry.words})
    if twice:
        raise ValueError(f"{entry.name} says twice what {twice[0]!r} is called: label= of its Measure, and words=")


def _check_signature(entry: Assessment) -> None:
    arguments = inspect.signature(entry.engine).parameters
    odd = [str(p) for p in arguments.values() if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if odd:
        raise TypeError(f"{entry.name} must name its arguments (they are passed by name), got {', '.join(odd)}")
    if "step" not in arguments or arguments["step"].kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{entry.name} must take the keyword-only argument step: Step = quiet, got {list(arguments)}")


def _check_marks(entry: Assessment, parameter: Parameter, subject_fields: Collection[str]) -> None:
    """Check that `When` and `Requires` speak of parameters, choices and fields that exist."""
    others = {other.name: other for other in entry.parameters}
    if parameter.when is not None:
        if parameter.when.parameter not in others:
            raise TypeError(f"{parameter.name} of {entry.name} waits for {parameter.when}; allowed: {list(others)}")
        others[parameter.when.parameter].check(parameter.when.value)
    for mark in parameter.requires:
        if mark.choice not in parameter.choices or mark.field not in subject_fields:
            allowed = f"a choice in {list(parameter.choices)} and a field of Subject"
            raise TypeError(f"{parameter.name} of {entry.name} must require {allowed}, got {mark}")


def _check_control(entry: Assessment, control: Control) -> None:
    who = f"the control {control.kind!r} of {entry.name}"
    entry.check({**control.at_most, **control.params})
    if control.measured is not None:
        _check_measured(entry, control.measured, who)
    elif not any({*parts} <= {*entry.uses} for parts in control.made_of):
        made = " and ".join(control.made_of[-1])
        raise TypeError(f"{who} is made of {made}, which the engine does not ask for")
    leak = control.expect in ("no leak", "leak")
    if leak and (not entry.measures or entry.measures[0].chance is None):
        raise TypeError(f"{who} expects {control.expect!r}, so the first measure must say which value is chance")
    if sum(other.kind == control.kind for other in entry.controls) > 1:
        raise ValueError(f"{who} is declared twice")


def _check_measured(entry: Assessment, measured: Callable[..., Finding], who: str) -> None:
    arguments = inspect.signature(measured).parameters
    argument_names = {"finding", *entry.uses}, {"step", *(parameter.name for parameter in entry.parameters)}
    for name, argument in arguments.items():
        if name not in (allowed := argument_names[argument.kind is argument.KEYWORD_ONLY]):
            raise TypeError(f"{who} asks for {name!r}, which the engine does not have: {sorted(allowed)}")
    if next(iter(arguments), "") != "finding" or "step" not in arguments:
        raise TypeError(f"{who} must take finding first and the keyword-only argument step, got {measured!r}")
