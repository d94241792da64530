"""What the assessments of detectors say, and do not say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.subjects import small_credit, small_digits
from xrai_widgets.core import Array, Finding, Subject, quiet
from xrai_widgets.engines.ood._measured import Watch, _by_halves
from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
from xrai_widgets.results.policy import Policy

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the small network is not trained to the end


def rows(n: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    return np.column_stack([first, first + 0.05 * rng.normal(size=n), rng.normal(size=n)])


def subject(n: int = 300, **words: object) -> Subject:
    X, train = rows(n, 0), rows(700, 1)
    model = LogisticRegression().fit(train, train[:, 0] > 0)
    labels = (part[:, 0] > 0 for part in (X, train))
    y, y_train = labels
    return Subject.of(model, X, y.astype(int), X_train=train, y_train=y_train.astype(int), **words)  # type: ignore[arg-type]  # fields by name


def asked(subject: Subject, name: str, **params: Any) -> Finding:
    finding = xw.assess(subject, f"ood.{name}", strict=True, **params).finding
    assert finding is not None
    return finding


def test_foreign_samples_of_ones_own_are_judged_and_synthetic_ones_are_not() -> None:
    new = np.vstack([rows(100, 2), rows(50, 3) * [1, -1, 1]])
    mine = subject(X_new=new, foreign=np.arange(150) >= 100)
    for one, status in ((mine, "pass"), (subject(), None)):
        outcome = xw.assess(one, "ood.mahalanobis", strict=True)
        checks = {check.key: check.status for check in outcome.verdict(Policy.default()).checks}
        assert checks.get("detection") == status or checks["detection"] == "not judged"
        assert outcome.finding is not None
        assert outcome.finding.values["detection"] > 0.8
        assert ("detection" in outcome.finding.unjudged) == (status is None)
    samples = asked(mine, "mahalanobis").tables["samples"]
    assert samples["group"].value_counts().to_dict() == {"in distribution": 300, "new": 100, "foreign": 50}
    assert samples.loc[samples["group"] == "foreign", "discovery"].mean() > 0.8


def test_a_batch_without_labels_has_no_detection_and_says_what_can_be_found() -> None:
    finding = asked(subject(X_new=rows(200, 4)), "knn", false_discoveries=0.1)
    assert "detection" not in finding.values
    assert "auroc" not in finding.values
    assert 0 < finding.values["new_alarms"] < 0.15
    note = next(note for note in finding.notes if "batch of 200" in note)
    assert "something can be found from 15 samples on" in note  # 200 / (0.1 · 141), of 140 that calibrate
    assert "a single one from 1999 calibrating samples on" in note


def test_a_batch_in_which_nothing_can_be_found_says_so() -> None:
    few = replace(subject(X_new=rows(20, 4)), X_train=rows(30, 1))
    note = next(note for note in asked(few, "knn", false_discoveries=0.01).notes if "batch of 20" in note)
    assert "with 30 samples that calibrate, nothing can, and a single one from 1999" in note
    assert note.endswith("that share is not guaranteed.")


def test_an_alarm_that_cannot_ring_says_so_and_is_not_judged() -> None:
    finding = asked(subject(30), "gen", alpha=0.01)
    assert any(
        "cannot ring at α = 0.01: 30 samples calibrate it, and the smallest α is 0.0323" in n for n in finding.notes
    )
    assert "detection" not in finding.values
    assert "detection_at_1" not in finding.values
    assert "fpr_above_alpha" in finding.unjudged


def test_a_score_whose_most_foreign_value_is_shared_by_many_is_no_alarm_and_is_not_judged() -> None:
    sure = replace(small_credit(), predict=lambda X: np.full((len(X), 2), 0.5))
    finding = asked(sure, "max_softmax")
    assert finding.values["false_alarms"] == 0.0
    assert "fpr_above_alpha" in finding.unjudged
    assert any("can hardly ring" in note for note in finding.notes)


def test_few_training_samples_are_calibrated_fold_by_fold_and_twice_alpha_is_said() -> None:
    few = replace(subject(), X_train=rows(200, 1))
    notes = asked(few, "mahalanobis").notes
    assert any("at most 2α = 0.1 on average" in note for note in notes)
    assert not any("2α" in note for note in asked(subject(), "mahalanobis").notes)


def test_false_alarms_that_gather_in_one_class_are_named() -> None:
    X = rows(400, 5)
    X[:, 2] *= np.where(X[:, 0] > 1.0, 9.0, 1.0)
    y = (X[:, 0] > 1.0).astype(int)
    train = rows(700, 1)
    model = LogisticRegression().fit(train, (train[:, 0] > 1).astype(int))
    finding = asked(Subject.of(model, X, y, X_train=train, y_train=(train[:, 0] > 1).astype(int)), "knn")
    table = finding.tables["class_alarms"].set_index("class")
    assert table["alarms"]["1"] > 0.3
    assert table["p_value"]["1"] < 0.001
    assert table["p_value"]["0"] > 0.05
    assert any("More false alarms than α" in note and note.endswith("in: 1.") for note in finding.notes)


def test_what_is_less_foreign_is_predicted_better() -> None:
    table = asked(small_digits(), "max_softmax").tables["coverage"]
    assert table["covered"].is_monotonic_increasing
    assert table["accuracy"].iloc[-1] == pytest.approx(
        (small_digits().predict(small_digits().X).argmax(axis=1) == small_digits().y).mean()
    )
    assert table.loc[table["covered"] <= 0.5, "accuracy"].iloc[-1] > table["accuracy"].iloc[-1]


def test_synthetic_pictures_are_told_apart_and_shifted_ones_count_as_errors() -> None:
    finding = asked(small_digits(), "ensemble")
    sets = finding.tables["sets"].set_index("set")
    assert set(sets["kind"]) == {"in distribution", "near", "far", "shifted"}
    assert sets["auroc"]["synthetic: noise"] > 0.9
    assert finding.counts["shifted_alarms"] == 600
    assert "shifted_alarms" in finding.values


@pytest.mark.parametrize("turn", [1, -1])
def test_samples_that_are_sorted_are_calibrated_like_shuffled_ones(turn: int) -> None:
    """Members and ensemble are calibrated on parts of one half of X, which were its first and its last rows."""
    spread = np.repeat([1.0, 4.0], 200)[:, None]
    members = [("mahalanobis", MahalanobisDetector(normalize=False)), ("knn", KNNDetector(metric="euclidean"))]
    rates = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        train, X = (rng.normal(size=(400, 3)) * spread for _ in range(2))
        watch = Watch("", EnsembleDetector(members), np.asarray, True, 0.1, 0.1, 5000, seed, nested=True)
        rates.append((_by_halves(watch, X[::turn], train, None, quiet)[2] <= 0.1).mean())
    assert 0.05 < np.mean(rates) < 0.15


def test_two_samples_are_too_few() -> None:
    with pytest.raises(ValueError, match="X must hold at least 4 samples, two to calibrate and two to measure, got 3"):
        asked(subject(3), "gen")


SETS = ("near: turned", "far: large", "shifted: little more", "plain")


def with_sets(names: tuple[str, ...] = SETS, foreign: tuple[bool, ...] | None = None) -> Subject:
    """A batch of four sets, 60 samples each, which lie in the batch as if shuffled."""
    parts = [rows(60, 2) * [1, -1, 1], rows(60, 3) * 9, rows(60, 4) * 1.01, rows(60, 5)]
    order = np.random.default_rng(6).permutation(240)
    which = np.repeat(np.arange(4), 60)[order]
    told = None if foreign is None else np.array(foreign)[which]
    return subject(X_new=np.vstack(parts)[order], new_groups=np.array(names)[which], foreign=told)


def test_each_named_set_has_its_rate_of_alarms_and_shifted_ones_of_ones_own_count_as_errors() -> None:
    given = with_sets(foreign=(True, True, False, False))
    finding = asked(given, "mahalanobis")
    sets, samples = finding.tables["sets"].set_index("set"), finding.tables["samples"]
    assert sets["kind"][list(SETS)].tolist() == ["near", "far", "shifted", "shifted"]
    assert given.new_groups is not None
    new = samples[samples["part"] == "X_new"]
    assert new["set"].tolist() == given.new_groups.tolist()
    for name in SETS:
        assert sets["n"][name] == 60
        assert sets["alarms"][name] == new.loc[new["set"] == name, "alarm"].mean()
    assert sets["alarms"]["near: turned"] > 0.6
    assert sets["auroc"]["far: large"] > 0.9
    assert finding.values["shifted_alarms"] == sets["alarms"]["shifted: little more"]
    assert finding.counts["shifted_alarms"] == 60
    assert finding.counts["detection"] == 120
    groups = samples.groupby("group")["set"].unique().map(sorted).to_dict()
    assert groups == {
        "in distribution": ["in distribution"],
        "near": ["near: turned"],
        "far": ["far: large"],
        "shifted but valid": ["shifted: little more"],
        "new": ["plain"],
    }
    assert finding.charts[0].by == "group"
    assert finding.charts[0].cut is not None


def test_names_of_sets_say_what_is_foreign_if_all_do_and_may_not_contradict() -> None:
    names = ("near: turned", "far_large", "shifted: a", "shifted: b")
    by_name, told = asked(with_sets(names), "knn"), asked(with_sets(names, (True, True, False, False)), "knn")
    assert by_name.values == told.values
    assert any("is told by the names of their sets" in note for note in by_name.notes)
    assert not any("is told by the names" in note for note in told.notes)
    some = asked(with_sets(), "knn")
    assert "detection" not in some.values, "of the plain set it is not known"
    assert some.tables["sets"].set_index("set")["kind"]["plain"] == "not known"
    assert some.counts["shifted_alarms"] == 60
    words = asked(with_sets(("nearly: a", "far", "shifted", "x")), "knn").tables["sets"].set_index("set")
    assert (words["kind"][["nearly: a", "far", "shifted", "x"]] == "not known").all()
    for foreign, name in (((True, False, False, False), "far: large"), ((True, True, True, False), "shifted: little")):
        with pytest.raises(ValueError, match=rf"the set '{name}.* calls itself (far|shifted), which is"):
            asked(with_sets(foreign=foreign), "knn")


def test_a_set_of_which_a_part_is_foreign_is_two_rows() -> None:
    X, names = np.vstack([rows(30, 2), rows(30, 3) * 9]), np.repeat("a", 60)
    sets = asked(subject(X_new=X, new_groups=names, foreign=np.arange(60) >= 30), "knn").tables["sets"]
    kinds = sets.set_index("set")["kind"].to_dict()
    assert kinds["a, not foreign"] == "shifted"
    assert kinds["a, foreign"] == "foreign"
