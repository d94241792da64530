from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from xrai_widgets.core import Finding, Outcome


def outcome(**fields: Any) -> Outcome:
    given = {"assessment": "privacy.shapr", "subject": "abc", "subject_name": "forest", "params": {"b": 1, "a": 2}}
    return Outcome(**{**given, "status": "ok", "finding": Finding({"share": 0.5}), **fields})


def test_an_unknown_status_is_refused() -> None:
    message = "status must be one of ok, not applicable, cancelled, error, got 'done'"
    with pytest.raises(ValueError, match=message):
        outcome(status="done")


def test_an_outcome_that_is_ok_needs_a_finding() -> None:
    with pytest.raises(ValueError, match=r"the outcome of privacy.shapr is ok but has no finding"):
        outcome(finding=None)


def test_any_other_ending_may_be_without_a_finding() -> None:
    for status in ("not applicable", "cancelled", "error"):
        assert outcome(status=status, finding=None, reason="why").finding is None


def test_an_outcome_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        outcome().status = "error"  # type: ignore[misc]


def test_the_key_is_the_question_and_not_the_answer() -> None:
    assert outcome().key == outcome(params={"a": 2, "b": 1}, seconds=3.0, finding=Finding({"share": 0.1})).key
    assert outcome().key != outcome(params={"a": 2, "b": 2}).key
    assert outcome().key != outcome(subject="abd").key
    assert outcome().key != outcome(assessment="privacy.other").key


def test_the_repr_shows_numbers_with_intervals_and_notes() -> None:
    finding = Finding({"share": 0.5, "n": 3.0}, {"share": (0.4, 0.6)}, {"share": 40}, notes=("Read this.",))
    shown = repr(outcome(finding=finding, seconds=1.234))
    assert shown.splitlines() == [
        "Outcome(privacy.shapr on 'forest': ok, 1.23 s)",
        "  share = 0.5  [0.4, 0.6], n = 40",
        "  n = 3",
        "  note: Read this.",
    ]


def test_the_repr_of_an_outcome_without_a_finding_says_why_and_what_instead() -> None:
    shown = repr(outcome(status="not applicable", finding=None, reason="needs gradients", instead="attack='a'"))
    assert shown.splitlines()[1:] == ["  needs gradients", "  instead: attack='a'"]


def test_two_outcomes_of_the_same_run_have_lists_of_their_own() -> None:
    first, second = outcome(), outcome()
    assert first.versions == {}
    assert first.versions is not second.versions
