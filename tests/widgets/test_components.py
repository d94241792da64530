"""Components in plain Python: each works alone and talks through traits."""

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as w
import numpy as np
import pytest
import traitlets
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.pace import slowness
from tests.subjects import small_credit
from xrai_widgets.core import Chart, Finding, Origin, Outcome, Subject, find, registered
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.core.origin import Files
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import (
    MetricSelector,
    OutcomeView,
    ParameterForm,
    ParameterForms,
    PolicyEditor,
    ReportButtons,
    Runner,
    SampleHistogram,
    SampleTable,
    Scoreboard,
    Session,
    SubjectPicker,
    ThresholdSlider,
    namespace,
)

MIA = "privacy.membership_inference"


@pytest.fixture(scope="module")
def membership(credit: Subject) -> Outcome:
    return assess(credit, MIA)


@pytest.fixture(scope="module")
def evasion(forest: Subject) -> Outcome:
    return assess(forest, "robustness.evasion", n_samples=10, max_iter=1)


def until(true: Callable[[], Any], job: Any = None, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        if job is not None:
            job.wait(0.05)
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- parameter form ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in registered() if not name.startswith("custom.")])
def test_a_form_has_a_named_control_with_help_for_every_parameter(name: str) -> None:
    form = ParameterForm(name)
    assert form.params == find(name).check({})
    for parameter in find(name).parameters:
        control = form.control(parameter.name)
        assert control.description
        assert parameter.help in control.tooltip
        assert parameter.allowed in control.tooltip


def test_moving_a_control_changes_the_parameters() -> None:
    form = ParameterForm("privacy.shapr")
    form.control("n_neighbors").value = 7
    assert form.params["n_neighbors"] == 7


def test_an_entry_out_of_range_is_said_beside_the_form_and_the_last_valid_parameters_stay() -> None:
    form = ParameterForm("robustness.evasion")
    form.control("n_samples").value = 1
    assert form.error == "samples to attack must lie in [2, 100000], got 1"
    assert "samples to attack must lie in [2, 100000]" in form.message.value
    assert form.params["n_samples"] == 50
    form.control("n_samples").value = 20
    assert (form.error, form.message.value, form.params["n_samples"]) == ("", "", 20)


def test_a_list_of_numbers_is_read_from_text() -> None:
    form = ParameterForm("robustness.evasion")
    form.control("epsilons").value = "0.1, 0.3"
    assert form.params["epsilons"] == (0.1, 0.3)
    form.control("epsilons").value = "0.1, much"
    assert "sizes to attack at must be numbers" in form.error


def test_options_of_another_choice_are_greyed() -> None:
    form = ParameterForm("robustness.evasion")
    assert form.control("steps").disabled
    assert form.control("init_eval").disabled
    assert not form.control("queries").disabled
    form.control("attack").value = "hop_skip_jump"
    assert not form.control("init_eval").disabled
    assert form.control("queries").disabled
    form.control("attack").value = "pgd"
    assert not form.control("steps").disabled
    assert form.control("init_eval").disabled


def test_a_choice_that_does_not_fit_the_subject_names_the_alternative(forest: Subject) -> None:
    form = ParameterForm("robustness.evasion", forest)
    form.control("attack").value = "pgd"
    assert "needs gradients" in form.error
    assert "Instead: attack='strongest'" in form.error


def test_seed_memory_and_implementation_sit_under_advanced() -> None:
    form = ParameterForm("robustness.evasion")
    accordion = next(child for child in form.children if isinstance(child, w.Accordion))
    assert accordion.titles == ("Search", "Advanced")
    assert set(accordion.children[1].children) == {form.control(n) for n in ("implementation", "seed", "memory_limit")}


PLAIN = {
    "explanations.cem": 7,
    "explanations.protodash": 8,
    "privacy.attribute_inference": 8,
    "privacy.label_only": 8,
    "privacy.lira": 2,
    "privacy.membership_inference": 3,
    "privacy.pdtp": 5,
    "privacy.shapr": 2,
    "robustness.evasion": 9,
}


