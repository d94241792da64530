"""What an engine finds: all of these tests look at one run of each pair of engine and subject."""

import json

import numpy as np

from tests.contract.catalog import every_engine, every_pair, example_for, examples_of, first, judged, load, second
from xrai_widgets.core import Assessment
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.results.charts import describe
from xrai_widgets.results.charts.figure import draw
from xrai_widgets.results.policy import Policy, judge


@every_pair
def test_the_engine_answers_or_says_why_it_does_not_apply(entry: Assessment, name: str) -> None:
    outcome = first(entry, name).outcome
    assert outcome.status in ("ok", "not applicable"), outcome.reason
    assert outcome.status == "ok" or outcome.reason


@every_pair
def test_every_value_has_an_interval_and_a_count(entry: Assessment, name: str) -> None:
    finding = first(entry, name).outcome.finding
    if finding is None:
        assert entry.gap(load(name)) is not None
        return
    assert set(finding.intervals) == set(finding.values) == set(finding.counts)
    for low, high in finding.intervals.values():
        assert low <= high


@every_engine
def test_every_measure_is_among_the_values_and_known_to_the_packaged_policy_or_free(entry: Assessment) -> None:
    for name in examples_of(entry):
        outcome = first(entry, name).outcome
        assert outcome.finding is not None, outcome.reason
        assert judged(entry, name) <= set(outcome.finding.values)
        others = {measure.key for measure in entry.measures} - judged(entry, name)
        assert not others & set(outcome.finding.values)
        assert not judge(outcome).missing, "a policy for both tasks asks none for the numbers of the other"
    thresholds = Policy.default().thresholds.get(entry.name, {})
    assert set(thresholds) <= {measure.key for measure in entry.measures}


@every_pair
def test_the_same_seed_gives_the_same_result(entry: Assessment, name: str) -> None:
    """The two runs start from different global random states: neither reads one."""
    once, again = first(entry, name).outcome, second(entry, name).outcome
    if once.finding is None or again.finding is None:
        assert once.reason == again.reason
        return
    assert once.finding.values == again.finding.values
    assert once.finding.intervals == again.finding.intervals
    assert once.finding.tables.keys() == again.finding.tables.keys()
    for table in once.finding.tables:
        assert once.finding.tables[table].equals(again.finding.tables[table])
    assert once.finding.arrays.keys() == again.finding.arrays.keys()
    for array in once.finding.arrays:
        np.testing.assert_array_equal(once.finding.arrays[array], again.finding.arrays[array])


@every_pair
def test_no_global_random_state_is_written(entry: Assessment, name: str) -> None:
    assert first(entry, name).moved == []
    assert second(entry, name).moved == []


@every_pair
def test_the_subject_is_not_changed(entry: Assessment, name: str) -> None:
    assert first(entry, name).changed == []
    assert second(entry, name).changed == []


@every_engine
def test_progress_grows_from_0_to_1(entry: Assessment) -> None:
    seen = first(entry, example_for(entry)).progress
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@every_pair
def test_the_outcome_survives_json(entry: Assessment, name: str) -> None:
    outcome = first(entry, name).outcome
    text = json.dumps(outcome_to_dict(outcome, include_rows=True), allow_nan=False)
    back = outcome_from_dict(json.loads(text))
    assert json.dumps(outcome_to_dict(back, include_rows=True), allow_nan=False) == text
    assert back.key == outcome.key
    if outcome.finding is not None and back.finding is not None:
        assert judge(back).status == judge(outcome).status
        assert back.finding.values.keys() == outcome.finding.values.keys()


@every_pair
def test_every_chart_draws_and_has_a_text_alternative(entry: Assessment, name: str) -> None:
    finding = first(entry, name).outcome.finding
    if finding is None:
        assert entry.gap(load(name)) is not None
        return
    assert finding.charts
    for chart in finding.charts:
        figure = draw(chart, finding)
        figure.canvas.draw()
        assert figure.axes[0].get_xlabel()
        assert chart.title in describe(chart, finding)


@every_engine
def test_tables_of_samples_name_samples_of_the_subject(entry: Assessment) -> None:
    name = example_for(entry)
    subject, finding = load(name), first(entry, name).outcome.finding
    assert finding is not None
    by_name = {"X": subject.ids, "X_train": subject.train_ids, "X_new": subject.new_ids}
    for part, group in finding.tables["samples"].groupby("part"):
        ids = by_name[str(part)]
        assert ids is not None
        assert set(group["id"]) <= set(ids.tolist())
