"""Judged numbers by subgroup: planted problems are found, too small groups say so, nothing is made up."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Array, Finding, Outcome, Step, Subject, find, quiet
from xrai_widgets.core.holm import holm
from xrai_widgets.reporting.compose import report
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.subgroups import p_value
from xrai_widgets.results.waiver import Waiver
from xrai_widgets.runtime import Meter, RunStep, assess, run
from xrai_widgets.runtime.subgroups import only

MIA = "privacy.membership_inference"
GROUPS = ("clean a", "clean b", "leaky", "tiny")


def planted(seed: int = 0, per_group: int = 150, leak: float = 1.0) -> Subject:
    """A model that is surer about its training samples in the group "leaky" and nowhere else."""
    rng = np.random.default_rng(seed)
    sizes = (per_group, per_group, per_group, 6)
    group = np.repeat(np.arange(4), sizes)

    def part() -> tuple[Array, Array]:
        sure, y = rng.normal(0, 1, len(group)), rng.integers(0, 2, len(group))
        return np.column_stack([sure, y, rng.random(len(group))]), y

    def predict(rows: Array) -> Array:
        remembered = np.isin(rows[:, 2], X_train[group == 2, 2])  # the model knows them, the data do not tell them
        right = 1 / (1 + np.exp(-rows[:, 0] - leak * 2 * remembered))
        first = np.where(rows[:, 1] == 0, right, 1 - right)
        return np.column_stack([first, 1 - first])

    (X_train, y_train), (X, y) = part(), part()
    names = np.array(GROUPS)[group]
    return Subject.of(predict, X, y, X_train=X_train, y_train=y_train, groups=names, train_groups=names)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return assess(planted(), MIA, strict=True)


def test_the_planted_group_fails_and_the_clean_ones_do_not(outcome: Outcome) -> None:
    verdict = judge(outcome)
    together = {group.group: group.together for group in verdict.groups if group.key == "advantage"}
    assert together["leaky"] == "fail"
    assert "fail" not in {together["clean a"], together["clean b"]}
    assert verdict.failed


def test_a_group_that_is_too_small_gets_no_number_and_says_why(outcome: Outcome) -> None:
    table = outcome.table("subgroups").set_index("group").loc["tiny"]
    assert table["value"].isna().all()
    assert (table["note"] == "too few: 6 in X, 6 in X_train; at least 10 are needed").all()
    assert {group.together for group in judge(outcome).groups if group.group == "tiny"} == {"not judged"}


def test_a_group_has_the_number_of_its_samples_alone(outcome: Outcome) -> None:
    alone = assess(only(planted(), "leaky"), MIA).table()
    table = outcome.table("subgroups")
    row = table[(table["group"] == "leaky") & (table["measure"] == "advantage")].iloc[0]
    assert tuple(row[["value", "low", "high", "n"]]) == tuple(alone.loc["advantage", ["value", "low", "high", "n"]])
    assert row["n"] == 300


def test_a_failing_group_fails_the_outcome_although_the_whole_passes() -> None:
    policy = Policy.default().with_threshold(MIA, "advantage", 0.35).with_threshold(MIA, "tpr_at_fpr_1pct", 1.0)
    verdict = judge(assess(planted(leak=1.5), MIA), policy)
    assert {check.key: check.status for check in verdict.checks}["advantage"] != "fail"
    assert verdict.status == "fail"
    assert verdict.failed


def test_a_waiver_covers_the_measure_in_its_subgroups(outcome: Outcome) -> None:
    from datetime import date

    policy = Policy.default()
    for measure in ("advantage", "tpr_at_fpr_1pct"):
        policy = policy.with_waiver(Waiver(MIA, measure, "A", "b", date.today()))
    assert judge(outcome, policy).waived
    assert not report([outcome], policy).failed


def test_an_engine_that_uses_training_samples_needs_their_groups() -> None:
    outcome = assess(replace(planted(), train_groups=None), MIA)
    assert outcome.finding is not None
    assert "subgroups" not in outcome.finding.tables
    assert "pass train_groups=" in " ".join(outcome.finding.notes)


def test_an_engine_that_uses_held_out_samples_needs_only_theirs(logistic: Subject) -> None:
    groups = np.where(logistic.X[:, 0] > np.median(logistic.X[:, 0]), "large", "small")
    attack = replace(find("robustness.evasion"), controls=())
    outcome = run(replace(logistic, groups=groups), attack, {"n_samples": 12, "max_iter": 1})
    table = outcome.table("subgroups")
    assert set(table["group"]) == {"large", "small"}
    assert (table.loc[table["measure"] == "robust_accuracy", "n"] == 12).all()


def test_an_engine_that_judges_new_samples_has_no_subgroups(logistic: Subject) -> None:
    def shift(X: Array, X_new: Array, *, step: Step = quiet) -> Finding:
        """Compare two means."""
        value = float(X_new.mean() - X.mean())
        return Finding({"advantage": value}, {"advantage": (value, value)}, {"advantage": len(X)})

    entry = replace(find(MIA), name="custom.shift", engine=shift, controls=())
    groups = np.where(logistic.X[:, 0] > np.median(logistic.X[:, 0]), "large", "small")
    finding = run(replace(logistic, groups=groups, X_new=logistic.X[:50]), entry).finding
    assert finding is not None
    assert "subgroups" not in finding.tables
    assert "No subgroups: those of the new samples are not known; pass new_groups= to Subject.of." in finding.notes
    unknown = run(replace(logistic, groups=groups, X_new=logistic.X[:50], new_groups=groups[:50] + "?"), entry).finding
    assert unknown is not None
    assert "No subgroups: those of the new samples are none of those of X." in unknown.notes
    known = run(replace(logistic, groups=groups, X_new=logistic.X[:50], new_groups=groups[:50]), entry).finding
    assert known is not None
    shifts = known.tables["subgroups"].dropna(subset="value").set_index("group")["value"].to_dict()
    for group in ("large", "small"):
        old, new = logistic.X[groups == group], logistic.X[:50][groups[:50] == group]
        assert shifts[group] == pytest.approx(float(new.mean() - old.mean()))
    attack = replace(find("robustness.evasion"), controls=())
    without = run(replace(logistic, groups=groups, X_new=logistic.X[:50]), attack, {"n_samples": 10, "max_iter": 1})
    assert without.finding is not None
    assert "subgroups" in without.finding.tables, "an engine that does not look at them has its subgroups"


def test_too_many_groups_are_not_measured() -> None:
    subject = planted()
    outcome = assess(replace(subject, groups=np.arange(len(subject.X))), MIA)
    assert outcome.finding is not None
    assert "456 are too many, at most 20" in " ".join(outcome.finding.notes)


def test_an_assessment_without_judged_numbers_is_run_once(credit: Subject) -> None:
    grouped = replace(credit, groups=np.array(["a", "b"] * 200), train_groups=np.array(["a", "b"] * 300))
    assert "subgroups" not in assess(grouped, "privacy.shapr").finding.tables  # type: ignore[union-attr]


def test_an_error_in_a_group_is_its_note_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["xrai_widgets.runtime.run"]
    real = module.call_engine

    def picky(subject: Subject, *rest: Any) -> Any:
        if len(subject.X) == 150 and subject.X[:, 0].mean() == planted().X[:150, 0].mean():
            raise ValueError("no such luck")
        return real(subject, *rest)

    monkeypatch.setattr(module, "call_engine", picky)
    table = assess(planted(), MIA).table("subgroups").set_index("group")
    assert table.loc["clean a", "note"].str.match(r"failed \(error \w+; the log has the details\)").all()
    assert table.loc["clean a", "value"].isna().all()
    assert table.loc["clean b", "value"].notna().all()


def test_progress_grows_over_the_groups_and_cancel_keeps_the_whole() -> None:
    seen: list[float] = []
    meter = Meter()

    def listen(progress: Any) -> None:
        seen.append(progress.done)
        if progress.done > 0.3:
            meter.cancel.set()

    slow = planted()
    predict = slow.predict

    def wait(rows: Array) -> Array:
        threading.Event().wait(0.15)
        return predict(rows)

    outcome = run(replace(slow, predict=wait), MIA, step=RunStep(meter, listen))
    assert outcome.status == "cancelled"
    assert "subgroups are not complete" in outcome.reason
    assert outcome.finding is not None
    assert outcome.finding.values["advantage"] == pytest.approx(assess(planted(), MIA).finding.values["advantage"])  # type: ignore[union-attr]
    assert seen == sorted(seen)
    assert judge(outcome).status == "not judged"


def test_the_board_and_the_reports_show_the_groups(outcome: Outcome) -> None:
    board = html.scoreboard([outcome], Policy.default())
    assert "Subgroups: 4, 1 of them fails" in board
    assert "too few: 6 in X" in board
    made = report([outcome])
    assert "| leaky | membership advantage" in made.to_markdown()
    assert '"together": "fail"' in made.to_json()
    assert "together" in made.to_html()


def test_groups_may_be_the_name_of_a_column() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"] * 20, "a": np.arange(40.0)})
    y = np.arange(40) % 2

    def model(rows: pd.DataFrame) -> Array:
        return np.tile([0.5, 0.5], (len(rows), 1))

    made = Subject.of(model, frame[20:], y[20:], X_train=frame[:20], y_train=y[:20], groups="sex")
    assert made.groups is not None
    assert made.train_groups is not None
    assert set(made.groups) == set(made.train_groups) == {"f", "m"}
    with pytest.raises(ValueError, match=r"groups must be a column of X .*columns: \['sex', 'a'\], got 'gender'"):
        Subject.of(model, frame, y, groups="gender")
    batch = Subject.of(model, frame[20:], y[20:], X_new=frame[:7], groups="sex")
    assert batch.new_groups is not None
    assert batch.new_groups.tolist() == [*"fmfmfmf"]
    sets = Subject.of(model, frame[20:], y[20:], X_new=frame[:3], new_groups=["A", "A", "B"])
    assert sets.groups is None
    assert sets.new_groups is not None
    assert not sets.new_groups.flags.writeable
    assert len({sets.fingerprint, replace(sets, new_groups=np.array(["A", "B", "B"])).fingerprint}) == 2
    with pytest.raises(ValueError, match=r"new_groups must be a column of X_new .*columns: \['sex', 'a'\], got 'site'"):
        Subject.of(model, frame, y, X_new=frame, new_groups="site")
    with pytest.raises(ValueError, match="new_groups needs X_new: pass both"):
        Subject.of(model, frame, y, new_groups=y)
    with pytest.raises(ValueError, match="new_groups must have 3 entries"):
        Subject.of(model, frame, y, X_new=frame[:3], new_groups=["A"])
    with pytest.raises(ValueError, match="train_groups needs groups and X_train"):
        Subject.of(model, frame, y, groups="sex", train_groups=y)


def test_other_groups_are_another_subject() -> None:
    first = planted()
    assert first.train_groups is not None
    second = replace(first, train_groups=first.train_groups[::-1])
    assert len({first.fingerprint, second.fingerprint, replace(first, train_groups=None).fingerprint}) == 3


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_the_p_value_is_5_percent_where_the_interval_ends_at_the_threshold() -> None:
    assert p_value(0.5, 0.2, 0.6, 0.2) == pytest.approx(0.05, abs=1e-4)
    assert p_value(0.5, 0.2, 0.6, 0.6) == pytest.approx(0.05, abs=1e-4)
    assert p_value(0.5, 0.2, 0.6, 0.5) == 1.0
    assert p_value(0.5, float("-inf"), 0.6, 0.1) == 1.0


@pytest.mark.slow
def test_clean_groups_rarely_fail_together_and_the_planted_one_nearly_always_does() -> None:
    """400 simulated audits of five groups: the threshold is the truth, so every pass and every fail is wrong."""
    rng = np.random.default_rng(1)
    from xrai_widgets.core import Finding
    from xrai_widgets.engines._statistics import newcombe, wilson
    from xrai_widgets.results.subgroups import judge_groups
    from xrai_widgets.results.threshold import Threshold

    wrong = found = 0
    for _ in range(400):
        rows = []
        for number in range(5):
            members = rng.binomial(60, 0.9 if number == 4 else 0.35)
            estimate = newcombe(wilson(members, 60), wilson(rng.binomial(60, 0.25), 60))
            rows.append({"group": f"g{number}", "measure": "advantage", **estimate._asdict(), "n": 120, "note": ""})
        finding = Finding({"advantage": 0.1}, tables={"subgroups": pd.DataFrame(rows)})
        checks = judge_groups(finding, {"advantage": Threshold("max", 0.1)}, {})
        wrong += any(check.together in ("pass", "fail") for check in checks[:4])
        found += checks[4].together == "fail"
    assert wrong / 400 <= 0.08
    assert found / 400 >= 0.95