@pytest.mark.parametrize(("name", "plain"), PLAIN.items())
def test_a_form_shows_few_controls_and_folds_the_rest_in_sections(name: str, plain: int) -> None:
    form = ParameterForm(name)
    shown = [child for child in form.children if child not in (form.more, form.message)]
    assert len(shown) == plain
    assert form.more.selected_index is None  # all are folded
    assert form.more.titles[-1] == "Advanced"
    folded = [control for part in form.more.children for control in part.children]
    assert len(shown) + len(folded) == len(form.assessment.parameters)
    rows = dict(zip(form.more.titles, form.more.children, strict=True))
    for parameter in form.assessment.parameters:
        control = form.control(parameter.name)
        title = parameter.section.capitalize()
        here = rows[title].children if title else tuple(shown)
        assert any(control is row or control in getattr(row, "children", ()) for row in here), parameter.name


def test_the_form_of_cem_asks_first_what_an_explainer_decides() -> None:
    form = ParameterForm("explanations.cem")
    names = [p.name for p in form.assessment.parameters if not p.section]
    assert names == ["mode", "n_samples", "part", "above", "below", "instances", "beta"]
    assert form.more.titles == ("Search", "Likeness", "Advanced")


def test_an_optional_parameter_has_an_automatic_box() -> None:
    from typing import Annotated

    from xrai_widgets.core import Range, Step, quiet

    @register(title="optional")
    def optional(
        predict: Any, *, width: Annotated[float | None, Range(0, 5), "width"] = None, step: Step = quiet
    ) -> Any:
        """Do nothing."""

    try:
        form = ParameterForm("custom.optional")
        row = form.children[0]
        assert form.params == {"width": None}
        assert row.children[1].description == "not set"
        assert row.children[0].disabled
        row.children[1].value = False
        row.children[0].value = 2.5
        assert form.params == {"width": 2.5}
    finally:
        _registry.pop("custom.optional")


def test_the_box_says_automatic_only_where_something_is_chosen_then() -> None:
    def said(name: str) -> dict[str, str]:
        boxes = ParameterForm(name)._automatic
        return {key: box.description for key, box in boxes.items()}

    assert said("robustness.evasion") == {"tolerance": "not set", "max_iter": "automatic"}
    cem = {"above": "not set", "below": "not set", "kappa": "automatic", "classic": "automatic", "gamma": "automatic"}
    assert said("explanations.cem") == cem
    box = ParameterForm("robustness.evasion")._automatic["tolerance"]
    assert box.tooltip == "leave tolerance open"


def test_entries_are_kept_while_an_assessment_is_not_chosen() -> None:
    forms = ParameterForms()
    forms.names = ("privacy.shapr",)
    forms.form("privacy.shapr").control("n_neighbors").value = 9
    forms.names = ()
    assert forms.plan == ()
    forms.names = ("privacy.shapr",)
    assert forms.plan[0][1]["n_neighbors"] == 9


def test_the_form_that_is_open_stays_open_while_others_come_and_go() -> None:
    forms = ParameterForms()
    forms.names = ("privacy.membership_inference", "robustness.evasion")
    forms._accordion.selected_index = 1
    forms.names = ("explanations.cem", "privacy.membership_inference", "robustness.evasion")
    assert forms._accordion.selected_index == 2
    assert forms._accordion.titles[2] == "Parameters: Evasion attack and security curve"
    forms.names = ("explanations.cem",)
    assert forms._accordion.selected_index is None
    forms.names = ()
    forms.names = ("privacy.shapr",)
    assert forms._accordion.selected_index is None


