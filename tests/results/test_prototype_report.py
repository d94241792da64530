"""ProtoDash in a report: by id with shares; what is in the samples only where it is asked for."""

import re

import pytest

from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.reporting.compose import report
from xrai_widgets.results.views import views_of
from xrai_widgets.results.views.prototypes.html import reported
from xrai_widgets.runtime import assess

NAME = "explanations.protodash"


@pytest.fixture(scope="module")
def outcome(credit: Subject) -> Outcome:
    return assess(credit, NAME, n_prototypes=5)


def found(outcome: Outcome) -> Finding:
    assert outcome.finding is not None
    return outcome.finding


def test_a_report_names_the_prototypes_with_their_shares(outcome: Outcome, credit: Subject) -> None:
    plain, full = (report([outcome], include_rows=rows).to_html() for rows in (False, True))
    samples = found(outcome).tables["samples"].sort_values("share", ascending=False)
    said = re.findall(r'<tr><th scope="row">(applicant-\d+)</th><td class="xrai-number">([\d.]+)</td>', plain)
    assert [name for name, _ in said[:5]] == samples["id"].tolist(), "the heaviest first"
    assert [float(share) for _, share in said[:5]] == pytest.approx(samples["share"].tolist(), rel=2e-2)
    worst = found(outcome).tables["criticisms"]["id"].iloc[0]
    assert f"The prototypes stand badly for: <strong>{worst}</strong>" in plain
    heading = '<th scope="col">credit_amount</th>'
    assert heading in full
    assert heading not in plain
    assert credit.decode is not None
    assert credit.X_train is not None
    assert credit.train_ids is not None
    row = credit.decode(credit.X_train[credit.train_ids == samples["id"].iloc[0]])
    line = next(line for line in full.splitlines() if line.startswith(f'<tr><th scope="row">{samples["id"].iloc[0]}'))
    assert f"<td>{row['purpose'].iloc[0]}</td>" in line


def test_every_class_is_named(credit: Subject) -> None:
    shown = reported(found(assess(credit, NAME, n_prototypes=2, per_class=True)), include_rows=True)
    assert re.findall(r"<tr><td>(bad|good)</td>", shown) == ["bad", "bad", "good", "good"]


def test_pictures_are_shown_where_contents_are_asked_for(digits: Subject) -> None:
    finding = found(assess(digits, NAME, n_prototypes=3))
    assert reported(finding, include_rows=True).count('<img src="data:image/png') == 3
    assert "<img" not in reported(finding, include_rows=False)


def test_what_has_no_prototypes_shows_none(outcome: Outcome, credit: Subject) -> None:
    other = found(assess(credit, "privacy.shapr"))
    assert reported(other, include_rows=True) == ""
    assert views_of(other) == []
    assert [view.name for view in views_of(found(outcome))] == ["prototypes"]
