"""The comparison as widgets, without a browser."""

import pytest

from xrai_widgets.apps.compare import Compare
from xrai_widgets.core import Subject
from xrai_widgets.data import examples
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import ComparisonBoard

MIA = "privacy.membership_inference"


@pytest.fixture(scope="module")
def pruned() -> Subject:
    return examples.load("german_credit_pruned")


def test_both_models_run_the_same_plan_and_the_first_one_is_the_reference(credit: Subject, pruned: Subject) -> None:
    app = Compare(credit, pruned, selection=(MIA,))
    assert app.session.subject is credit
    assert "two or more subjects" in app.board.message.value
    for subject in (pruned, credit):  # the reference is the first one, whatever ends first
        runner = app.runners[subject.fingerprint]
        runner.run()
        assert runner.wait(30)
    assert "aria-label=&#34;german_credit_pruned minus german_credit_forest" in app.board.view.value.replace(
        '"', "&#34;"
    )
    assert app.board.message.value == ""
    assert app.code.blocks[0][0] == "Python on german_credit_forest"
    assert len(app.report.report().outcomes) == 2


def test_another_policy_judges_again(credit: Subject, pruned: Subject) -> None:
    outcomes = (assess(credit, MIA), assess(pruned, MIA))
    app = Compare(credit, pruned, outcomes=outcomes)
    assert "■</span>fail" in app.board.view.value
    app.session.policy = Policy.default().with_threshold(MIA, "advantage", 0.9)
    assert "■</span>fail" not in app.board.view.value


def test_a_model_that_is_picked_again_gets_no_second_runner(credit: Subject, pruned: Subject) -> None:
    app = Compare(credit, pruned)
    app.session.subject = pruned
    app.session.subject = credit
    assert list(app.runners) == [credit.fingerprint, pruned.fingerprint]


def test_an_entry_out_of_range_stops_every_runner(credit: Subject, pruned: Subject) -> None:
    app = Compare(credit, pruned, selection=("robustness.evasion",))
    app.forms.form("robustness.evasion").control("n_samples").value = -3
    assert all(runner.button.disabled for runner in app.runners.values())


def test_the_board_alone_shows_outcomes(credit: Subject, pruned: Subject) -> None:
    board = ComparisonBoard([assess(credit, MIA), assess(pruned, MIA)])
    assert "1000 pairs" in board.view.value
    board.outcomes = ()
    assert board.view.value == ""
