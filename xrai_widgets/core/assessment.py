"""Registered engines, and what their signatures say about them."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar

from xrai_widgets.core.checks import check
from xrai_widgets.core.control import Control
from xrai_widgets.core.finding import Finding
from xrai_widgets.core.measure import Measure
from xrai_widgets.core.missing import Missing, refusal
from xrai_widgets.core.names import names_read
from xrai_widgets.core.parameter import Parameter, check_parameters, closest, parameters_of
from xrai_widgets.core.score import Score
from xrai_widgets.core.subject import Subject
from xrai_widgets.core.until import UNTIL, check_until

Engine = TypeVar("Engine", bound=Callable[..., Finding])
_PACKAGE = "xrai_widgets.engines."


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
    instead: str = ""
    stronger: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    score: Score | None = None
    narrowing: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    def label(self, key: str) -> str:
        """Return what people call a value, a column or a table of the finding; empty where the engine does not say."""
        return next((m.label for m in self.measures if m.key == key and m.label), "") or self.words.get(key, "")

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Fields of the subject without which the engine cannot run."""
        return tuple(p.name for p in self._positional if p.default is p.empty)

    @cached_property
    def uses(self) -> tuple[str, ...]:
        """All fields of the subject that are handed to the engine where they exist."""
        return tuple(p.name for p in self._positional)

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields of `Names` that the engine reads, if it asks for ``naming``; it is handed no others."""
        return names_read(self.engine, self.uses) if "naming" in self.uses else frozenset()

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
        of_engine = {key: value for key, value in params.items() if key != UNTIL}
        checked = check_parameters(self.name, self.parameters, of_engine)
        return (
            checked if UNTIL not in params else checked | {UNTIL: check_until(self.name, self.narrowing, params[UNTIL])}
        )

    def gap(self, subject: Subject, params: Mapping[str, object] | None = None, *, labels: bool = False) -> Gap | None:
        """Say why the assessment does not fit the subject; None if it does. ``labels``: of parameters, not names."""
        if subject.task not in self.tasks:
            return Gap(f"{subject.task} (made for {' and '.join(sorted(self.tasks))} only)", self.instead)
        if subject.inputs not in self.inputs:
            return Gap(
                f"{subject.inputs} inputs (made for {' and '.join(sorted(self.inputs))} inputs only)", self.instead
            )
        missing = [name for name in self.needs if getattr(subject, name) is None]
        if missing:
            return Gap("needs " + " and ".join(explain(name) for name in missing), self.instead)
        if subject.outputs == "labels" and not self.labels_suffice:
            reason = "needs class probabilities, and this model gives labels only (it has no predict_proba)"
            return Gap(reason, self.instead)
        if self.missing == "refused" and (refused := refusal(subject, self.uses)):
            return Gap(*refused)
        return self._choice_gap(subject, params or {}, labels)

    def inputs_of(self, subject: Subject) -> dict[str, Any]:
        """Return the subject's fields that the engine asks for."""
        given = {name: getattr(subject, name) for name in self.uses}
        return given | {"naming": subject.naming.only(self.names)} if "naming" in given else given

    @cached_property
    def _positional(self) -> tuple[inspect.Parameter, ...]:
        signature = inspect.signature(self.engine)
        return tuple(p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD)

    def _choice_gap(self, subject: Subject, params: Mapping[str, object], labels: bool) -> Gap | None:
        for parameter in self.parameters:
            chosen = params.get(parameter.name, parameter.default)
            lacking = {r.choice: r.field for r in parameter.requires if getattr(subject, r.field) is None}
            if chosen in lacking:
                others = [choice for choice in parameter.choices if choice not in lacking]
                called = parameter.label if labels else parameter.name
                instead = f"{called}={others[0]!r}" if others else ""
                return Gap(f"{called}={chosen!r} needs {explain(lacking[str(chosen)])}", instead)
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
    instead: str = "",
    stronger: str = "",
    words: Mapping[str, str] | None = None,
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
    instead : str
        What a reader may use where the subject is a regression, has other inputs, gives labels only or lacks what the
        engine needs.
    stronger : str
        The assessment whose attacker is stronger where it applies: without its run, a pass here is none of the family.
    words : mapping of str to str
        What people call the finding's other values, its tables, their columns and what stands in a column of names:
        where nothing is said, the key with its spaces.
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
            instead=instead,
            stronger=stronger,
            words=dict(words or {}),
            score=score,
            narrowing=tuple(narrowing),
        )
        check(entry)
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


def family_title(family: str) -> str:
    """Return the ``TITLE`` of a family's package; where it has none, its name."""
    title = getattr(sys.modules.get(f"{_PACKAGE}{family}"), "TITLE", "")
    return str(title) or family.replace("_", " ").capitalize()


def explain(name: str) -> str:
    """Say in words what the field of a subject is, for a message that it is missing."""
    return next((f.metadata.get("says", f.name) for f in fields(Subject) if f.name == name), name)


def _sections(doc: str) -> dict[str, str]:
    lines, sections, heading = doc.splitlines(), {}, ""
    text: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below and set(below) == {"-"} and len(below) == len(line):
            sections[heading], heading, text = text, line, []
        elif not (set(line) == {"-"} and line):
            text.append(line)
    sections[heading] = text
    return {key: _paragraphs(value) for key, value in sections.items()}


def _paragraphs(lines: list[str]) -> str:
    blocks = "\n".join(lines).strip().split("\n\n")
    return "\n".join(" ".join(block.split()) for block in blocks)
