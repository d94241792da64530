"""Booby traps: parameters of a stranger's model that reach a file, the network, a process or code."""

import builtins
import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Subject
from xrai_widgets.io.model_files import read_model
from xrai_widgets.io.reach import TABLE, check_entry, parameters, rule_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)
WORDS = pd.DataFrame({"note": ["red apple", "green pear"] * 30, "x": X[:, 0]})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, in which nothing may be left but the model; no process may be started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    yield
    assert {path.name for path in tmp_path.iterdir()} <= {"m.skops", "secret", "cache"}


def saved(model: Any) -> Path:
    skops.io.dump(model, "m.skops")
    return Path("m.skops")


def test_a_pipeline_with_a_memory_neither_writes_nor_runs_pickles(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    model = Pipeline([("s", StandardScaler()), ("l", LogisticRegression())]).fit(X, Y)
    model.memory = str(tmp_path / "cache")
    back = read_model(saved(model))
    assert np.array_equal(back.predict_proba(X), model.predict_proba(X)), "what is reset changes no answer"
    plant(tmp_path / "cache", mark)
    subject = Subject.of(back, X, Y, X_train=X, y_train=Y, train_ids=range(60, 120))
    assert subject.fit is not None
    before = sorted(path for path in (tmp_path / "cache").rglob("*"))
    subject.fit(subject.X, subject.y, seed=0)
    assert sorted(path for path in (tmp_path / "cache").rglob("*")) == before, "training data must not be written"
    assert not mark.exists(), "a planted pickle was run"


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def plant(folder: Path, mark: Path) -> None:
    """Fill joblib's cache, then put a trap in place of every result."""
    model = Pipeline([("s", StandardScaler()), ("l", LogisticRegression())], memory=joblib.Memory(folder, verbose=0))
    model.fit(X, Y)
    found = list(folder.rglob("output.pkl"))
    assert found
    for path in found:
        path.write_bytes(pickle.dumps(Trap(mark)))


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
@pytest.mark.parametrize("source", ["filename", "file"])
def test_cells_of_a_table_are_never_opened_as_files(
    kind: type, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("password", encoding="utf-8")
    columns = ColumnTransformer([("w", FrozenEstimator(kind().fit(WORDS["note"])), "note")])
    model = make_pipeline(columns, LogisticRegression()).fit(WORDS, Y)
    columns.transformers[0][1].estimator.input = source
    columns.transformers_[0][1].estimator.input = source
    path = saved(model)
    opened: list[Any] = []
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda file, *a, **k: (opened.append(str(file)), real(file, *a, **k))[1])
    with pytest.raises(ValueError, match=rf"a {kind.__name__} in it has input='{source}', and cells .* are opened"):
        read_model(path)
    assert not any("secret" in name for name in opened)


# what each entry of the table is set to in the tests; a name that is not here fails the test
PLANTED: dict[str, Any] = {
    **dict.fromkeys(("memory", "cache", "cachedir", "cache_dir", "location", "store_backend"), "cache"),
    **dict.fromkeys(("temp_folder", "tmp_dir", "train_dir", "data_home", "filename", "file", "filepath"), "/tmp/x"),
    **dict.fromkeys(("path", "folder", "directory", "log", "log_file", "log_cout", "log_cerr", "logger"), "/tmp/x"),
    **dict.fromkeys(("backend", "joblib_backend", "parallel_backend", "executor", "pool", "client"), "loky"),
    **dict.fromkeys(("scheduler", "command", "cmd", "executable"), "touch mark"),
    **{name: ["append"] for name in ("callback", "callbacks", "skl_callbacks", "hook", "hooks")},
    **dict.fromkeys(("url", "uri", "host", "address", "endpoint", "proxy", "socket"), "http://localhost:9"),
    "mmap_mode": "w+",
    "input": "filename",
    "n_jobs": -1,
    "n_threads": 64,
    "pre_dispatch": "__import__('os').mkdir('mark')",
    "importance_getter": "__class__.__init__",
}
DEPTHS = ("a step", "a frozen part of a column transformer", "a dictionary in a list of a search")


def host(name: str) -> BaseEstimator:
    """An estimator that takes such a parameter, or, if none does, any."""
    tree = DecisionTreeClassifier(max_depth=1)
    kinds: dict[str, BaseEstimator] = {
        "memory": Pipeline([("s", StandardScaler())]),
        "input": CountVectorizer(),
        "n_jobs": RandomForestClassifier(2),
        "pre_dispatch": GridSearchCV(tree, {"max_depth": [1]}),
        "importance_getter": SelectFromModel(tree),
    }
    return kinds.get(name, StandardScaler())


def buried(part: Any, name: str, value: Any, depth: str) -> Any:
    """The part somewhere inside a model; at the last depth its parameter comes back with the next training."""
    match depth:
        case "a step":
            model: Any = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
            model.steps.insert(0, ("p", part))
        case "a frozen part of a column transformer":
            columns = make_column_transformer((StandardScaler(), [0])).fit(X)
            columns.transformers_.append(("p", FrozenEstimator(part), [1]))
            union = FeatureUnion([("c", columns)])
            model = VotingClassifier([("v", make_pipeline(union, LogisticRegression()))])
        case _:
            grid = [{"max_depth": [1, 2]}, {"estimator__p__" + name: [value]}]
            search = RandomizedSearchCV(DecisionTreeClassifier(), grid, n_iter=1)
            model = BaggingClassifier(search)
    return model


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_parameter_that_reaches_out_is_refused_or_reset_at_any_depth(name: str, depth: str, tmp_path: Path) -> None:
    part, value = host(name), PLANTED[name]
    vars(part)[name] = value
    path = saved(buried(part, name, value, depth))
    if TABLE[name].instead and name in parameters(type(part)) and depth != DEPTHS[2]:
        found = held_in(read_model(path), name)
        assert found
        assert all(TABLE[name].allowed(value) for value in found)
    else:
        with pytest.raises(ValueError, match=rf"has.* an attribute '{name}'|{name}="):
            read_model(path)
    assert not (tmp_path / "mark").exists()


def held_in(model: Any, name: str) -> list[Any]:
    """Every value of an attribute of this name, found by another walk than the package's."""
    results: list[Any] = []
    seen: dict[int, Any] = {}

    def go(value: Any) -> None:
        if id(value) in seen or isinstance(value, str | bytes | int | float | np.ndarray):
            return
        seen[id(value)] = value
        state = value if isinstance(value, dict) else getattr(value, "__dict__", {})
        results.extend(state[key] for key in state if key == name)
        for inner in [*state.values(), *(value if isinstance(value, list | tuple) else [])]:
            go(inner)

    go(model)
    return results


def test_every_entry_would_be_let_in_without_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traps of the test above are real: without its rule, a parameter of scikit-learn's own comes through."""
    for name in ("memory", "input", "pre_dispatch", "importance_getter", "n_jobs"):
        part = host(name)
        vars(part)[name] = PLANTED[name]
        with monkeypatch.context() as patch:
            patch.delitem(TABLE, name)
            assert PLANTED[name] in held_in(read_model(saved(buried(part, name, PLANTED[name], DEPTHS[0]))), name)


@pytest.mark.parametrize("name", ["fit", "transform", "get_params", "__sklearn_tags__", "set_params"])
def test_an_attribute_in_place_of_a_method_is_refused(name: str) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    vars(model[0])[name] = {"some": "thing"}
    with pytest.raises(ValueError, match="the file is forged"):
        read_model(saved(model))


def test_an_attribute_that_no_such_estimator_has_is_refused() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    model[0].helper = StandardScaler()
    with pytest.raises(ValueError, match=r"a StandardScaler in it has an attribute 'helper', which no"):
        read_model(saved(model))


def test_a_function_of_numbers_may_stand_where_one_is_meant_and_nowhere_else() -> None:
    model = make_pipeline(FunctionTransformer(np.abs), LogisticRegression()).fit(X, Y)
    assert np.array_equal(read_model(saved(model)).predict(X), model.predict(X))
    chosen = make_pipeline(SelectKBest(f_classif, k=1), LogisticRegression()).fit(X, Y)
    assert np.array_equal(read_model(saved(chosen)).predict(X), chosen.predict(X))
    for place in ("tokenizer", "preprocessor", "analyzer"):
        words = CountVectorizer(**{place: np.abs})
        with pytest.raises(ValueError, match=rf"a function or type \(absolute\) as '{place}'"):
            read_model(saved(make_pipeline(words, LogisticRegression())))
    with pytest.raises(ValueError, match=r"f_classif.* as 'func'"):
        read_model(saved(make_pipeline(FunctionTransformer(f_classif), LogisticRegression())))


def test_words_of_the_data_may_have_any_name() -> None:
    for name in TABLE:
        check_entry(name, 7)  # a vocabulary: word to place
    model = CountVectorizer().fit(["memory cache input file path", "host url backend"])
    assert read_model(saved(model)).vocabulary_ == model.vocabulary_


def test_a_name_is_known_with_its_prefix() -> None:
    for name in ("memory", "_memory", "memory_", "pipeline__memory", "a__b__memory", "Memory"):
        assert rule_of(name) is TABLE["memory"]
    assert rule_of("memories") is None


def rewritten(path: Path, change: Any) -> Path:
    """Change the schema of a file as a forger would."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    change(schema)
    parts["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "loader", ["MethodNode", "OperatorFuncNode", "ConstructorFromReduceNode", "QuantileForestNode"]
)
def test_a_kind_of_node_that_was_not_reviewed_is_refused(loader: str) -> None:
    path = saved(LogisticRegression().fit(X, Y))
    rewritten(path, lambda schema: schema["content"]["content"]["coef_"].update(__loader__=loader))
    with pytest.raises(ValueError, match=f"it holds a {loader} of numpy.ndarray, which was not reviewed"):
        read_model(path)


@pytest.mark.parametrize("loader", ["TypeNode", "FunctionNode", "ListNode", "DictNode", "ObjectNode", "TreeNode"])
def test_a_reviewed_function_may_come_only_as_a_function(loader: str) -> None:
    path = saved(make_pipeline(SelectKBest(f_classif, k=1), LogisticRegression()).fit(X, Y))

    def change(schema: Any) -> None:
        text = json.dumps(schema).replace('"FunctionNode"', f'"{loader}"')
        schema.clear()
        schema.update(json.loads(text))

    rewritten(path, change)
    if loader == "FunctionNode":
        assert read_model(path) is not None
        return
    with pytest.raises(ValueError, match=f"as a {loader}: the file is damaged or forged"):
        read_model(path)


def test_a_file_that_claims_an_old_protocol_is_refused() -> None:
    path = rewritten(saved(LogisticRegression().fit(X, Y)), lambda schema: schema.update(protocol=0))
    with pytest.raises(ValueError, match="saved by a version of skops before"):
        read_model(path)


def test_a_getter_of_public_attributes_is_let_in() -> None:
    model = RFE(make_pipeline(StandardScaler(), LogisticRegression()), importance_getter="steps.coef_")
    assert read_model(saved(model)).importance_getter == "steps.coef_"
