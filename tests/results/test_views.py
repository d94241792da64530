"""Outcomes as tables, charts, code and HTML."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.colors import to_rgb

from tests.command import called
from xrai_widgets.core import Chart, Finding, Origin, Outcome, Subject
from xrai_widgets.core.origin import ConstrainedBy, DefendedBy, Example
from xrai_widgets.results import html, words
from xrai_widgets.results.as_code import as_command, as_python
from xrai_widgets.results.charts import describe
from xrai_widgets.results.charts.figure import draw, outcome_figure
from xrai_widgets.results.charts.parts import palette
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.tables import outcome_table, scoreboard_table
from xrai_widgets.runtime import assess, model_quality

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
EVIL_ORIGIN = Origin(Example(EVIL), (DefendedBy(EVIL, {"a": EVIL}), ConstrainedBy({EVIL: {"range": (EVIL,)}})))


@pytest.fixture(scope="module")
def outcomes(forest: Subject, regression: Subject) -> list[Outcome]:
    evasion = assess(forest, "robustness.evasion", n_samples=8, max_iter=3)  # an attack shows an upper bound
    return [assess(forest, "privacy.membership_inference"), evasion, assess(regression, "privacy.shapr")]


@pytest.fixture
def evil() -> Outcome:
    samples = pd.DataFrame({"part": ["X", "X"], "id": [EVIL, "b"], "class": [EVIL, "c"], "score": [1.0, 2.0]})
    finding = Finding(
        {EVIL: 1.0},
        {EVIL: (0, 2)},
        {},
        {"samples": samples, EVIL: samples},
        (Chart("samples", "histogram", "score", by="class", title=EVIL, cut=1.5),),
        notes=(EVIL,),
    )
    return Outcome("custom.evil", EVIL, EVIL, {"a": EVIL}, "ok", finding, versions={EVIL: EVIL}, origin=EVIL_ORIGIN)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def tags(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    return parser


def test_the_values_table_has_an_interval_in_each_row(outcomes: list[Outcome]) -> None:
    table = outcome_table(outcomes[0])
    assert list(table.columns) == ["value", "low", "high", "n"]
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_a_table_of_the_finding_is_a_copy(outcomes: list[Outcome]) -> None:
    table = outcomes[0].table("samples")
    table.loc[0, "loss"] = 7.0
    assert outcomes[0].table("samples").loc[0, "loss"] != 7.0


def test_an_unknown_table_is_refused_with_the_known_ones(outcomes: list[Outcome]) -> None:
    with pytest.raises(ValueError, match=r"no table 'sampels'; allowed: values, samples.*did you mean 'samples'"):
        outcomes[0].table("sampels")


def test_an_outcome_without_finding_has_no_table_and_no_figure(outcomes: list[Outcome]) -> None:
    with pytest.raises(ValueError, match="not applicable"):
        outcomes[2].table()
    with pytest.raises(ValueError, match="not applicable"):
        outcomes[2].figure()


def test_every_outcome_appears_on_the_scoreboard(outcomes: list[Outcome]) -> None:
    table = scoreboard_table(outcomes)
    assert set(table["assessment"]) == {outcome.assessment for outcome in outcomes}
    assert table.set_index("assessment").loc["privacy.shapr", "verdict"] == "not judged"


def test_a_figure_has_axes_with_names_and_no_global_state(outcomes: list[Outcome]) -> None:
    figure = outcome_figure(outcomes[1])
    assert figure.axes[0].get_xlabel() == "ε (size of the change)"
    assert figure.axes[0].get_ylabel() == "accuracy"
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_a_figure_number_that_is_not_there_is_refused(outcomes: list[Outcome]) -> None:
    with pytest.raises(ValueError, match=r"has 3 figures, numbered from 0, got 7"):
        outcomes[1].figure(7)


def test_drawing_leaves_matplotlibs_settings_alone(outcomes: list[Outcome]) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    html.figures(outcomes[0].finding)  # type: ignore[arg-type]
    assert dict(mpl.rcParams) == before


def test_the_text_alternative_names_groups_and_numbers(outcomes: list[Outcome]) -> None:
    finding = outcomes[0].finding
    assert finding is not None
    said = describe(finding.charts[0], finding)
    assert re.search(r"member: 341 samples, median .*; non-member: 228 samples, median", said)


def test_the_palette_is_the_one_of_seaborn_for_colour_blind_readers() -> None:
    assert list(palette([str(i) for i in range(10)]).values()) == [
        c.lower() for c in sns.color_palette("colorblind").as_hex()
    ]


def test_the_palette_tells_groups_apart_for_colour_blind_readers() -> None:
    for count in (2, 5, 10, 14):
        colours = np.array([to_rgb(colour) for colour in palette([str(i) for i in range(count)]).values()])
        # Machado, Oliveira, Fernandes 2009: deuteranopia, severity 1
        seen = colours @ np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]).T
        gaps = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(count) * 9
        assert gaps.min() > 0.04, f"{count} groups"


@pytest.mark.parametrize("kind", ["histogram", "line", "points"])
def test_every_kind_of_chart_draws_with_and_without_groups(kind: str) -> None:
    table = pd.DataFrame(
        {
            "x": [0.1, 0.2, 0.4, np.nan],
            "y": [1.0, 2, 3, 4],
            "g": list("aabb"),
            "lo": [0, 1, 2, 3.0],
            "hi": [2, 3, 4, 5.0],
        }
    )
    for by in ("", "g"):
        chart = Chart("t", kind, "x", y="" if kind == "histogram" else "y", by=by, low="lo", high="hi", title="T")  # type: ignore[arg-type]
        finding = Finding({}, tables={"t": table}, charts=(chart,))
        draw(chart, finding).canvas.draw()
        assert describe(chart, finding).startswith("T. ")


def test_nothing_from_outside_becomes_markup(evil: Outcome) -> None:
    verdict = judge(evil, Policy())
    finding = evil.finding
    assert finding is not None
    parts = [
        html.scoreboard([evil], Policy(), finding, EVIL),
        html.head(evil, verdict),
        html.values(evil, verdict),
        html.meaning(evil, verdict),
        html.code(evil),
        html.message(EVIL),
        html.table(finding.tables["samples"], EVIL),
        html.finding_values(finding, EVIL),
        *map(str, html.figures(finding)),
    ]
    for part in parts:
        seen = tags(part)
        assert "script" not in seen.found
        assert "img" not in seen.found
        assert seen.handlers == []


def test_verdicts_are_said_in_words_and_shapes(outcomes: list[Outcome], forest: Subject) -> None:
    board = html.scoreboard(outcomes, Policy.default(), model_quality(forest))
    for status in ("not refuted", "warn"):
        assert f"{words.SHAPES[status]}</span>{status}" in board
    assert "AUROC" in board
    assert "calibration error" in board
    assert "regression (made for classification only)" in board


def test_a_figure_as_svg_has_a_role_a_name_and_ink_that_follows_the_theme(outcomes: list[Outcome]) -> None:
    finding = outcomes[0].finding
    assert finding is not None
    picture = html.figures(finding)[1]
    assert picture.startswith('<svg role="img" aria-label="Attack on membership')
    assert "currentColor" in picture
    assert "#000000" not in picture
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", picture)


def test_two_figures_on_one_page_do_not_share_ids(outcomes: list[Outcome]) -> None:
    finding = outcomes[0].finding
    assert finding is not None
    first, second = (set(re.findall(r'clipPath id="([^"]+)"', html.figures(finding)[1])) for _ in range(2))
    assert first
    assert not first & second


def test_as_python_gives_the_same_values_again(outcomes: list[Outcome]) -> None:
    lines = as_python(outcomes[1])
    assert 'xw.assess(subject, "robustness.evasion", n_samples=8, max_iter=3)' in lines
    scope: dict[str, Outcome] = {}
    exec(lines, scope)
    again, finding = scope["outcome"].finding, outcomes[1].finding
    assert again is not None
    assert finding is not None
    assert again.values == finding.values


def test_as_command_gives_the_same_values_again(outcomes: list[Outcome]) -> None:
    command = as_command(outcomes[1])
    assert (
        command
        == "xrai-widgets assess breast_cancer_forest --run robustness.evasion --set n_samples=8 --set max_iter=3"
    )
    done = called(*command.split()[1:])
    finding = outcomes[1].finding
    assert finding is not None
    assert words.number(finding.values["median_distance"]) in done.stdout, done.stderr


def test_a_model_of_ones_own_is_left_open_in_the_code(outcomes: list[Outcome]) -> None:
    own = replace(outcomes[1], origin=Origin())
    assert "subject =" not in as_python(own)
    assert "MODEL.skops --data TABLE.csv --target COLUMN" in as_command(own)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (float("nan"), "–"), (float("inf"), "∞"), (-0.5, "−0.5"), (12345.6, "12,346"), (0.0, "0")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert words.number(value) == text
