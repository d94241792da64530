import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from xrai_widgets.core import Subject
from xrai_widgets.io import skops_files
from xrai_widgets.io.model_files import read_model

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RNG.normal(size=60), "z": RNG.normal(size=60), "job": RNG.choice(["a", "b"], 60)})
X = FRAME[["x", "z"]].to_numpy()
Y = (X[:, 0] > 0).astype(int)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


class Mine(LogisticRegression):
    """A class that a stranger's file may name."""


def encoded(final: Any) -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["job"]), (StandardScaler(), ["x", "z"]))
    return make_pipeline(encode, final)


@pytest.mark.parametrize(
    "final",
    [
        LogisticRegression(),
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(5, random_state=0),
        ExtraTreesClassifier(5, random_state=0),
        MLPClassifier((3,), tol=10, max_iter=50, random_state=0),
        MLPClassifier((3,), tol=10, max_iter=50, random_state=0, solver="sgd"),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_skops_file_gives_the_model_back(final: Any, tmp_path: Path) -> None:
    model = encoded(final).fit(FRAME, Y)
    skops.io.dump(model, tmp_path / "model.skops")
    for path in (tmp_path / "model.skops", str(tmp_path / "model.skops")):
        back = read_model(path)
        assert np.array_equal(back.predict_proba(FRAME), model.predict_proba(FRAME))
    first, second = (Subject.of(m, FRAME, Y, name="model") for m in (model, back))
    assert np.array_equal(first.predict(first.X), second.predict(second.X))


PICKLES = [".pkl", ".pickle", ".p", ".PKL", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin", ".sav"]


@pytest.mark.parametrize("ending", PICKLES)
def test_a_pickle_of_any_sort_is_refused_by_name_and_never_run(ending: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / f"model{ending}"
    file.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match=f"^model{ending} is a pickle, and reading a pickle runs the code in it: save"):
        read_model(file)
    assert not mark.exists()
    pickle.loads(file.read_bytes())
    assert mark.exists(), "the trap would not have closed"


def test_a_joblib_file_is_refused_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    joblib.dump(Trap(mark), tmp_path / "model.joblib")
    with pytest.raises(ValueError, match=r"^model.joblib is a pickle"):
        read_model(tmp_path / "model.joblib")
    assert not mark.exists()


def test_a_torch_file_is_refused_and_never_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mark = tmp_path / "mark"
    torch.save(Trap(mark), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"^model.pt is a pickle"):
        read_model(tmp_path / "model.pt")
    assert not mark.exists()


def test_a_pickle_that_calls_itself_skops_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match=r"^the model model.skops could not be read: File is not a zip file"):
        read_model(tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "zipped.skops", "w") as archive:
        archive.writestr("schema.json", pickle.dumps(Trap(mark)))
        archive.writestr("data.pkl", pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match=r"^the model zipped.skops could not be read: "):
        read_model(tmp_path / "zipped.skops")
    assert not mark.exists()


def test_a_type_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    skops.io.dump(Mine().fit(X, Y), tmp_path / "mine.skops")
    with pytest.raises(
        ValueError, match=r"^the model mine.skops could not be read: it holds types .* trusted: .*\.Mine"
    ):
        read_model(tmp_path / "mine.skops")


def test_a_function_that_is_not_trusted_is_named_and_not_called(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    transformer = FunctionTransformer(os.mkdir, kw_args={"mode": 0o700})
    skops.io.dump(make_pipeline(transformer, LogisticRegression()), tmp_path / "call.skops")
    with pytest.raises(ValueError, match=r"it holds types that are not trusted: .*mkdir"):
        read_model(tmp_path / "call.skops")
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage", bytes(200)])
def test_garbage_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(ValueError, match=r"^the model model.skops could not be read: "):
        read_model(tmp_path / "model.skops")


@pytest.mark.parametrize(
    "schema", [None, "", "{}", "[1, 2", "null", '{"protocol": 99}', '{"protocol": 2, "__class__": "x"}', "[" * 5000]
)
def test_an_archive_without_a_sound_schema_is_named(schema: str | None, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("other" if schema is None else "schema.json", schema or "")
    with pytest.raises(ValueError, match=r"^the model model.skops could not be read: "):
        read_model(tmp_path / "model.skops")


def test_half_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    skops.io.dump(RandomForestClassifier(3).fit(X, Y), file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"^the model model.skops could not be read: "):
        read_model(file)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.skops"
    skops.io.dump(LogisticRegression().fit(X, Y), file)
    monkeypatch.setattr(skops_files, "_MOST_BYTES", 1000)
    monkeypatch.setattr(skops.io, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(ValueError, match=r"it must unpack to at most .* GiB, got "):
        read_model(file)


@pytest.mark.parametrize("name", ["model.npz", "model", "model.skops.zip", "m.h5", "m.keras", "m.pmml", "m.rds"])
def test_another_kind_of_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=f"^the model must be one of .skops, .onnx, .safetensors, .*, got {name}"):
        read_model(tmp_path / name)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the model must be a file, got '.*none.skops', which does not exist"):
        read_model(tmp_path / "none.skops")
    with pytest.raises(ValueError, match=r"^the model must be a file, got '.*', which is a folder"):
        read_model(tmp_path)


def forged(change: str) -> Any:
    """A tree one of whose nodes points to where it must not."""
    model = DecisionTreeClassifier(random_state=0).fit(X, Y + 2 * (X[:, 1] > 0))
    state = model.tree_.__getstate__()
    nodes, node = state["nodes"].copy(), int(np.flatnonzero(state["nodes"]["left_child"] >= 0)[-1])
    match change:
        case "a child far away":
            nodes["left_child"][node] = 10**6
        case "a child before its parent":
            nodes["right_child"][node] = 0
        case "a child below zero":
            nodes["right_child"][node] = -7
        case "one child only":
            nodes["right_child"][node] = -1
        case "a feature far away":
            nodes["feature"][node] = 10**6
        case "a feature below zero":
            nodes["feature"][node] = -3
        case "a leaf that is not a number":
            state["values"] = np.full_like(state["values"], np.nan)
    model.tree_.__setstate__({**state, "nodes": nodes})
    return model


FORGERIES = [
    "a child far away",
    "a child before its parent",
    "a child below zero",
    "one child only",
    "a feature far away",
    "a feature below zero",
    "a leaf that is not a number",
]


@pytest.mark.parametrize("change", FORGERIES)
def test_a_forged_tree_is_refused_before_it_is_asked(change: str, tmp_path: Path) -> None:
    skops.io.dump(forged(change), tmp_path / "tree.skops")
    with pytest.raises(ValueError, match=r"^the model tree.skops could not be read: .*(damaged or forged|node|tree)"):
        read_model(tmp_path / "tree.skops")


def test_a_forged_tree_inside_a_forest_in_a_pipeline_is_refused(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(X, Y)
    model[-1].estimators_[1].tree_ = forged("a child before its parent").tree_
    skops.io.dump(model, tmp_path / "forest.skops")
    with pytest.raises(ValueError, match="damaged or forged"):
        read_model(tmp_path / "forest.skops")


def test_a_sound_tree_of_every_shape_is_let_in(tmp_path: Path) -> None:
    for model in (
        DecisionTreeClassifier(max_depth=1),
        DecisionTreeClassifier(min_impurity_decrease=1.0),
        DecisionTreeClassifier(max_leaf_nodes=5),
        DecisionTreeClassifier(ccp_alpha=0.01),
        DecisionTreeRegressor(),
    ):
        skops.io.dump(model.fit(X, Y), tmp_path / "tree.skops")
        assert np.array_equal(read_model(tmp_path / "tree.skops").predict(X), model.predict(X))


def test_a_torchscript_file_is_refused_and_never_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mark = tmp_path / "mark"
    torch.save(Trap(mark), tmp_path / "script.pt")
    with pytest.raises(ValueError, match=r"^script.pt is a pickle.*: save the model with torch.onnx.export"):
        read_model(tmp_path / "script.pt")
    assert not mark.exists()


DISGUISES = [".skops", ".onnx", ".safetensors"]


@pytest.mark.parametrize("ending", DISGUISES)
@pytest.mark.parametrize("kind", ["pickle", "joblib", "cloudpickle", "torch", "npz"])
def test_a_trap_under_an_allowed_name_is_refused_and_never_sprung(kind: str, ending: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / f"model{ending}"
    trap(kind, file, mark)
    with pytest.raises(ValueError, match=f"^the model model{ending} could not be read: "):
        read_model(file)
    assert not mark.exists()


def trap(kind: str, file: Path, mark: Path) -> None:
    """Write a file of some kind that leaves a mark when it is opened as what it is."""
    import cloudpickle

    match kind:
        case "pickle":
            file.write_bytes(pickle.dumps(Trap(mark)))
        case "cloudpickle":
            file.write_bytes(cloudpickle.dumps(Trap(mark)))
        case "joblib":
            joblib.dump(Trap(mark), file)
        case "torch":
            pytest.importorskip("torch").save(Trap(mark), file)
        case "npz":
            with file.open("wb") as stream:
                np.savez(stream, X=np.array([Trap(mark)], dtype=object))


@pytest.mark.parametrize("kind", ["pickle", "joblib", "cloudpickle", "torch", "npz"])
def test_every_trap_would_have_closed(kind: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / "file"
    trap(kind, file, mark)
    match kind:
        case "pickle" | "cloudpickle":
            pickle.loads(file.read_bytes())
        case "joblib":
            joblib.load(file)
        case "torch":
            pytest.importorskip("torch").load(file, weights_only=False)
        case "npz":
            np.load(file, allow_pickle=True)["X"]
    assert mark.exists()


def test_a_selector_of_columns_comes_back(tmp_path: Path) -> None:
    words = make_column_selector(dtype_exclude="number")
    model = make_pipeline(make_column_transformer((OneHotEncoder(), words)), LogisticRegression()).fit(FRAME, Y)
    skops.io.dump(model, tmp_path / "model.skops")
    assert np.array_equal(read_model(tmp_path / "model.skops").predict(FRAME), model.predict(FRAME))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_onnx_file_is_named(share: float, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    content = skl2onnx.to_onnx(LogisticRegression().fit(X, Y), X[:1].astype(np.float32)).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"^the model model.onnx could not be read: "):
        read_model(tmp_path / "model.onnx")


def test_a_zip_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("schema.json", "w", force_zip64=True) as entry:
            for _ in range(40):
                entry.write(bytes(2**20))
        archive.writestr("x.npy", b"")
    content = file.read_bytes()
    # the entry says that it unpacks to 40 MiB: make it say 4 GiB less one byte, twice
    forged_size = content.replace((40 * 2**20).to_bytes(4, "little"), b"\xfe\xff\xff\xff")
    file.write_bytes(forged_size)
    with pytest.raises(ValueError, match=r"^the model model.skops could not be read: "):
        read_model(file)
