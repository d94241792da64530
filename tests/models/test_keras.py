"""Keras models, as torch modules and as they are asked on other libraries, in processes of their own.

Keras takes one library for good, and reads which from the environment.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.models.on_keras"],
        env={
            **os.environ,
            "KERAS_BACKEND": "torch",
            "KERAS_HOME": str(tmp_path_factory.mktemp("keras")),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


@pytest.fixture(params=["module", "batches"])
def found(request: pytest.FixtureRequest, ways: dict[str, Any]) -> dict[str, Any]:
    return {"way": request.param, **ways[request.param]}


def test_probabilities_logits_and_values_are_what_the_weights_give(found: dict[str, Any]) -> None:
    """Softmax, logits, a sigmoid, the logit of class 1, values of a regression, pictures with the channel last."""
    assert len(found["far"]) == 6
    assert max(found["far"].values()) < 1e-5
    assert {kind for kind, task in found["task"].items() if task == "regression"} == {"values"}
    assert found["logits"]
    assert found["frame"] < 1e-5


def test_a_subject_keeps_the_model_as_it_was_and_goes_to_other_processes(found: dict[str, Any]) -> None:
    assert found["kept"] < 1e-5
    assert found["sent"] < 1e-5


def test_the_fingerprint_hangs_on_the_weights_not_on_the_names_that_keras_counts_up(found: dict[str, Any]) -> None:
    assert found["same"]
    assert found["other"]


def test_it_is_attacked_with_gradients_where_there_are_some_and_says_so_where_not(found: dict[str, Any]) -> None:
    assert found["gradient"] == (found["way"] == "module")
    assert found["gradient"] != any("KERAS_BACKEND=torch" in note for note in found["notes"])
    assert (found["status"], found["found"]) == ("ok", 1.0)


def test_what_does_not_fit_is_refused_with_the_way_out(found: dict[str, Any]) -> None:
    text, two = found["refused"]
    assert "takes numbers, got the column 'a' of " in text
    assert "list of 2" in two
    assert ("keras.Model(model.inputs, model.outputs[0])" if found["way"] == "batches" else "One(net)") in two
