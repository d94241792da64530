"""Contrastive explanations in words, tables and pictures."""

import base64
import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from PIL import Image

from tests.subjects import small_credit
from xrai_widgets.core import Array, Finding, Outcome, Subject
from xrai_widgets.reporting.compose import report
from xrai_widgets.results.views.contrast.html import explained, frequent, measures, reported
from xrai_widgets.results.views.contrast.picture import Change, alt_of, drawn, shades
from xrai_widgets.results.views.contrast.reading import distinguishable, instance_of, is_contrastive
from xrai_widgets.results.views.contrast.words import by_id, picture_sentence, sentence
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import OutcomeView

NAME = "explanations.cem"
EVIL = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def credit() -> Subject:
    """A pipeline on a DataFrame with text columns."""
    return small_credit()


@pytest.fixture(scope="module")
def tabular(credit: Subject) -> Finding:
    return found(assess(credit, NAME, n_samples=8, seed=1))


def found(outcome: Outcome) -> Finding:
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def made(pn: Array, pp: Array | None = None, **columns: Any) -> Finding:
    """Return a finding about one instance of ones, whose baseline is zeros; unknown columns get harmless values."""
    original = np.ones_like(pn)
    arrays = {"original": original, "pn": pn, "pn_change": np.abs(pn - original)}
    row: dict[str, Any] = {"part": "X", "id": "a", "class": "no", "answer": "no"}
    row |= {"pn_status": "found", "pn_class": "yes", "pn_margin": 1.0, "pn_distance": 1.0, "pn_l1": 1.0}
    row |= {"pn_changed": float((pn != original).sum())}
    if pp is not None:
        arrays |= {"pp": pp, "pp_change": np.abs(pp), "baseline": np.zeros_like(pp)}
        row |= {"pp_status": "found", "pp_class": "no", "pp_margin": 1.0, "pp_distance": 1.0, "pp_l1": 1.0}
        row |= {"pp_changed": float((pp != 0).sum())}
    return Finding({}, tables={"samples": pd.DataFrame([row | columns])}, arrays=arrays)


def subject_of(width: int, decode: Any = None) -> Subject:
    X = np.ones((1, width))
    names = tuple(f"f{i}" for i in range(width))
    fields: dict[str, Any] = {"ids": np.array(["a"]), "feature_names": names, "decode": decode}
    return Subject(name="m", task="classification", model=None, predict=lambda _: X, X=X, y=np.zeros(1), **fields)


def table_in(shown: str) -> pd.DataFrame:
    rows = re.findall(r"<tr>(.*?)</tr>", shown, flags=re.DOTALL)
    cells = [
        [Markup(cell).striptags() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)]
        for row in rows
    ]
    return pd.DataFrame(cells[1:], columns=cells[0])


def said(finding: Finding, subject: Subject | None, side: int = 0) -> str:
    instance = instance_of(finding, 0, subject)
    return sentence(instance, instance.sides[side]).striptags()


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_pn_says_what_would_have_to_be_otherwise() -> None:
    finding = made(np.array([[1.0, 0.25, -2.0]]))
    assert said(finding, subject_of(3)) == (
        'If f2 were −2 instead of 1 and f1 were 0.25 instead of 1, the model would give the prediction "yes".'
    )


def test_a_pp_says_what_suffices_and_how_much_of_it() -> None:
    one = made(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert said(one, subject_of(2), 1) == (
        'f1 = 1 alone is enough for the prediction "no", everything else being as in a typical sample.'
    )
    part = made(np.array([[1.0, 0.0]]), np.array([[0.5, 1.0]]))
    assert said(part, subject_of(2), 1).startswith("f1 = 1 and f0 = 0.5 (of the instance's own 1) together are enough")
    nothing = made(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))
    assert (
        said(nothing, subject_of(2), 1)
        == 'Nothing is needed: to a typical sample the model gives the prediction "no", too.'
    )


