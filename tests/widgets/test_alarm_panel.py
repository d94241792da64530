"""The panel of an alarm: what it says follows from p-values that are there, and bad inputs are named."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

import xrai_widgets as xw
from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.data import examples
from xrai_widgets.io.summaries import look_at_picture, middle
from xrai_widgets.io.uploads import Upload
from xrai_widgets.results.views.foreign.html import covered, reported, sentence
from xrai_widgets.results.views.foreign.reading import at_alpha, curve, least_alpha
from xrai_widgets.widgets import AlarmPanel, ForeignView, OutcomeView
from xrai_widgets.widgets.latent_map import LatentMap
from xrai_widgets.widgets.picture_input import PictureInput
from xrai_widgets.widgets.row_form import RowForm


def text(page: str) -> str:
    plain = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(plain)).strip()


@pytest.fixture(scope="module")
def digits() -> Subject:
    return examples.load("digits_network")


@pytest.fixture(scope="module")
def outcome(digits: Subject) -> Outcome:
    return xw.assess(digits, "ood.knn", strict=True, features="samples")


@pytest.fixture(scope="module")
def panel(digits: Subject) -> AlarmPanel:
    made = AlarmPanel(digits, "ood.knn", 0.05, {"features": "samples"})
    made.fit()
    assert made.wait(60)
    assert made.message.value == ""
    return made


def finding(p: list[float], right: list[float], new: list[float]) -> Finding:
    normal = pd.DataFrame({"part": "X", "id": range(len(p)), "p_value": p, "right": right, "group": "in distribution"})
    others = pd.DataFrame({"part": "X_new", "id": range(len(new)), "p_value": new, "group": "foreign"})
    samples = pd.concat([normal, others]).assign(foreignness=0.0, alarm=False)
    return Finding({}, tables={"samples": samples, "sets": pd.DataFrame({"set": ["x"]})})


def test_shares_at_alpha_are_those_counted_by_hand() -> None:
    one = finding([0.01, 0.02, 0.5, 0.9], [0, 1, 1, 0], [0.01, 0.04, 0.3])
    shares = {share.key: (share.value, share.n) for share in at_alpha(one, 0.02)}
    assert shares == {"answered": (0.5, 4), "accuracy": (0.5, 2), "alarms": (1 / 3, 3)}
    assert {share.key: share.value for share in at_alpha(one, 0.01)}["answered"] == 0.75  # p of exactly α rings
    assert least_alpha(one) == 0.01
    assert [share.key for share in at_alpha(one, 0.95)] == ["answered", "alarms"]  # none is left to be right


def test_the_curve_holds_every_alpha_of_the_slider(outcome: Outcome) -> None:
    assert outcome.finding is not None
    one, points = outcome.finding, curve(outcome.finding)
    assert points["covered"].iloc[-1] == 1.0
    for alpha, part, accuracy in points.iloc[[5, 50, 120]][["alpha", "covered", "accuracy"]].to_numpy():
        shares = {share.key: share for share in at_alpha(one, alpha * 0.999)}  # all of p ≥ that α are left
        assert shares["answered"].value == pytest.approx(part)
        assert shares["accuracy"].value == pytest.approx(accuracy)
    samples = one.tables["samples"]
    assert points["accuracy"].iloc[-1] == pytest.approx(samples["right"].mean())
    drawn = covered(one, 0.05)
    assert drawn.count("<circle") == 1
    assert "At α = 0.05" in drawn
    assert sentence(one, 0.05).startswith("At α = 0.05 the model answers 9")


def test_older_findings_have_no_curve_and_other_ones_no_view(outcome: Outcome) -> None:
    assert outcome.finding is not None
    old = finding([0.1, 0.9], [1, 0], [0.5])
    samples = old.tables["samples"].drop(columns="right")
    old = Finding({}, tables={**old.tables, "samples": samples})
    assert covered(old, 0.05) == ""
    assert [share.key for share in at_alpha(old, 0.05)] == ["answered", "alarms"]
    with pytest.raises(ValueError, match="has no p-values of an alarm"):
        at_alpha(Finding({}), 0.05)
    assert reported(Finding({}), True) == ""
    assert "α = 0.01" in reported(outcome.finding, False)


def test_the_view_stands_in_the_result_and_draws_the_curve_once(outcome: Outcome, digits: Subject) -> None:
    shown = OutcomeView(outcome, subject=digits)
    (view,) = [one for one in shown._method_views if isinstance(one, ForeignView)]
    assert view.draws == ("coverage",)
    assert shown.wait(60)
    assert "Accuracy of the less foreign samples" not in str(
        [getattr(c, "value", "") for c in shown._pages[0].children]
    )
    before = view._table.value
    view.gauge.alpha = 0.2
    assert view.alpha == 0.2
    assert view._table.value != before
    view.gauge.alpha = 1e-9  # the browser may ask for anything
    assert view.alpha == view.gauge.least
    assert ForeignView(outcome).fold.layout.display == "none"  # no model at hand: nothing can be tried


def test_a_sample_is_scored_as_the_alarm_scores_it_and_alpha_turns_the_reply(
    panel: AlarmPanel, digits: Subject
) -> None:
    alarm = panel.alarm
    assert alarm is not None
    p = alarm.check(digits.X[:60]).p_values
    row = int(np.argsort(p)[5])
    panel.samples.value = ("X", row)
    assert panel.wait(60)
    assert panel.gauge.p == p[row]
    panel.alpha = float(p[row]) / 2 if p[row] / 2 > alarm.smallest_alpha else alarm.smallest_alpha
    assert ("abstains" in text(panel.reply.value)) == (p[row] <= panel.alpha)
    panel.alpha = float(p[row])
    assert text(panel.reply.value).startswith("abstains Foreign: do not use the model's “")
    panel.alpha = 0.05
    assert panel.near is not None
    assert panel.near.map is not None
    checked = alarm.check(digits.X[row : row + 1])
    assert checked.nearest is not None
    assert [panel.near.map.ids[place] for place in panel.near.map.near] == checked.nearest[0].tolist()
    panel.near.map.picked = 3
    assert panel.selected == [["X_train", panel.near.map.ids[3]]]
    assert panel.near.map.marks == [3]
    panel.selected = [*panel.selected, ["X", "7"]]  # marked in another view: it becomes the input
    assert panel.wait(60)
    assert panel.samples.value == ("X", 7)
    panel.selected = []


def uploaded(path: Path) -> Upload:
    data = path.read_bytes()
    upload = Upload(path.name, len(data))
    upload.add(0, data)
    return upload


def test_a_dark_digit_on_white_is_inverted_and_what_it_was_comes_back(
    panel: AlarmPanel, digits: Subject, tmp_path: Path
) -> None:
    own = digits.X[11, 0]
    path = tmp_path / "ink.png"
    Image.fromarray(np.rint(255 * (1 - own / own.max())).astype(np.uint8)).save(path)
    form = panel.input
    assert isinstance(form, PictureInput)
    form.field.upload = uploaded(path)
    assert form.wait(60)
    assert panel.wait(60)
    assert form.invert.value
    assert "lighter than all training pictures" in text(form.why.value)
    np.testing.assert_allclose(form.sample[0], own / own.max(), atol=1 / 255 + 1e-9)
    assert text(form.shown.value).startswith("Original, 8 × 8 As the model sees it, 8 × 8 grey; inverted")
    assert panel.checked is not None
    inverted = panel.checked.p_values[0]
    form.invert.value = False
    assert panel.wait(60)
    assert panel.checked.p_values[0] < inverted
    panel.checked = None
    (tmp_path / "broken.png").write_bytes(path.read_bytes()[:60])
    form.field.upload = uploaded(tmp_path / "broken.png")
    assert form.wait(60)
    assert "broken.png could not be read" in form.field.error
    assert panel.gauge.p is None  # nothing of the picture before it is left
    assert "Choose a picture" in text(panel.reply.value)


def test_a_picture_is_cropped_to_the_model_s_form(tmp_path: Path) -> None:
    assert middle((480, 640), (8, 8)) == (80, 0, 560, 480)
    assert middle((100, 30), (28, 28)) == (0, 35, 30, 65)
    assert middle((9, 9), (3, 3)) == (0, 0, 9, 9)
    assert middle((1, 500), (8, 8)) == (249, 0, 250, 1)
    picture = Image.new("RGB", (300, 100), "black")
    ImageDraw.Draw(picture).rectangle((100, 0, 199, 99), fill="white")
    picture.save(tmp_path / "wide.png")
    opened = look_at_picture(tmp_path / "wide.png", (1, 4, 4), (0.0, 1.0))
    assert opened.longer
    assert opened.seen[True, False].min() == 1.0
    assert opened.seen[True, True].max() == 0.0
    assert opened.seen[False, False].mean() == pytest.approx(1 / 3, abs=0.02)
    assert opened.small.shape == (100, 300, 3)


@pytest.fixture
def table() -> Subject:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.integers(20, 60, 80), "pay": rng.normal(10, 2, 80), "job": rng.choice(["a", "b"], 80)}
    )
    return Subject.of(
        lambda rows: np.tile([0.4, 0.6], (len(rows), 1)),
        frame,
        rng.integers(0, 2, 80),
        X_train=frame,
        y_train=[0, 1] * 40,
    )


def test_a_row_is_typed_and_what_is_none_is_named(table: Subject) -> None:
    low, high = table.X.min(axis=0), table.X.max(axis=0)
    form = RowForm(table, (low, high))
    age, pay, job = form.controls
    assert [name for name, _ in job.options] == ["a", "b", "(a word never seen)"]
    np.testing.assert_allclose(form.sample, table.X[0])
    pay.value, job.value = "−3,5", 2
    assert form.error.startswith("pay must be a number (training samples: ")
    assert "got '−3,5'" in form.error
    pay.value = "−3.5"
    assert form.error == ""
    assert form.sample[1:].tolist() == [-3.5, 2.0]
    assert form.shown(form.sample)[1:] == ["−3.5", "(never seen)"]
    assert [reason.partition(" ")[0] for reason in form.outside(form.sample)] == ["pay", "job"]
    age.value = "30.5"
    assert form.error.startswith("age must be a whole number")
    age.value = " "
    assert np.isnan(form.sample[0])
    assert form.shown(form.sample)[0] == "missing"
    age.value = "inf"
    assert "age must be a whole number" in form.error


def test_a_typed_row_is_scored_and_a_model_that_fails_leaves_the_page_alive(table: Subject) -> None:
    panel = AlarmPanel(table, "ood.mahalanobis")
    panel.fit()
    assert panel.wait(60)
    assert panel.wait(60)  # the first sample is scored at once
    assert panel.checked is not None
    form = panel.input
    assert isinstance(form, RowForm)
    form.controls[1].value = "500"
    assert panel.wait(60)
    assert text(panel.reply.value).startswith("abstains")
    assert "Outside of the range of the training samples: pay (500; training samples: " in text(panel.reply.value)
    assert panel.near is not None
    assert "this input" in text(panel.near.beside.value)

    def fails(_: Any) -> Any:
        raise RuntimeError("no such purpose")

    object.__setattr__(panel._subject, "predict", fails)
    form.controls[1].value = "10"
    assert panel.wait(60)
    assert "This input could not be scored: no such purpose" in text(panel.message.value)
    assert panel.gauge.p is None


def test_a_detector_that_does_not_fit_says_why(table: Subject) -> None:
    panel = AlarmPanel(table, "ood.knn", params={"features": "embedding"})
    panel.fit()
    assert panel.wait(60)
    assert panel.alarm is None
    assert "does not fit" in text(panel.message.value)
    assert panel.button.description == "Fit the alarm"


def test_the_map_draws_what_is_near_whatever_else_it_leaves_out() -> None:
    rng = np.random.default_rng(0)
    points = pd.DataFrame({"id": np.arange(4000).astype(str), "x": rng.normal(size=4000), "y": rng.normal(size=4000)})
    made = LatentMap(points, [0, 1] * 2000, ["no", "yes"], "Two directions.")
    assert len(made.ids) == 1500
    hidden = next(name for name in points["id"] if name not in made.ids)
    made.show(np.array([0.0, 1.0]), [hidden])
    assert len(made.ids) == 1501
    assert made.ids[made.near[0]] == hidden
    assert len(made.places) == 1501 * 8
    made.mark([hidden, "unheard of"])
    assert made.marks == made.near
    assert "middles of the classes: no " in made.alt
