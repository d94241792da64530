from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from xrai_widgets.core import Subject
from xrai_widgets.models.trees import FEW_ROWS, FlatForest, flatten

X, Y = make_classification(1500, 12, n_informative=6, n_classes=3, random_state=0)
COUNTS = (1, 2, 17, FEW_ROWS - 1, FEW_ROWS, FEW_ROWS + 1, 1000)

ENSEMBLES: dict[str, Any] = {
    "tree": DecisionTreeClassifier(random_state=0),
    "stump": DecisionTreeClassifier(max_depth=1),
    "only a root": DecisionTreeClassifier(min_samples_split=2.0 * 0.5, min_impurity_decrease=1.0),
    "random tree": ExtraTreeClassifier(random_state=0),
    "pruned tree": DecisionTreeClassifier(ccp_alpha=0.01, random_state=0),
    "tree by leaves": DecisionTreeClassifier(max_leaf_nodes=12, random_state=0),
    "forest": RandomForestClassifier(30, random_state=0),
    "forest with weights": RandomForestClassifier(10, class_weight="balanced_subsample", random_state=0),
    "forest in threads": RandomForestClassifier(30, n_jobs=2, random_state=0),
    "extra trees": ExtraTreesClassifier(30, max_depth=7, random_state=0),
}


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_flat_form_equals_the_models_own_bit_for_bit(name: str) -> None:
    model = ENSEMBLES[name].fit(X[:500], Y[:500])
    flat = FlatForest(model)
    for count in COUNTS:
        outputs = model.set_params(**({"n_jobs": 1} if "threads" in name else {})).predict_proba(X[-count:])
        assert np.array_equal(flat.predict_proba(X[-count:]), outputs)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_a_subject_answers_for_few_rows_as_for_many(name: str) -> None:
    model = ENSEMBLES[name].fit(X[:500], Y[:500])
    subject = Subject.of(model, X[500:], Y[500:])
    for count in COUNTS:
        assert np.allclose(
            subject.predict(subject.X[:count]), model.predict_proba(X[500 : 500 + count]), rtol=0, atol=1e-12
        )
    few = np.vstack([subject.predict(subject.X[i : i + 100]) for i in range(0, 1000, 100)])
    assert np.allclose(few, subject.predict(subject.X), rtol=0, atol=1e-12)


def test_a_value_exactly_on_a_threshold_goes_left_as_in_scikit_learn() -> None:
    model = DecisionTreeClassifier(random_state=0).fit(X[:500], Y[:500])
    tree = model.tree_
    on = np.repeat(X[:1], tree.node_count, axis=0)
    for node in np.flatnonzero(tree.children_left >= 0):
        on[node, tree.feature[node]] = tree.threshold[node]
    assert np.array_equal(FlatForest(model).predict_proba(on), model.predict_proba(on))
    near = np.nextafter(on.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    assert np.array_equal(FlatForest(model).predict_proba(near), model.predict_proba(near))


def test_float64_is_rounded_to_float32_as_in_scikit_learn() -> None:
    rows = X[:50].astype(np.float32).astype(np.float64)
    model = DecisionTreeClassifier(random_state=0).fit(rows, Y[:50])
    wiggled = rows * (1 + 1e-9)
    assert np.array_equal(FlatForest(model).predict_proba(wiggled), model.predict_proba(wiggled))


PIPELINES: dict[str, Any] = {
    "scaled": make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)),
    "scaled twice": make_pipeline(MinMaxScaler(), StandardScaler(), ExtraTreesClassifier(20, random_state=0)),
    "with a step left out": make_pipeline("passthrough", DecisionTreeClassifier(random_state=0)),
    "frames inside": make_pipeline(StandardScaler().set_output(transform="pandas"), RandomForestClassifier(20)),
    "one step": make_pipeline(RandomForestClassifier(20, random_state=0)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_answers_for_few_rows_as_the_user_calls_it(name: str) -> None:
    model = PIPELINES[name].fit(X[:500], Y[:500])
    subject = Subject.of(model, X[500:], Y[500:])
    for count in COUNTS:
        assert np.array_equal(subject.predict(subject.X[:count]), model.predict_proba(X[500 : 500 + count]))


def test_sparse_one_hot_columns_are_answered_for_few_rows_too() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice([f"c{i}" for i in range(60)], 600), "x": rng.normal(size=600)})
    y = (frame["x"] > 0).astype(int)
    encode = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough", sparse_threshold=1.0)
    model = make_pipeline(encode, RandomForestClassifier(10, random_state=0)).fit(frame, y)
    assert hasattr(model[0].transform(frame), "toarray")
    subject = Subject.of(model, frame, y)
    for count in (1, 50, 600):
        assert np.array_equal(subject.predict(subject.X[:count]), model.predict_proba(frame[:count]))


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=3),
        BaggingClassifier(DecisionTreeClassifier(), 3),
        DecisionTreeRegressor(),
    ],
    ids=lambda m: type(m).__name__,
)
def test_other_models_have_no_flat_form(model: Any) -> None:
    assert flatten(model.fit(X[:200], Y[:200]), X[:50]) is None