def test_more_features_than_one_reads_are_counted() -> None:
    finding = made(np.arange(10.0)[None] / 10)
    told = said(finding, subject_of(10))
    assert told.startswith("If f0 were 0 instead of 1, f1 were 0.1")
    assert "f5 were 0.5 instead of 1 and 4 more, the model" in told


@pytest.mark.parametrize(
    ("columns", "end"),
    [
        ({"pn_class": "no", "pn_margin": -0.5}, 'The nearest attempt is still predicted "no" and is no explanation.'),
        (
            {"pn_class": "yes", "pn_margin": 0.1},
            'The nearest attempt is predicted "yes", by less than the lead that counts: it is no explanation.',
        ),
    ],
)
def test_what_was_not_found_is_said_and_its_attempt_is_no_explanation(columns: dict[str, Any], end: str) -> None:
    finding = made(np.array([[0.5, 1.0]]), pn_status="not found", **columns)
    assert said(finding, subject_of(2)) == (
        f"Not found: no allowed change was found that makes the model predict something else. {end}"
    )
    shown = explained(finding, 0, subject_of(2))
    assert "PN: pertinent negative, attempt" in shown
    assert '<span aria-hidden="true">○</span>not found' in shown
    assert "≠ </span>" in shown, "the attempt is shown"
    stopped = made(np.array([[1.0, 1.0]]), pn_status="not looked for", pn_class="")
    assert said(stopped, subject_of(2)) == "Not looked for: the run was stopped before."


def test_a_pp_that_was_not_found_says_how_its_attempt_is_answered() -> None:
    finding = made(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]), pp_status="not found", pp_class="yes")
    assert said(finding, subject_of(2), 1).endswith('The nearest attempt is predicted "yes" and is no explanation.')
    near = made(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]), pp_status="not found")
    assert said(near, subject_of(2), 1).endswith('"no", by less than the lead that counts: it is no explanation.')


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1 + 0.2, 0.3, 0.5], None),
        ([1.0, 2.5, 1.0], ["1", "2.5", "1"]),
        ([100.00001, 100.0, 100.0], ["100.00001", "100", "100"]),
        ([123456.75, 1.0, 1.0], ["123457", "1", "1"]),
        ([12345.0, 12346.0, 3e-9], ["12345", "12346", "3e−09"]),
        ([3, 4, 3], ["3", "4", "3"]),
        (["a", "b", "a"], ["a", "b", "a"]),
        ([-1.0, 1.0, 1.0], ["−1", "1", "1"]),
    ],
)
def test_numbers_that_differ_never_look_the_same(values: list[Any], said: list[str] | None) -> None:
    told = distinguishable(values)
    assert len(set(told)) == len(set(values))
    assert said is None or told == said


def test_the_table_marks_exactly_the_cells_that_differ(tabular: Finding, credit: Subject) -> None:
    assert credit.decode is not None
    before, after, base, part = (credit.decode(tabular.arrays[k]) for k in ("original", "pn", "baseline", "pp"))
    for place in range(len(before)):
        rows = table_in(explained(tabular, place, credit, every=True))
        assert rows["feature"].tolist() == list(before.columns)
        for row, name in enumerate(before.columns):
            own, changed = str(before[name].iloc[place]), str(after[name].iloc[place])
            assert str(rows["instance"][row]) == own
            told = str(rows["PN: pertinent negative"][row])
            assert told == ("same" if own == changed else f"≠ changed: {changed}")
            typical, kept = str(base[name].iloc[place]), str(part[name].iloc[place])
            told = str(rows["PP: pertinent positive"][row])
            assert told == (f"({typical})" if typical == kept else f"● needed: {kept}")


