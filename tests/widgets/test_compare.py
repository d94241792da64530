"""The comparison as widgets, without a browser."""

import time
from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.apps.compare import Compare
from xrai_widgets.core import Subject
from xrai_widgets.data import examples
from xrai_widgets.models.networks import mlp
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import ComparisonBoard, DefenceForm

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


def test_a_defended_copy_is_added_and_compared_in_pairs(credit: Subject) -> None:
    app = Compare(credit, selection=(MIA,))
    form = app.defence
    assert form.button.disabled is False
    form._defence.value = "rounding"
    form.form.control("decimals").value = 2
    form.add()
    assert form.wait(60)
    made = form.made
    assert made is not None
    assert made.name == "german_credit_forest · rounded to 2 decimals"
    assert app.session.subject is made
    assert "It changes the prediction for 0 of 400 held-out samples" in form.status.value
    for runner in app.runners.values():
        runner.run()
        assert runner.wait(60)
    assert "1000 pairs" in app.board.view.value
    assert "german_credit_forest · rounded to 2 decimals" in app.board.view.value


def test_what_cannot_be_defended_is_said_before_anything_runs(credit: Subject, regression: Subject) -> None:
    form = DefenceForm((credit, regression))
    assert not form.button.disabled
    form._model.value = 1
    assert form.button.disabled
    assert "this is a regression" in form.status.value
    form._model.value = 0
    form.form.control("decimals").value = 3
    assert form.form.error == ""
    form._defence.value = "reverse sigmoid"
    form.form.control("gamma").value = 99.0
    assert form.button.disabled
    assert "γ (onset) must lie in [0.001, 10], got 99" in form.status.value
    form.add()
    assert form.made is None


def test_an_empty_form_says_what_is_missing_and_a_failure_stands_in_place(credit: Subject) -> None:
    form = DefenceForm()
    assert form.button.disabled
    assert "Choose a subject first" in form.status.value

    def broken(_: object) -> None:
        raise RuntimeError("no answer today")

    form.subjects = (replace(credit, predict=broken),)  # type: ignore[arg-type]
    form.add()
    assert form.wait(30)
    assert "no answer today" in form.message.value
    assert not form.button.disabled


def test_every_control_of_the_form_has_a_label_and_a_tip(credit: Subject) -> None:
    form = DefenceForm((credit,))
    for name in form._defence.options:
        form._defence.value = name
        for control in (form._model, form._defence, *form.form._controls.values()):
            assert control.description
            assert control.tooltip


def test_a_training_shows_how_far_it_is_and_can_be_cancelled() -> None:
    X = np.random.default_rng(0).uniform(size=(300, 4)).astype(np.float32)
    y = (X.sum(axis=1) > 2).astype(int)
    words = {"X_train": X[:200], "y_train": y[:200], "name": "net"}
    subject = Subject.of(mlp(4, [8], 2, standardize=False).eval(), X[200:], y[200:], **words)
    form = DefenceForm((subject,))
    form._defence.value = "adversarial training"
    form.form.control("epochs").value = 1000
    form.add()
    assert form.button.description == "Cancel"
    deadline = time.monotonic() + 60
    while "training on attacks" not in form.status.value:
        assert form._job is not None
        form._job.wait(0.05)
        assert time.monotonic() < deadline
    form.button.click()
    assert form.wait(10)
    assert form.made is None
    assert "cancelled" in form.message.value
    assert form.button.description == "Add defended copy"
    form.form.control("epochs").value = 1
    form.button.click()
    assert form.wait(60)
    assert form.made is not None
    assert form.made.name == "net · adversarially trained, ε 0.1, 1 epoch, seed 0"


def test_what_fits_one_choice_of_a_defence_alone_is_refused_with_the_other(credit: Subject) -> None:
    form = DefenceForm((credit,))
    form._defence.value = "feature squeezing"
    assert not form.button.disabled
    form.form.control("squeezer").value = "median filter"
    assert form.button.disabled
    assert "a median filter is for images" in form.status.value
    form.form.control("squeezer").value = "bit depth"
    assert not form.button.disabled
