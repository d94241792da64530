"""The field for a file, and the page for a model of one's own, without a browser."""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.cells.remote import Foreign
from xrai_widgets.core import quiet
from xrai_widgets.io.model_files import check_model_name
from xrai_widgets.io.summaries import TableColumn, TableSummary
from xrai_widgets.io.uploads import SLICE
from xrai_widgets.results.as_code import expression
from xrai_widgets.runtime import run
from xrai_widgets.widgets import ConstraintEditor, OwnModel, SubjectPicker, Uploader
from xrai_widgets.widgets import uploader as module
from xrai_widgets.widgets.column_roles import ColumnRoles
from xrai_widgets.widgets.uploader import Uploader as Field


class Browser:
    """Sends what uploader.js sends, and keeps what comes back."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.heard: list[dict[str, Any]] = []
        field.send = self.heard.append  # type: ignore[method-assign]

    def tell(self, content: Any, *buffers: Any) -> dict[str, Any]:
        self.field._hear(self.field, content, list(buffers))
        return self.heard[-1] if self.heard else {}

    def begin(self, name: str, size: int, key: str = "a") -> dict[str, Any]:
        return self.tell({"kind": "begin", "id": key, "name": name, "size": size})

    def slice(self, offset: int, data: bytes, key: str = "a") -> dict[str, Any]:
        return self.tell({"kind": "slice", "id": key, "offset": offset}, memoryview(data))

    def upload(self, name: str, content: bytes, key: str = "a") -> dict[str, Any]:
        said = self.begin(name, len(content), key)
        for offset in range(0, len(content), SLICE):
            if said["kind"] == "received":
                said = self.slice(offset, content[offset : offset + SLICE], key)
        return said


@pytest.fixture
def browser() -> Browser:
    return Browser(Uploader("fitted model", [".skops"], check_model_name))


def test_slices_are_acknowledged_and_make_the_file(browser: Browser) -> None:
    content = bytes(range(256)) * 10_000
    browser.upload("m.skops", content)
    assert [said["bytes"] for said in browser.heard] == [0, SLICE, 2 * SLICE, len(content)]
    assert browser.field.upload is not None
    assert browser.field.upload.path.read_bytes() == content
    assert browser.field.name == "m.skops"


def test_200_mb_and_a_byte_are_refused_before_anything_is_sent(browser: Browser) -> None:
    said = browser.begin("m.skops", 200 * 2**20 + 1)
    assert said["kind"] == "refused"
    assert "must have at most 209,715,200 bytes (200 MB), got 209,715,201" in said["message"]
    assert browser.begin("m.skops", 200 * 2**20)["kind"] == "received"


def test_a_kind_of_file_that_will_not_do_is_refused_before_anything_is_sent(browser: Browser) -> None:
    said = browser.begin("m.pkl", 10)
    assert said["kind"] == "refused"
    assert "m.pkl is a pickle, and reading a pickle runs the code in it" in said["message"]


def test_an_earlier_file_outlives_a_refused_one_and_goes_with_its_successor(browser: Browser) -> None:
    browser.upload("one.skops", b"1")
    first = browser.field.upload
    assert first is not None
    browser.upload("m.pkl", b"2", "b")
    browser.begin("half.skops", 10, "c")
    browser.tell({"kind": "cancel", "id": "c"})
    assert browser.field.upload is first
    assert first.path.exists()
    browser.upload("two.skops", b"2", "d")
    assert first.closed
    assert browser.field.name == "two.skops"


def test_two_uploads_at_once_into_one_field_the_second_is_told_to_wait(browser: Browser) -> None:
    browser.begin("one.skops", 3, "a")
    said = browser.begin("two.skops", 3, "b")
    assert said == {"kind": "refused", "id": "b", "message": said["message"]}
    assert "one.skops is still being uploaded here: wait until it is done, or cancel it" in said["message"]
    assert browser.slice(0, b"xxx", "b")["kind"] == "refused"
    assert browser.slice(0, b"123", "a") == {"kind": "received", "id": "a", "bytes": 3}
    assert browser.field.name == "one.skops"


def test_two_uploads_at_once_into_two_fields_do_not_meet() -> None:
    one, two = Browser(Uploader("model", [".skops"])), Browser(Uploader("table", [".csv"]))
    one.begin("m.skops", 2)
    two.begin("t.csv", 2)
    one.slice(0, b"1")
    two.slice(0, b"2")
    one.slice(1, b"1")
    two.slice(1, b"2")
    assert one.field.upload is not None
    assert two.field.upload is not None
    assert one.field.upload.path.read_bytes() == b"11"
    assert two.field.upload.path.read_bytes() == b"22"


def test_an_upload_whose_page_is_gone_gives_way(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.begin("one.skops", 3, "a")
    monkeypatch.setattr(module, "_STALE", 0.0)
    assert browser.begin("two.skops", 3, "b")["kind"] == "received"
    assert browser.slice(0, b"1", "a")["kind"] == "refused"


def test_a_slice_that_is_missing_ends_the_upload(browser: Browser) -> None:
    browser.begin("m.skops", 10)
    assert "must begin at byte 0, got 5" in browser.slice(5, b"12345")["message"]
    assert "was cancelled, or another file took its place" in browser.slice(0, b"12345")["message"]
    assert browser.field.upload is None


@pytest.mark.parametrize(
    "content",
    [None, [], "begin", {}, {"kind": "x"}, {"kind": "begin"}, {"kind": "begin", "id": 3}, {"kind": "slice", "id": {}}],
)
def test_a_message_that_makes_no_sense_is_answered(browser: Browser, content: Any) -> None:
    assert browser.tell(content)["kind"] == "refused"


def test_removing_deletes_the_file(browser: Browser) -> None:
    browser.upload("m.skops", b"1")
    held = browser.field.upload
    assert held is not None
    browser.tell({"kind": "remove", "id": ""})
    assert held.closed
    assert (browser.field.upload, browser.field.name) == (None, "")


def test_markup_in_a_file_name_is_text(browser: Browser) -> None:
    browser.upload("<img src=x onerror=alert(1)>.skops", b"1")
    assert browser.field.name == "_img src=x onerror=alert(1)_.skops"


RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {"id": range(60), "age": RNG.integers(20, 60, 60), "income": RNG.normal(size=60), "risk": ["good", "bad"] * 30}
)


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("m") / "tree.skops"
    tree = DecisionTreeClassifier(random_state=0).fit(FRAME[["age", "income"]][:40], FRAME["risk"][:40])
    skops.io.dump(tree, file)
    return file.read_bytes()


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    """The page; files are read in this process, which tests/runtime/test_trial.py shows otherwise."""
    from xrai_widgets.runtime import trial

    here: Callable[..., Any] = lambda function, arguments, _: function(*arguments, quiet)  # noqa: E731
    monkeypatch.setattr(trial, "_called", here)
    monkeypatch.setattr(trial, "made_in_cell", here)
    return OwnModel()


def test_traps_that_come_through_the_upload_are_refused_or_reset_in_a_cell(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password", encoding="utf-8")
    words = CountVectorizer().fit(["a word", "another"])
    words.input = "filename"
    reads = ColumnTransformer([("w", FrozenEstimator(words), "note")])
    piped = Pipeline([("s", StandardScaler()), ("t", DecisionTreeClassifier())])
    piped.fit(FRAME[["age", "income"]][:40], FRAME["risk"][:40]).memory = str(tmp_path / "cache")
    page = OwnModel()
    give(page.data, "t.csv", FRAME[40:])
    for model, name in ((reads, "reads.skops"), (piped, "piped.skops")):
        skops.io.dump(model, tmp_path / name)
        give(page.model, name, (tmp_path / name).read_bytes())
        settle(page)
        if model is reads:
            assert "has input='filename', and cells of the table are opened as files" in page.model.error
    give(page.train, "train.csv", FRAME[:40])
    page.training.value = "table"
    settle(page)
    page.button.click()
    settle(page)
    assert page.subject is not None, page.message.value
    assert isinstance(page.subject.model, Foreign)
    assert page.subject.fit is not None
    assert page.subject.X_train is not None
    assert page.subject.y_train is not None
    page.subject.fit(page.subject.X_train, page.subject.y_train, seed=0)
    assert not (tmp_path / "cache").exists()


def give(field: Field, name: str, content: bytes | str | pd.DataFrame) -> None:
    if isinstance(content, pd.DataFrame):
        content = content.to_csv(index=False)
    Browser(field).upload(name, content.encode() if isinstance(content, str) else content)


def settle(own: OwnModel) -> None:
    deadline = time.monotonic() + 120
    while own._jobs:
        own.wait(0.05)
        assert time.monotonic() < deadline


def test_from_files_to_a_subject(own: OwnModel, model_bytes: bytes) -> None:
    assert own.button.disabled
    assert "Upload a fitted model" in own.status.value
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME[40:])
    settle(own)
    assert "DecisionTreeClassifier, takes 2 columns by name" in own.model.note
    assert own.data.note == "20 rows, 4 columns"
    assert own.roles.values == {"target": "risk", "ids": "id", "weights": "", "ignore": (), "immutable": ()}
    own.training.value = "table"
    assert own.button.disabled
    give(own.train, "train.csv", FRAME[:40])
    settle(own)
    own.roles.immutable.value = ("age",)
    own.button.click()
    assert own.button.description == "Cancel reading"
    settle(own)
    assert own.message.value == ""
    assert own.subject is not None
    assert own.subject.name == "tree"
    assert own.subject.X_train is not None
    assert len(own.subject.X_train) == 40
    assert own.subject.constraints[0].immutable
    assert own.button.description == "Use this model"


def test_empty_cells_of_numbers_come_through_the_upload_and_its_cell(tmp_path: Path) -> None:
    table = FRAME.assign(age=FRAME["age"].where(FRAME["id"] % 4 > 0), income=FRAME["income"].where(FRAME["id"] % 5 > 0))
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5).fit(table[["age", "income"]], table["risk"])
    skops.io.dump(model, tmp_path / "gaps.skops")
    page = OwnModel()
    give(page.model, "gaps.skops", (tmp_path / "gaps.skops").read_bytes())
    give(page.data, "all.csv", table)
    settle(page)
    page.training.value = "split"
    page.button.click()
    settle(page)
    subject = page.subject
    assert subject is not None, page.message.value
    assert isinstance(subject.model, Foreign)
    assert subject.X_train is not None
    assert "empty cells: age 15, income 12" in subject.notes
    assert int(subject.missing.sum() + np.isnan(subject.X_train).sum()) == 27
    assert subject.constraints[0].kind == "integer"
    ids = subject.ids.astype(int)
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(table.loc[ids, ["age", "income"]]))
    outcome = run(subject, "robustness.evasion", {"n_samples": 5, "max_iter": 2}, strict=True)
    assert outcome.status == "ok"
    editor = ConstraintEditor(subject)
    editor.edit("age", kind="category")
    row = editor._row("age")
    assert row["codes"]
    assert "nan" not in json.dumps(row, allow_nan=False)
    assert editor.ready, editor.status


def test_a_batch_of_new_samples_is_a_third_upload_with_a_role_of_its_own(own: OwnModel, model_bytes: bytes) -> None:
    new = FRAME[["age", "income"]][:5].assign(odd=[True, False] * 2 + [True], member=1, foreign="no")
    give(own.batch.field, "new.csv", new)  # it may come first
    settle(own)
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME)
    settle(own)
    assert own.batch.field.note == "5 rows, 5 columns"
    assert [name for _, name in own.batch.foreign.options] == ["", "odd", "member", "foreign"]
    assert own.batch.foreign.value == "foreign", "its name says it"
    assert "more than there: odd, member" in own.batch.field.error
    own.batch.foreign.value = "odd"
    assert "more than there: member, foreign" in own.batch.field.error
    give(own.batch.field, "new.csv", new[["age", "income", "odd"]])
    settle(own)
    assert own.batch.field.error == ""
    assert own.batch.foreign.value == "odd", "what was chosen stays"
    own.button.click()
    settle(own)
    assert own.subject is not None, own.message.value
    assert own.subject.foreign is not None
    assert own.subject.foreign.tolist() == [True, False, True, False, True]
    assert "new='new.csv', foreign='odd'" in expression(own.subject.origin)
    own.batch.field.remove()
    assert own.batch.values == {"new": None, "foreign": ""}
    own.button.click()
    settle(own)
    assert own.subject.X_new is None


def test_pictures_come_zipped_and_a_folder_of_them_may_be_foreign(own: OwnModel, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        for name in ("new/a.png", "new/letters/b.png", "__MACOSX/new/a.png", "new/.c.png", "new/read.txt"):
            archive.writestr(name, b"")
    give(own.batch.field, "new.zip", (tmp_path / "new.zip").read_bytes())
    settle(own)
    assert own.batch.field.note == "2 pictures"
    assert [name for _, name in own.batch.foreign.options] == ["", "letters"]
    own.batch.foreign.value = "letters"
    give(own.data, "test.csv", FRAME)
    settle(own)
    assert own.batch.values["foreign"] == "letters", "what is chosen stays when another file comes"
    give(own.batch.field, "new.zip", "no archive")
    settle(own)
    assert "the archive new.zip could not be read" in own.batch.field.error


def test_what_is_wrong_with_a_batch_stands_beside_it(own: OwnModel, model_bytes: bytes) -> None:
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME)
    settle(own)
    give(own.batch.field, "new.csv", FRAME[["age"]])
    settle(own)
    assert "It must have the features of the held-out samples; missing: income." in own.batch.field.error
    own.roles.ignore.value = ("income",)
    assert own.batch.field.error == "", "what is ignored need not be there"
    own.roles.ignore.value = ()
    give(own.batch.field, "new.csv", "a;b\n")
    settle(own)
    assert "the table new.csv must hold at least one row" in own.batch.field.error
    assert Browser(own.batch.field).begin("new.pkl", 9)["kind"] == "refused"
    give(own.batch.field, "new.png", "no picture")
    settle(own)
    assert own.batch.field.note == "1 picture"
    own.button.click()
    settle(own)
    assert "new.png holds pictures, and this model takes tables" in own.message.value
    assert own.data.error == ""


def test_one_table_is_split(own: OwnModel, model_bytes: bytes) -> None:
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "all.csv", FRAME)
    settle(own)
    own.training.value = "split"
    own.split.share.value, own.split.seed.value, own.split.stratify.value = 0.2, 3, True
    own.button.click()
    settle(own)
    assert own.subject is not None
    assert "split=0.2, seed=3, stratify=True" in expression(own.subject.origin)
    assert len(own.subject.X) == 12


def test_an_error_stands_beside_what_caused_it_and_the_rest_stays(own: OwnModel, model_bytes: bytes) -> None:
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME)
    settle(own)
    own.use()
    settle(own)
    before = own.subject
    assert before is not None
    give(own.model, "broken.skops", b"garbage")
    settle(own)
    assert "the model broken.skops could not be read" in own.model.error
    assert own.data.error == ""
    assert own.button.disabled
    assert own.subject is before
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", "a;b\n1,500;2\n")
    settle(own)
    assert own.model.error == ""
    assert "set the option decimal" in own.data.error
    assert own._style.selected_index == 0, "the option is in sight"
    own.style_form.decimal.value = ","
    settle(own)
    assert "missing: age, income" in own.data.error
    give(own.data, "test.csv", FRAME)
    settle(own)
    assert own.data.error == ""


def test_a_constant_target_and_columns_that_differ_are_said_at_once(own: OwnModel, model_bytes: bytes) -> None:
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME.assign(risk="good"))
    settle(own)
    assert "The target risk must hold at least two different values, got 1" in own.roles.message.value
    own.use()
    settle(own)
    assert "must hold at least two different values" in own.message.value
    own.training.value = "table"
    give(own.train, "train.csv", FRAME.drop(columns="age").assign(z=1))
    settle(own)
    assert "missing: age; more than there: z" in own.train.error


def test_roles_that_were_chosen_stay_when_the_other_file_has_been_read() -> None:
    names = ["row", "age", "risk", "note", "w"]
    table = TableSummary(9, tuple(TableColumn(name, "text" if name == "note" else "numbers", 9, 0) for name in names))
    roles = ColumnRoles()
    roles.ask(table)
    assert roles.target.value == "w"
    roles.target.value, roles.weights.value, roles.ids.value = "risk", "w", ""
    roles.ask(table, ("age",))
    assert roles.values == {"target": "risk", "ids": "", "weights": "w", "ignore": ("note",), "immutable": ()}
    roles.ignore.value = ()
    roles.ask(table, ("age", "note"))
    assert roles.values["ignore"] == ()
    other = TableSummary(
        9, (*table.columns[:2], TableColumn("risk", "numbers", 9, 0), TableColumn("y", "numbers", 9, 0))
    )
    roles.ask(other, ("age",))
    assert roles.values["target"] == "y", "another table is asked about anew"


def test_removing_the_model_greys_the_button(own: OwnModel, model_bytes: bytes) -> None:
    give(own.model, "tree.skops", model_bytes)
    give(own.data, "test.csv", FRAME)
    settle(own)
    assert not own.button.disabled
    own.model.remove()
    assert own.button.disabled
    assert own.model.note == ""


def test_a_file_that_takes_the_place_of_one_being_read_wins(own: OwnModel, model_bytes: bytes) -> None:
    give(own.data, "first.csv", FRAME)
    give(own.data, "second.csv", FRAME[:7])
    settle(own)
    assert own.data.note == "7 rows, 4 columns"


def test_columns_with_markup_in_their_names_are_escaped(own: OwnModel, model_bytes: bytes) -> None:
    give(own.data, "t.csv", FRAME.rename(columns={"age": "<img src=x onerror=alert(1)>"}))
    settle(own)
    assert "&lt;img" in own.roles._features.value
    assert "<img" not in own.roles._features.value


def test_a_column_has_one_role(own: OwnModel) -> None:
    give(own.data, "t.csv", FRAME)
    settle(own)
    own.roles.ids.value = "id"
    own.roles.ignore.value = ("age",)
    assert own.roles.features == ["income"]
    assert [name for _, name in own.roles.weights.options] == ["", "age", "income"], "the guess ignores weights"
    own.roles.weights.value = "age"
    assert own.roles.ignore.value == ()
    assert own.roles.features == ["income"]
    assert own.roles.values["weights"] == "age"
    own.roles.weights.value, own.roles.ignore.value = "", ("age",)
    own.roles.target.value = "age"
    assert own.roles.ignore.value == ()
    assert "age" not in own.roles.ignore.options
    own.roles.immutable.value = ("risk",)
    own.roles.ids.value = "risk"
    assert own.roles.immutable.value == ()
    assert own.roles.values["ids"] == "risk"


def test_the_picker_takes_the_subject_of_the_page(own: OwnModel, monkeypatch: pytest.MonkeyPatch, forest: Any) -> None:
    picker = SubjectPicker()
    assert "upload" not in picker._pages, "the page is made when it is first looked at"
    picker._source.value = "upload"
    picker.upload.subject = forest
    assert picker.subject is forest


def test_files_are_gone_when_the_page_is_removed(model_bytes: bytes) -> None:
    field = Uploader("fitted model", [".skops"])
    give(field, "tree.skops", model_bytes)
    assert field.upload is not None
    folder: Path = field.upload.path.parent
    field.remove()
    assert not folder.exists()
