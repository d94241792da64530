"""A fix gives new answers: the store's key holds the version and the digest of the code that makes numbers."""

from pathlib import Path

import pytest

import xrai_widgets
from tests.pace import work
from tests.runtime.test_store import outcome
from xrai_widgets.runtime import versions as room
from xrai_widgets.runtime.store import Store
from xrai_widgets.runtime.versions import CODE, code_digest, digest_of, versions

PACKAGE = Path(xrai_widgets.__file__).parent


@pytest.mark.parametrize("changed", ["engines/privacy/shapr/shapr.py", "models/frame.py", "runtime/controls.py"])
def test_a_change_of_a_line_that_makes_numbers_changes_the_digest(tmp_path: Path, changed: str) -> None:
    for name in ("engines/privacy/shapr/shapr.py", "models/frame.py", "runtime/controls.py", "widgets/parts.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PACKAGE / name).read_bytes())
    before = digest_of(tmp_path)
    (tmp_path / "widgets/parts.py").write_text("")
    assert digest_of(tmp_path) == before
    (tmp_path / changed).write_text((tmp_path / changed).read_text() + "\n")
    assert digest_of(tmp_path) != before


def test_the_digest_is_made_once_and_fast() -> None:
    with work() as digesting:
        assert digest_of(PACKAGE) == code_digest()
    assert digesting.seconds < 0.2
    assert versions()[CODE] == code_digest()[:16]
    assert versions()["xrai-widgets"] == xrai_widgets.__version__


def test_an_answer_of_other_code_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, made = Store(tmp_path / "s.sqlite"), outcome(versions=versions())
    store.save(made)
    assert store.answer(made.subject, made.assessment, made.params) is not None
    fixed = {**versions(), CODE: "0" * 16}
    monkeypatch.setattr("xrai_widgets.runtime.store.versions", lambda: fixed)
    assert store.answer(made.subject, made.assessment, made.params) is None
    assert room.versions() != fixed
