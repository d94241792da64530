"""Bring your own: a model and a table from files, in a real browser, from upload to report."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import skops.io
from playwright.sync_api import Locator, Page, expect
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.command import called
from xrai_widgets.data import examples

LONG = 120_000
MIA = "privacy.membership_inference"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forest that was trained without this package, and its table."""
    folder = tmp_path_factory.mktemp("mine")
    X, risk = examples.german_credit()
    table = X.assign(risk=risk)
    table.to_csv(folder / "credit.csv")
    train, _ = train_test_split(table, test_size=0.4, random_state=7)
    words = list(X.select_dtypes(exclude="number"))
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(40, random_state=0))
    skops.io.dump(model.fit(train.drop(columns="risk"), train["risk"]), folder / "forest.skops")
    return folder


@pytest.fixture
def upload_page(start_here: Page) -> Page:
    start_here.get_by_role("button", name="upload", exact=True).click()
    model_field(start_here).wait_for(timeout=LONG)
    return start_here


def model_field(page: Page) -> Locator:
    return page.get_by_label(re.compile("^fitted model"))


def table_field(page: Page) -> Locator:
    return page.get_by_label(re.compile("^table of held-out samples"))


def error_of(field: Locator) -> Locator:
    return field.locator("xpath=..").get_by_role("alert")


def status_of(field: Locator) -> Locator:
    return field.locator("xpath=..").get_by_role("status")


def named(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_from_upload_to_report_with_the_numbers_of_the_command_line(
    upload_page: Page, mine: Path, tmp_path: Path
) -> None:
    page = upload_page
    model_field(page).set_input_files(mine / "forest.skops")  # two uploads at once
    table_field(page).set_input_files(mine / "credit.csv")
    expect(status_of(model_field(page))).to_contain_text("RandomForestClassifier in a pipeline", timeout=LONG)
    expect(status_of(table_field(page))).to_contain_text("1,000 rows, 22 columns", timeout=LONG)
    expect(page.get_by_label("target", exact=True)).to_have_value(re.compile("risk"))
    expect(page.get_by_label("names of the samples")).to_have_value("applicant")
    page.get_by_label("immutable").select_option("age")
    page.get_by_label("training samples", exact=True).select_option("split the table above")
    page.get_by_label("share held out").fill("0.4")
    page.get_by_label("share held out").press("Tab")
    page.get_by_label("seed of the split").fill("7")
    page.get_by_label("seed of the split").press("Tab")
    page.get_by_role("button", name="Use this model").click()
    described = page.get_by_text(re.compile(r"^forest \(Pipeline\) · 600 train / 400 test samples · 20 features"))
    expect(described.first).to_be_visible(timeout=LONG)
    page.get_by_role("button", name=re.compile("^Run")).click()
    board = page.locator(".xrai-scoreboard")
    expect(board).to_contain_text("membership advantage", timeout=LONG)
    with page.expect_download(timeout=LONG) as waiting:
        page.get_by_role("button", name="JSON", exact=True).click()
    waiting.value.save_as(tmp_path / "app.json")
    command = (
        f"assess forest.skops --data credit.csv --target risk --ids applicant --immutable age --run {MIA} "
        f"--split 0.4 --seed 7 --out {tmp_path / 'cli.json'}"
    )
    said = called(*command.split(), cwd=mine)
    assert said.returncode in (0, 1), said.stderr
    app, cli = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("app", "cli"))
    ours = next(outcome for outcome in app["outcomes"] if outcome["assessment"] == MIA)
    theirs = cli["outcomes"][0]
    assert ours["origin"] == theirs["origin"]
    assert ours["subject"] == theirs["subject"]
    assert ours["finding"]["values"] == theirs["finding"]["values"]
    assert ours["finding"]["intervals"] == theirs["finding"]["intervals"]


def test_a_batch_of_new_samples_is_uploaded_beside_the_table_and_its_foreign_rows_are_told(
    upload_page: Page, mine: Path
) -> None:
    page = upload_page
    X, _ = examples.german_credit()
    batch = X[:30].assign(purpose=["yacht", *X.purpose[1:30]], elsewhere=[True, *[False] * 29])
    batch.to_csv(mine / "new.csv")
    model_field(page).set_input_files(mine / "forest.skops")
    table_field(page).set_input_files(mine / "credit.csv")
    field = page.get_by_label(re.compile("^batch of new samples"))
    field.set_input_files(mine / "new.csv")
    expect(status_of(field)).to_contain_text("30 rows, 22 columns", timeout=LONG)
    expect(page.get_by_label("target", exact=True)).to_have_value(re.compile("risk"), timeout=LONG)
    expect(error_of(field)).to_contain_text("more than there: elsewhere")
    page.get_by_label("foreign samples").select_option("elsewhere")
    expect(error_of(field)).to_be_empty()
    page.get_by_role("button", name="Use this model").click()
    described = page.get_by_text(re.compile(r"^forest \(Pipeline\) · 1000 test / 30 new samples · 20 features"))
    expect(described.first).to_be_visible(timeout=LONG)


