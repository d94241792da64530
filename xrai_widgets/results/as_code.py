"""The Python and the command line that give an outcome again."""

import ast
import re
import shlex
from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Outcome, registered

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
    made = f"subject = {outcome.subject_source}\n" if outcome.subject_source else ""
    call = f'outcome = xw.assess(subject, "{outcome.assessment}"{arguments})'
    return f"import xrai_widgets as xw\n\n{made}{call}"


def as_command(outcome: Outcome) -> str:
    """Return the command line; for a model that is no built-in example, with a place for its file."""
    if is_defended(outcome):
        return NO_COMMAND
    model = model_words(outcome)
    sets = "".join(f" --set {key}={shlex.quote(said(value))}" for key, value in changed(outcome).items())
    return f"xrai-widgets assess {model} --run {outcome.assessment}{sets}"


def is_defended(outcome: Outcome) -> bool:
    """Whether a defence stands before the model: the command line cannot put one there."""
    return outcome.subject_source.startswith("xw.defended(")


def model_words(outcome: Outcome) -> str:
    """Return the model and its data as the command line takes them; a place for them where they are not known."""
    return example_of(outcome) or _own_files(outcome.subject_source) or _MODEL


def example_of(outcome: Outcome) -> str:
    """Return the name of the built-in example; empty for another model."""
    found = _EXAMPLE.fullmatch(outcome.subject_source)
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
