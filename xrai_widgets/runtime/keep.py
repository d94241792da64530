"""Ask the store before a run, and give it every outcome after one. A store that fails loses no outcome."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.io.store_place import chosen_store, served
from xrai_widgets.runtime.store import Store

logger = logging.getLogger("xrai_widgets")


def named_store(store: Store | str | Path | None, visitor: str = "") -> Store | None:
    """Return a store by its place or by the word "auto": the one that is set, see `chosen_store`.

    On a page that Voilà serves, a place alone is not enough: everybody would see everybody's history. There is no
    store until the visitor is known, and then it is that visitor's. A `Store` that is given is taken as it is. It is
    connected to when it is first used, so that a database that is away delays and breaks nothing.
    """
    if isinstance(store, Store) or store is None:
        return store
    place = chosen_store() if store == "auto" else store
    if place is None or (served() and not visitor):
        return None
    owner = hashlib.sha256(visitor.encode()).hexdigest() if visitor else ""
    return Store(place, owner=owner, lazily=True)


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
