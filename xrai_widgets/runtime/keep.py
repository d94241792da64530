"""Ask the store before a run, and give it every outcome after one. A store that fails loses no outcome."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from xrai_widgets.core import Finding, Outcome, Subject, find
from xrai_widgets.core.belonging import adopted, as_of, inputs_of
from xrai_widgets.io.store_place import chosen_store, served
from xrai_widgets.runtime.store import Store
from xrai_widgets.runtime.versions import versions

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
    """Return the store's outcome of a run, if it has one; a store that cannot be read has none."""
    if store is None:
        return None
    try:
        stored = store.answer(subject.fingerprint, assessment, params, inputs_of(subject, find(assessment)))
    except OSError as error:
        logger.warning("%s is run: %s", assessment, error)
        return None
    return stored and as_of(stored, subject)


def unfinished(
    store: Store | None, at_hand: Iterable[Outcome], subject: Subject, assessment: str, params: Mapping[str, Any]
) -> Finding | None:
    """Return what a cancelled run of the same kind had found, from outcomes that are at hand or from the store.

    Parameters
    ----------
    known : iterable of Outcome
        Oldest first; the newest one that asks the same and found something counts.
    """
    if assessment.startswith("custom."):
        return None  # the engine's code is the user's own and may have changed under the same name
    key = (subject.fingerprint, assessment, repr(sorted(params.items())))
    adopted_ones = (one for outcome in at_hand if (one := adopted(outcome, subject)) is not None)
    mine = [outcome for outcome in adopted_ones if outcome.key == key and outcome.finding is not None]
    latest = mine[-1] if mine else None
    try:
        if latest is None and store is not None:
            latest = store.unfinished(subject.fingerprint, assessment, params, inputs_of(subject, find(assessment)))
    except OSError as error:
        logger.warning("%s starts anew: %s", assessment, error)
    # what other versions of the libraries have computed is no part of this run
    usable = latest is not None and latest.status == "cancelled" and latest.versions == versions()
    return latest.finding if latest is not None and usable else None


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