def test_the_result_alone_tells_the_same_changes_as_the_subject(tabular: Finding, credit: Subject) -> None:
    for place in range(len(tabular.tables["samples"])):
        with_, alone = (instance_of(tabular, place, subject) for subject in (credit, None))
        for side, other in zip(with_.sides, alone.sides, strict=True):
            keys = [[(c.feature, c.before, c.after, c.value) for c in one.different] for one in (side, other)]
            assert sorted(keys[0]) == sorted(keys[1])
            assert sentence(with_, side) == sentence(alone, other)


def test_features_that_nothing_changes_are_folded_away(tabular: Finding, credit: Subject) -> None:
    folded, whole = (explained(tabular, 0, credit, every=every) for every in (False, True))
    rows = folded.count('<th scope="row">')
    assert 0 < rows < len(credit.feature_names) == whole.count('<th scope="row">')
    assert f"{len(credit.feature_names) - rows} features are neither changed nor needed" in folded
    assert "neither changed nor needed" not in whole


def test_what_the_result_does_not_hold_is_said(tabular: Finding, credit: Subject) -> None:
    without = replace(tabular, tables={k: v for k, v in tabular.tables.items() if k != "rows"})
    assert "is not kept in the result: give the model and its data" in explained(without, 0)
    samples = tabular.tables["samples"].assign(id="twice")
    twice = replace(tabular, tables={**tabular.tables, "samples": samples})
    assert "is not kept in the result" in explained(twice, 0), "two samples of one id cannot be told apart by it"
    assert "is not kept in the result" not in explained(twice, 0, credit)


def test_the_measures_are_those_of_the_run(tabular: Finding) -> None:
    table = table_in(measures(tabular, 2)).set_index("measure")
    row = tabular.tables["samples"].iloc[2]
    assert table.loc["found", "PN, this sample"] == "found"
    assert table.loc["prediction", "PN, this sample"] == row["pn_class"]
    assert table.loc["distance (L2, shares of the ranges)", "PN, this sample"] == f"{row['pn_distance']:.3g}"
    low, high = tabular.intervals["pn_share"]
    assert table.loc["found", "PN, all"] == f"{tabular.values['pn_share']:.3g} [{low:.3g}, {high:.3g}], n = 8"
    noise = table.loc["same features under a little noise (1: all)"]
    assert noise["PN, this sample"] == f"{tabular.tables['stability']['overlap'].iloc[2]:.3g}"
    assert noise["PN, all"].startswith(f"{tabular.values['stability']:.3g} [")
    assert noise["PP, this sample"] == "–"


def test_everything_from_the_data_is_escaped() -> None:
    def decode(rows: Array) -> pd.DataFrame:
        return pd.DataFrame({EVIL: [EVIL + str(row[0]) for row in rows]})

    finding = made(np.array([[0.0]]), np.array([[1.0]]), id=EVIL, answer=EVIL, pn_class=EVIL, **{"class": EVIL})
    shown = explained(finding, 0, subject_of(1, decode)) + measures(finding, 0)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    picture = drawn(np.ones((1, 2, 2)), (0.0, 1.0), EVIL)
    assert "<script>" not in picture


# --- pictures ---------------------------------------------------------------------------------------------------------


def picture(pn: Array, pp: Array, **columns: Any) -> Finding:
    return made(pn[None, None], pp[None, None], **columns)


def test_additions_and_deletions_are_told_apart_by_colour_and_sign() -> None:
    pn, pp = np.ones((6, 6)), np.zeros((6, 6))
    pn[0, 0], pn[5, 5], pp[2, 3] = 2.0, 0.5, 1.0
    finding = picture(pn, pp)
    change = Change.of(finding, "PN", 0)
    assert (change.added, change.removed) == (1, 1)
    shown = drawn(finding.arrays["pn"][0], shades(finding, 0), "alt", change)
    assert re.search(r'<g fill="#56b4e9"><path d="M0 0h1v1h-1z" opacity="0.95"/></g>', shown)
    assert re.search(r'<g fill="#e69f00"><path d="M5 5h1v1h-1z" opacity="0.75"/></g>', shown)
    assert "M0.25 0.5h.5M0.5 0.25v.5" in shown, "a plus"
    assert "M5.25 5.5h.5" in shown, "a minus"
    assert 'viewBox="0 0 6 6"' in shown


