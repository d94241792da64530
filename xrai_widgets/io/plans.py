"""Plans as TOML: one table per assessment, its parameters inside; and, if wanted, the subject and the policy."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RESERVED = ("subject", "policy")


@dataclass(frozen=True)
class PlanFile:
    """What a plan says.

    Parameters
    ----------
    entries : list of (name, parameters)
        In the order in which they run.
    example : str
        Name of the built-in example it is meant for; empty if it does not say.
    policy : mapping, optional
        The tables of a policy.
    """

    entries: list[tuple[str, dict[str, Any]]]
    example: str = ""
    policy: Mapping[str, Any] | None = None


def read_plan(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the assessments of a plan; see `read_plan_file`."""
    return read_plan_file(path).entries


def read_plan_file(path: str | Path) -> PlanFile:
    """Read a plan.

    The file has one table per assessment, in the order in which they run; with double brackets the same one may run
    several times. It may also name a built-in example and hold a policy, so that it describes a whole run::

        [subject]
        example = "german_credit_forest"

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
        if any(isinstance(value, dict) for one in several for value in one.values()):
            raise ValueError(f'the plan {file.name} must quote names with a dot, ["privacy.shapr"], got [{key}.…]')
        entries += [(key, one) for one in several]
    if not entries:
        raise ValueError(f'the plan {file.name} must hold at least one table such as ["privacy.shapr"], got none')
    return PlanFile(entries, _example(tables.get("subject", {}), file.name), _policy(tables.get("policy"), file.name))


def _example(subject: object, name: str) -> str:
    if not isinstance(subject, dict) or set(subject) - {"example"} or not isinstance(subject.get("example", ""), str):
        raise ValueError(f'[subject] of the plan {name} must hold example = "…" and nothing else, got {subject!r}')
    return str(subject.get("example", ""))


def _policy(policy: object, name: str) -> Mapping[str, Any] | None:
    if policy is not None and not isinstance(policy, dict):
        raise ValueError(f'the policy of the plan {name} must be tables such as [policy."…"], got {policy!r}')
    return policy
