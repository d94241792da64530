"""Origins as JSON and back; and the one place that reads what older versions wrote: Python text."""

import ast
import math
from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Origin
from xrai_widgets.core.origin import Change, ConstrainedBy, DefendedBy, Example, Files, Made

_LONGEST = 1_000_000  # characters of a text that is parsed
_BROKEN = (SyntaxError, ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError)


def origin_to_dict(origin: Origin) -> dict[str, Any]:
    """Return an origin as JSON-ready types."""
    made: dict[str, Any] | None = None
    if isinstance(origin.made, Example):
        made = {"example": origin.made.name}
        made |= {"roles": _listed(origin.made.roles)} if origin.made.roles else {}
    elif isinstance(origin.made, Files):
        made = {"model": origin.made.model, "data": origin.made.data, "roles": _listed(origin.made.roles)}
    changes = [
        {"constraints": _listed(change.columns)}
        if isinstance(change, ConstrainedBy)
        else {"defence": change.defence, "params": _listed(change.params)}
        for change in origin.changes
    ]
    return {"made": made, "changes": changes}


def origin_from_dict(data: object) -> Origin:
    """Return the origin that `origin_to_dict` wrote; an unknown one for what cannot be read, which costs no number."""
    try:
        made: Made | None = None
        entries = _mapping(data)
        if entries["made"] is not None:
            files = _mapping(entries["made"])
            if "example" in files:
                made = Example(_text(files["example"]), _roles(files.get("roles", {})))
            else:
                made = Files(_text(files["model"]), _text(files["data"]), _roles(files["roles"]))
        return Origin(made, tuple(map(_change, entries["changes"])))
    except _BROKEN:
        return Origin()


def origin_from_text(text: object) -> Origin:
    """Return the origin that an older version wrote as a Python expression; an unknown one for any other text.

    Nothing is evaluated: the calls that were written then are looked for in the syntax tree, and literals are read.
    """
    if not isinstance(text, str) or not text or len(text) > _LONGEST:
        return Origin()
    try:
        node = ast.parse(text, mode="eval").body
        changes: list[Change] = []
        while (name := _called(node)) in ("xw.constrained", "xw.defended"):
            assert isinstance(node, ast.Call)
            before, second = node.args
            argument, words = ast.literal_eval(second), _keywords(node)
            defended = name == "xw.defended"
            if words and not defended:
                return Origin()
            changes.append(_change({"defence": argument, "params": words} if defended else {"constraints": argument}))
            node = before
        return Origin(_made(node, name), tuple(reversed(changes)))
    except _BROKEN:
        return Origin()


def _made(node: ast.expr, name: str) -> Made | None:
    if not isinstance(node, ast.Call):
        if isinstance(node, ast.Name) and node.id == "subject":
            return None
        raise ValueError(f"{ast.dump(node)} makes no subject")
    literals = [ast.literal_eval(argument) for argument in node.args]
    if name == "xw.examples.load" and not node.keywords:
        (example,) = literals
        return Example(_text(example))
    if name == "xw.read_subject":
        model, data = literals
        return Files(_text(model), _text(data), _roles(_keywords(node)))
    raise ValueError(f"{name} makes no subject")


def _called(node: ast.expr) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _keywords(node: ast.Call) -> dict[str, Any]:
    return {_text(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}


def _roles(roles: object) -> dict[str, object]:
    return {word: _plain(value) for word, value in _mapping(roles).items()}


def _change(data: object) -> Change:
    entries = _mapping(data)
    if "defence" in entries:
        return DefendedBy(_text(entries["defence"]), {k: _plain(v) for k, v in _mapping(entries["params"]).items()})
    columns = _mapping(entries["constraints"])
    return ConstrainedBy(
        {_text(name): {k: _plain(v) for k, v in _mapping(table).items()} for name, table in columns.items()}
    )


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a mapping is needed, got {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, got {value!r}")
    return value


def _plain(value: object) -> object:
    """Return a value that is code or data of a plain kind wherever it is written."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if not isinstance(value, str | bool | int | float | None) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise TypeError(f"a plain value is needed, got {value!r}")
    return value


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
