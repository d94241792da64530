"""The subject of a watch: the approved model and its baseline, with or without the batch of a look."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Outcome, Subject, find
from xrai_widgets.core.decision import labels
from xrai_widgets.results.look import Counts
from xrai_widgets.runtime.batch_check import refused
from xrai_widgets.runtime.store import Store

_OF_EXAMPLES = ("foreign", "target", "ids", "ignore", "text", "delimiter", "decimal", "encoding")
Plan = list[tuple[str, dict[str, Any]]]


def subject_of(table: Mapping[str, Any], new: Path | None) -> Subject:
    """Make the subject that the table ``[subject]`` of a watch describes.

    Raises
    ------
    ValueError
        as `read_subject` does.
    """
    from xrai_widgets.data import examples
    from xrai_widgets.runtime.trial import read_subject

    roles = {key: value for key, value in table.items() if key != "model"}
    model = table["model"]
    if isinstance(model, Path):
        if "data" not in roles or "target" not in roles:
            raise ValueError("a model from a file needs subject.data and subject.target")
        return read_subject(model, roles.pop("data"), new=new, **roles)
    if new is None:
        return examples.load(model)
    return examples.load_with(model, new, **{key: roles[key] for key in _OF_EXAMPLES if key in roles})


def run_look(subject: Subject, plan: Plan, store: Store, run: Any) -> tuple[list[Outcome], dict[str, Outcome]]:
    """Run the plan on a batch; what knows no batch runs on the batch as its samples, and on the baseline beside it.

    Parameters
    ----------
    subject : Subject
        With the batch.
    plan : list of (name, parameters)
    store : Store
        Answers what it knows: what a killed run has finished, and the baseline's outcomes.
    run : callable
        As `run_plan`.

    Returns
    -------
    tuple of the outcomes of the look, and by assessment those of the baseline
    """
    outcomes: list[Outcome] = []
    before: dict[str, Outcome] = {}
    for name, params in plan:
        if "X_new" in find(name).needs:
            outcomes += run(subject, [(name, params)], store=store)
            continue
        if subject.y_new is None:
            reason = "it judges labelled samples, and the labels of this batch are not there"
            outcomes.append(refused(subject, name, params, reason, subject.batch, "not applicable"))
            continue
        (before[name],) = run(subject.without_batch(), [(name, params)], store=store)
        try:
            batch = subject.at()
        except ValueError as error:  # no row of it whose words the model's data know
            outcomes.append(refused(subject, name, params, str(error), subject.batch))
            continue
        outcomes += run(batch, [(name, params)], store=store)
    return outcomes, before


def counts_of(subject: Subject) -> Counts | None:
    """Return the wrong answers on batch and baseline; None without labels, and for regressors.

    All rows of the batch count, those with words that the model's data do not know as well: they were answered.
    """
    before = baseline_counts(subject)
    if subject.X_new is None or subject.y_new is None or before is None:
        return None
    return Counts(_wrong(subject, subject.X_new, subject.y_new), len(subject.X_new), *before)


def baseline_counts(subject: Subject) -> tuple[int, int] | None:
    """Return wrong answers and rows of the baseline; None for regressors."""
    return None if subject.task != "classification" else (_wrong(subject, subject.X, subject.y), len(subject.X))


def _wrong(subject: Subject, X: Array, y: Array) -> int:
    return int(np.sum(labels(subject.predict, subject.decide, X) != y))
