"""The state of one sitting: the only mutable object. Components are linked to it and know nothing of each other."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import traitlets

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.core.belonging import adopted
from xrai_widgets.results.policy import Policy


class Session(traitlets.HasTraits):
    """What is being audited, what was found, and by which policy it is judged."""

    subject = traitlets.Instance(Subject, allow_none=True)
    """The model under audit."""
    outcomes = traitlets.Tuple()
    """Every outcome so far, oldest first; a repeated run replaces the older one."""
    policy = traitlets.Instance(Policy)
    """The thresholds."""

    selected = traitlets.Tuple()
    """The marked samples: (fingerprint of the subject, part, id as text)."""

    def __init__(self, **kwargs: Any) -> None:
        self._adopted: WeakKeyDictionary[Outcome, dict[str, Outcome | None]] = WeakKeyDictionary()
        super().__init__(**kwargs)

    @traitlets.default("policy")
    def _default_policy(self) -> Policy:
        return Policy.default()

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome; an older one of the same assessment and parameters gives way."""
        self.outcomes = (*(old for old in self.outcomes if old.key != outcome.key), outcome)

    def recall(self, outcomes: Iterable[Outcome]) -> None:
        """Put earlier outcomes before those of this sitting, which win where both are of the same run."""
        mine = {outcome.key for outcome in (*self.outcomes, *self.current)}
        earlier = tuple(outcome for outcome in outcomes if outcome.key not in mine)
        if earlier:
            self.outcomes = (*earlier, *self.outcomes)

    @property
    def current(self) -> tuple[Outcome, ...]:
        """The outcomes of the current subject: those that were measured on it, and those that would be the same."""
        if self.subject is None:
            return ()
        measured = {outcome.key for outcome in self.outcomes if outcome.subject == self.subject.fingerprint}
        current: dict[tuple[str, str, str], Outcome] = {}
        for outcome in self.outcomes:
            mine = self._as_current(outcome, self.subject)
            if mine is not None and (mine is outcome or mine.key not in measured):
                current.pop(mine.key, None)  # the newest one stays, in its own place
                current[mine.key] = mine
        return tuple(current.values())

    def _as_current(self, outcome: Outcome, subject: Subject) -> Outcome | None:
        """Return an outcome as one of the subject's; the same object each time, so that views keep what they drew."""
        if outcome.subject == subject.fingerprint:
            return outcome
        adopted_by = self._adopted.setdefault(outcome, {})
        if subject.fingerprint not in adopted_by:
            adopted_by[subject.fingerprint] = adopted(outcome, subject)
        return adopted_by[subject.fingerprint]

    def link(self, component: traitlets.HasTraits, **names: str) -> None:
        """Link traits of a component to traits of the session: ``session.link(runner, subject="subject")``."""
        for ours, theirs in names.items():
            traitlets.link((self, ours), (component, theirs))

    def __repr__(self) -> str:
        return f"Session({self.subject!r}, {len(self.outcomes)} outcomes)"


Change = dict[str, Any]
