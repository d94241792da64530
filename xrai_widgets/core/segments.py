"""Weak segments that an assessment has found, as the subgroups of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xrai_widgets.core.outcome import Outcome
    from xrai_widgets.core.subject import Array, Subject

COLUMN = "weak_segment"  # of the table samples: the segment's rule, or nothing
ELSEWHERE, UNSEEN = "elsewhere", "not looked at"


def groups_of(subject: Subject, outcome: Outcome) -> Array:
    """Return the weak segment of each row of X (n,), or that it is in none.

    Raises
    ------
    ValueError
        if the outcome holds no segments, none that is weak, or speaks of other samples.
    """
    table = outcome.finding.tables.get("samples") if outcome.finding is not None else None
    if table is None or COLUMN not in table:
        got = f"{outcome.assessment} ({outcome.status})"
        raise ValueError(f"with_groups needs an outcome of robustness.weak_segments that has ended well, got {got}")
    if outcome.parts.get("X") != subject.parts.get("X"):
        raise ValueError(
            f"with_groups needs an outcome on the samples X of this subject, got one on those of "
            f"{outcome.subject_name!r}: run {outcome.assessment} on this subject"
        )
    names = dict(zip(table["id"].tolist(), table[COLUMN].tolist(), strict=True))
    if not any(names.values()):
        raise ValueError("with_groups needs a weak segment, and the outcome names none: there is nothing to set apart")
    groups = [names[name] or ELSEWHERE if name in names else UNSEEN for name in subject.ids.tolist()]
    return np.array(groups)
