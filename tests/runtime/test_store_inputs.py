"""The store and the page remember what does not depend on what changed about a subject."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

import xrai_widgets as xw
from tests.contract.test_inputs import whole
from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Outcome, Subject
from xrai_widgets.core.belonging import inputs_of
from xrai_widgets.core.origin import ConstrainedBy
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.runtime import assess, run_plan
from xrai_widgets.runtime.keep import unfinished
from xrai_widgets.runtime.store import Store
from xrai_widgets.widgets import History
from xrai_widgets.widgets.session import Session

pytestmark = pytest.mark.usefixtures("without_controls")
SHAPR, MIA, EVASION = "privacy.shapr", "privacy.membership_inference", "robustness.evasion"
PLAN: list[tuple[str, dict[str, Any]]] = [
    (SHAPR, {}),
    (MIA, {"repeats": 2}),
    (EVASION, {"n_samples": 5, "max_iter": 2}),
]


@pytest.fixture
def subject() -> Subject:
    return whole()


def fixed(subject: Subject) -> Subject:
    return xw.constrained(subject, {"b": {"immutable": True}})


CHANGES: dict[str, tuple[Any, set[str]]] = {
    "a new batch": (
        lambda s: replace(s, X_new=s.X_new[:7], y_new=s.y_new[:7], new_ids=s.new_ids[:7]),
        {SHAPR, MIA, EVASION},
    ),
    "no new batch": (lambda s: replace(s, X_new=None, y_new=None, new_ids=None), {SHAPR, MIA, EVASION}),
    "a constraint": (fixed, {SHAPR, MIA}),
    "other ids": (lambda s: replace(s, ids=s.ids + 1), {SHAPR}),
    "other subgroups": (lambda s: replace(s, groups=np.roll(s.groups, 1)), {SHAPR}),
    "another name": (lambda s: replace(s, name="another"), {SHAPR, MIA, EVASION}),
    "other labels": (lambda s: replace(s, y=1 - s.y), set()),
    "other samples": (lambda s: replace(s, X=s.X + 0.5), set()),
    "another model": (lambda s: replace(s, state="another"), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_store_answers_what_does_not_depend_on_what_changed(change: str, subject: Subject, tmp_path: Path) -> None:
    made, remembered = CHANGES[change]
    store, other = Store(tmp_path / "s.sqlite"), made(subject)
    before = {outcome.assessment: outcome for outcome in run_plan(subject, PLAN, store=store)}
    assert all(outcome.status == "ok" for outcome in before.values())
    for outcome in run_plan(other, PLAN, store=store):
        assert outcome.recalled == (outcome.assessment in remembered)
        assert (outcome.subject, outcome.subject_name) == (other.fingerprint, other.name)
        assert (outcome.origin, outcome.parts) == (other.origin, other.parts)
        if outcome.recalled:
            assert outcome.started == before[outcome.assessment].started
    assert len(store) == len(PLAN) * 2 - len(remembered)
    assert all(outcome.recalled for outcome in run_plan(subject, PLAN, store=store))
    store.close()


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_store_has_of_a_subject_is_also_what_it_has_of_its_like(
    change: str, subject: Subject, tmp_path: Path
) -> None:
    made, remembered = CHANGES[change]
    other, store = made(subject), Store(tmp_path / "s.sqlite")
    run_plan(subject, PLAN, store=store)
    history = History(store)
    history.subject = other
    assert history.wait(20)
    assert {outcome.assessment for outcome in history.earlier} == remembered
    assert {outcome.subject for outcome in history.earlier} <= {other.fingerprint}
    if change != "another name":
        assert store.outcomes(other.fingerprint) == []


def test_a_newer_answer_about_the_subject_itself_wins(subject: Subject, tmp_path: Path) -> None:
    store, other = Store(tmp_path / "s.sqlite"), fixed(subject)
    assess(subject, SHAPR, store=store)
    assess(other, SHAPR, store=store, fresh=True)
    used = {SHAPR: inputs_of(subject, xw.core.find(SHAPR))}
    assert [outcome.subject for outcome in store.outcomes(subject.fingerprint, used)] == [other.fingerprint]
    assert len(store) == 2


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_cancelled_goes_on_where_it_does_not_depend_on_what_changed(
    change: str, subject: Subject, tmp_path: Path
) -> None:
    made, remembered = CHANGES[change]
    other, store = made(subject), Store(tmp_path / "s.sqlite")
    cut = [replace(o, status="cancelled", reason="cancelled by the user") for o in run_plan(subject, PLAN)]
    for known, kept in ((cut, None), ([], store)):
        for outcome in cut:
            store.save(outcome)
            found = unfinished(kept, known, other, outcome.assessment, outcome.params)
            assert (found is not None) == (outcome.assessment in remembered)


SERIES = (
    "DROP TABLE xrai_looks",
    "DROP TABLE xrai_locks",
    "DROP TABLE xrai_marks",
    "DROP INDEX xrai_outcomes_series",
    "ALTER TABLE xrai_outcomes DROP COLUMN series",
    "ALTER TABLE xrai_outcomes DROP COLUMN batch",
)
OLDER = {
    1: (
        *SERIES,
        "DROP INDEX xrai_outcomes_inputs",
        "ALTER TABLE xrai_outcomes DROP COLUMN inputs",
        "ALTER TABLE xrai_outcomes DROP COLUMN code",
    ),
    2: (*SERIES, "DROP INDEX xrai_outcomes_inputs", "ALTER TABLE xrai_outcomes DROP COLUMN inputs"),
    3: SERIES,
}


@pytest.mark.parametrize("version", OLDER)
def test_a_store_of_an_older_schema_in_any_database_remembers_from_then_on(
    version: int, place: str, subject: Subject
) -> None:
    store = Store(place)
    older = assess(subject, SHAPR) if version > 2 else replace(assess(subject, SHAPR), inputs="")
    store.save(older)
    for statement in (*OLDER[version], f"UPDATE xrai_store SET schema_version = {version}"):
        with store._database().engine.begin() as connection:
            connection.execute(text(statement))
    store.close()
    store, other = Store(place), replace(subject, X_new=None, y_new=None, new_ids=None)
    assert assess(subject, SHAPR, store=store).recalled  # by the whole fingerprint
    assert assess(other, SHAPR, store=store).recalled is (version > 2)  # by what it uses, which schema 3 brought
    assert assess(other, SHAPR, store=store).recalled
    history = History(store)
    history.subject = subject
    assert history.wait(20)
    assert [outcome.inputs != "" for outcome in history.earlier] == [True]
    store.close()


def test_the_digest_travels_with_the_outcome(subject: Subject) -> None:
    outcome = assess(subject, SHAPR)
    assert len(outcome.inputs) == 64
    assert outcome_from_dict(outcome_to_dict(outcome)).inputs == outcome.inputs


# --- the page ---------------------------------------------------------------------------------------------------------


def names(outcomes: tuple[Outcome, ...]) -> set[str]:
    return {outcome.assessment for outcome in outcomes}


@pytest.mark.parametrize("change", CHANGES)
def test_the_page_keeps_what_does_not_depend_on_what_changed(change: str, subject: Subject) -> None:
    made, remembered = CHANGES[change]
    other, session = made(subject), Session(subject=subject)
    for outcome in run_plan(subject, PLAN):
        session.add(outcome)
    before = session.current
    session.subject = other
    assert names(session.current) == remembered
    assert {outcome.subject for outcome in session.current} <= {other.fingerprint}
    assert all(first is second for first, second in zip(session.current, session.current, strict=True))
    session.subject = subject
    assert session.current == before


def test_what_was_measured_on_the_subject_stands_for_what_was_adopted(subject: Subject) -> None:
    other, session = fixed(subject), Session(subject=subject)
    first, own, later = assess(subject, SHAPR), assess(other, SHAPR), assess(subject, SHAPR)
    session.add(first)
    session.subject = other
    shown = session.current
    assert [outcome.started for outcome in shown] == [first.started]
    session.recall([replace(first, subject=other.fingerprint, recalled=True)])  # the same, from the store
    assert session.current == shown
    session.add(own)
    assert session.current == (own,)
    session.add(later)
    assert session.current == (own,)
    session.recall([replace(first, subject=other.fingerprint, recalled=True)])
    assert session.current == (own,)
    session.subject = subject
    assert session.current == (later,)


def test_in_the_workbench_a_constraint_leaves_what_it_says_nothing_about(subject: Subject, tmp_path: Path) -> None:
    bench = Workbench(subject, selection=(SHAPR, EVASION), store=Store(tmp_path / "s.sqlite"))
    bench.forms.form(EVASION).control("n_samples").value = 5
    bench.runner.run()
    assert bench.runner.wait(60)
    assert bench.history.wait(20)
    assert names(bench.session.current) == {SHAPR, EVASION}
    bench.constraints.edit("b", immutable=True)
    bench.constraints.apply()
    assert bench.constraints.wait(20)
    assert bench.history.wait(20)
    assert names(bench.session.current) == {SHAPR}
    (shown,) = bench.view.outcomes
    assert shown.origin.changes == (ConstrainedBy({"b": {"immutable": True}}),)
    assert "xw.constrained(subject, {'b'" in bench.code.blocks[0][1]
    assert bench.view._at_hand() is bench.session.subject  # the contents of its samples can be shown
    bench.runner.run()
    assert bench.runner.wait(60)
    assert names(bench.session.current) == {SHAPR, EVASION}
    assert [outcome.recalled for outcome in bench.session.current] == [True, False]


def test_an_opened_run_of_another_subject_is_shown_as_one_of_this_where_it_is(subject: Subject, tmp_path: Path) -> None:
    store, other = Store(tmp_path / "s.sqlite"), fixed(subject)
    run_plan(subject, [PLAN[0], PLAN[2]], store=store)
    history = History(store)
    history.subject = other
    for number, expected in ((1, other.fingerprint), (2, subject.fingerprint)):
        history.load(number)
        assert history.wait(20)
        assert history.opened is not None
        assert history.opened.subject == expected


def test_models_side_by_side_keep_an_outcome_each(subject: Subject) -> None:
    from xrai_widgets.apps.compare import Compare

    other = fixed(subject)
    compare = Compare(subject, other, selection=(SHAPR,))
    for runner in compare.runners.values():
        runner.run()
        assert runner.wait(60)
    assert [outcome.subject for outcome in compare.board.outcomes] == [subject.fingerprint, other.fingerprint]