def reads_files() -> bytes:
    """A model that would open the cells of a table as files, three levels deep."""
    words = CountVectorizer().fit(["a word", "another"])
    words.input = "filename"
    made: bytes = skops.io.dumps(ColumnTransformer([("w", FrozenEstimator(words), "note")]))
    return made


def test_files_that_will_not_do_leave_the_page_alive(upload_page: Page, mine: Path, tmp_path: Path) -> None:
    page, mark = upload_page, tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    before = page.get_by_text("german_credit_forest (Pipeline)")
    expect(before.first).to_be_visible()
    trap = pickle.dumps(Trap())
    model_field(page).set_input_files(named("model.pkl", trap))
    expect(error_of(model_field(page))).to_contain_text("model.pkl is a pickle, and reading a pickle runs the code")
    model_field(page).set_input_files(named("model.skops", trap))
    expect(error_of(model_field(page))).to_contain_text("the model model.skops could not be read", timeout=LONG)
    model_field(page).set_input_files(named("reads.skops", reads_files()))
    table_field(page).set_input_files(named("table.csv", "a;b\nä;1\n".encode("cp1252")))  # read beside it
    expect(error_of(model_field(page))).to_contain_text("cells of the table are opened as files", timeout=LONG)
    assert not mark.exists()
    expect(error_of(table_field(page))).to_contain_text("set the option encoding", timeout=LONG)
    expect(page.get_by_role("button", name="Use this model")).to_be_disabled()
    expect(before.first).to_be_visible()
    assert page.locator(".xrai-scoreboard").inner_text(), "earlier outcomes stay"
    model_field(page).set_input_files(mine / "forest.skops")
    expect(status_of(model_field(page))).to_contain_text("RandomForestClassifier", timeout=LONG)
    expect(error_of(model_field(page))).to_be_empty()


def test_too_large_too_odd_and_cancelled(upload_page: Page, tmp_path: Path) -> None:
    page = upload_page
    large = tmp_path / "large.skops"
    with large.open("wb") as file:
        file.truncate(200 * 2**20 + 1)
    model_field(page).set_input_files(large)
    expect(error_of(model_field(page))).to_contain_text("large.skops must have at most 209,715,200 bytes (200 MB)")
    name = "<img src=x onerror=window.sprung=1>.csv"
    table_field(page).set_input_files(named(name, b"a,y\n1,0\n2,1\n"))
    expect(status_of(table_field(page))).to_contain_text("2 rows, 2 columns", timeout=LONG)
    expect(status_of(table_field(page))).to_contain_text("_img src=x onerror=window.sprung=1_.csv")
    assert page.evaluate("window.sprung") is None
    assert page.locator("img[src='x']").count() == 0
    with large.open("wb") as file:
        file.truncate(150 * 2**20)
    model_field(page).set_input_files(large)
    page.get_by_role("button", name="Cancel upload").click()
    expect(status_of(model_field(page))).to_have_text("upload cancelled")
    expect(model_field(page)).to_be_focused()
    model_field(page).set_input_files(named("small.skops", b"x"))
    expect(error_of(model_field(page))).to_contain_text("small.skops could not be read", timeout=LONG)
    remove = page.get_by_role("button", name="remove small.skops")
    remove.focus()
    page.keyboard.press("Enter")
    expect(remove).to_be_hidden()
    expect(error_of(model_field(page))).to_be_empty()


def test_a_widget_may_take_longer_to_load_than_its_library_thinks(kept: Page) -> None:
    """Two seconds, after which it would get no message ever after: seen with forty times slower a processor."""
    ended = """() => new Promise((end) => {
      const signals = [1000, 2000].map((milliseconds) => AbortSignal.timeout(milliseconds));
      setTimeout(() => end(signals.map((signal) => signal.aborted)), 3000);
    })"""
    assert kept.evaluate(ended) == [True, False]
