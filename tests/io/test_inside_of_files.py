"""What stands in a model file is looked into where its format allows it; the rest keeps working without."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xrai_widgets.cells.remote import Foreign
from xrai_widgets.core import Subject
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.runtime import run, trial

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(120, 3)).astype(np.float32), columns=["a", "b", "c"])
Y = (FRAME.a + FRAME.b > 0).astype(int).to_numpy()


def _in_a_cell(file: Path) -> Subject:
    FRAME.assign(y=Y).to_csv(file.parent / "t.csv", index=False)
    made = trial.load(OwnFiles(file, file.parent / "t.csv", "y"))
    assert isinstance(made.model, Foreign)
    assert (made.predict(made.X).argmax(axis=1) == Y).mean() > 0.8
    return made


def _same(one: Any, other: Any) -> bool:
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items() if name != "activation")


def test_a_forest_in_a_file_has_its_trees_and_a_certificate(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(FRAME, Y)
    skops.dump(model, tmp_path / "m.skops")
    made = _in_a_cell(tmp_path / "m.skops")
    assert isinstance(made.trees, Trees)
    here = Subject.of(model, FRAME.astype(float), Y).trees
    assert here is not None
    assert _same(made.trees, here)
    outcome = run(made, "robustness.certified", {"n_samples": 5, "attack": False}, strict=True)
    assert outcome.status == "ok"


def test_a_network_in_a_file_has_its_layers(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    network = MLPClassifier((6,), max_iter=2000, random_state=0)
    skops.dump(make_pipeline(StandardScaler(), network).fit(FRAME, Y), tmp_path / "m.skops")
    made = _in_a_cell(tmp_path / "m.skops")
    assert type(made.layers) is Layers
    assert run(made, "robustness.certified", {"n_samples": 5, "attack": False}, strict=True).status == "ok"


def test_boosters_and_onnx_files_are_functions_and_the_certificate_says_what_serves(tmp_path: Path) -> None:
    xgboost, skl2onnx = pytest.importorskip("xgboost"), pytest.importorskip("skl2onnx")
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(FRAME.to_numpy(), Y)
    onnx = skl2onnx.to_onnx(model, FRAME.to_numpy()[:1], options={"zipmap": False}).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(onnx)
    xgboost.XGBClassifier(n_estimators=5).fit(FRAME, Y).save_model(tmp_path / "m.json")
    for name in ("m.onnx", "m.json"):
        made = _in_a_cell(tmp_path / name)
        assert made.trees is None
        outcome = run(made, "robustness.certified", {"n_samples": 5})
        assert outcome.status == "not applicable"
        assert "ONNX and boosters' files" in outcome.reason


def _chain() -> dict[str, Any]:
    return {
        "roots": np.array([0]), "feature": np.array([0, -1, -1]), "threshold": np.zeros(3),
        "left": np.array([1, 1, 2]), "right": np.array([2, 1, 2]), "value": np.zeros((3, 2)), "base": np.zeros(2),
        "word_set": np.full(3, -1), "words": np.zeros((0, 1), dtype=bool),
    }  # fmt: skip


@pytest.mark.parametrize(
    "forged",
    [
        {"left": np.array([0, 1, 2]), "right": np.array([2, 0, 2])},  # round and round
        {"left": np.array([1, 1, 2]), "right": np.array([1, 1, 2])},  # as many ways as 2 to the depth
        {"right": np.array([7, 1, 2])},
        {"word_set": np.array([3, -1, -1])},
        {"threshold": np.zeros(2)},
        {"roots": np.array([2, 0])},
    ],
    ids=["a loop", "two parents", "a child outside", "words outside", "too short", "roots fall"],
)
def test_forged_trees_out_of_a_cell_are_refused(forged: dict[str, Any]) -> None:
    from xrai_widgets.cells.plain import careful, plainly

    sound = Trees(**_chain())
    assert _same(careful(plainly(sound)), sound)
    for name, value in forged.items():
        sound.__dict__[name] = value  # as a stranger's process would
    with pytest.raises(ValueError, match="no trees"):
        careful(plainly(sound))
