"""Plans as TOML: one table per assessment, its parameters inside; and, if wanted, the subject and the policy."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_RESERVED = ("subject", "policy")
_KEYS = ("example", "new", "foreign")


@dataclass(frozen=True)
class PlanFile:
    """What a plan says.

    Parameters
    ----------
    entries : list of (name, parameters)
        In the order in which they run.
    example : str
        Name of the built-in example it is meant for; empty if it does not say.
    constraints : mapping of column name to mapping
        What its columns may become, as `constrained` takes it.
    policy : mapping, optional
        The tables of a policy.
    new : Path, optional
        File or folder of a batch to be judged; in the plan it is relative to the plan's folder.
    foreign : str
        Column of that table which says which samples are foreign.
    """

    entries: list[tuple[str, dict[str, Any]]]
    example: str = ""
    constraints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    new: Path | None = None
    foreign: str = ""


def read_plan(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the assessments of a plan; see `read_plan_file`."""
    return read_plan_file(path).entries


def read_plan_file(path: str | Path) -> PlanFile:
    """Read a plan.

    The file has one table per assessment, in the order in which they run; with double brackets the same one may run
    several times. It may also name a built-in example and a batch of new samples, say what the subject's columns may
    become, and hold a policy, so that it describes a whole run::

        [subject]
        example = "german_credit_forest"
        new = "applicants-2026.csv"      # beside the plan; with foreign = "column" where that is known

        [subject.constraints]
        age = { immutable = true }

        ["privacy.shapr"]
        n_neighbors = 5

        [policy."privacy.membership_inference"]
        advantage = { max = 0.1 }

    Raises
    ------
    ValueError
        if the file is no TOML, or holds anything else.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the plan must be a TOML file, got {str(path)!r}, which {what}")
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the plan {file.name} must be TOML: {error}") from None
    entries: list[tuple[str, dict[str, Any]]] = []
    for key, table in tables.items():
        if key in _RESERVED:
            continue
        several = table if isinstance(table, list) else [table]
        if not several or not all(isinstance(one, dict) for one in several):
            raise ValueError(f'the plan {file.name} must hold tables such as ["privacy.shapr"], got the key {key!r}')
        if "." not in key and any(isinstance(value, dict) for one in several for value in one.values()):
            raise ValueError(f'the plan {file.name} must quote names with a dot, ["privacy.shapr"], got [{key}.…]')
        entries += [(key, one) for one in several]
    if not entries:
        raise ValueError(f'the plan {file.name} must hold at least one table such as ["privacy.shapr"], got none')
    subject = tables.get("subject", {})
    example, constraints = _subject(subject, file.name)
    new = file.parent / subject["new"] if subject.get("new") else None
    return PlanFile(
        entries, example, constraints, _policy(tables.get("policy"), file.name), new, subject.get("foreign", "")
    )


def read_constraint(text: str) -> dict[str, dict[str, Any]]:
    """Read one line such as ``age = { immutable = true }``, as the command line takes it.

    Raises
    ------
    ValueError
        if it is no such line.
    """
    wanted = "a constraint must be a line such as age = { immutable = true, range = [18, 75] }"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{wanted}, with names of other signs than A-Z a-z 0-9 _ - in quotes: {error}") from None
    if len(tables) != 1 or not all(_is_flat(table) for table in tables.values()):
        raise ValueError(f"{wanted}, got {text!r}")
    return tables


def read_defence(text: str) -> tuple[str, dict[str, Any]]:
    """Read the name of a defence and its parameters, as the command line takes them.

    ``rounding``, or ``feature_squeezing = { bits = 3 }``.

    Raises
    ------
    ValueError
        if it is no such line.
    """
    wanted = "a defence must be a name such as rounding, or a line such as feature_squeezing = { bits = 3 }"
    if "=" not in text:
        return text.strip(), {}
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{wanted}, with _ for spaces in the name: {error}") from None
    if len(tables) != 1 or not all(_is_flat(table) for table in tables.values()):
        raise ValueError(f"{wanted}, got {text!r}")
    return next(iter(tables.items()))


def _is_flat(table: object) -> bool:
    return isinstance(table, dict) and not any(isinstance(value, dict) for value in table.values())


def _subject(subject: object, name: str) -> tuple[str, dict[str, dict[str, Any]]]:
    if not isinstance(subject, dict) or set(subject) - {*_KEYS, "constraints"}:
        raise ValueError(
            f'[subject] of the plan {name} must hold example = "…", new = "…", foreign = "…" and constraints, got '
            f"{subject!r}"
        )
    for key in _KEYS:
        if not isinstance(subject.get(key, ""), str):
            raise ValueError(f'[subject] of the plan {name} must say {key} = "…", text, got {subject[key]!r}')
    if subject.get("foreign") and not subject.get("new"):
        raise ValueError(f'[subject] of the plan {name} says foreign, a column of a batch: say new = "file", too')
    constraints = subject.get("constraints", {})
    if not isinstance(constraints, dict) or not all(map(_is_flat, constraints.values())):
        raise ValueError(
            f"[subject.constraints] of the plan {name} must hold lines such as age = {{ immutable = true }}, names "
            f"with a dot in quotes, got {constraints!r}"
        )
    return str(subject.get("example", "")), constraints


def _policy(policy: object, name: str) -> Mapping[str, Any] | None:
    if policy is not None and not isinstance(policy, dict):
        raise ValueError(f'the policy of the plan {name} must be tables such as [policy."…"], got {policy!r}')
    return policy
