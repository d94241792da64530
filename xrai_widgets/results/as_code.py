"""The Python and the command line that give an outcome again."""

import ast
import re
import shlex
from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Outcome, registered
from xrai_widgets.results.waiver import toml_text

NO_COMMAND = "# a defended model is made in Python: see there"
_MODEL = "MODEL.skops --data TABLE.csv --target COLUMN"
_EXAMPLE = re.compile(r'xw\.examples\.load\("(\w+)"\)')


def changed(outcome: Outcome) -> dict[str, Any]:
    """Return the parameters that differ from their defaults."""
    entry = registered().get(outcome.assessment)
    defaults: Mapping[str, Any] = {p.name: p.default for p in entry.parameters} if entry else {}
    return {key: value for key, value in outcome.params.items() if key not in defaults or defaults[key] != value}


def as_python(outcome: Outcome) -> str:
    """Return Python lines; the subject is named ``subject`` where it is not known how it was made."""
    arguments = "".join(f", {key}={value!r}" for key, value in changed(outcome).items())
    made = f"{subject_line(outcome)}\n" if outcome.subject_source else ""
    call = f'outcome = xw.assess(subject, "{outcome.assessment}"{arguments})'
    return f"import xrai_widgets as xw\n\n{made}{call}"


def as_command(outcome: Outcome) -> str:
    """Return the command line; for a model that is no built-in example, with a place for its file."""
    if is_defended(outcome):
        return NO_COMMAND
    model = model_words(outcome)
    sets = "".join(f" --set {key}={shlex.quote(said(value))}" for key, value in changed(outcome).items())
    return f"xrai-widgets assess {model}{constraint_words(outcome)} --run {outcome.assessment}{sets}"


def subject_line(outcome: Outcome) -> str:
    """Return the line that makes the subject, as far as that is known."""
    source = outcome.subject_source
    unknown = "# subject = xw.Subject.of(…)  as you made it"
    if not source:
        return unknown
    return f"{unknown}\nsubject = {source}" if "(subject, " in source else f"subject = {source}"


def before_constraints(source: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return how the subject was made before its columns were constrained (empty if unknown), and what was said."""
    said: dict[str, dict[str, Any]] = {}
    while source.startswith("xw.constrained("):
        call = ast.parse(source, mode="eval").body
        assert isinstance(call, ast.Call)
        earlier = ast.literal_eval(call.args[1])
        said = earlier | {name: earlier.get(name, {}) | table for name, table in said.items()}
        source = ast.get_source_segment(source, call.args[0]) or ""
    return ("" if source == "subject" else source), said


def constraint_words(outcome: Outcome) -> str:
    """Return the options of the command line for the constraints of the columns."""
    _, said = before_constraints(outcome.subject_source)
    return "".join(f" --constraint {shlex.quote(toml_entry(name, table))}" for name, table in said.items())


def toml_entry(name: str, table: Mapping[str, Any]) -> str:
    """Return a column's constraint as a line of TOML."""
    fields = ", ".join(f"{key} = {toml_value(value)}" for key, value in table.items())
    return f"{toml_text(name)} = {{ {fields} }}"


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return toml_text(value)
    return f"[{', '.join(map(toml_value, value))}]" if isinstance(value, tuple | list) else repr(value)


def is_defended(outcome: Outcome) -> bool:
    """Whether a defence stands before the model: the command line cannot put one there."""
    return before_constraints(outcome.subject_source)[0].startswith("xw.defended(")


def model_words(outcome: Outcome) -> str:
    """Return the model and its data as the command line takes them; a place for them where they are not known."""
    return example_of(outcome) or _own_files(before_constraints(outcome.subject_source)[0]) or _MODEL


def example_of(outcome: Outcome) -> str:
    """Return the name of the built-in example; empty for another model."""
    found = _EXAMPLE.fullmatch(before_constraints(outcome.subject_source)[0])
    return found.group(1) if found else ""


def _own_files(source: str) -> str:
    """Return the arguments of the command line for ``xw.read_subject(…)``; nothing for another expression."""
    if not source.startswith("xw.read_subject("):
        return ""
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    model, data = (str(ast.literal_eval(argument)) for argument in call.args)
    words = [model, "--data", data]
    for keyword in call.keywords:
        value = ast.literal_eval(keyword.value)
        for item in value if isinstance(value, list) else [value]:
            words += [f"--{keyword.arg}"] if item is True else [f"--{keyword.arg}", str(item)]
    return shlex.join(words)


def said(value: Any) -> str:
    """Return a value as the command line takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
