"""Rows by choice: whatever draws samples takes those of either part, by name, and says what that means."""

from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.subjects import small_credit
from xrai_widgets.core import Array, Names, NotApplicable, Outcome, registered
from xrai_widgets.engines._rows import NAMED, SEEN, drawn_rows, named_of, named_rows, samples_of

IDS = np.array(["a", "b", "7", "d"])
DRAWING = {
    "robustness.evasion": {"n_samples": 12, "max_iter": 1},
    "explanations.cem": {"n_samples": 4, "max_iter": 20, "binary_steps": 1, "noise": 0.0},
    "privacy.label_only": {"n_samples": 12, "copies": 2},
    "privacy.attribute_inference": {"feature": "age", "n_samples": 40, "repeats": 1},
    "privacy.pdtp": {"n_samples": 12, "repeats": 1, "null_draws": 5},
}
TEXT = {name: "instances" if name == "explanations.cem" else "samples" for name in DRAWING}
ENOUGH = {"privacy.attribute_inference": 20}


def assessed(name: str, **params: Any) -> Outcome:
    outcome = xw.assess(small_credit(), name, **{**DRAWING[name], **params})
    assert outcome.status == "ok", outcome.reason
    return outcome


def samples(outcome: Outcome) -> Any:
    assert outcome.finding is not None
    return outcome.finding.tables["samples"]


def test_names_are_looked_up_in_their_order_and_once() -> None:
    rows = named_rows("7, a,,7 ", IDS)
    assert rows is not None
    assert rows.tolist() == [2, 0]
    assert named_rows(" , ", IDS) is None


def test_a_name_that_no_sample_has_is_told_with_some_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"samples must be ids of the samples, such as a, b, 7, d, got 'x', 'y'"):
        named_rows("a, x, y", IDS)


def test_without_names_rows_are_drawn_in_their_order(rng: np.random.Generator) -> None:
    rows = drawn_rows("", np.arange(50), 10, rng)
    assert len({*rows}) == 10
    assert (np.diff(rows) > 0).all()


def test_a_draw_is_the_same_whether_or_not_names_are_known() -> None:
    a, b = (drawn_rows("", ids, 5, np.random.default_rng(3)) for ids in (np.arange(20), np.arange(20).astype(str)))
    assert a.tolist() == b.tolist()


def test_training_samples_need_their_labels() -> None:
    with pytest.raises(NotApplicable, match="needs training samples"):
        samples_of("X_train", np.zeros((2, 1)), np.zeros(2), np.zeros((2, 1)), None, Names())


@pytest.mark.parametrize("part", ["X", "X_train"])
def test_named_samples_of_an_attack_on_membership_are_as_many_as_the_others(part: str) -> None:
    X: Array = np.zeros((30, 1))
    names = Names(ids=np.arange(30), train_ids=np.arange(30))
    with pytest.raises(ValueError, match=r"samples must name between 20 and 30.*got 1 ids of X"):
        named_of("3", part, X, X, names, 20)
    text = ",".join(map(str, range(25)))
    members, others = named_of(text, part, X, X, names, 20)
    chosen, free = (members, others) if part == "X_train" else (others, members)
    assert free is None
    assert chosen is not None
    assert chosen.tolist() == list(range(25))


@pytest.mark.parametrize("name", DRAWING)
def test_the_named_samples_are_looked_at_and_nobody_judges_them(name: str, without_controls: None) -> None:
    subject = small_credit()
    part = "X_train" if name.startswith("privacy") else "X"
    ids = subject.train_ids if part == "X_train" else subject.ids
    assert ids is not None
    wanted = [str(one) for one in ids[5 : 5 + max(ENOUGH.get(name, 12), 12)]]
    outcome = assessed(name, **{TEXT[name]: ", ".join(wanted)})
    table = samples(outcome)
    assert {*table.loc[table["part"] == part, "id"].astype(str)} <= {*wanted}
    if name != "privacy.attribute_inference":  # which leaves rare values out
        assert {*table.loc[table["part"] == part, "id"].astype(str)} == {*wanted}
    assert outcome.finding is not None
    assert NAMED in outcome.finding.unjudged.values()
    assert xw.judge(outcome).status in ("not judged", "fail", "warn")


@pytest.mark.parametrize("name", ["robustness.evasion", "explanations.cem"])
def test_training_samples_are_looked_at_when_asked_for_and_never_pass(name: str, without_controls: None) -> None:
    outcome = assessed(name, part="X_train")
    table = samples(outcome)
    assert {*table["part"]} == {"X_train"}
    assert outcome.finding is not None
    assert SEEN in outcome.finding.notes
    assert "exact" not in outcome.finding.bounds.values()
    train_ids = small_credit().train_ids
    assert train_ids is not None
    assert {*table["id"].astype(str)} <= {*map(str, train_ids)}


@pytest.mark.parametrize("name", [name for name in DRAWING if name != "privacy.pdtp"])
def test_whatever_draws_from_either_part_takes_both_parts(name: str) -> None:
    parameters = {parameter.name: parameter for parameter in registered()[name].parameters}
    assert parameters["part"].choices == ("X", "X_train")
    assert TEXT[name] in parameters


def test_controls_look_at_the_same_part() -> None:
    outcome = assessed("robustness.evasion", part="X_train")
    assert outcome.finding is not None
    controls = outcome.finding.tables["controls"]
    by_chance = controls[controls["control"].str.startswith("random") & (controls["measure"] == "robust_accuracy")]
    # from the rows of X the same points are far away, and a random change as long as that alters labels
    assert float(by_chance["value"].iloc[0]) >= outcome.finding.values["accuracy"] - 0.1


def test_privacy_and_evasion_meet_on_the_same_samples(without_controls: None) -> None:
    subject = small_credit()
    leak = xw.assess(subject, "privacy.shapr")
    attack = xw.assess(subject, "robustness.evasion", part="X_train", n_samples=100, max_iter=1)
    row = xw.joint([leak, attack], subject).pairs.iloc[0]
    assert row["n"] >= 100
    assert -1 <= row["low"] <= row["rho"] <= row["high"] <= 1
    assert not np.isnan(row["partial"])