# --- selector ---------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_listed_apart_with_the_reason(regression: Subject) -> None:
    selector = MetricSelector(regression)
    said = "".join(child.value for child in selector._list.children if hasattr(child, "value"))
    assert "regression (made for classification only)" in said
    fitting = {"attribute_inference", "lira", "pdtp"}
    others = {"explanations.cem", "explanations.protodash", "robustness.evasion", MIA}
    others |= {"robustness.expectations", "robustness.weak_segments", "ood.ensemble", "ood.isolation_forest", "ood.knn"}
    others |= {"ood.local_outlier_factor", "ood.mahalanobis", "ood.shuffle_forest", "ood.vae"}
    assert set(selector._boxes) == {*others, *(f"privacy.{name}" for name in fitting)}


def test_ticking_selects_and_forecasts(forest: Subject) -> None:
    selector = MetricSelector(forest)
    selector.box("privacy.shapr").value = True
    assert selector.selection == ("privacy.shapr",)
    until(lambda: "privacy.shapr" in selector.forecasts, selector._job)
    assert selector._times["privacy.shapr"].value == str(selector.forecasts["privacy.shapr"])


def test_what_was_ticked_stays_ticked_on_the_next_subject_where_it_fits(forest: Subject, regression: Subject) -> None:
    selector = MetricSelector(forest, selection=(MIA, "privacy.shapr"))
    selector.subject = regression
    assert selector.selection == (MIA,)
    selector.subject = forest
    assert set(selector.selection) == {MIA, "privacy.shapr"}


def test_without_a_subject_the_selector_asks_for_one() -> None:
    assert "Choose a subject first" in MetricSelector().message.value


# --- runner -----------------------------------------------------------------------------------------------------------


def test_run_is_greyed_with_the_reason_beside_it() -> None:
    runner = Runner()
    assert runner.button.disabled
    assert "Choose a subject" in runner.status.value
    runner.subject = assess_subject()
    assert "at least one assessment" in runner.status.value
    runner.plan = (("privacy.shapr", {}),)
    assert not runner.button.disabled
    assert runner.status.value == ""
    runner.error = "n_neighbors must lie in [1, 50]"
    assert runner.button.disabled
    assert "n_neighbors must lie" in runner.status.value


def assess_subject() -> Subject:
    from xrai_widgets.data import examples

    return examples.load("breast_cancer_forest")


def test_a_click_runs_and_outcomes_arrive_as_they_end(forest: Subject) -> None:
    runner = Runner(forest, (("privacy.shapr", {}), (MIA, {})))
    arrived: list[str] = []
    runner.observe(lambda change: arrived.append(change["new"].assessment), "latest")
    runner.button.click()
    assert runner.running
    assert runner.button.description == "Cancel"
    assert runner.wait(20)
    assert arrived == ["privacy.shapr", MIA]
    assert not runner.running
    assert runner.button.description.startswith("Run 2")
    assert f"{MIA}: ok" in runner.status.value


def test_the_same_button_cancels_within_a_second_and_keeps_what_was_done(credit: Subject) -> None:
    runner = Runner(credit, (("privacy.shapr", {}), ("robustness.evasion", {"n_samples": 200, "max_iter": 200})))
    runner.button.click()
    until(lambda: runner.outcomes, runner._job)
    time.sleep(0.5)
    asked = time.monotonic()
    runner.button.click()
    assert runner.wait(5)
    assert time.monotonic() - asked < 1.0 * slowness()
    assert [outcome.status for outcome in runner.outcomes] == ["ok", "cancelled"]
    assert runner.outcomes[1].finding is not None


