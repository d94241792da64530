"""What every engine of the catalog must do, whatever it measures."""

import json
import threading
import time
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Assessment, Cancelled, Subject, registered
from xrai_widgets.core.subject import explain
from xrai_widgets.data import examples
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.results.charts import draw
from xrai_widgets.results.describe import describe
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import Meter, RunStep, run

# the network of an example is trained for 60 rounds only, and so are its refits
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CATALOG = [entry for entry in registered().values() if entry.family != "custom"]
NAMES = [entry.name for entry in CATALOG]
SMALL: dict[str, dict[str, Any]] = {
    "explanations.cem": {"n_samples": 4, "max_iter": 20, "binary_steps": 3},
    "privacy.lira": {"n_references": 4, "repeats": 2},
    "privacy.attribute_inference": {"n_samples": 60, "repeats": 1, "attack_model": "linear"},
    "privacy.label_only": {"n_samples": 60, "copies": 3, "repeats": 2},
    "privacy.pdtp": {"n_samples": 4, "repeats": 1, "null_draws": 5},
    "robustness.evasion": {"n_samples": 12, "max_iter": 5},
}
SUBJECTS = ("breast_cancer_logistic", "german_credit_forest", "digits_network", "diabetes_tree")
every_engine = pytest.mark.parametrize("entry", CATALOG, ids=NAMES)
every_pair = pytest.mark.parametrize(
    ("entry", "name"),
    [(entry, name) for entry in CATALOG for name in SUBJECTS],
    ids=[f"{entry.name}-{name}" for entry in CATALOG for name in SUBJECTS],
)


def subject_for(entry: Assessment) -> Subject:
    return next(s for s in map(examples.load, SUBJECTS) if entry.gap(s) is None)


def small(entry: Assessment) -> dict[str, Any]:
    return SMALL.get(entry.name, {})


def test_the_catalog_holds_the_engines_of_every_family() -> None:
    assert {"privacy.shapr", "privacy.membership_inference", "robustness.evasion"} <= set(NAMES)


@every_engine
def test_the_engine_says_what_it_means_and_what_it_does_not_show(entry: Assessment) -> None:
    assert entry.title
    assert entry.reference
    assert entry.summary.endswith(".")
    for section in ("Parameters", "Returns", "Interpretation", "Limitations", "Recommendations"):
        assert entry.section(section), f"{entry.name} lacks the section {section}"


@every_engine
def test_no_parameter_takes_a_name_that_assess_uses_itself(entry: Assessment) -> None:
    assert not {p.name for p in entry.parameters} & {
        "strict",
        "max_queries",
        "max_seconds",
        "store",
        "fresh",
        "subject",
        "name",
    }


@every_engine
def test_a_bad_parameter_is_refused_with_the_allowed_values(entry: Assessment) -> None:
    for parameter in entry.parameters:
        for wrong in parameter.invalid():
            with pytest.raises((ValueError, TypeError), match=parameter.name) as caught:
                run(subject_for(entry), entry, {parameter.name: wrong})
            if parameter.range is not None and isinstance(wrong, int | float):
                assert str(parameter.range) in str(caught.value)


@every_engine
def test_an_unknown_parameter_is_refused_with_the_allowed_names(entry: Assessment) -> None:
    with pytest.raises(ValueError, match=rf"{entry.name} has no parameter 'sed'; allowed: .*seed|memory_limit"):
        run(subject_for(entry), entry, {"sed": 1})


@every_pair
def test_the_engine_answers_or_says_why_it_does_not_apply(entry: Assessment, name: str) -> None:
    outcome = run(examples.load(name), entry, small(entry))
    assert outcome.status in ("ok", "not applicable"), outcome.reason
    assert outcome.status == "ok" or outcome.reason


@every_pair
def test_every_value_has_an_interval_and_a_count(entry: Assessment, name: str) -> None:
    finding = run(examples.load(name), entry, small(entry)).finding
    if finding is None:
        assert entry.gap(examples.load(name)) is not None
        return
    assert set(finding.intervals) == set(finding.values) == set(finding.counts)
    for low, high in finding.intervals.values():
        assert low <= high


@every_engine
def test_every_measure_is_among_the_values_and_known_to_the_packaged_policy_or_free(entry: Assessment) -> None:
    outcome = run(subject_for(entry), entry, small(entry))
    assert outcome.finding is not None
    assert {measure.key for measure in entry.measures} <= set(outcome.finding.values)
    thresholds = Policy.default().thresholds.get(entry.name, {})
    assert set(thresholds) <= {measure.key for measure in entry.measures}


@every_pair
def test_the_same_seed_gives_the_same_result(entry: Assessment, name: str) -> None:
    first, second = (run(examples.load(name), entry, small(entry)) for _ in range(2))
    if first.finding is None or second.finding is None:
        assert first.reason == second.reason
        return
    assert first.finding.values == second.finding.values
    assert first.finding.intervals == second.finding.intervals
    for table in first.finding.tables:
        assert first.finding.tables[table].equals(second.finding.tables[table])