class Inverted(RandomForestClassifier):
    """A forest that turns its answers round: no subclass can be trusted to answer as its trees do."""

    def predict_proba(self, rows: Any) -> Any:
        return 1 - super().predict_proba(rows)


def test_a_subclass_has_no_flat_form() -> None:
    assert flatten(Inverted(5).fit(X[:200], Y[:200] % 2), X[:50]) is None


def test_a_flat_form_that_disagrees_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X[:200], Y[:200])
    assert flatten(model, X[:50]) is not None
    monkeypatch.setattr(FlatForest, "predict_proba", lambda _, rows: np.full((len(rows), 3), 1 / 3))
    assert flatten(model, X[:50]) is None


@pytest.mark.parametrize("name", ["tree", "stump", "only a root", "random tree"])
def test_the_leaves_of_a_tree_are_boxes_that_cover_every_sample_once(name: str) -> None:
    model = ENSEMBLES[name].fit(X[:500], Y[:500])
    boxes = Subject.of(model, X, Y).regions
    assert boxes is not None
    assert boxes.shape == (2, model.get_n_leaves(), 12)
    inside = ((X[:, None] >= boxes[0]) & (X[:, None] <= boxes[1])).all(axis=2)
    assert (inside.sum(axis=1) <= 1).all()
    assert inside.any(axis=1).mean() > 0.999  # between two float32 numbers there is a gap
    own = model.tree_.value[np.flatnonzero(model.tree_.children_left < 0), 0]
    held = inside.any(axis=1)
    assert np.allclose(own[inside.argmax(axis=1)][held], model.predict_proba(X)[held])


def test_the_ends_of_a_box_lie_on_its_side_of_each_threshold() -> None:
    model = ENSEMBLES["tree"].fit(X[:500], Y[:500])
    boxes = Subject.of(model, X, Y).regions
    assert boxes is not None
    leaves = np.flatnonzero(model.tree_.children_left < 0)
    for side in boxes:
        finite = np.where(np.isinf(side), np.clip(0.0, *boxes), side)
        assert (model.apply(finite) == leaves).all()


def test_columns_of_whole_numbers_in_another_order_have_boxes_that_end_at_whole_numbers() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 9, 400), "b": rng.random(400), "c": rng.integers(0, 100, 400)})
    y = ((frame["a"] > 4) ^ (frame["c"] % 40 > 20)).astype(int)
    model = DecisionTreeClassifier(random_state=0).fit(frame[["c", "a", "b"]], y)
    subject = Subject.of(model, frame[["a", "b", "c"]], y)
    boxes = subject.regions
    assert boxes is not None
    ends = boxes[:, :, [0, 2]]
    assert np.array_equal(ends, np.rint(ends))
    middle = np.clip(0.0, *boxes)
    outputs = model.predict_proba(pd.DataFrame(middle, columns=["a", "b", "c"])[["c", "a", "b"]])
    assert np.allclose(subject.predict(middle), outputs)
    inside = ((subject.X[:, None] >= boxes[0]) & (subject.X[:, None] <= boxes[1])).all(axis=2)
    assert (inside.sum(axis=1) == 1).mean() > 0.99


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5),
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
        GradientBoostingClassifier(),
    ],
)
def test_only_a_single_tree_on_the_columns_themselves_has_boxes(model: Any) -> None:
    assert Subject.of(model.fit(X[:200], Y[:200]), X[:50], Y[:50]).regions is None