def test_a_large_picture_has_no_signs_that_nobody_could_see() -> None:
    pn = np.ones((60, 50))
    pn[3, 4] = 2.0
    finding = picture(pn, np.zeros((60, 50)))
    shown = drawn(finding.arrays["pn"][0], (0, 2), "alt", Change.of(finding, "PN", 0))
    assert "M4 3h1v1h-1z" in shown
    assert "xrai-contrast-sign" not in shown


def test_the_pictures_of_an_instance_share_their_shades() -> None:
    pn = np.ones((4, 4))
    pn[0, 0] = 3.0
    finding = picture(pn, np.zeros((4, 4)))
    assert shades(finding, 0) == (0.0, 3.0)
    shown = drawn(finding.arrays["original"][0], shades(finding, 0), "alt")
    encoded = re.search(r"base64,([^\"]+)", shown)
    assert encoded is not None
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded[1]))))
    assert (grey == 85).all(), "1 of 3, as in the picture beside it"


def test_a_change_of_colours_that_cancel_is_still_a_change() -> None:
    pn = np.ones((1, 3, 4, 4))
    pn[0, :, 1, 1] = [2.0, 0.0, 1.0]
    assert (Change.of(made(pn), "PN", 0).by != 0).sum() == 1


def test_the_words_beside_a_picture_count_pixels_and_say_where() -> None:
    pn, pp = np.ones((6, 6)), np.zeros((6, 6))
    pn[0, 5], pn[1, 4], pn[1, 5], pp[3, 3] = 2.0, 2.0, 0.0, 1.0
    finding = picture(pn, pp)
    instance = instance_of(finding, 0)
    changes = [Change.of(finding, side.mode, 0) for side in instance.sides]
    told = [picture_sentence(instance, *pair).striptags() for pair in zip(instance.sides, changes, strict=True)]
    assert told[0] == (
        "If something were added to 2 and taken from 1 of the 36 pixels, mostly in the upper right, the model would "
        'give the prediction "yes" instead of "no".'
    )
    assert told[1].startswith("1 of the 36 pixels, mostly in the middle, as bright as shown")
    alt = alt_of(instance, instance.sides[0], changes[0])
    assert alt == ("sample a with 2 of 36 pixels added to and 1 taken from, mostly in the upper right; predicted yes")
    spread = np.ones((6, 6))
    spread[[0, 0, 5, 5], [0, 5, 0, 5]] = 0.0
    assert Change.of(picture(spread, pp), "PN", 0).where == ""
    missed = picture(pn, pp, pn_status="not found", pn_class="no")
    lost = instance_of(missed, 0)
    assert alt_of(lost, lost.sides[0], changes[0]).startswith("nearest attempt, no explanation: ")
    assert "Not found" in picture_sentence(lost, lost.sides[0], changes[0])
    assert "pertinent negative: attempt (PN)" in explained(missed, 0)


def test_the_pictures_of_a_run_have_text_alternatives_and_a_legend(digits: Subject) -> None:
    finding = found(assess(digits, NAME, n_samples=2, max_iter=60, binary_steps=4, noise=0.0))
    shown = explained(finding, 1)
    alts = re.findall(r'role="img" aria-label="([^"]+)"', shown)
    assert len(alts) == 3
    assert all(f"sample {finding.tables['samples']['id'].iloc[1]}" in alt for alt in alts)
    assert "+ added (PN), needed (PP)" in shown
    assert "taken away" not in shown, "in classic mode a PN only adds"


