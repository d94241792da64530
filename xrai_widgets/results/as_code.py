"""The Python and command lines that give an outcome again."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from xrai_widgets.core import Outcome, registered

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
    example = _EXAMPLE.fullmatch(outcome.subject_source)
    model = example.group(1) if example else "MODEL.skops --data TABLE.csv --target COLUMN"
    sets = "".join(f" --set {key}={shlex.quote(_said(value))}" for key, value in changed(outcome).items())
    return f"xrai-widgets assess {model} --run {outcome.assessment}{sets}"


def _said(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
