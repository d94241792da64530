"""How much worse an outcome is than the approved one, and what the policy says of it."""

import math
from dataclasses import replace
from typing import Any

import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.results.change import judge_change
from xrai_widgets.results.policy import Policy

EVASION, CERTIFIED = "robustness.evasion", "robustness.certified"
POLICY = Policy.parse(f'[change]\ndefault = 0.1\n[change."{CERTIFIED}"]\nmedian_distance = {{ max = 0.5 }}')


def outcome(name: str, values: dict[str, tuple[float, float, float]], **given: Any) -> Outcome:
    bounds = given.pop("bounds", {})
    finding = Finding(
        {key: value for key, (value, _, _) in values.items()},
        {key: (low, high) for key, (_, low, high) in values.items()},
        bounds=bounds,
    )
    return Outcome(name, "f" * 64, "model", {}, "ok", finding, **given)


def accuracy(value: float, half: float = 0.01, **given: Any) -> Outcome:
    return outcome(EVASION, {"accuracy": (value, value - half, value + half)}, **given)


def test_a_change_is_turned_so_that_more_is_worse() -> None:
    [fall] = judge_change(accuracy(0.7), accuracy(0.9), POLICY).changes
    half = math.hypot(0.01, 0.01)
    assert (fall.value, fall.low, fall.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (fall.before, fall.now, fall.status) == (0.9, 0.7, "fail")
    rise = judge_change(accuracy(0.9), accuracy(0.7), POLICY)
    assert rise.changes[0].value == pytest.approx(-0.2)
    assert rise.status == "pass"
    gains = [outcome("privacy.attribute_inference", {"gain": (v, v - 0.01, v + 0.01)}) for v in (0.0, 0.2)]
    assert judge_change(gains[1], gains[0], POLICY).changes[0].value == pytest.approx(0.2)


@pytest.mark.parametrize(("now", "half", "status"), [(0.85, 0.01, "pass"), (0.8, 0.01, "warn"), (0.7, 0.2, "warn")])
def test_the_whole_interval_decides(now: float, half: float, status: str) -> None:
    assert judge_change(accuracy(now, half), accuracy(0.9), POLICY).status == status


def test_the_default_is_for_shares_only() -> None:
    two = [outcome(CERTIFIED, {"median_distance": (v, v, v), "accuracy": (0.9, 0.9, 0.9)}) for v in (2.0, 1.2)]
    plain = judge_change(two[1], two[0], Policy.parse("[change]\ndefault = 0.1"))
    status = {change.key: (change.status, change.reason) for change in plain.changes}
    assert status["median_distance"] == ("not judged", "the policy has no limit for a change of it")
    assert status["accuracy"][0] == "pass"
    own = {change.key: change.status for change in judge_change(two[1], two[0], POLICY).changes}
    assert own["median_distance"] == "fail"
    assert judge_change(two[1], two[0], Policy()).status == "not judged"


@pytest.mark.parametrize(
    ("before", "now", "fall", "status"),
    [
        ("upper", "upper", 0.0, "not refuted"),
        ("upper", "upper", 0.3, "fail"),
        ("exact", "upper", 0.0, "not refuted"),
        ("lower", "exact", 0.0, "not refuted"),
        ("exact", "upper", 0.3, "fail"),
        ("upper", "exact", 0.3, "warn"),
        ("exact", "lower", 0.3, "warn"),
        ("upper", "exact", 0.0, "pass"),
        ("exact", "exact", 0.0, "pass"),
        ("exact", "exact", 0.3, "fail"),
    ],
)
def test_a_change_of_bounds_passes_only_where_it_must(before: str, now: str, fall: float, status: str) -> None:
    def robust(value: float, bound: str) -> Outcome:
        values = {"robust_accuracy": (value, value - 0.01, value + 0.01)}
        return outcome(EVASION, values, bounds={"robust_accuracy": bound})

    assert judge_change(robust(0.9 - fall, now), robust(0.9, before), POLICY).status == status


def test_what_was_measured_otherwise_is_not_judged() -> None:
    first = accuracy(0.9, series="s", versions={"xrai-widgets": "1", "xrai-widgets code": "a"})
    assert judge_change(replace(first, versions={**first.versions, "numpy": "3"}), first, POLICY).status == "pass"
    others = {
        "the model or its baseline is another one": replace(first, series="t"),
        r"other parameters \(norm\)": replace(first, params={"norm": "l2"}),
        "another version of xrai-widgets": replace(first, versions={**first.versions, "xrai-widgets code": "b"}),
        "this outcome is error: no rows": replace(first, status="error", finding=None, reason="no rows"),
    }
    for reason, other in others.items():
        verdict = judge_change(other, first, POLICY)
        assert verdict.status == "not judged"
        assert all(change.status == "not judged" for change in verdict.changes)
        with pytest.raises(ValueError, match=reason):
            raise ValueError(verdict.reason)
    with pytest.raises(ValueError, match="two outcomes of the same assessment are needed"):
        judge_change(first, replace(first, assessment=CERTIFIED), POLICY)


def test_what_an_outcome_does_not_let_judge_is_not_judged() -> None:
    first = accuracy(0.9)
    assert first.finding is not None
    other = replace(first, finding=replace(first.finding, unjudged={"accuracy": "too few"}))
    for pair in ((other, first), (first, other)):
        assert judge_change(*pair, POLICY).changes[0].reason == "too few"


def test_a_policy_says_its_changes_and_alerts_again() -> None:
    text = POLICY.to_toml() + '\n[alert]\non = ["warn", "missed"]'
    policy = Policy.parse(text)
    assert (policy.changes, policy.alert.occasions) == (POLICY.changes, ("warn", "missed"))
    assert Policy.parse(policy.to_toml()) == policy
    assert "change" not in Policy().to_toml()
    assert Policy.default().changes.default == 0.10
    assert "warn" not in Policy.default().alert.occasions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("change = 1", r"must hold \[change\] as a table"),
        ("[change]\ndefault = -0.1", "change.default must be a number from 0 on, got -0.1"),
        ("[change]\ndefault = nan", "change.default must be a number from 0 on"),
        ("[change]\ndefualt = 0.1", "got 'defualt'; did you mean 'default'"),
        ('[change."robustness.evasio"]\naccuracy = {max = 1}', "did you mean 'robustness.evasion'"),
        ('[change."robustness.evasion"]\nacuracy = {max = 1}', "did you mean 'accuracy'"),
        ('[change."robustness.evasion"]\naccuracy = {min = 1}', r"must be { max = … } \(more is worse\)"),
        ('[alert]\non = ["failed"]', "alert.on must hold words of fail, .*got 'failed'; did you mean 'fail'"),
        ('[alert]\non = "fail"', "alert.on must be a list"),
        ("[alert]\nmail = 1", "alert.mail is not known; allowed: on"),
        ("alert = 1", r"must hold \[alert\] as a table"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy.parse(text)
