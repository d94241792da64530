"""What an engine's keyword-only arguments say about themselves."""

import difflib
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core.marks import Advanced, Label, Range, Requires, Section, When

ADVANCED = ("seed", "memory_limit", "device", "implementation")
ADVANCED_SECTION = "advanced"
HIDDEN = ("step",)
_NOUNS = {"bool": "True or False", "int": "an integer", "float": "a number", "str": "text", "floats": "numbers"}


@dataclass(frozen=True)
class Parameter:
    """One keyword-only argument of an engine, read from its signature.

    ``kind`` is one of ``bool``, ``int``, ``float``, ``str``, ``choice`` or ``floats`` (a tuple of numbers). ``label``
    is what people call it; ``section`` the title of the folded part of the form in which its control sits, if it does.
    """

    name: str
    kind: str
    default: Any
    help: str
    optional: bool = False
    range: Range | None = None
    choices: tuple[str, ...] = ()
    when: When | None = None
    requires: tuple[Requires, ...] = field(default=())
    label: str = ""
    section: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        object.__setattr__(self, "section", self.section or (ADVANCED_SECTION if self.name in ADVANCED else ""))

    @property
    def advanced(self) -> bool:
        """Whether the control sits under *Advanced*."""
        return self.section == ADVANCED_SECTION

    def called(self, name: str) -> "Parameter":
        """Return the parameter under another name, for messages to people who know it by that: its label."""
        return replace(self, name=name, label=self.label, section=self.section)

    @property
    def both(self) -> str:
        """The name, and in brackets the label where that is another: for those who type the name."""
        label = self.label.replace(" (", ", ").replace(")", "")
        return self.name if label == self.name.replace("_", " ") else f"{self.name} ({label})"

    @property
    def unset(self) -> str:
        """What None means, in a word: "automatic" where the help says what is chosen then, else "not set"."""
        return "automatic" if "automatic:" in self.help else "not set"

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            text = "one of " + ", ".join(repr(choice) for choice in self.choices)
        else:
            text = _NOUNS[self.kind] + (f" in {self.range}" if self.range else "")
        return text + (" or None" if self.optional else "")

    def check(self, value: object) -> Any:
        """Return the value in its declared type.

        Raises
        ------
        TypeError, ValueError
            naming the parameter, the allowed values and the one that was given.
        """
        if value is None and self.optional:
            return None
        match self.kind:
            case "bool" if isinstance(value, bool | np.bool_):
                return bool(value)
            case "str" if isinstance(value, str):
                return value
            case "choice" if isinstance(value, str):
                return self._chosen(value)
            case "int" | "float" if _is_number(value):
                return self._number(value)
            case "floats" if isinstance(value, Iterable) and not _unordered(value):
                items = tuple(value)
                if items and all(_is_number(item) for item in items):
                    return tuple(float(self._number(item)) for item in items)
        raise TypeError(f"{self.name} must be {self.allowed}, got {_shown(value)}")

    def parse(self, text: str) -> Any:
        """Read the value from text, as typed on a command line."""
        text = text.strip()
        if self.optional and text.lower() in {"", "none", "auto", "automatic", "not set"}:
            return None
        if self.kind == "bool" and text.lower() in {"true", "yes", "1", "false", "no", "0"}:
            return text.lower() in {"true", "yes", "1"}
        try:
            match self.kind:
                case "int" | "float":
                    return self.check(_read_number(text))
                case "floats":
                    return self.check(tuple(float(item) for item in text.replace(",", " ").split()))
        except (ValueError, OverflowError) as error:
            if str(error).startswith(self.name):
                raise
            raise ValueError(f"{self.name} must be {self.allowed}, got {text!r}") from None
        return self.check(text)

    def invalid(self) -> list[object]:
        """Values that `check` must refuse: the tests' raw material."""
        wrong: list[object] = [object()]
        if self.kind != "str":
            wrong += ["no such value"]
        if self.range:
            wrong += [self.range.low - 1, self.range.high + 1, math.nan]
            if self.kind == "floats":
                wrong = [(item,) if _is_number(item) else item for item in wrong] + [()]
        if not self.optional:
            wrong.append(None)
        return wrong

    def _number(self, value: Any) -> int | float:
        number = _as_float(value)
        if self.kind == "int" and not (number.is_integer() or isinstance(value, numbers.Integral)):
            raise TypeError(f"{self.name} must be {self.allowed}, got {_shown(value)}")
        if (self.range and number not in self.range) or not math.isfinite(number):
            raise ValueError(f"{self.name} must lie in {self.range or 'the finite numbers'}, got {_shown(value)}")
        return int(value) if self.kind == "int" else number

    def _chosen(self, value: str) -> str:
        if value not in self.choices:
            raise ValueError(f"{self.name} must be {self.allowed}, got {_shown(value)}{closest(value, self.choices)}")
        return value


