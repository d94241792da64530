"""Registered engines, and what their signatures say about them."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar, get_args

from xrai_widgets.core.control import Control
from xrai_widgets.core.finding import Finding
from xrai_widgets.core.measure import Measure
from xrai_widgets.core.missing import Missing, refusal
from xrai_widgets.core.parameter import Parameter, check_parameters, closest, parameters_of
from xrai_widgets.core.score import Score
from xrai_widgets.core.subject import Subject
from xrai_widgets.core.until import UNTIL, check_until

Engine = TypeVar("Engine", bound=Callable[..., Finding])
_PACKAGE = "xrai_widgets.engines."
_TASKS = {"classification", "regression"}
_INPUTS = {"tabular", "image"}


class NotApplicable(Exception):
    """The engine cannot judge this subject, for a reason that its signature cannot tell."""

    def __init__(self, reason: str, instead: str = "") -> None:
        super().__init__(reason)
        self.reason, self.instead = reason, instead


@dataclass(frozen=True)
class Gap:
    """Why an assessment does not fit a subject, and what to use instead."""

    reason: str
    instead: str = ""


@dataclass(frozen=True, eq=False)
class Assessment:
    """A registered engine. `needs`, `parameters`, `summary` and `section` are read from its signature and docstring."""

    name: str
    title: str
    engine: Callable[..., Finding]
    measures: tuple[Measure, ...]
    tasks: frozenset[str]
    inputs: frozenset[str]
    reference: str
    labels_suffice: bool = False
    missing: Missing = "refused"
    isolated: bool = False
    controls: tuple[Control, ...] = ()
    no_controls: str = ""
    stronger: str = ""
    score: Score | None = None
    narrowing: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Fields of the subject without which the engine cannot run."""
        return tuple(p.name for p in self._positional if p.default is p.empty)

    @cached_property
    def uses(self) -> tuple[str, ...]:
        """All fields of the subject that are handed to the engine where they exist."""
        return tuple(p.name for p in self._positional)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The keyword-only arguments."""
        return parameters_of(self.engine)

    @property
    def summary(self) -> str:
        """First line of the engine's docstring."""
        return (inspect.getdoc(self.engine) or "").partition("\n")[0]

    def section(self, heading: str) -> str:
        """Text of an underlined section of the engine's docstring, one line per paragraph; empty if absent."""
        return _sections(inspect.getdoc(self.engine) or "").get(heading, "")

    def check(self, params: Mapping[str, object]) -> dict[str, Any]:
        """Return all parameters, defaults filled in and values checked."""
        own = {key: value for key, value in params.items() if key != UNTIL}
        checked = check_parameters(self.name, self.parameters, own)
        return (
            checked if UNTIL not in params else checked | {UNTIL: check_until(self.name, self.narrowing, params[UNTIL])}
        )

    def gap(self, subject: Subject, params: Mapping[str, object] | None = None) -> Gap | None:
        """Say why the assessment does not fit the subject; None if it does."""
        if subject.task not in self.tasks:
            return Gap(f"{subject.task} (made for {' and '.join(sorted(self.tasks))} only)")
        if subject.inputs not in self.inputs:
            return Gap(f"{subject.inputs} inputs (made for {' and '.join(sorted(self.inputs))} inputs only)")
        missing = [name for name in self.needs if getattr(subject, name) is None]
        if missing:
            return Gap("needs " + " and ".join(explain(name) for name in missing))
        if subject.outputs == "labels" and not self.labels_suffice:
            return Gap("needs class probabilities, and this model gives labels only (it has no predict_proba)")
        if self.missing == "refused" and (refused := refusal(subject, self.uses)):
            return Gap(*refused)
        return self._choice_gap(subject, params or {})

    def inputs_of(self, subject: Subject) -> dict[str, Any]:
        """Return the subject's fields that the engine asks for."""
        return {name: getattr(subject, name) for name in self.uses}

    @cached_property
    def _positional(self) -> tuple[inspect.Parameter, ...]:
        signature = inspect.signature(self.engine)
        return tuple(p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD)

    def _choice_gap(self, subject: Subject, params: Mapping[str, object]) -> Gap | None:
        for parameter in self.parameters:
            chosen = params.get(parameter.name, parameter.default)
            lacking = {r.choice: r.field for r in parameter.requires if getattr(subject, r.field) is None}
            if chosen in lacking:
                others = [choice for choice in parameter.choices if choice not in lacking]
                instead = f"{parameter.name}={others[0]!r}" if others else ""
                return Gap(f"{parameter.name}={chosen!r} needs {explain(lacking[str(chosen)])}", instead)
        return None


_registry: dict[str, Assessment] = {}


