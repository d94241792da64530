"""Ask the store before a run, and give it every outcome after one. A store that fails loses no outcome."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xrai_widgets.core import Outcome, Subject

if TYPE_CHECKING:
    from xrai_widgets.runtime.store import Store

logger = logging.getLogger("xrai_widgets")


def recall(store: Store | None, subject: Subject, assessment: str, params: Mapping[str, Any]) -> Outcome | None:
    """Return the store's answer to a question, if it has one; a store that cannot be read has none."""
    if store is None:
        return None
    try:
        found = store.answer(subject.fingerprint, assessment, params)
    except OSError as error:
        logger.warning("%s is run: %s", assessment, error)
        return None
    # the same model and data may have another name by now
    return found and replace(found, subject_name=subject.name, subject_source=subject.source)


def keep(store: Store | None, outcome: Outcome) -> Outcome:
    """Write an outcome to the store and return it; where that fails it says so in ``unsaved``."""
    if store is None:
        return outcome
    try:
        store.save(outcome)
    except (OSError, ValueError, TypeError) as error:  # a database that fails, or something that is no JSON
        logger.warning("%s was not saved: %s", outcome.assessment, error)
        return replace(outcome, unsaved=str(error))
    return outcome
