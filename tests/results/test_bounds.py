"""What is said of bounds, of values that nobody may judge, and of families whose strongest attacker did not run."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.reporting import console
from xrai_widgets.reporting.compose import report
from xrai_widgets.results import html
from xrai_widgets.results.compare import compare
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.tables import scoreboard_table
from xrai_widgets.results.verdict_words import doubt, sentence
from xrai_widgets.results.zones import zone

EVASION, CEM = "robustness.evasion", "explanations.cem"
MIA, LIRA, LABELS = "privacy.membership_inference", "privacy.lira", "privacy.label_only"
SAFE = {"advantage": 0.01, "tpr_at_fpr_1pct": 0.01}


def outcome(name: str, values: dict[str, float], subject: str = "f" * 64, **changes: Any) -> Outcome:
    finding = Finding(values, {key: (value - 0.005, value + 0.005) for key, value in values.items()})
    status = changes.pop("status", "ok")
    return Outcome(name, subject, "model", {}, status, replace(finding, **changes) if status == "ok" else None, "why")


def everywhere(made: Outcome) -> dict[str, str]:
    """Return all that shows a verdict, as text."""
    verdict, written = judge(made), report([made])
    return {
        "board": html.scoreboard([made], Policy.default()),
        "values": html.values(made, verdict),
        "html": written.to_html(),
        "markdown": written.to_markdown(),
        "console": "\n".join([str(console.value_rows(verdict)), *console.doubt_lines(verdict)]),
        "table": scoreboard_table([made]).to_string(),
    }


def test_an_attack_that_finds_little_refutes_nothing_and_proves_nothing() -> None:
    made = outcome(EVASION, {"robust_accuracy": 0.9})
    verdict = judge(made)
    assert (verdict.status, verdict.failed) == ("not refuted", False)
    for where, text in everywhere(made).items():
        assert "not refuted" in text, where
        assert "an upper bound" in text, where
        assert "a pass takes an exact value or a lower bound (a certificate) that is ≥ 0.5" in text.replace(
            "A pass", "a pass"
        ), where
    (check,) = verdict.checks
    assert zone(check, made).says.startswith(
        "The whole interval lies in the safe zone, but the value is an upper bound"
    )


def test_a_bound_fails_and_straddles_like_any_value() -> None:
    assert judge(outcome(EVASION, {"robust_accuracy": 0.1})).status == "fail"
    assert judge(outcome(EVASION, {"robust_accuracy": 0.5})).status == "warn"


@pytest.mark.parametrize(("bound", "status"), [("exact", "pass"), ("lower", "pass"), ("upper", "not refuted")])
def test_a_finding_says_what_its_run_is_worth(bound: Any, status: str) -> None:
    made = outcome(EVASION, {"robust_accuracy": 0.9}, bounds={"robust_accuracy": bound})
    assert judge(made).status == status
    assert judge(made).checks[0].bound == bound


def test_a_share_that_a_search_can_only_raise_is_a_lower_bound() -> None:
    policy = Policy().with_threshold(CEM, "pn_share", 0.5).with_threshold(CEM, "median_pn_distance", 0.1)
    verdict = judge(outcome(CEM, {"pn_share": 0.2, "median_pn_distance": 0.3}), policy)
    assert [check.status for check in verdict.checks] == ["not refuted", "not refuted"]
    assert "a lower bound: a stronger search may find the truth above" in sentence(verdict.checks[0])
    assert "an upper bound: a stronger search may find the truth below" in sentence(verdict.checks[1])


def test_a_value_that_nobody_may_judge_stands_with_its_reason_everywhere() -> None:
    made = outcome(
        EVASION, {"robust_accuracy": 0.1, "accuracy": 0.9}, unjudged={"robust_accuracy": "the control broke"}
    )
    verdict = judge(made)
    assert verdict.status == "not judged"
    assert verdict.unjudged == {"robust_accuracy": "the control broke"}
    for where, text in everywhere(made).items():
        assert "not judged" in text, where
        assert "the control broke" in text, where
    assert "the control broke" in compare(made, replace(made, subject="e" * 64)).to_html()


def test_a_threshold_without_a_number_is_said_and_is_no_pass() -> None:
    policy = Policy.default().with_threshold(EVASION, "median_distance", 0.2)
    made = outcome(EVASION, {"accuracy": 0.9, "robust_accuracy": 0.9})
    verdict = judge(made, policy)
    assert (verdict.missing, verdict.unjudged) == (
        ("median_distance",),
        {"median_distance": "this run gives no such number"},
    )
    written = report([made], policy)
    for text in (
        html.scoreboard([made], policy),
        written.to_html(),
        written.to_markdown(),
        "\n".join(console.doubt_lines(verdict)),
        scoreboard_table([made], policy).to_string(),
    ):
        assert "this run gives no such number" in text


def test_groups_of_a_bound_are_not_refuted_alone_and_together() -> None:
    rows = [("a", 0.9, 0.88, 0.92), ("b", 0.9, 0.4, 1.0), ("c", 0.1, 0.05, 0.2)]
    table = pd.DataFrame(
        [
            {"group": g, "measure": "robust_accuracy", "value": v, "low": lo, "high": hi, "n": 50, "note": ""}
            for g, v, lo, hi in rows
        ]
    )
    made = outcome(EVASION, {"robust_accuracy": 0.9}, tables={"subgroups": table})
    verdict = judge(made)
    assert [(g.status, g.together) for g in verdict.groups] == [
        ("not refuted", "not refuted"),
        ("warn", "warn"),
        ("fail", "fail"),
    ]
    assert verdict.failed
    exact = replace(made, finding=replace(made.finding, bounds={"robust_accuracy": "exact"}))
    assert judge(exact).groups[0].status == "pass"


def test_what_one_attacker_gets_may_pass_and_says_so() -> None:
    (first, _) = judge(outcome(MIA, SAFE)).checks
    assert first.status == "pass"
    assert "what this attacker gets" in sentence(first)
    assert doubt(first) == ""


@pytest.mark.parametrize("weaker", [MIA, LABELS])
def test_a_family_passes_only_where_its_strongest_attacker_ran(weaker: str) -> None:
    weak, strong = outcome(weaker, SAFE), outcome(LIRA, SAFE)
    (alone,) = report([weak]).families
    assert (alone.status, alone.reason) == ("not refuted", f"a stronger attacker was not run: {LIRA}")
    for text in (report([weak]).to_html(), report([weak]).to_markdown(), html.scoreboard([weak], Policy.default())):
        assert f"a stronger attacker was not run: {LIRA}" in text
    assert report([weak, strong]).families[0].status == "pass"
    assert report([strong]).families[0].status == "pass"


@pytest.mark.parametrize(
    ("status", "expected"), [("error", "not refuted"), ("cancelled", "not refuted"), ("not applicable", "pass")]
)
def test_an_attacker_that_broke_was_not_run_and_one_that_cannot_be_is_no_stronger(status: str, expected: str) -> None:
    assert report([outcome(MIA, SAFE), outcome(LIRA, {}, status=status)]).families[0].status == expected


def test_the_strong_attacker_of_another_model_does_not_count() -> None:
    other = outcome(LIRA, SAFE, subject="e" * 64)
    assert report([outcome(MIA, SAFE), other]).families[0].status == "not refuted"


def test_a_family_that_fails_is_not_made_better() -> None:
    (family,) = report([outcome(MIA, {**SAFE, "advantage": 0.9}), outcome(LABELS, SAFE)]).families
    assert (family.status, family.reason, family.counted) == ("fail", "", "1 fail, 1 pass")


def test_a_strong_attacker_that_itself_is_judged_by_nothing_has_run() -> None:
    policy = Policy({MIA: Policy.default().thresholds[MIA]})
    assert report([outcome(MIA, SAFE), outcome(LIRA, SAFE)], policy).families[0].status == "pass"


def test_a_difference_of_bounds_is_said_to_be_one() -> None:
    first = outcome(EVASION, {"robust_accuracy": 0.9, "accuracy": 0.95})
    second = replace(first, subject="e" * 64)
    (note,) = compare(first, second).notes
    assert note.startswith("robust accuracy of robustness.evasion is an upper bound: the difference is that of what")
    exact = replace(first, finding=replace(first.finding, bounds={"robust_accuracy": "exact"}))
    assert not compare(exact, replace(exact, subject="e" * 64)).notes