def assessment(
    *,
    title: str,
    measures: Iterable[Measure] = (),
    tasks: Iterable[str] = ("classification",),
    inputs: Iterable[str] = ("tabular", "image"),
    reference: str = "",
    labels_suffice: bool = False,
    missing: Missing = "refused",
    isolated: bool = False,
    controls: Iterable[Control] | str = (),
    stronger: str = "",
    score: Score | None = None,
    narrowing: Iterable[str] = (),
) -> Callable[[Engine], Engine]:
    """Register the decorated function as an assessment; the function itself is returned unchanged.

    Parameters
    ----------
    title : str
        A few words for menus and headings.
    measures : iterable of Measure
        Which of the finding's values a policy may judge.
    tasks, inputs : iterable of str
        ``classification``, ``regression``; ``tabular``, ``image``.
    reference : str
        The paper.
    labels_suffice : bool
        The engine works for a model that gives labels and no probabilities.
    missing : {"refused", "own value", "kept"}
        What becomes of missing numbers (NaN) in the samples: the engine does not apply to them; it counts missing as a
        value of its own; or they stay missing whatever it does, and reach the model as they are.
    isolated : bool
        The engine cannot stop within a second, so it runs in a process of its own that can be killed.
    controls : iterable of Control, or str
        What is measured beside the user's model, so that a reader sees where its number sits; or why nothing is.
    stronger : str
        The assessment whose attacker is stronger where it applies: without its run, a pass here is none of the family.
    score : Score, optional
        Which column of the table ``samples`` says how a sample fares; `joint` reads it beside those of other methods.
    narrowing : iterable of str
        Values whose intervals narrow from item to item: the engine asks `Step.enough` after each, and a user may say
        ``until={value: width}``.
    """

    def register(engine: Engine) -> Engine:
        module = engine.__module__
        family = module.removeprefix(_PACKAGE).partition(".")[0] if module.startswith(_PACKAGE) else "custom"
        entry = Assessment(
            name=f"{family}.{engine.__name__}",
            title=title,
            engine=engine,
            measures=tuple(measures),
            tasks=frozenset([tasks] if isinstance(tasks, str) else tasks),
            inputs=frozenset([inputs] if isinstance(inputs, str) else inputs),
            reference=reference,
            labels_suffice=labels_suffice,
            missing=missing,
            isolated=isolated,
            controls=() if isinstance(controls, str) else tuple(controls),
            no_controls=controls if isinstance(controls, str) else "",
            stronger=stronger,
            score=score,
            narrowing=tuple(narrowing),
        )
        _check(entry)
        _registry[entry.name] = entry
        return engine

    return register


def registered() -> dict[str, Assessment]:
    """Return the registered assessments by name, in order of their names."""
    return dict(sorted(_registry.items()))


def find(name: str) -> Assessment:
    """Return the assessment of that name, or raise `ValueError` listing the names there are."""
    if name not in _registry:
        allowed = ", ".join(registered())
        raise ValueError(f"there is no assessment {name!r}; allowed: {allowed}{closest(name, _registry)}")
    return _registry[name]


def _check(entry: Assessment) -> None:
    known = {field.name for field in fields(Subject)} | {"inputs"}
    unknown = [name for name in entry.uses if name not in known]
    if unknown:
        raise TypeError(f"{entry.name} asks for {unknown}, which a Subject does not have; it has {sorted(known)}")
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
        _check_marks(entry, parameter, known)
    if entry.score is not None and entry.score.chosen_by not in {"", *(p.name for p in entry.parameters)}:
        allowed = [p.name for p in entry.parameters]
        raise TypeError(f"the score of {entry.name} is chosen by {entry.score.chosen_by!r}; allowed: {allowed}")
    for control in entry.controls:
        _check_control(entry, control)


def _check_signature(entry: Assessment) -> None:
    arguments = inspect.signature(entry.engine).parameters
    odd = [str(p) for p in arguments.values() if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if odd:
        raise TypeError(f"{entry.name} must name its arguments (they are passed by name), got {', '.join(odd)}")
    if "step" not in arguments or arguments["step"].kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{entry.name} must take the keyword-only argument step: Step = quiet, got {list(arguments)}")


def _check_marks(entry: Assessment, parameter: Parameter, known: Collection[str]) -> None:
    """Check that `When` and `Requires` speak of parameters, choices and fields that exist."""
    others = {other.name: other for other in entry.parameters}
    if parameter.when is not None:
        if parameter.when.parameter not in others:
            raise TypeError(f"{parameter.name} of {entry.name} waits for {parameter.when}; allowed: {list(others)}")
        others[parameter.when.parameter].check(parameter.when.value)
    for mark in parameter.requires:
        if mark.choice not in parameter.choices or mark.field not in known:
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
    known = {"finding", *entry.uses}, {"step", *(parameter.name for parameter in entry.parameters)}
    for name, argument in arguments.items():
        if name not in (allowed := known[argument.kind is argument.KEYWORD_ONLY]):
            raise TypeError(f"{who} asks for {name!r}, which the engine does not have: {sorted(allowed)}")
    if next(iter(arguments), "") != "finding" or "step" not in arguments:
        raise TypeError(f"{who} must take finding first and the keyword-only argument step, got {measured!r}")


def explain(name: str) -> str:
    """Say in words what the field of a subject is, for a message that it is missing."""
    return next((f.metadata.get("says", f.name) for f in fields(Subject) if f.name == name), name)


def _sections(doc: str) -> dict[str, str]:
    lines, found, heading = doc.splitlines(), {}, ""
    text: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below and set(below) == {"-"} and len(below) == len(line):
            found[heading], heading, text = text, line, []
        elif not (set(line) == {"-"} and line):
            text.append(line)
    found[heading] = text
    return {key: _paragraphs(value) for key, value in found.items()}


def _paragraphs(lines: list[str]) -> str:
    blocks = "\n".join(lines).strip().split("\n\n")
    return "\n".join(" ".join(block.split()) for block in blocks)
