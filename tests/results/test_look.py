import numpy as np
import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.results.look import Counts, History, judge_look
from xrai_widgets.results.policy import Policy

POLICY = Policy.of(
    {
        "robustness.corruptions": {"accuracy_fall": {"max": 0.1}},
        "change": {"default": 0.1},
    }
)


def _outcome(fall: float, half: float, status: str = "ok") -> Outcome:
    finding = (
        Finding({"accuracy_fall": fall}, {"accuracy_fall": (fall - half, fall + half)}) if status == "ok" else None
    )
    return Outcome("robustness.corruptions", "one", "model", {}, status, finding, "the reason" * (status != "ok"))  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize(
    ("fall", "half", "status", "occasions"),
    [(0.3, 0.01, "fail", ["fail"]), (0.1, 0.05, "warn", ["warn"]), (0.05, 0.01, "pass", [])],
)
def test_a_look_is_as_bad_as_its_worst_check(fall: float, half: float, status: str, occasions: list[str]) -> None:
    judged = judge_look([_outcome(0.01, 0.005), _outcome(fall, half)], {}, POLICY)
    assert judged.status == status
    assert [problem.occasion for problem in judged.problems] == occasions
    for problem in judged.problems:
        assert f"{fall:g}" in problem.text
        assert "limit max 0.1" in problem.text


def test_an_assessment_that_ends_in_an_error_is_a_problem_and_no_pass() -> None:
    judged = judge_look([_outcome(0, 0, "error")], {}, POLICY)
    assert judged.status == "not judged"
    assert [problem.occasion for problem in judged.problems] == ["error"]
    assert "the reason" in judged.problems[0].text


def test_a_change_against_the_approved_outcome_is_judged() -> None:
    judged = judge_look([_outcome(0.09, 0.005)], {"robustness.corruptions": _outcome(-0.09, 0.005)}, POLICY)
    assert judged.status == "fail"
    assert [problem.key for problem in judged.problems] == ["robustness.corruptions accuracy_fall change fail"]


def _history(wrong: list[int], **more: tuple[int, ...]) -> History:
    counts = tuple(Counts(one, 200, 500, 5000) for one in wrong)
    return History(tuple(f"day {number}" for number in range(len(wrong))), counts, **more)


def test_the_history_rings_says_since_when_and_is_silent_after_an_acknowledgement() -> None:
    rng = np.random.default_rng(0)
    wrong = [*rng.binomial(200, 0.1, 40), *rng.binomial(200, 0.2, 10)]
    quiet = judge_look([], {}, POLICY, _history(wrong[:40]))
    assert quiet.problems == ()
    assert "once in about 1,000 looks" in quiet.notes[0]
    assert f"all looks together: {sum(wrong[:40]) / 8000:.4g} wrong" in quiet.notes[1]
    rang = judge_look([], {}, POLICY, _history(wrong))
    (alarm,) = rang.problems
    assert rang.status == "fail"
    assert alarm.occasion == "alarm"
    assert "since about day 40" in alarm.text
    assert "once in about 1,000 looks" in alarm.text  # the fall itself is not taken for a wobble of the days
    assert judge_look([], {}, POLICY, _history(wrong, restarts=(50,))).problems == ()


def test_days_that_wobble_are_said_to_guarantee_nothing() -> None:
    rng = np.random.default_rng(1)
    wrong = list(rng.binomial(200, np.tile([0.02, 0.02, 0.02, 0.02, 0.02, 0.14, 0.14], 8)))
    judged = judge_look([], {}, POLICY, _history(wrong))
    assert "nothing is guaranteed about false alarms" in judged.notes[0]


def test_a_small_baseline_and_one_without_errors_are_said() -> None:
    small = History(("a",), (Counts(5, 200, 30, 300),))
    assert any("fewer than ten times" in note for note in judge_look([], {}, POLICY, small).notes)
    full = History(("a",), (Counts(5, 200, 30, 30),))
    assert "leaves no limit" in judge_look([], {}, POLICY, full).notes[0]


def test_a_fall_that_is_allowed_does_not_ring() -> None:
    rng = np.random.default_rng(2)
    wrong = [*rng.binomial(200, 0.1, 40), *rng.binomial(200, 0.15, 20)]
    assert judge_look([], {}, POLICY, _history(wrong)).problems
    assert not judge_look([], {}, POLICY, _history(wrong), allowed_fall=0.1).problems
