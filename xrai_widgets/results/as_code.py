"""The Python and the command line that give an outcome again."""

import shlex
from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Origin, Outcome, registered
from xrai_widgets.core.origin import ConstrainedBy, DefendedBy, Example, Files
from xrai_widgets.results.waiver import toml_text

NO_COMMAND = "# constraints of a defended model are set in Python: see there"
_MODEL = "MODEL.skops --data TABLE.csv --target COLUMN"


def changed(outcome: Outcome) -> dict[str, Any]:
    """Return the parameters that differ from their defaults."""
    entry = registered().get(outcome.assessment)
    defaults: Mapping[str, Any] = {p.name: p.default for p in entry.parameters} if entry else {}
    return {key: value for key, value in outcome.params.items() if key not in defaults or defaults[key] != value}


def as_python(outcome: Outcome) -> str:
    """Return Python lines; the subject is named ``subject`` where it is not known how it was made."""
    arguments = "".join(f", {key}={value!r}" for key, value in changed(outcome).items())
    made = "" if outcome.origin.is_unknown else f"{subject_line(outcome.origin)}\n"
    call = f'outcome = xw.assess(subject, "{outcome.assessment}"{arguments})'
    return f"import xrai_widgets as xw\n\n{made}{call}"


def as_command(outcome: Outcome) -> str:
    """Return the command line; for a model that is no built-in example, with a place for its file."""
    origin = outcome.origin
    if has_no_command(origin):
        return NO_COMMAND
    sets = "".join(f" --set {key}={shlex.quote(shell_text(value))}" for key, value in changed(outcome).items())
    return f"xrai-widgets assess {model_words(origin)}{change_words(origin)} --run {outcome.assessment}{sets}"


def subject_line(origin: Origin) -> str:
    """Return the line that makes the subject, as far as that is known."""
    unknown = "# subject = xw.Subject.of(…)  as you made it"
    if origin.is_unknown:
        return unknown
    line = f"subject = {expression(origin)}"
    return line if origin.made is not None else f"{unknown}\n{line}"


def expression(origin: Origin) -> str:
    """Return the Python expression that makes the subject; ``subject`` stands for what is not known."""
    made = origin.made
    if isinstance(made, Example):
        words = {word: value for word, value in made.roles.items() if word != "new"}
        new = f", {_listed(made.roles['new'])}{_keywords(words)}" if "new" in made.roles else ""
        written = f"xw.examples.load{'_with' if new else ''}({_quoted(made.name)}{new})"
    elif isinstance(made, Files):
        written = f"xw.read_subject({_listed(made.model)}, {_listed(made.data)}{_keywords(made.roles)})"
    else:
        written = "subject"
    for change in origin.changes:
        if isinstance(change, ConstrainedBy):
            written = f"xw.constrained({written}, {_listed(change.columns)})"
        else:
            written = f"xw.defended({written}, {_listed(change.defence)}{_keywords(change.params)})"
    return written


def _keywords(words: Mapping[str, Any]) -> str:
    return "".join(f", {word}={_listed(value)}" for word, value in words.items())


def _listed(value: Any) -> str:
    """Return a value as Python writes it, its tuples as lists."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_listed(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(_listed, value))}]" if isinstance(value, tuple) else repr(value)


def _quoted(text: str) -> str:
    return f'"{text}"' if text.isidentifier() else repr(text)


def has_no_command(origin: Origin) -> bool:
    """Whether the command line cannot make the subject: it sets constraints first and defends then."""
    return origin.bare.changes + origin.defences != origin.changes


def change_words(origin: Origin) -> str:
    """Return the options of the command line for the constraints of the columns and for defences."""
    return "".join(
        f" --constraint {shlex.quote(toml_entry(*one))}" for one in origin.bare.constraints.items()
    ) + "".join(f" --defend {shlex.quote(_defence(change))}" for change in origin.defences)


def _defence(change: DefendedBy) -> str:
    name = change.defence.replace(" ", "_")
    return toml_entry(name, change.params).removeprefix('"').replace('" =', " =", 1) if change.params else name


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
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{toml_text(key)} = {toml_value(item)}' for key, item in value.items())} }}"
    return f"[{', '.join(map(toml_value, value))}]" if isinstance(value, tuple | list) else repr(value)


def model_words(origin: Origin) -> str:
    """Return the model and its data as the command line takes them; a place for them where they are not known."""
    made = origin.made
    if isinstance(made, Example):
        return shlex.join([made.name, *_role_words(made.roles)])
    return _MODEL if made is None else shlex.join([made.model, "--data", made.data, *_role_words(made.roles)])


def example_of(origin: Origin) -> dict[str, str]:
    """Return the built-in example as the table of a plan names it; nothing for a model that a plan cannot name."""
    made = origin.made
    if not isinstance(made, Example) or origin.is_defended or not {*made.roles} <= {"new", "foreign"}:
        return {}
    return {"example": made.name, **made.roles}


def _role_words(roles: Mapping[str, Any]) -> list[str]:
    """Return the options of the command line for files and the roles of their columns."""
    words = []
    for role, value in roles.items():
        for item in value if isinstance(value, tuple) else [value]:
            words += [f"--{role}"] if item is True else [f"--{role}", str(item)]
    return words


def shell_text(value: Any) -> str:
    """Return a value as the command line takes it."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