def test_how_often_a_pixel_is_part_of_an_explanation_is_shown_for_all_pictures_together(digits: Subject) -> None:
    finding = found(assess(digits, NAME, n_samples=5, max_iter=60, binary_steps=4, noise=0.0))
    shown = frequent(finding)
    done = finding.arrays["pn_found"]
    share = (finding.arrays["pn_change"][done, 0] > 0).mean(axis=0)
    encoded = re.findall(r"base64,([^\"]+)", shown)
    assert len(encoded) == 2
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded[0]))))
    assert np.abs(grey - 255 * share).max() <= 0.5 + 1e-9
    assert f"share of the {done.sum()} pertinent negatives that hold a pixel: at most {share.max():.0%}" in shown
    assert [chart.table for chart in finding.charts] == ["samples", "samples", "controls"], (
        "a pixel's name says nothing"
    )


# --- reports and findings that hold less ------------------------------------------------------------------------------


def test_a_report_tells_instances_by_id_only_unless_asked(credit: Subject, digits: Subject) -> None:
    outcomes = [
        assess(credit, NAME, n_samples=4),
        assess(digits, NAME, n_samples=4, max_iter=40, binary_steps=3, noise=0.0),
    ]
    plain, full = (report(outcomes, include_rows=rows).to_html() for rows in (False, True))
    names = found(outcomes[0]).tables["samples"]["id"].tolist()
    assert f"{names[0]} is predicted" in plain
    assert f"{names[3]} is predicted" not in plain, "the first few"
    assert "data:image" not in plain
    assert '<table class="xrai-contrast-table">' not in plain
    assert " were " not in plain
    assert full.count('class="xrai-contrast-picture"') == 9
    assert full.count('<table class="xrai-contrast-table">') == 3
    assert sentence(*first(outcomes[0])) in Markup(full)
    for outcome in outcomes:  # even where the finding holds more than the report may say
        assert "xrai-contrast-" not in reported(outcome.finding, include_rows=False)


def first(outcome: Outcome) -> Any:
    instance = instance_of(found(outcome), 0)
    return instance, instance.sides[0]


def test_a_sentence_by_id_holds_no_value_and_no_feature(tabular: Finding) -> None:
    for place in range(len(tabular.tables["samples"])):
        instance = instance_of(tabular, place)
        told = by_id(instance)
        assert told.startswith(f"{instance.name} is predicted '{instance.prediction}'; ")
        for side in instance.sides:
            assert not any(cell.feature in told or cell.after in told.split() for cell in side.different)
    lost = instance_of(made(np.array([[0.0]]), pn_status="not found"), 0)
    assert by_id(lost) == "a is predicted 'no'; pertinent negative not found."
    assert by_id(instance_of(made(np.array([[0.0]])), 0)) == "a is predicted 'no'; 1 feature changed gives 'yes'."


def test_only_a_finding_with_all_it_takes_is_contrastive(tabular: Finding, credit: Subject) -> None:
    assert is_contrastive(tabular)
    assert frequent(tabular) == "", "a table has no pixels"
    assert not is_contrastive(None)
    assert not is_contrastive(found(assess(credit, "privacy.membership_inference")))
    for name in ("original", "pn", "pn_change", "baseline"):
        less = {key: array for key, array in tabular.arrays.items() if key != name}
        assert not is_contrastive(replace(tabular, arrays=less)), name
    redacted = {key: array for key, array in tabular.arrays.items() if array.ndim == 1}
    outcome = Outcome(NAME, "s" * 64, "m", {}, "ok", replace(tabular, arrays=redacted))
    assert OutcomeView(outcome)._method_views == []


def test_a_run_of_one_mode_only_shows_that_mode(credit: Subject) -> None:
    for mode, other in (("PN", "PP"), ("PP", "PN")):
        finding = found(assess(credit, NAME, n_samples=2, mode=mode, noise=0.0))
        shown = explained(finding, 0, credit) + measures(finding, 0)
        assert f"<strong>{mode}</strong>" in shown
        assert f"{other}: " not in shown
        assert "noise" not in shown