def test_a_page_offers_the_cores_and_a_visitor_no_more_than_the_seats_share(
    forest: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xrai_widgets.runtime import parallel, run_step

    assert Runner()._jobs.layout.display == ("none" if parallel.cores() == 1 else "")
    monkeypatch.setattr(parallel, "cores", lambda: 8)
    monkeypatch.setenv("XRAI_JOBS", "3")
    runner = Runner(forest, (("privacy.shapr", {}),))
    assert (runner.jobs, runner._jobs.max, runner._jobs.layout.display) == (3, 8, "")
    monkeypatch.setattr(parallel, "served", lambda: True)
    assert Runner()._jobs.max == 3
    used: list[int] = []
    begin = run_step.RunStep.__init__

    def noted(step: run_step.RunStep, *args: Any, **named: Any) -> None:
        begin(step, *args, **named)
        used.append(step.workers)

    monkeypatch.setattr(run_step.RunStep, "__init__", noted)
    runner._jobs.value = 5
    runner.run()
    assert runner.wait(20)
    assert {*used} == {5}


Seen = tuple[list[str], list[str]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What a runner says while it runs: its status, and what was found so far."""
    said: Seen = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["xrai_widgets.runtime.run_step"], "_PARTIAL_PERIOD", 0.2)
        runner = Runner(small_credit(), (("robustness.evasion", {"n_samples": 10, "max_iter": 20}),))
        for part, texts in zip((runner.status, runner._partial), said, strict=True):
            part.observe(lambda change, texts=texts: texts.append(change["new"]), "value")
        runner.run()
        assert runner.wait(120)
    assert runner._partial.value == ""
    return said


def test_progress_and_time_left_are_shown(seen: Seen) -> None:
    status, _ = seen
    assert any(" left" in text for text in status)
    assert any("HopSkipJump iteration" in text for text in status)


def test_partial_results_are_shown_while_it_runs(seen: Seen) -> None:
    _, partial = seen
    assert any("So far, not finished" in text and "robust accuracy" in text for text in partial)


def test_news_of_a_cancelled_run_does_not_speak_into_the_next(forest: Subject) -> None:
    runner = Runner(forest, (("privacy.shapr", {}),))
    runner.run()
    first = runner._job
    assert runner.wait(10)
    runner.run()
    assert first is not None
    count = len(runner.outcomes)
    first.post(runner.outcomes[0])
    first._deliver()
    assert len(runner.outcomes) == count
    assert runner.wait(10)


def test_an_engine_that_breaks_is_an_outcome_and_the_runner_lives(forest: Subject) -> None:
    @register(title="breaks")
    def breaks(predict: Any, *, step: Any = None) -> Finding:
        """Break."""
        raise KeyError("<b>lost</b>")

    try:
        runner = Runner(forest, (("custom.breaks", {}), ("privacy.shapr", {})))
        runner.run()
        assert runner.wait(10)
    finally:
        _registry.pop("custom.breaks")
    assert [outcome.status for outcome in runner.outcomes] == ["error", "ok"]


# --- verdicts ---------------------------------------------------------------------------------------------------------


def test_the_slider_rejudges_within_100_ms_and_runs_nothing(membership: Outcome) -> None:
    slider, board, view = ThresholdSlider(membership, "advantage"), Scoreboard((membership,)), OutcomeView(membership)
    traitlets.link((slider, "policy"), (board, "policy"))
    traitlets.link((slider, "policy"), (view, "policy"))
    assert view.wait(30), "pictures are drawn in a thread of their own, which would be measured, too"
    assert "■</span>fail" in slider.verdict.value
    took = []
    gc.disable()  # what other tests have left is not swept up on this clock
    try:
        for value in np.linspace(0.7, 0.95, 20):
            began = time.thread_time()
            slider.slider.value = value
            took.append(time.thread_time() - began)
    finally:
        gc.enable()
    assert max(took) < 0.1
    assert "●</span>pass" in slider.verdict.value
    assert "●</span>pass" in board.view.value
    assert judge(membership, view.policy).status != "pass", "the other threshold of the policy still holds"


def test_sliders_follow_a_policy_from_elsewhere(membership: Outcome) -> None:
    slider = ThresholdSlider(membership, "advantage")
    slider.policy = slider.policy.with_threshold(MIA, "advantage", 0.42)
    assert slider.slider.value == pytest.approx(0.42)


def test_a_slider_needs_a_threshold(membership: Outcome) -> None:
    with pytest.raises(ValueError, match=r"must have a threshold for privacy.membership_inference auc, got none"):
        ThresholdSlider(membership, "auc")


def test_the_range_of_a_slider_holds_interval_and_threshold(evasion: Outcome) -> None:
    policy = Policy.default().with_threshold("robustness.evasion", "median_distance", 3.0)
    slider = ThresholdSlider(evasion, "median_distance", policy).slider
    assert slider.min <= 0
    assert slider.max > 3.0


def test_the_view_shows_every_side_of_an_outcome(membership: Outcome) -> None:
    view = OutcomeView(membership)
    for page in range(4):
        view._tabs.selected_index = page
    assert any(isinstance(child, SampleHistogram) for child in view._pages[0].children)
    assert [table.caption for table in view._tables.children] == [
        "samples",
        "scores",
        "roc",
        "classes",
        "low false-positive rates",
        "calls",
        "controls",
    ]
    assert "What this does not show" in view._pages[2].children[0].value
    assert "xw.assess(subject" in view._pages[3].children[0].value
    assert len(view._thresholds.children) == 2


def test_moving_a_threshold_does_not_draw_figures_again(membership: Outcome) -> None:
    view = OutcomeView(membership)
    before = view._pages[0].children
    view._thresholds.children[0].slider.value = 0.8
    assert view._pages[0].children is before


@pytest.mark.parametrize("status", ["not applicable", "cancelled", "error"])
def test_an_outcome_without_finding_shows_its_reason_and_no_tabs(status: str) -> None:
    view = OutcomeView(Outcome("privacy.shapr", "f", "m", {}, status, reason="<b>why</b>", instead="this"))  # type: ignore[arg-type]
    assert "&lt;b&gt;why&lt;/b&gt; Instead: this." in view._head.value
    assert view._tabs.layout.display == "none"


def test_several_outcomes_can_be_chosen(membership: Outcome, evasion: Outcome) -> None:
    view = OutcomeView()
    view.outcomes = (membership, evasion)
    assert view.outcome is evasion
    view._choice.value = 1
    assert view.outcome is membership


def test_the_policy_editor_says_what_is_wrong_and_keeps_the_old_policy() -> None:
    editor = PolicyEditor()
    before = editor.policy
    editor.text.value = editor.text.value.replace("advantage", "advantge")
    editor.button.click()
    assert "did you mean &#39;advantage&#39;" in editor.message.value
    assert editor.policy is before
    editor.text.value = f'["{MIA}"]\nadvantage = {{ max = 0.3 }}'
    editor.button.click()
    threshold = editor.policy.threshold(MIA, "advantage")
    assert threshold is not None
    assert threshold.value == 0.3


# --- anywidgets -------------------------------------------------------------------------------------------------------


def test_the_histogram_carries_every_value_and_the_cut(membership: Outcome) -> None:
    finding = membership.finding
    assert finding is not None
    widget = SampleHistogram(finding.charts[0], finding)
    assert widget.groups == ["member", "non-member"]
    assert [len(part) // 8 for part in widget.values] == [600, 400]
    assert widget.cut == finding.charts[0].cut
    assert widget.alt == "Loss score of members and non-members. " + widget.alt.split(". ", 1)[1]


def test_a_histogram_needs_a_cut(membership: Outcome) -> None:
    finding = membership.finding
    assert finding is not None
    with pytest.raises(ValueError, match="must be a histogram with a cut, got 'line'"):
        SampleHistogram(Chart("roc", "line", "fpr", y="tpr"), finding)


def test_the_table_sends_a_bounded_number_of_rows_the_largest_first() -> None:
    import pandas as pd

    frame = pd.DataFrame({"id": range(5000), "score": np.arange(5000.0), "gap": [np.nan, np.inf] * 2500})
    table = SampleTable(frame, "many", "score")
    assert len(table.rows) == 2000
    assert table.total == 5000
    assert min(row[1] for row in table.rows) == 3000.0
    assert table.rows[0][2] in (None, "∞")


def test_a_download_answers_also_when_the_file_cannot_be_made() -> None:
    buttons = ReportButtons()
    assert buttons.download.disabled
    sent: list[Any] = []
    buttons.download.send = lambda content, **_: sent.append(content)
    buttons.download._asked(None, {"kind": "HTML"}, [])
    buttons.download._asked(None, {"kind": "PDF"}, [])
    assert "at least one outcome" in sent[0]["error"]
    assert "one of HTML, JSON, Markdown, got 'PDF'" in sent[1]["error"]


def test_a_download_sends_the_report(membership: Outcome) -> None:
    buttons = ReportButtons((membership,))
    sent: list[Any] = []
    buttons.download.send = lambda content, buffers=None: sent.append((content, buffers))
    buttons.download._asked(None, {"kind": "JSON"}, [])
    assert sent[0][0] == {"name": "report.json", "type": "application/json"}
    assert b"xrai-widgets/report/4" in sent[0][1][0]


# --- subject picker ---------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(0, 2, 80)
    variables: dict[str, Any] = {
        "X_train": X[:50],
        "y_train": y[:50],
        "X_test": X[50:],
        "y_test": y[50:],
        "other": rng.normal(size=(7, 9)),
        "model": LogisticRegression().fit(X[:50], y[:50]),
        "unfitted": LogisticRegression(),
        "LogisticRegression": LogisticRegression,
        "_hidden": LogisticRegression().fit(X, y),
    }
    monkeypatch.setattr(namespace, "notebook_namespace", lambda: variables)
    return variables


def test_fitted_models_of_the_notebook_are_found_with_their_data(notebook: dict[str, Any]) -> None:
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    assert picker._model.options == ("model",)
    assert [picker._data[role].value for role in ("X", "y", "X_train", "y_train")] == [
        "X_test",
        "y_test",
        "X_train",
        "y_train",
    ]
    picker._use.click()
    until(lambda: picker.subject, picker._job)
    assert picker.subject is not None
    assert picker.subject.name == "model"
    assert len(picker.subject.X) == 30


def test_a_batch_among_the_variables_is_found_with_its_labels_and_foreign_rows(notebook: dict[str, Any]) -> None:
    notebook["X_new"], notebook["foreign"] = notebook["X_test"][:4] + 0.1, np.array([True, False, False, True])
    notebook["y_new"] = notebook["y_test"]  # of another length
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    assert [picker._data[role].value for role in ("X_new", "y_new", "foreign")] == ["X_new", "", "foreign"]
    picker._use.click()
    until(lambda: picker.subject, picker._job)
    assert picker.subject is not None
    assert picker.subject.foreign is not None
    assert picker.subject.foreign.tolist() == [True, False, False, True]
    notebook["X_new"] = notebook["other"]
    assert namespace.guess(notebook["model"], notebook).X_new == ""


def test_models_in_dicts_and_lists_are_found_too(notebook: dict[str, Any]) -> None:
    model = notebook["model"]
    notebook["forest"] = {"RF": model, 2: model, "note": "none", "raw": LogisticRegression()}
    notebook["many"] = [model, 3, [model]]
    notebook["Out"] = {1: model}
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    assert picker._model.options == ("model", "forest['RF']", "forest[2]", "many[0]")
    picker._model.value = "forest['RF']"
    assert picker._data["X"].value == "X_test"
    picker._use.click()
    until(lambda: picker.subject, picker._job)
    assert picker.subject is not None
    assert picker.subject.name == "forest['RF']"


def test_data_that_do_not_fit_are_not_guessed(notebook: dict[str, Any]) -> None:
    notebook["X_test"] = notebook["other"]
    assert namespace.guess(notebook["model"], notebook).X == ""


def test_a_model_without_data_says_what_to_name_them(notebook: dict[str, Any]) -> None:
    del notebook["X_test"]
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    picker._use.click()
    assert "name them X_test and y_test" in picker.message.value


def test_what_is_wrong_with_the_data_is_said_beside_the_picker_and_the_subject_stays(
    notebook: dict[str, Any], forest: Subject
) -> None:
    notebook["y_test"] = notebook["y_test"] + 5
    picker = SubjectPicker(forest)
    picker._source.value = "this notebook"
    picker._use.click()
    until(lambda: picker.message.value, picker._job)
    assert "y must hold labels that the model knows, [0, 1], got [5, 6]" in picker.message.value
    assert picker.subject is forest


def test_an_example_is_fitted_in_the_background() -> None:
    picker = SubjectPicker()
    picker._example.value = "diabetes_ridge"
    until(lambda: picker.subject, picker._job)
    assert picker.subject is not None
    assert "221 train / 221 test samples" in picker._summary.value


def test_only_an_example_itself_is_shown_as_one(forest: Subject) -> None:
    name = forest.name
    for other in (
        replace(forest, origin=Origin(Files(f"{name}.skops", "t.csv", {"target": "y"}))),
        replace(forest, origin=Origin()),
        replace(xw.constrained(forest, {"mean radius": {"immutable": True}}), name=name),
    ):
        assert SubjectPicker(other)._example.value == ""
    assert SubjectPicker(forest)._example.value == name


def test_a_ready_subject_of_the_notebook_is_taken_as_it_is(notebook: dict[str, Any], forest: Subject) -> None:
    notebook.clear()
    notebook["mine"] = forest
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    picker._use.click()
    assert picker.subject is forest


def test_an_empty_notebook_says_so(notebook: dict[str, Any]) -> None:
    notebook.clear()
    picker = SubjectPicker()
    picker._source.value = "this notebook"
    assert "No fitted model was found" in picker.message.value
    assert picker._use.disabled


# --- session ----------------------------------------------------------------------------------------------------------


def test_a_repeated_question_replaces_its_older_answer(forest: Subject, evasion: Outcome) -> None:
    session = Session(subject=forest)
    session.add(assess(forest, "privacy.shapr"))
    session.add(evasion)
    session.add(assess(forest, "privacy.shapr"))
    session.add(assess(forest, "privacy.shapr", n_neighbors=3))
    assert [o.assessment for o in session.outcomes] == ["robustness.evasion", "privacy.shapr", "privacy.shapr"]


def test_only_the_current_subjects_outcomes_are_shown_and_the_others_kept(
    forest: Subject, credit: Subject, evasion: Outcome, membership: Outcome
) -> None:
    session = Session(subject=forest)
    session.add(evasion)
    session.add(membership)
    assert session.current == (evasion,)
    session.subject = credit
    assert session.current == (membership,)


def test_a_threshold_that_moves_moves_its_zone(membership: Outcome) -> None:
    view = OutcomeView(membership)
    slider = view._thresholds.children[0]
    assert "The whole interval lies in the unsafe zone." in slider.verdict.value
    slider.slider.value = 0.8
    assert "The whole interval lies in the safe zone." in slider.verdict.value
    slider.slider.value = 0.5
    assert "The interval lies in both zones" in slider.verdict.value


def test_controls_stand_beside_the_number_and_not_in_a_figure_of_their_own(membership: Outcome) -> None:
    import pandas as pd

    assert membership.finding is not None
    rows = [("constant model", name, 0.0, -0.1, 0.1, 100, "") for name in ("advantage", "auc")]
    table = pd.DataFrame(rows, columns=["control", "measure", "value", "low", "high", "n", "note"])
    charts = (*membership.finding.charts, Chart("controls", "points", "value", y="control", title="C"))
    finding = replace(membership.finding, tables={**membership.finding.tables, "controls": table}, charts=charts)
    plain, view = OutcomeView(membership), OutcomeView(replace(membership, finding=finding))
    assert "constant model" in view._thresholds.children[0].verdict.value
    assert "1 more number among the controls: AUC" in view._head.value
    assert len(view._pages[0].children) == len(plain._pages[0].children)
