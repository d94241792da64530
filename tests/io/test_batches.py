"""A batch to be judged from files: roles of its columns, pictures of every kind, and what does not go together."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject
from xrai_widgets.io import picture_files
from xrai_widgets.io.batches import BatchFile
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.io.plans import read_plan_file
from xrai_widgets.results.as_code import expression

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "row": [f"r{index}" for index in range(60)],
        "age": RNG.integers(20, 60, 60),
        "branch": RNG.choice(["A1", "12", "13"], 60),
        "note": "free text",
        "risk": RNG.choice(["good", "bad"], 60),
    }
)
NEW = FRAME[:4].assign(row=["n0", "n1", "n2", "n3"], branch=["12", "13", "14", "12"], odd=["no", "yes", "no", "no"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["branch"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(FRAME[["age", "branch"]], FRAME["risk"])
    skops.io.dump(model, folder / "model.skops")
    FRAME.to_csv(folder / "test.csv", index=False)
    NEW.to_csv(folder / "new.csv", index=False)
    return folder


def files(folder: Path, new: str | Path = "new.csv", **words: Any) -> OwnFiles:
    roles = {"target": "risk", "ids": "row", "ignore": ("note",), "foreign": "odd", **words}
    return OwnFiles(folder / "model.skops", folder / "test.csv", new=folder / new, **roles)


def test_every_column_of_the_batch_plays_its_role(folder: Path) -> None:
    subject = files(folder).subject()
    assert subject.new_ids is not None
    assert subject.new_ids.tolist() == ["n0", "n1", "n2", "n3"]
    assert subject.foreign is not None
    assert subject.foreign.tolist() == [False, True, False, False]
    assert subject.y_new is not None
    assert [subject.classes[code] for code in subject.y_new] == NEW["risk"].tolist()
    assert subject.X_new is not None
    assert subject.decode is not None
    assert subject.decode(subject.X_new)["branch"].tolist() == NEW["branch"].tolist(), "12 is a word, as in test.csv"
    assert subject.constraints[1].categories == ("12", "13", "A1")
    without = files(folder, foreign="").subject
    with pytest.raises(ValueError, match=r"new.csv must have only the columns 'age', 'branch' .*, got also 'odd'"):
        without()
    assert "new='new.csv', foreign='odd'" in expression(subject.origin)


def test_a_batch_needs_neither_labels_nor_names_nor_what_is_ignored(folder: Path) -> None:
    NEW[["branch", "age"]].to_parquet(folder / "bare.parquet")
    subject = files(folder, "bare.parquet", foreign="").subject()
    assert subject.y_new is subject.foreign is None
    assert subject.new_ids is not None
    assert subject.new_ids.tolist() == [0, 1, 2, 3]
    NEW.assign(risk=np.nan).to_csv(folder / "unlabelled.csv", index=False)
    assert files(folder, "unlabelled.csv").subject().y_new is None
    assert (
        subject.parts["X"]
        == OwnFiles(folder / "model.skops", folder / "test.csv", "risk", ids="row", ignore=("note",))
        .subject()
        .parts["X"]
    )


def test_the_reader_of_the_app_and_of_python_are_one(folder: Path) -> None:
    asked = {"target": "risk", "ids": "row", "ignore": ["note"], "foreign": "odd"}
    subject = xw.read_subject(folder / "model.skops", folder / "test.csv", new=folder / "new.csv", **asked)  # type: ignore[arg-type]  # words by name
    assert subject.fingerprint == files(folder).subject().fingerprint


def test_what_is_text_among_the_held_out_samples_is_text_in_a_small_batch_too(tmp_path: Path) -> None:
    """Whatever the model knows: all cells of a batch may look like numbers, and NA may be a word."""
    X = pd.DataFrame({"branch": ["A1", "12", "NA"], "age": [1, 2, 3]})
    (tmp_path / "new.csv").write_text("branch,age\n12,5\n013,6\n")
    found = BatchFile(tmp_path / "new.csv").read(X)["X_new"]
    assert found["branch"].tolist() == ["12", "013"]
    assert found["age"].tolist() == [5, 6]
    (tmp_path / "new.csv").write_text("branch,age\nNA,5\n,6\n")
    found = BatchFile(tmp_path / "new.csv").read(X)["X_new"]
    assert found["branch"][0] == "NA"
    assert pd.isna(found["branch"][1])


def test_labels_that_are_text_are_text_in_a_small_batch_too(tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    X, y = RNG.normal(size=(30, 2)).astype(np.float32), np.array(["1", "2", "x"] * 10)
    table = pd.DataFrame(X, columns=["a", "b"]).assign(y=y)
    model = LogisticRegression().fit(X, y)
    (tmp_path / "m.onnx").write_bytes(skl2onnx.to_onnx(model, X[:1]).SerializeToString())
    table.to_csv(tmp_path / "test.csv", index=False)
    table[:2].to_csv(tmp_path / "new.csv", index=False)
    subject = OwnFiles(tmp_path / "m.onnx", tmp_path / "test.csv", "y", new=tmp_path / "new.csv").subject()
    assert subject.y_new is not None
    assert [subject.classes[code] for code in subject.y_new] == ["1", "2"]


@pytest.mark.parametrize(
    ("cells", "flags"),
    [
        ([True, False], [True, False]),
        ([1, 0], [True, False]),
        ([1.0, 0.0], [True, False]),
        (["TRUE", " no"], [True, False]),
        (["yes", "False"], [True, False]),
    ],
)
def test_truth_is_written_in_many_ways(cells: list[Any], flags: list[bool], folder: Path) -> None:
    NEW[:2].assign(odd=cells).to_parquet(folder / "truth.parquet")
    found = files(folder, "truth.parquet").subject().foreign
    assert found is not None
    assert found.tolist() == flags


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no such column": (NEW, {"foreign": "od"}, "must have the column 'od', which says True .*did you mean 'odd'"),
    "another word": (
        NEW.assign(odd="perhaps"),
        {},
        r"must say True or False \(or 1 and 0, yes and no\), got 'perhaps'",
    ),
    "a number": (NEW.assign(odd=2), {}, "must say True or False .*, got '2'"),
    "a gap": (
        NEW.assign(odd=["no", None, "yes", "no"]),
        {},
        "must say True or False in every row of bad.csv, got 1 empty",
    ),
    "half the labels": (
        NEW.assign(risk=["good", None, None, "bad"]),
        {},
        "'risk' must be filled in every row of bad.csv or in none, got 2 empty: fill them, or leave the column out",
    ),
    "a label that the model does not know": (
        NEW.assign(risk="ugly"),
        {},
        "y_new must hold labels that the model knows",
    ),
    "a column that is missing": (
        NEW.drop(columns="age"),
        {},
        r"bad.csv must have the column\(s\) 'age' \(those of X\)",
    ),
    "a column of another kind": (NEW.assign(age="old"), {}, "column 'age' of X_new must hold numbers, as in X"),
    "two roles": (NEW, {"foreign": "risk"}, "a column must have one role, got 'risk' as the target and foreign"),
    "no rows": (NEW[:0], {}, "the table bad.csv must hold at least one row"),
    "the same name twice": (NEW.assign(row="n"), {}, "new_ids must differ from each other, got 3 repeated"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_batch_that_will_not_do_is_refused_by_name(case: str, folder: Path) -> None:
    frame, words, message = BAD[case]
    frame.to_csv(folder / "bad.csv", index=False)
    with pytest.raises((ValueError, TypeError), match=message):
        files(folder, "bad.csv", **words).subject()


def test_foreign_without_a_batch_and_a_batch_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"foreign .'odd'. is a column of a batch of new samples: give its table, too"):
        OwnFiles(folder / "model.skops", folder / "test.csv", "risk", foreign="odd")
    with pytest.raises(ValueError, match=r"the table must be a file, got .*nowhere.csv', which does not exist"):
        files(folder, "nowhere.csv").subject()
    (folder / "new.pkl").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"new.pkl may hold a pickle"):
        files(folder, "new.pkl").subject()
    Image.new("L", (8, 8)).save(folder / "one.png")
    with pytest.raises(ValueError, match=r"one.png holds pictures, and this model takes tables: give a table"):
        files(folder, "one.png", foreign="").subject()


DIGITS = np.zeros((3, 64))
DIGITS[1] = 1.0


def pixels(path: Path, like: Array = DIGITS, shape: tuple[int, ...] = (1, 8, 8), foreign: str = "") -> dict[str, Any]:
    found: dict[str, Any] = BatchFile(path, foreign).read(like, shape)
    return found


def test_a_folder_of_pictures_is_a_batch_on_the_scale_of_the_others(tmp_path: Path) -> None:
    for name, grey in (("a", 0), ("b", 51), ("letters/c", 255), ("letters/deep/d", 102)):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), grey).save(file)
    (tmp_path / "readme.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "e.png").write_bytes(b"")
    found = pixels(tmp_path, foreign="letters")
    assert found["new_ids"].tolist() == ["a.png", "b.png", "letters/c.png", "letters/deep/d.png"]
    assert found["foreign"].tolist() == [False, False, True, True]
    assert found["X_new"].shape == (4, 64)
    assert np.allclose(found["X_new"][:, 0], [0, 0.2, 1, 0.4])
    for like, wanted in ((DIGITS * 2 - 1, -0.6), (DIGITS * 255, 51), (DIGITS * 16, 3.2)):
        assert np.allclose(pixels(tmp_path / "b.png", like)["X_new"], wanted)
    images = DIGITS.reshape(3, 1, 8, 8)
    assert BatchFile(tmp_path).read(images)["X_new"].shape == (4, 1, 8, 8)
    table = pd.DataFrame(DIGITS, columns=[f"p{place}" for place in range(64)])
    made = BatchFile(tmp_path).read(table, (1, 8, 8))["X_new"]
    assert list(made.columns) == list(table.columns)
    with pytest.raises(ValueError, match=r"foreign must be a subfolder of .*, got 'numbers'; subfolders: 'letters'"):
        pixels(tmp_path, foreign="numbers")


def test_pictures_of_every_kind_show_what_a_viewer_shows(tmp_path: Path) -> None:
    """Palette, 16 bits, see-through, turned by the camera, coloured: none is cut off or turned black."""
    half = np.full((8, 8), 128, dtype=np.uint8)
    Image.fromarray(half).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(np.full((8, 8), 128 * 257, dtype=np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([half, half, half])).save(tmp_path / "colour.png")
    Image.fromarray(np.dstack([half * 0, half * 0, half * 0, half * 0 + 127])).save(tmp_path / "through.png")
    Image.fromarray(np.dstack([half, half * 0 + 255])).save(tmp_path / "alpha.png")
    Image.new("CMYK", (8, 8), (127, 127, 127, 0)).save(tmp_path / "print.jpg")
    for name in ("palette.png", "deep.png", "colour.png", "through.png", "alpha.png", "print.jpg"):
        assert np.allclose(pixels(tmp_path / name)["X_new"], 128 / 255, atol=0.01), name
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "empty.png")
    assert np.allclose(pixels(tmp_path / "empty.png")["X_new"], 1.0), "on white, as on paper"
    top = np.zeros((8, 8), dtype=np.uint8)
    top[0] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned clockwise by a quarter
    Image.fromarray(top).save(tmp_path / "turned.png", exif=turned)
    found = pixels(tmp_path / "turned.png")["X_new"].reshape(8, 8)
    assert (found[:, -1] == 1).all()
    assert (found[:, :-1] == 0).all()
    large = Image.fromarray(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((40, 40), dtype=np.uint8)))
    large.save(tmp_path / "large.png")
    assert pixels(tmp_path / "large.png")["X_new"].reshape(8, 8)[0].tolist()[:3] == [1, 1, 1]
    colours = np.zeros((3, 3 * 64))
    colours[1] = 1
    Image.new("RGB", (8, 8), (255, 0, 51)).save(tmp_path / "red.png")
    assert np.allclose(pixels(tmp_path / "red.png", colours, (3, 8, 8))["X_new"][0, [0, 64, 128]], [1, 0, 0.2])


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it has these many pixels, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_pictures_that_are_too_large_or_broken_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bomb.png").write_bytes(huge_png(10_000, 5_000))
    with pytest.raises(
        ValueError, match=r"bomb.png could not be read: it must have at most 40,000,000 pixels, got 10,000"
    ):
        pixels(tmp_path / "bomb.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(ValueError, match=r"the picture broken.png could not be read"):
        pixels(tmp_path / "broken.png")
    Image.new("L", (8, 8)).save(tmp_path / "web.webp")
    (tmp_path / "web.webp").rename(tmp_path / "web.png")  # a kind that is not asked for, under another name
    with pytest.raises(ValueError, match=r"the picture web.png could not be read"):
        pixels(tmp_path / "web.png")
    Image.new("L", (8, 8)).save(tmp_path / "fine.png")
    monkeypatch.setattr(picture_files, "MOST_FILE", 10)
    with pytest.raises(ValueError, match=r"fine.png must have at most 10 bytes .*, got"):
        pixels(tmp_path / "fine.png")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"the folder none must hold pictures \(.png, .jpg, .jpeg\), got none"):
        pixels(tmp_path / "none")


def test_an_archive_is_a_folder_of_pictures_and_is_unpacked_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def png(grey: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("L", (8, 8), grey).save(buffer, "PNG")
        return buffer.getvalue()

    file = tmp_path / "new.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            *(
                ("new/b.png", png(51)),
                ("new/a.PNG", png(0)),
                ("new/../../out/e.png", png(0)),
                ("new/letters/c.png", png(255)),
            ),
            *(("new/.d.png", b""), ("__MACOSX/new/._b.png", b""), ("new/read.txt", b"")),
        ):
            archive.writestr(name, content)
    found = pixels(file, foreign="letters")
    assert found["new_ids"].tolist() == ["a.PNG", "b.png", "letters/c.png"]
    assert found["X_new"][:, 0].tolist() == [0, 0.2, 1]
    assert found["foreign"].tolist() == [False, False, True]
    assert sorted(place.name for place in tmp_path.iterdir()) == ["new.zip"]
    monkeypatch.setattr(picture_files, "MOST_FILE", 10)
    with pytest.raises(ValueError, match=r"the picture new/a.PNG must have at most 10 bytes"):
        pixels(file)
    monkeypatch.undo()
    packed = bytearray(file.read_bytes())
    packed[60:80] = b"x" * 20  # of what is packed
    for content, message in ((b"PK", "the archive new.zip could not be read"), (bytes(packed), "could not be")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            pixels(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("letters/a.png", png(0))
    assert pixels(file, foreign="letters")["foreign"].tolist() == [True], "a folder that is all there is stays"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("read.txt", b"")
    with pytest.raises(ValueError, match=r"the archive new.zip must hold pictures"):
        pixels(file)


def test_a_network_takes_pictures_and_arrays(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from xrai_widgets.io.network_files import save_network
    from xrai_widgets.models.networks import cnn

    save_network(cnn((1, 8, 8), [4], 2, classes=["no", "yes"]), tmp_path / "net.safetensors")
    images = RNG.random((6, 8, 8))
    np.savez(tmp_path / "test.npz", X=images, y=np.array(["no", "yes"] * 3))
    np.savez(tmp_path / "new.npz", X=images[:2] / 2, odd=np.array([True, False]))
    (tmp_path / "new").mkdir()
    Image.new("L", (20, 20), 255).save(tmp_path / "new" / "white.png")
    given = {"target": "y"}
    arrays = xw.read_subject(
        tmp_path / "net.safetensors", tmp_path / "test.npz", new=tmp_path / "new.npz", foreign="odd", **given
    )
    assert arrays.X_new is not None
    assert np.allclose(arrays.X_new[:, 0], images[:2] / 2)
    assert arrays.foreign is not None
    assert arrays.foreign.tolist() == [True, False]
    drawn = xw.read_subject(tmp_path / "net.safetensors", tmp_path / "test.npz", new=tmp_path / "new", **given)
    assert drawn.X_new is not None
    assert drawn.X_new.shape == (1, 1, 8, 8)
    assert (drawn.X_new == 1).all()
    assert drawn.new_ids is not None
    assert drawn.new_ids.tolist() == ["white.png"]


def test_a_plan_names_a_batch_beside_itself(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[subject]\nexample = "german_credit_forest"\nnew = "new.csv"\nforeign = "odd"\n["privacy.shapr"]\n'
    )
    said = read_plan_file(plan)
    assert said.new == tmp_path / "new.csv"
    assert said.foreign == "odd"
    for wrong, message in (
        ('foreign = "odd"', 'says foreign, a column of a batch: say new = "file", too'),
        ("new = 3", r'must say new = "…", text, got 3'),
        ('news = "x.csv"', r'must hold example = "…", new = "…", foreign = "…" and constraints'),
    ):
        plan.write_text(f'[subject]\n{wrong}\n["privacy.shapr"]\n')
        with pytest.raises(ValueError, match=message):
            read_plan_file(plan)


def test_a_plan_with_a_batch_is_not_run_on_a_subject_without_one(tmp_path: Path, logistic: Subject) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[subject]\nnew = "new.csv"\n["privacy.shapr"]\n')
    with pytest.raises(
        ValueError, match=r"the plan names a batch of new samples .new.csv., and .* was made without one"
    ):
        xw.run_plan(logistic, plan)
