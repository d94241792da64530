"""Pictures as people have them: a folder, uint8, channels last, and what is done to them before the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject
from xrai_widgets.io.pictures import read_pictures

RNG = np.random.default_rng(0)
CATS = RNG.integers(0, 120, size=(6, 5, 4, 3), dtype=np.uint8)
DOGS = RNG.integers(130, 255, size=(6, 5, 4, 3), dtype=np.uint8)
PIXELS = np.concatenate([CATS, DOGS])
NAMES = np.repeat(["cats", "dogs"], 6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, pictures in (("dogs", DOGS), ("cats", CATS)):
        (tmp_path / name / "more").mkdir(parents=True)
        for place, picture in enumerate(pictures):
            below = tmp_path / name / ("more" if place > 3 else "")
            Image.fromarray(picture).save(below / f"{place}.{'png' if place % 2 else 'PNG'}")
    (tmp_path / "readme.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_each_subfolder_is_a_class_and_pixels_are_as_stored(folder: Path) -> None:
    made = read_pictures(folder)
    assert made.classes == ("cats", "dogs")
    assert made.X.dtype == np.uint8
    assert np.array_equal(made.X, PIXELS)
    assert made.y.tolist() == NAMES.tolist()
    assert made.ids.tolist()[:5] == ["cats/0.PNG", "cats/1.png", "cats/2.PNG", "cats/3.png", "cats/more/4.PNG"]
    assert xw.read_pictures(folder, colours="grey").X.shape == (12, 5, 4)
    assert read_pictures(folder, size=(10, 8)).X.shape == (12, 10, 8, 3)


def test_grey_pictures_stay_grey_and_mixed_ones_become_coloured(folder: Path) -> None:
    Image.fromarray(CATS[0, :, :, 0]).save(folder / "cats" / "grey.png")
    mixed = read_pictures(folder)
    assert mixed.X.shape == (13, 5, 4, 3)
    place = mixed.ids.tolist().index("cats/grey.png")
    assert np.array_equal(mixed.X[place], np.repeat(CATS[0, :, :, :1], 3, axis=2))
    for file in folder.rglob("*.[pP][nN][gG]"):
        Image.open(file).convert("L").save(file)
    assert read_pictures(folder).X.shape == (13, 5, 4)


def test_the_folder_is_a_subject(folder: Path) -> None:
    made = read_pictures(folder)
    model = LogisticRegression(max_iter=500).fit(PIXELS.reshape(12, -1) / 255, NAMES)
    seen: list[Any] = []

    def preprocess(images: Array) -> Array:
        seen.append((images.dtype, images.shape[1:]))
        return images.reshape(len(images), -1) / 255

    subject = Subject.of(model, made.X, made.y, ids=made.ids, preprocess=preprocess)
    assert subject.image_shape == (3, 5, 4)
    assert subject.X.shape == (12, 3, 5, 4)
    assert np.array_equal(subject.X, PIXELS.transpose(0, 3, 1, 2))
    assert np.allclose(subject.predict(subject.X), model.predict_proba(PIXELS.reshape(12, -1) / 255))
    assert set(seen) == {(np.dtype("uint8"), (5, 4, 3))}
    outcome = xw.assess(subject, "robustness.evasion", n_samples=3, max_iter=2, strict=True)
    assert outcome.status == "ok"


def test_a_net_takes_pictures_with_channels_last_behind_its_preprocessing() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
    ready = (PIXELS.transpose(0, 3, 1, 2) / 255).astype(np.float32)
    expected = torch.softmax(net(torch.as_tensor(ready)), 1).detach().numpy()
    for change in (
        lambda images: images.transpose(0, 3, 1, 2) / 255,
        lambda images: torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255,
    ):
        subject = Subject.of(net, PIXELS, NAMES, classes=["cats", "dogs"], preprocess=change)
        assert np.allclose(subject.predict(subject.X), expected, atol=1e-5)
        assert subject.gradient is None  # nothing can be differentiated through a function of the user's


def test_a_function_of_pictures_gets_the_layout_and_type_that_were_given() -> None:
    got: list[Array] = []

    def model(images: Array) -> Array:
        got.append(images)
        return images.mean(axis=(1, 2, 3)) / 255

    subject = Subject.of(model, PIXELS, np.arange(12) % 2)
    assert np.array_equal(got[0], PIXELS)
    assert got[0].dtype == np.uint8
    assert np.allclose(subject.predict(subject.X)[:, 1], PIXELS.mean(axis=(1, 2, 3)) / 255)
    subject = Subject.of(model, PIXELS / 255.0, np.arange(12) % 2)
    assert got[-1].dtype == np.float64


def test_gradients_come_in_the_layout_of_the_subject() -> None:
    torch = pytest.importorskip("torch")

    class Last(torch.nn.Module):  # type: ignore[misc,name-defined]
        """Takes channels last; only the red ones count."""

        def forward(self, images: Any) -> Any:
            red = images[..., 0].mean((1, 2))
            return torch.stack([-red, red], 1)

    subject = Subject.of(Last(), (PIXELS / 255).astype(np.float32), np.arange(12) % 2)
    assert subject.gradient is not None
    slope = subject.gradient(subject.X, subject.y)
    assert slope.shape == (12, 3, 5, 4)
    assert (slope[:, 0] != 0).all()
    assert (slope[:, 1:] == 0).all()


def test_what_is_no_folder_of_pictures_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the pictures must be in a folder, got 'nowhere'"):
        read_pictures("nowhere")
    with pytest.raises(ValueError, match="must hold at least two subfolders with pictures"):
        read_pictures(folder / "cats")
    with pytest.raises(ValueError, match=r"size must be \(height, width\) in pixels, got \(0, 3\)"):
        read_pictures(folder, size=(0, 3))
    Image.fromarray(DOGS[0, :3]).save(folder / "dogs" / "small.png")
    with pytest.raises(ValueError, match=r"one size, got 5×4 \(0.PNG\) and 3×4 \(small.png\): pass size="):
        read_pictures(folder)
    (folder / "dogs" / "small.png").write_bytes(b"GIF89a no picture")
    with pytest.raises(ValueError, match=r"the picture small.png could not be read"):
        read_pictures(folder)


def test_a_picture_that_unpacks_to_too_much_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"could not be read: Image size \(20 pixels\) exceeds limit"):
        read_pictures(folder)
