"""The networks that ship with the package: small, read safely, and reading what their training told."""

from pathlib import Path

import numpy as np
import pytest

from xrai_widgets import examples
from xrai_widgets.core import Array, Subject
from xrai_widgets.data.two_cue_models import SEEDS, TRAININGS, weights_of
from xrai_widgets.data.two_cues import two_cues
from xrai_widgets.io.network_files import read_network

torch = pytest.importorskip("torch")


def right(subject: Subject, **cues: float) -> float:
    data = two_cues(200, seed=3_000, **cues)
    return float(np.mean(subject.predict(data.X).argmax(axis=1) == data.y))


@pytest.fixture(scope="module")
def models() -> dict[str, Subject]:
    return {subject.name: subject for subject in examples.two_cue_models(60)}


def test_fifteen_small_files_of_weights_are_there_and_no_others(tmp_path: Path) -> None:
    files = [weights_of(training, seed) for training in TRAININGS for seed in SEEDS]
    assert len(files) == 15
    assert {*files} == {*files[0].parent.iterdir()}
    assert max(file.stat().st_size for file in files) < 30_000
    broken = tmp_path / files[0].name
    broken.write_bytes(b"\xff" * 7 + b"\x7f" + files[0].read_bytes()[8:])  # a header of 2^63 bytes, it says
    with pytest.raises(ValueError, match="header"):
        read_network(broken)


def test_all_are_of_the_same_held_out_images_and_most_of_them_are_right(models: dict[str, Subject]) -> None:
    assert list(models) == [f"{training} {seed}" for training in TRAININGS for seed in SEEDS]
    assert len({subject.fingerprint for subject in models.values()}) == 15
    assert len({str(subject.parts) for subject in models.values()}) == 1
    for subject in models.values():
        assert right(subject) > 0.85, subject.name


def test_each_reads_what_its_training_left_it(models: dict[str, Subject]) -> None:
    for seed in SEEDS:
        assert right(models[f"low-pass {seed}"], texture=0.0) > 0.75  # the shape alone
        assert right(models[f"low-pass {seed}"], shape=0.0) < 0.4
        assert right(models[f"high-pass {seed}"], shape=0.0) > 0.75
        assert right(models[f"high-pass {seed}"], texture=0.0) < 0.4


def test_the_half_of_the_frequencies_that_is_left_out_is_the_other_half() -> None:
    from xrai_widgets.data.train_two_cue_models import filtered

    images = two_cues(10).X
    low, high = filtered(images, True), filtered(images, False)
    mean: Array = images.mean(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(low + high - mean, images, atol=1e-6)
    assert np.abs(filtered(low, False) - mean).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("training", ["low-pass", "noise"])
def test_the_script_makes_the_same_networks_again(training: str, models: dict[str, Subject]) -> None:
    from xrai_widgets.data.train_two_cue_models import trained

    data, shipped = two_cues(400, seed=3_000), models[f"{training} 1"]
    with torch.no_grad():
        again = trained(training, 1)(torch.as_tensor(data.X)).argmax(dim=1).numpy()
    assert np.mean(again == shipped.predict(data.X).argmax(axis=1)) > 0.95  # other processors round differently
