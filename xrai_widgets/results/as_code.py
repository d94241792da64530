"""The Python, TOML and command lines that give an outcome, or a whole run, again."""

import ast
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from xrai_widgets.core import Outcome, registered
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.waiver import toml_text

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
    model = _model(outcome)
    sets = "".join(f" --set {key}={shlex.quote(_said(value))}" for key, value in changed(outcome).items())
    return f"xrai-widgets assess {model} --run {outcome.assessment}{sets}"


def run_as_python(outcomes: Sequence[Outcome], policy: Policy) -> str:
    """Return a notebook cell that runs everything again and judges it by the same policy."""
    source = outcomes[0].subject_source
    lines = ["import xrai_widgets as xw", ""]
    lines += [f"subject = {source}" if source else "# subject = xw.Subject.of(…)  as you made it"]
    judged = ""
    if policy != Policy.default():
        lines += [
            "policy = xw.Policy.parse(",
            *(f"    {line + chr(10)!r}" for line in policy.to_toml().split("\n")),
            ")",
        ]
        judged = ", policy"
    plan = [f"    ({outcome.assessment!r}, {changed(outcome)!r})," for outcome in outcomes]
    lines += ["plan = [", *plan, "]", "outcomes = xw.run_plan(subject, plan)", f"xw.report(outcomes{judged})"]
    return "\n".join(lines) + '.save("report.html")'


def run_as_plan(outcomes: Sequence[Outcome], policy: Policy) -> str:
    """Return a plan as TOML: the example, every assessment with its parameters, and the policy."""
    names = [outcome.assessment for outcome in outcomes]
    example = _example(outcomes[0])
    lines = ["[subject]", f'example = "{example}"', ""] if example else []
    for outcome in outcomes:
        head = f'"{outcome.assessment}"'
        lines.append(f"[[{head}]]" if names.count(outcome.assessment) > 1 else f"[{head}]")
        lines += [f"{key} = {_toml(value)}" for key, value in changed(outcome).items() if value is not None]
        lines.append("")
    return "\n".join(lines) + "\n" + (policy.to_toml("policy.") or "[policy]\n")


def run_as_command(outcomes: Sequence[Outcome], policy: Policy) -> str:
    """Return one command line; where it would not say everything, it reads the plan, saved as ``run.toml``."""
    names = [outcome.assessment for outcome in outcomes]
    if policy != Policy.default() or len(set(names)) < len(names):
        model = "" if _example(outcomes[0]) else f"{_model(outcomes[0])} "
        return f"xrai-widgets assess {model}--plan run.toml --out report.html"
    runs = "".join(f" --run {name}" for name in names)
    sets = "".join(
        f" --set {outcome.assessment}.{key}={shlex.quote(_said(value))}"
        for outcome in outcomes
        for key, value in changed(outcome).items()
    )
    return f"xrai-widgets assess {_model(outcomes[0])}{runs}{sets} --out report.html"


def _model(outcome: Outcome) -> str:
    return _example(outcome) or _own_files(outcome.subject_source) or _MODEL


def _example(outcome: Outcome) -> str:
    found = _EXAMPLE.fullmatch(outcome.subject_source)
    return found.group(1) if found else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return toml_text(value)
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, tuple | list) else repr(value)


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


def _said(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