def closest(word: str, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` when an allowed word is near, else nothing."""
    near = difflib.get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def parameters_of(engine: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Read the parameters from an engine's keyword-only ``Annotated`` arguments."""
    hints = typing.get_type_hints(engine, include_extras=True)
    keywords = [p for p in inspect.signature(engine).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return tuple(_read(p, hints.get(p.name)) for p in keywords if p.name not in HIDDEN)


def check_parameters(name: str, parameters: Iterable[Parameter], given: Mapping[str, object]) -> dict[str, Any]:
    """Fill in defaults and check every given value against the parameters of the assessment ``name``."""
    by_name = {parameter.name: parameter for parameter in parameters}
    for key in given:
        if key not in by_name:
            allowed = ", ".join(by_name) or "none"
            raise ValueError(f"{name} has no parameter {key!r}; allowed: {allowed}{closest(key, by_name)}")
    return {key: p.check(given[key]) if key in given else p.default for key, p in by_name.items()}


def _read(argument: inspect.Parameter, hint: Any) -> Parameter:
    if typing.get_origin(hint) is not Annotated or argument.default is argument.empty:
        raise TypeError(
            f"parameter {argument.name!r} must be Annotated[type, ..., 'help'] with a default, got {hint!r}"
        )
    annotation, *marks = typing.get_args(hint)
    helps = [mark for mark in marks if isinstance(mark, str)]
    if len(helps) != 1:
        raise TypeError(f"parameter {argument.name!r} needs exactly one line of help in its annotation, got {helps!r}")
    kind, optional, choices = _kind(argument.name, annotation)
    ranges = [mark for mark in marks if isinstance(mark, Range)]
    folded = [mark.title if isinstance(mark, Section) else ADVANCED_SECTION for mark in marks if _folds(mark)]
    if len(folded) > 1:
        raise TypeError(f"parameter {argument.name!r} must sit in one Section or under Advanced, got {folded}")
    if ranges and kind not in {"int", "float", "floats"}:
        raise TypeError(f"parameter {argument.name!r} must be a number to have a Range, got {hint!r}")
    return Parameter(
        name=argument.name,
        kind=kind,
        default=argument.default,
        help=helps[0],
        optional=optional,
        range=next(iter(ranges), None),
        choices=choices,
        when=next((mark for mark in marks if isinstance(mark, When)), None),
        requires=tuple(mark for mark in marks if isinstance(mark, Requires)),
        label=next((mark.text for mark in marks if isinstance(mark, Label)), ""),
        section=next(iter(folded), ""),
    )


def _folds(mark: object) -> bool:
    return isinstance(mark, Section | Advanced)


def _kind(name: str, annotation: Any) -> tuple[str, bool, tuple[str, ...]]:
    optional = False
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        inner = [arm for arm in typing.get_args(annotation) if arm is not type(None)]
        optional = len(inner) < len(typing.get_args(annotation))
        annotation = inner[0] if len(inner) == 1 else annotation
    if annotation in {bool, int, float, str}:
        return annotation.__name__, optional, ()
    if typing.get_origin(annotation) is Literal and all(isinstance(arm, str) for arm in typing.get_args(annotation)):
        return "choice", optional, typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and typing.get_args(annotation) == (float, ...):
        return "floats", optional, ()
    raise TypeError(
        f"parameter {name!r} must be bool, int, float, str, Literal of texts, tuple[float, ...] or one of these "
        f"| None, got {annotation!r}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _unordered(value: object) -> bool:
    """Whether the value is no row of items: text, a set, a mapping, a matrix."""
    return isinstance(value, str | bytes | Set | Mapping) or getattr(value, "ndim", 1) != 1


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond the largest float
        return math.inf if value > 0 else -math.inf


def _read_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return int(number) if number.is_integer() else number


def _shown(value: object) -> str:
    """Return the value in one short line, NumPy's numbers as Python's."""
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
