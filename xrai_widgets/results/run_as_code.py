"""The Python, TOML and command line that give a whole run again."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from xrai_widgets.core import Outcome
from xrai_widgets.results.as_code import (
    NO_COMMAND,
    change_words,
    changed,
    example_of,
    has_no_command,
    model_words,
    shell_text,
    subject_line,
    toml_entry,
    toml_value,
)
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.waiver import toml_text


def run_as_python(outcomes: Sequence[Outcome], policy: Policy) -> str:
    """Return a notebook cell that runs everything again and judges it by the same policy."""
    lines = ["import xrai_widgets as xw", "", subject_line(outcomes[0].origin)]
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
    """Return a plan as TOML: the example, its constraints, every assessment with its parameters, and the policy."""
    names = [outcome.assessment for outcome in outcomes]
    example, origin = example_of(outcomes[0].origin), outcomes[0].origin
    constraints = (origin if has_no_command(origin) else origin.bare).constraints
    lines = ["[subject]", *(f"{key} = {toml_text(value)}" for key, value in example.items()), ""] if example else []
    if constraints:
        lines += ["[subject.constraints]", *(toml_entry(name, table) for name, table in constraints.items()), ""]
    for outcome in outcomes:
        head = f'"{outcome.assessment}"'
        lines.append(f"[[{head}]]" if names.count(outcome.assessment) > 1 else f"[{head}]")
        lines += [f"{key} = {toml_value(value)}" for key, value in changed(outcome).items() if value is not None]
        lines.append("")
    return "\n".join(lines) + "\n" + (policy.to_toml("policy.") or "[policy]\n")


def run_as_command(outcomes: Sequence[Outcome], policy: Policy) -> str:
    """Return one command line; where it would not say everything, it reads the plan, saved as ``run.toml``."""
    origin = outcomes[0].origin
    if has_no_command(origin):
        return NO_COMMAND
    names = [outcome.assessment for outcome in outcomes]
    if policy != Policy.default() or len(set(names)) < len(names):
        defences = change_words(replace(origin, changes=origin.defences))
        model = "" if example_of(origin) else f"{model_words(origin)}{defences} "
        return f"xrai-widgets assess {model}--plan run.toml --out report.html"
    runs = "".join(f" --run {name}" for name in names)
    sets = "".join(
        f" --set {outcome.assessment}.{key}={shlex.quote(shell_text(value))}"
        for outcome in outcomes
        for key, value in changed(outcome).items()
    )
    model = model_words(origin) + change_words(origin)
    return f"xrai-widgets assess {model}{runs}{sets} --out report.html"
