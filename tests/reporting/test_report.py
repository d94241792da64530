"""Reports: one structure, three forms, and nobody's data by accident."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.formats.json import schema
from xrai_widgets.reporting.saved import read_report
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess, model_quality


@pytest.fixture(scope="module")
def outcomes(credit: Subject, regression: Subject) -> list[Outcome]:
    return [
        assess(credit, "privacy.membership_inference"),
        assess(credit, "robustness.evasion", n_samples=10, max_iter=3),
        assess(regression, "privacy.shapr"),
        assess(credit, "robustness.evasion", n_samples=10, max_seconds=0.0001),
    ]


def test_the_page_asks_nothing_of_the_outside(outcomes: list[Outcome], tmp_path: Path) -> None:
    text = report(outcomes).save(tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', re.sub(r'xlink:href="#[^"]*"', "", text))
    assert "url(http" not in text
    assert "@import" not in text
    assert "<script" not in text


def test_every_outcome_has_its_section_and_its_ending(outcomes: list[Outcome]) -> None:
    text = report(outcomes).to_html()
    assert text.count("<section id=") == 4
    assert "regression (made for classification only)" in text
    assert "time budget" in text
    assert "What this does not show" in text


def test_samples_are_named_by_id_and_their_contents_left_out(outcomes: list[Outcome], tmp_path: Path) -> None:
    made = report(outcomes)
    for text in (made.to_html(), made.to_json(), made.to_markdown()):
        assert "credit_amount" not in text
        assert "checking account" not in text
    assert "applicant-" in made.to_json()
    asked = report(outcomes, include_rows=True)
    assert "credit_amount" in asked.to_json()
    assert "credit_amount" in asked.to_html()


def test_json_follows_its_schema_and_is_read_back(outcomes: list[Outcome], tmp_path: Path) -> None:
    file = report(outcomes, include_rows=True).save(tmp_path / "report.json")
    data = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(data, schema())
    assert [verdict["status"] for verdict in data["verdicts"]] == ["fail", "warn", "not judged", "not judged"]
    back = read_report(file)
    assert [outcome.key for outcome in back] == [outcome.key for outcome in outcomes]
    again = report(back, include_rows=True)
    assert again.to_json() == file.read_text(encoding="utf-8").replace(data["created"], again.created)


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_a_stricter_policy_changes_the_verdicts_and_not_the_numbers(outcomes: list[Outcome]) -> None:
    strict = Policy.default().with_threshold("robustness.evasion", "robust_accuracy", 0.999)
    assert report(outcomes, strict).verdicts[1].status == "fail"
    assert report(outcomes).verdicts[1].status == "warn"


def test_recommendations_are_for_what_fails_or_straddles_the_failures_first(outcomes: list[Outcome]) -> None:
    found = report(outcomes).recommendations
    assert [item.status for item in found] == ["fail", "warn"]
    assert "Regularise" in found[0].text


def test_families_show_the_worst_verdict(outcomes: list[Outcome]) -> None:
    by_name = {family.family: (family.status, family.judged, family.total) for family in report(outcomes).families}
    assert by_name == {"privacy": ("fail", 1, 2), "robustness": ("warn", 1, 2)}


def test_the_models_own_quality_heads_the_board(outcomes: list[Outcome], credit: Subject) -> None:
    assert "AUROC" in report(outcomes, quality=model_quality(credit)).to_html()


def test_markdown_holds_every_number_with_its_interval(outcomes: list[Outcome]) -> None:
    text = report(outcomes).to_markdown()
    assert re.search(
        r"\| membership advantage \(TPR − FPR\) \| 0\.5\d* \| \[0\.\d+, 0\.\d+\] \| 1000 \| ≤ 0\.1 \| ■ fail \|", text
    )


def test_a_report_needs_outcomes_an_ending_and_a_folder(outcomes: list[Outcome], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one outcome"):
        report([])
    with pytest.raises(ValueError, match=r"ends in \.html, \.json, \.md, got 'report\.pdf'"):
        report(outcomes).save(tmp_path / "report.pdf")
    with pytest.raises(ValueError, match="folder of the report must exist"):
        report(outcomes).save(tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "must have the schema"),
        ('{"schema": "xrai-widgets/report/9"}', "got 'xrai-widgets/report/9'"),
        ('{"schema": "xrai-widgets/report/1", "outcomes": [{"params": {}}]}', "no outcome as xrai-widgets writes it"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_report(file)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read_report(tmp_path / "x.json")
