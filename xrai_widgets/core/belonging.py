"""To which subjects an outcome belongs: to all that are equal in what its engine uses."""

from dataclasses import replace

from xrai_widgets.core.assessment import Assessment, registered
from xrai_widgets.core.outcome import Outcome
from xrai_widgets.core.subject import Subject

_TRAINING = ("X_train", "y_train")


def fields_used(entry: Assessment) -> set[str]:
    """Return the fields of a subject on which the numbers of an assessment depend, beside the model.

    Those that its engine asks for, those that a parameter may ask for, and what is measured around the engine: the
    comparison with a model that is trained anew, the judged numbers by subgroup, and the models of the controls.
    """
    used = {*entry.uses, *(mark.field for parameter in entry.parameters for mark in parameter.requires)}
    if "fit" in used:
        used |= {"X", *_TRAINING, "trained_with", "frozen", "seeded"}
    if "naming" in used:
        used = (used - {"naming"}) | entry.names
    if entry.measures:
        used |= {"groups", "train_groups"} | ({"new_groups"} if "X_new" in used else set())
    if any(control.measured is None for control in entry.controls):
        used |= {"X", "y", *_TRAINING}
    return used


def inputs_of(subject: Subject, entry: Assessment) -> str:
    """Return the digest of what an assessment uses of a subject, as `Outcome.inputs` keeps it."""
    return subject.digest(fields_used(entry))


def adopted(outcome: Outcome, subject: Subject) -> Outcome | None:
    """Return an outcome as one of this subject; None if it may be another one for it.

    It is the subject's if it was measured on it, or on another one that is equal in all that the engine uses: then it
    is what a run on this subject would give, and bears its name and fingerprint.
    """
    if outcome.subject == subject.fingerprint:
        return outcome
    entry = registered().get(outcome.assessment)
    if entry is None or not outcome.inputs or outcome.inputs != inputs_of(subject, entry):
        return None
    return as_of(outcome, subject)


def as_of(outcome: Outcome, subject: Subject) -> Outcome:
    """Return an outcome that belongs to a subject, by its name."""
    about = replace(outcome, subject=subject.fingerprint, subject_name=subject.name)
    return replace(about, origin=subject.origin, parts=subject.parts, series=subject.series, batch=subject.batch)