@every_engine
def test_no_global_random_state_is_read_or_written(entry: Assessment) -> None:
    subject = subject_for(entry)
    np.random.seed(1)  # noqa: NPY002
    first = run(subject, entry, small(entry))
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert first.finding is not None
    assert run(subject, entry, small(entry)).finding.values == first.finding.values  # type: ignore[union-attr]


@every_pair
def test_the_subject_is_not_changed(entry: Assessment, name: str) -> None:
    subject = examples.load(name)
    before = {f.name: np.array(getattr(subject, f.name)) for f in fields(Subject) if _is_array(subject, f.name)}
    run(subject, entry, small(entry))
    for key, array in before.items():
        assert np.array_equal(array, getattr(subject, key)), key


@every_engine
def test_a_missing_need_is_not_applicable_and_named(entry: Assessment) -> None:
    subject = subject_for(entry)
    for name in entry.needs:
        optional = next(f for f in fields(Subject) if f.name == name).default is None
        if not optional:
            continue
        outcome = run(replace(subject, **{name: None}), entry, small(entry))
        assert outcome.status == "not applicable"
        assert explain(name) in outcome.reason


@every_engine
def test_a_missing_choice_of_a_parameter_is_not_applicable_and_names_another(entry: Assessment) -> None:
    for parameter in entry.parameters:
        for requirement in parameter.requires:
            subject = replace(subject_for(entry), **{requirement.field: None})
            outcome = run(subject, entry, {parameter.name: requirement.choice})
            assert outcome.status == "not applicable"
            assert outcome.instead.startswith(f"{parameter.name}=")


@every_engine
def test_progress_grows_from_0_to_1(entry: Assessment) -> None:
    seen: list[float] = []
    step = RunStep(listen=lambda progress: seen.append(progress.done))
    step._said = -1.0
    run(subject_for(entry), entry, small(entry), step=step)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@every_engine
def test_cancel_lands_within_a_second(entry: Assessment) -> None:
    subject = subject_for(entry)
    cancel = threading.Event()
    slow = replace(subject, predict=_slow(subject.predict))
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(run(slow, entry, step=RunStep(Meter(cancel)))))
    thread.start()
    time.sleep(0.3)
    cancel.set()
    asked = time.monotonic()
    thread.join(10)
    assert time.monotonic() - asked < 1.0
    assert ended[0].status == "cancelled"


@every_engine
def test_a_query_budget_ends_the_run_as_cancelled_with_its_reason(entry: Assessment) -> None:
    outcome = run(subject_for(entry), entry, small(entry), step=RunStep(Meter(max_queries=100)))
    assert outcome.status == "cancelled"
    assert "100 model queries" in outcome.reason
    assert outcome.queries <= 100


@every_pair
def test_the_outcome_survives_json(entry: Assessment, name: str) -> None:
    outcome = run(examples.load(name), entry, small(entry))
    text = json.dumps(outcome_to_dict(outcome, include_rows=True), allow_nan=False)
    back = outcome_from_dict(json.loads(text))
    assert json.dumps(outcome_to_dict(back, include_rows=True), allow_nan=False) == text
    assert back.key == outcome.key
    if outcome.finding is not None and back.finding is not None:
        assert judge(back).status == judge(outcome).status
        assert back.finding.values.keys() == outcome.finding.values.keys()


@every_pair
def test_every_chart_draws_and_has_a_text_alternative(entry: Assessment, name: str) -> None:
    finding = run(examples.load(name), entry, small(entry)).finding
    if finding is None:
        assert entry.gap(examples.load(name)) is not None
        return
    assert finding.charts
    for chart in finding.charts:
        figure = draw(chart, finding)
        figure.canvas.draw()
        assert figure.axes[0].get_xlabel()
        assert chart.title in describe(chart, finding)


@every_engine
def test_tables_of_samples_name_samples_of_the_subject(entry: Assessment) -> None:
    subject = subject_for(entry)
    finding = run(subject, entry, small(entry)).finding
    assert finding is not None
    known = {"X": subject.ids, "X_train": subject.train_ids, "X_new": subject.new_ids}
    for part, group in finding.tables["samples"].groupby("part"):
        ids = known[str(part)]
        assert ids is not None
        assert set(group["id"]) <= set(ids.tolist())


@every_engine
def test_the_engine_works_on_bare_arrays_without_a_runtime(entry: Assessment) -> None:
    subject = subject_for(entry)
    required = {name: getattr(subject, name) for name in entry.needs}
    assert entry.engine(**required, **small(entry)).values


@every_engine
def test_an_engine_lets_cancelled_pass(entry: Assessment) -> None:
    def refuse(*_: Any) -> Any:
        raise Cancelled("stop")

    subject = replace(subject_for(entry), predict=refuse)
    fields_ = entry.inputs_of(subject)
    with pytest.raises(Cancelled):
        entry.engine(**fields_, **small(entry))


def _is_array(subject: Subject, name: str) -> bool:
    return isinstance(getattr(subject, name), np.ndarray)


def _slow(predict: Any) -> Any:
    def slowly(X: Any) -> Any:
        time.sleep(0.002 * len(X))
        return predict(X)

    return slowly
