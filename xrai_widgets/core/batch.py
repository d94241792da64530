"""The batch of a subject: what all batches of one model share, and the model judged on the batch alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from xrai_widgets.core.subject import Array, Subject

_BATCH = ("X_new", "y_new", "new_ids", "new_groups", "foreign")


class Batched:
    """What belongs to the batch ``X_new`` of a subject, and what does not."""

    @cached_property
    def series(self) -> str:
        """Fingerprint of everything but the batch: equal for all batches of one model and one baseline."""
        subject = cast("Subject", self)
        return subject.fingerprint if subject.X_new is None else subject.without_batch().fingerprint

    def without_batch(self) -> Self:
        """Return the subject with its baseline alone."""
        nothing: dict[str, Any] = dict.fromkeys(_BATCH)
        return cast("Self", replace(cast("Subject", self), **nothing))

    @cached_property
    def batch(self) -> str:
        """Digest of the batch, its labels and names; empty without one."""
        return cast("Subject", self).parts.get("X_new", "")

    def at(self, name: Any = None) -> Self:
        """Return the subject whose samples ``X, y, ids, groups`` are those of the batch.

        So every assessment of ``X`` judges the batch. Its outcomes keep `series` and `batch` of this subject. Rows that
        hold a word which the model's data do not know are left out, and a note says how many: nothing may be changed
        into such a word. Bounds reach as far as the batch does.

        Parameters
        ----------
        name : optional
            One of ``new_groups``: those rows alone. By default all.

        Raises
        ------
        ValueError
            if the subject has no batch, no labels of it, no such set, or no row that is left.
        """
        subject = cast("Subject", self)
        if subject.X_new is None or subject.y_new is None:
            lacking = "X_new" if subject.X_new is None else "y_new"
            raise ValueError(f"at needs a batch and its labels: pass {lacking}= to Subject.of")
        familiar = ~_unknown(subject)
        rows, notes = _rows(subject, name) & familiar, subject.notes
        if not rows.any():
            raise ValueError("at needs a row of the batch whose words are all known, got none")
        if left := int((_rows(subject, name) & ~familiar).sum()):
            notes = (
                *notes,
                f"{left} rows of the batch are left out: they hold words that are not among the categories",
            )
        fields: dict[str, Any] = dict.fromkeys(_BATCH)
        fields |= {"X": subject.X_new[rows], "y": subject.y_new[rows], "notes": notes}
        fields["ids"] = np.flatnonzero(rows) if subject.new_ids is None else subject.new_ids[rows]
        fields["groups"] = None if subject.new_groups is None or name is not None else subject.new_groups[rows]
        fields["bounds"] = _reaching(subject, fields["X"])
        for array in fields.values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        made = replace(subject, **fields)
        made.__dict__.update(series=self.series, batch=self.batch)  # X is the batch: the rest is this subject's
        return cast("Self", made)


def _rows(subject: Subject, name: Any) -> Array:
    assert subject.X_new is not None
    if name is None:
        return np.ones(len(subject.X_new), dtype=bool)
    if subject.new_groups is None:
        raise ValueError(f"at({name!r}) needs the sets of the new samples: pass new_groups= to Subject.of")
    rows: Array = np.array([group == name for group in subject.new_groups.tolist()])
    if not rows.any():
        allowed = ", ".join(map(repr, dict.fromkeys(subject.new_groups.tolist())))
        raise ValueError(f"at must name one of the sets {allowed}, got {name!r}")
    return rows


def _unknown(subject: Subject) -> Array:
    """Return the rows that hold codes after the last category."""
    assert subject.X_new is not None
    flat = subject.X_new.reshape(len(subject.X_new), -1)
    rows = np.zeros(len(flat), dtype=bool)
    for column, kind in enumerate(subject.constraints):
        if kind.kind == "category":
            rows |= flat[:, column] >= len(kind.categories)
    return rows


def _reaching(subject: Subject, X: Array) -> Array | None:
    if subject.bounds is None:
        return None
    flat = X.reshape(len(X), -1)
    ends = np.stack([np.fmin.reduce(flat, axis=0), np.fmax.reduce(flat, axis=0)])
    return np.stack([np.fmin(subject.bounds[0], ends[0]), np.fmax(subject.bounds[1], ends[1])])
