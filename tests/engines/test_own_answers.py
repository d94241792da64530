"""Whatever speaks of a label asks the model's own answer: each engine, with a rule whose right values are known.

The rule answers 1 where the first column exceeds 0.5; the probabilities change sides at 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, Finding, Names, Subject, quiet
from xrai_widgets.engines._quality import quality
from xrai_widgets.engines._random_change import RandomChange, turned_by_chance
from xrai_widgets.engines._search.rule import offset_of
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem, protodash
from xrai_widgets.engines.privacy import attribute_inference, label_only, membership_inference
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
X, X_TRAIN = RNG.uniform(-1, 1, (200, 2)), RNG.uniform(-1, 1, (200, 2))
Y, Y_TRAIN = ((part[:, 0] > 0.5).astype(int) for part in (X, X_TRAIN))
Y[:10] = 1 - Y[:10]
BOUNDS = np.array([[-1.0, -1.0], [1.0, 1.0]])
RIGHT = np.arange(200) >= 10
AWAY = np.abs(X[:, 0] - 0.5) / 2  # shares of the range
_CUTS = np.array([-np.inf, 0.1, 0.5, np.inf])  # in the middle leaf the probabilities say 1, and the rule says 0
LEAVES = np.empty((2, 3, 2))
LEAVES[:, :, 0], LEAVES[:, :, 1] = (np.nextafter(_CUTS[:-1], 1), _CUTS[1:]), [[-np.inf], [np.inf]]
CLOSE = {"rtol": 1e-3, "atol": 1e-6}


def predict(rows: Array) -> Array:
    one = 1 / (1 + np.exp(-4 * rows[:, 0]))
    return np.column_stack([1 - one, one])


def gradient(rows: Array, y: Array) -> Array:
    slope = predict(rows)[:, 1] - y
    return np.column_stack([4 * slope, 0 * slope])


def decide(rows: Array) -> Array:
    return (rows[:, 0] > 0.5).astype(int)


def know_nothing(rows: Array) -> Array:
    return np.full((len(rows), 2), 0.5)


class Counted:
    """How many rows a function was asked for."""

    def __init__(self, call: Callable[[Array], Array]) -> None:
        self.call, self.rows = call, 0

    def __call__(self, rows: Array) -> Array:
        self.rows += len(rows)
        return self.call(rows)


def test_accuracy_is_that_of_the_answers_and_calibration_is_of_the_given_answer() -> None:
    found = quality(predict(X), Y, "classification", labels=decide(X))
    assert found.values["accuracy"] == pytest.approx(0.95)
    # 70 % of the rows lie below 0.5 and are answered 0 with 0.4: too little where 0.6 are right
    shares, truth = np.tile([0.4, 0.6], (400, 1)), np.repeat([0, 0, 0, 1, 1], 80)
    told = quality(shares, truth, "classification", labels=np.zeros(400, dtype=int))
    assert told.values["accuracy"] == pytest.approx(0.6)
    assert told.values["calibration_error"] == pytest.approx(0.2, abs=0.01)


def distances(found: Finding) -> tuple[Array, Array]:
    """Return the rows of X that were broken, and how far each had to go."""
    table = found.tables["samples"]
    rows = table["id"].to_numpy(int)[(table["status"] == "found").to_numpy()]
    return rows, table["distance"].dropna().to_numpy()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("attack", ["hop_skip_jump", "pgd"])
def test_an_attack_goes_to_where_the_rule_changes_the_answer(attack: Any, norm: Any) -> None:
    found = evasion(predict, X, Y, BOUNDS, gradient=gradient, decide=decide, attack=attack, norm=norm, n_samples=60)
    assert found.values["accuracy"] == pytest.approx(RIGHT[found.arrays["index"]].mean())
    rows, apart = distances(found)
    assert len(rows) == RIGHT[found.arrays["index"]].sum()
    np.testing.assert_allclose(apart, AWAY[rows], **CLOSE)


@pytest.mark.parametrize("attack", ["hop_skip_jump", "pgd"])
def test_the_attacks_of_art_see_the_answers_too(attack: Any) -> None:
    pytest.importorskip("art")
    found = evasion(
        predict, X, Y, BOUNDS, gradient=gradient, decide=decide, attack=attack, n_samples=4, implementation="art",
        max_iter=5, epsilons=(0.9,), steps=20, restarts=1,
    )  # fmt: skip
    rows, apart = distances(found)
    assert len(rows) == RIGHT[found.arrays["index"]].sum()  # some lie on the far side of the wrong boundary
    assert (apart >= AWAY[rows] * 0.999).all()
    changed = found.arrays["nearest"][~np.isnan(found.arrays["nearest"]).any(axis=1)]
    assert (decide(changed) != decide(X[rows])).all()


def test_a_rule_that_the_probabilities_know_nothing_of_is_attacked_by_its_answers() -> None:
    other = (X[:, 1] > 0.2).astype(int)
    found = evasion(predict, X, other, BOUNDS, decide=lambda rows: (rows[:, 1] > 0.2).astype(int), n_samples=40)
    assert found.values["accuracy"] == 1.0
    rows, apart = distances(found)
    np.testing.assert_allclose(apart, np.abs(X[rows, 1] - 0.2) / 2, rtol=0.02, atol=1e-4)


def test_weights_and_leaves_are_exact_for_the_rule_that_they_give() -> None:
    line = (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0.5, 0.0]))
    for inside in ({"linear": line}, {"regions": LEAVES}):
        found = evasion(predict, X, Y, BOUNDS, decide=decide, n_samples=60, **inside)  # type: ignore[arg-type]  # by name
        rows, apart = distances(found)
        np.testing.assert_allclose(apart, AWAY[rows], rtol=1e-6, atol=1e-9)
        assert found.bounds["robust_accuracy"] == "exact"


def test_weights_of_the_probabilities_are_not_called_exact_for_another_rule() -> None:
    line = (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0.0, 0.0]))
    found = evasion(predict, X, Y, BOUNDS, linear=line, decide=decide, n_samples=60)
    assert found.bounds.get("robust_accuracy") != "exact"
    rows, apart = distances(found)
    np.testing.assert_allclose(apart, AWAY[rows], **CLOSE)


def test_cells_between_thresholds_are_not_called_exact_for_a_rule() -> None:
    def steps(rows: Array) -> Array:
        return predict(np.floor(rows * 4) / 4)

    cuts = (np.arange(-3, 4) / 4, np.empty(0))
    free, ruled = (evasion(steps, X, Y, BOUNDS, thresholds=cuts, n_samples=30, decide=own) for own in (None, decide))
    assert free.bounds["robust_accuracy"] == "exact"
    assert ruled.bounds.get("robust_accuracy") != "exact"


@pytest.mark.parametrize("inside", ["gradient", "nothing", "leaves"])
def test_an_explanation_changes_the_answer_of_the_rule(inside: str) -> None:
    known: dict[str, Any] = {"gradient": {"gradient": gradient}, "leaves": {"regions": LEAVES}}.get(inside, {})
    found = cem(predict, X, Y, BOUNDS, decide=decide, n_samples=30, kappa=0.0, beta=0.0, noise=0.0, **known)
    index = found.arrays["index"]
    assert found.values["validity"] == 1.0
    assert found.values["pn_share"] == 1.0
    np.testing.assert_allclose(found.tables["samples"]["pn_distance"], AWAY[index], **CLOSE)
    assert found.tables["samples"]["answer"].tolist() == decide(X[index]).astype(str).tolist()
    assert found.tables["samples"]["pn_class"].tolist() == (1 - decide(X[index])).astype(str).tolist()
    kept = found.arrays["pp"][found.arrays["pp_found"]]
    assert (decide(kept) == decide(X[index])[found.arrays["pp_found"]]).all()


def test_the_lead_of_an_explanation_is_counted_from_the_rules_own_boundary() -> None:
    found = cem(predict, X, Y, BOUNDS, decide=decide, n_samples=30, kappa=0.4, beta=0.0, noise=0.0, mode="PN")
    beyond = np.where(decide(X) == 1, 0.4, 0.6)[found.arrays["index"]]  # log-odds of 4 per unit
    np.testing.assert_allclose(found.arrays["pn"][:, 0], beyond, atol=1e-3)


def test_where_the_probabilities_do_not_give_the_rule_away_an_explanation_says_so() -> None:
    found = cem(predict, X, Y, BOUNDS, decide=lambda rows: (rows[:, 1] > 0.2).astype(int), n_samples=20, noise=0.0)
    assert any("its probabilities do not reveal" in note for note in found.notes)
    assert any(note.endswith("leads by kappa = 0.") for note in found.notes)
    assert found.values["validity"] == 1.0
    sides = found.arrays["pn"][:, 1] > 0.2
    np.testing.assert_array_equal(sides, X[found.arrays["index"], 1] <= 0.2)
    np.testing.assert_allclose(found.arrays["pn"][:, 1], 0.2, atol=0.02)  # no lead is asked for


def test_three_classes_with_weights_are_led_to_by_an_offset() -> None:
    scores = np.log(RNG.dirichlet(np.ones(3), 500))
    weights = np.log([0.2, 1.0, 5.0])
    offset = offset_of(scores, (scores + weights).argmax(axis=1))
    np.testing.assert_allclose(offset, weights - weights[0], atol=0.1)
    np.testing.assert_array_equal((scores + offset).argmax(axis=1), (scores + weights).argmax(axis=1))


def test_an_outsider_who_sees_labels_sees_those_of_the_rule() -> None:
    asked = Counted(predict)
    own = Counted(decide)
    members = Y_TRAIN.copy()
    members[:20] = 1 - members[:20]
    found = label_only(asked, X_TRAIN, members, X, Y, BOUNDS, decide=own, n_samples=200, copies=3)
    assert found.values["accuracy_gap"] == pytest.approx(0.9 - 0.95)
    wrong = (found.tables["samples"]["status"] == "answered wrongly").to_numpy()
    np.testing.assert_array_equal(np.flatnonzero(wrong), np.r_[np.arange(20), 200 + np.arange(10)])
    assert asked.rows == 1  # the number of classes; labels are asked of the rule alone
    assert own.rows == 400 + 370 * 3 * 3


def test_the_distance_to_another_label_is_that_of_the_rule() -> None:
    found = label_only(predict, X_TRAIN, Y_TRAIN, X, Y, BOUNDS, decide=decide, n_samples=20, attack="boundary distance")
    table = found.tables["samples"]
    table = table[(table["status"] == "found") & (table["part"] == "X")]
    np.testing.assert_allclose(table["distance"], AWAY[table["id"].to_numpy(int)], rtol=0.02, atol=1e-4)


def test_a_trained_attack_sees_whether_the_answers_are_right() -> None:
    """Probabilities that tell nothing, and a rule that is right about members alone."""
    known = {row.tobytes(): label for row, label in zip(X_TRAIN, Y_TRAIN, strict=True)}
    others = {row.tobytes(): 1 - label for row, label in zip(X, Y, strict=True)}

    def rule(rows: Array) -> Array:
        return np.array([(known | others)[row.tobytes()] for row in rows])

    words: dict[str, Any] = {"attack": "logistic regression", "repeats": 2}
    found = membership_inference(know_nothing, X_TRAIN, Y_TRAIN, X, Y, decide=rule, **words)
    assert found.values["advantage"] > 0.95
    assert membership_inference(know_nothing, X_TRAIN, Y_TRAIN, X, Y, **words).values["advantage"] < 0.3


def test_art_is_told_the_answers_of_the_rule() -> None:
    """The rule gives the withheld feature itself away, the probabilities nothing."""
    pytest.importorskip("art")
    both = [np.column_stack([part[:, 0], RNG.integers(0, 2, len(part))]) for part in (X_TRAIN, X)]
    found = attribute_inference(
        know_nothing, both[0], Y_TRAIN, both[1], Y, naming=Names(feature_names=("a", "secret")), feature="secret",
        decide=lambda rows: rows[:, 1].astype(int), implementation="art", attack_model="linear", repeats=1,
    )  # fmt: skip
    assert found.values["with_model"] > 0.95


def test_prototypes_stand_for_the_answers_of_the_rule() -> None:
    asked = Counted(predict)
    found = protodash(X, X_TRAIN, Y, Y_TRAIN, asked, decide=decide, per_class=True, n_prototypes=3, n_criticisms=2)
    counts = np.bincount(decide(X), minlength=2)
    assert sorted(found.arrays["sizes"].tolist()) == sorted(counts.tolist())
    chosen = found.arrays["indices"]
    assert found.tables["samples"]["answer"].tolist() == decide(X_TRAIN[chosen]).astype(str).tolist()
    assert asked.rows == 0


def test_random_changes_are_judged_by_the_rule() -> None:
    """A change that just turns the answer, in a random direction instead: as in a half plane that is predicted."""
    change = RandomChange(Space(BOUNDS, (), "range"), "l2", sparse=False)
    samples = np.tile([0.3, 0.0], (50, 1))
    shares = turned_by_chance(predict, (2,), samples, samples + np.array([0.4, 0.0]), change, 0, quiet, decide)
    # twice as far as the plane: a third of all directions lead beyond it
    assert np.nanmean(shares) == pytest.approx(1 / 3, abs=0.08)


@pytest.fixture(scope="module")
def subject() -> Subject:
    groups = np.where(X[:, 1] > 0, "up", "down")
    return Subject.of(
        predict, X, Y, X_train=X_TRAIN, y_train=Y_TRAIN, decide=decide, groups=groups,
        train_groups=np.where(X_TRAIN[:, 1] > 0, "up", "down"),
    )  # fmt: skip


def test_subgroups_and_controls_are_about_the_answers(subject: Subject) -> None:
    outcome = assess(subject, "robustness.evasion", n_samples=200)
    assert outcome.finding is not None
    table = outcome.finding.tables["subgroups"].set_index(["group", "measure"])["value"]
    for group in ("up", "down"):
        mine = subject.groups == group
        assert table[group, "accuracy"] == pytest.approx(RIGHT[mine].mean())
    controls = outcome.finding.tables["controls"].set_index("control")
    # around a point at distance r of a plane hardly any point of its sphere lies beyond the plane
    assert not any("random direction" in note.lower() for note in outcome.finding.notes)
    assert controls.loc["constant model", "value"].notna().any()


def test_answers_that_are_dealt_at_random_are_those_of_the_rule(subject: Subject) -> None:
    from xrai_widgets.core import Control
    from xrai_widgets.runtime.control_subjects import control_subject

    dealt = control_subject(subject, Control("dealt", "anything", "test"), 0)
    assert dealt.decide is None
    np.testing.assert_array_equal(np.sort(dealt.predict(X).argmax(axis=1)), np.sort(decide(X)))


@pytest.mark.parametrize("engine", [evasion, cem])
def test_the_random_changes_of_a_control_are_judged_by_the_rule(engine: Any) -> None:
    """Answers that go up and down in narrow stripes: any change at all turns half of them."""
    from xrai_widgets.engines.explanations.cem.random_explanation import random_explanation
    from xrai_widgets.engines.robustness.evasion.random_direction import random_direction

    found = engine(predict, X, Y, BOUNDS, decide=decide, n_samples=60, **({"noise": 0.0} if engine is cem else {}))
    control: Any = random_explanation if engine is cem else random_direction
    words = {} if engine is cem else {"norm": "l2", "epsilon": 0.1}

    def stripes(rows: Array) -> Array:
        return (np.floor(rows.sum(axis=1) * 1000) % 2).astype(int)

    told = control(found, know_nothing, X, BOUNDS, decide=stripes, scale="range", seed=0, step=quiet, **words)
    assert told.values["turned_share"] == pytest.approx(0.5, abs=0.1)


def test_what_is_explained_is_the_answer_of_the_rule_where_probabilities_tell_nothing() -> None:
    found = cem(know_nothing, X, Y, BOUNDS, decide=decide, n_samples=10, noise=0.0, mode="PN")
    index = found.arrays["index"]
    assert found.tables["samples"]["answer"].tolist() == decide(X[index]).astype(str).tolist()
    one = str(int(np.flatnonzero(decide(X) == 0)[0]))
    alone = cem(know_nothing, X, Y, BOUNDS, decide=decide, instances=one, noise=0.0, mode="PN")
    assert not any("there may be no other label" in note for note in alone.notes)


def test_the_control_of_prototypes_deals_the_answers_of_the_rule() -> None:
    subject = Subject.of(know_nothing, X, Y, X_train=X_TRAIN, y_train=Y_TRAIN, decide=decide)
    outcome = assess(subject, "explanations.protodash")
    assert outcome.finding is not None
    table = outcome.finding.tables["controls"].set_index(["control", "measure"])["value"]
    assert outcome.finding.values["agreement"] > 0.9
    shares = np.bincount(decide(X), minlength=2) / len(X)
    assert table["answers dealt at random", "agreement"] == pytest.approx((shares**2).sum(), abs=0.15)
