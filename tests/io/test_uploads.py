"""Files that arrive in slices."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from xrai_widgets.io.uploads import LIMIT, SLICE, Upload, safe_name


def test_slices_make_the_file_in_a_private_folder() -> None:
    content = os.urandom(SLICE + 10)
    upload = Upload("t.csv", len(content))
    assert upload.add(0, content[:SLICE]) == SLICE
    assert not upload.complete
    upload.add(SLICE, memoryview(content)[SLICE:])
    assert upload.complete
    assert upload.path.read_bytes() == content
    assert upload.path.parent.stat().st_mode & 0o777 == 0o700
    assert upload.path.stat().st_mode & 0o777 == 0o600


def test_the_file_goes_with_whoever_held_it() -> None:
    upload = Upload("t.csv", 1)
    folder = upload.path.parent
    upload.close()
    assert not folder.exists()
    assert upload.closed
    with pytest.raises(ValueError, match=r"t.csv is no longer being uploaded"):
        upload.add(0, b"x")
    upload = Upload("t.csv", 1)
    folder = upload.path.parent
    del upload
    assert not folder.exists()


def test_200_mb_are_taken_and_one_byte_more_is_not() -> None:
    assert LIMIT == 200 * 2**20
    Upload("t.csv", LIMIT)
    with pytest.raises(ValueError, match=r"^t.csv must have at most 209,715,200 bytes \(200 MB\), got 209,715,201$"):
        Upload("t.csv", LIMIT + 1)


@pytest.mark.parametrize("size", [-1, 1.5, "3", None, True, float("nan"), [1]])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(ValueError, match="the size of a file must be a whole number of bytes"):
        Upload("t.csv", size)  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", [1, -1, None, "0", False, 2**40])
def test_a_slice_out_of_place_is_refused(offset: object) -> None:
    upload = Upload("t.csv", 10)
    with pytest.raises(ValueError, match=r"a slice of t.csv must begin at byte 0, got "):
        upload.add(offset, b"x")  # type: ignore[arg-type]
    assert upload.add(0, b"x") == 1


def test_more_than_was_announced_or_a_slice_too_long_is_refused() -> None:
    upload = Upload("t.csv", 3)
    for data in (b"1234", b"", bytes(SLICE + 1)):
        with pytest.raises(ValueError, match="must have at least 1 and at most 3 bytes, got"):
            upload.add(0, data)
    assert upload.path.stat().st_size == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_said_and_the_file_is_given_up() -> None:
    upload = Upload("t.csv", 10)
    upload.path.unlink()
    upload.path.symlink_to("/dev/full")
    with pytest.raises(ValueError, match=r"t.csv could not be kept: No space left on device"):
        upload.add(0, b"x" * 10)
    assert upload.closed


NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\t.csv": "t.csv",
    "<img src=x onerror=alert(1)>.csv": "_img src=x onerror=alert(1)_.csv",
    "a\x00b\n\u202ec.csv": "a_b__c.csv",
    "..": "file",
    "": "file",
    "/": "file",
    "ünï çødé.csv": "ünï çødé.csv",
    "\ud800.csv": "_.csv",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_cannot_leave_its_folder_nor_hold_markup(name: str) -> None:
    assert safe_name(name) == NAMES[name]
    upload = Upload(name, 0)
    assert upload.path.parent.name.startswith("xrai-upload-")
    assert upload.path.is_file()


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("ä" * 500 + ".csv.gz").endswith("ä.csv.gz")
    assert len(safe_name("ä" * 500 + ".csv.gz").encode()) <= 120


@pytest.mark.skipif(os.name != "posix", reason="processes are named otherwise")
def test_what_a_killed_process_left_is_tidied_up_by_the_next_upload() -> None:
    code = (
        "import os; from xrai_widgets.io.uploads import Upload; u = Upload('t.csv', 3); u.add(0, b'abc');"
        "print(u.path.parent, flush=True); os.kill(os.getpid(), 9)"
    )
    left = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    assert Path(left).is_dir()
    mine = Upload("mine.csv", 0)
    Upload("t.csv", 0)
    assert not Path(left).exists()
    assert mine.path.exists(), "what a living process holds stays"
    assert Path(tempfile.gettempdir()) in mine.path.parents


def test_the_end_of_the_process_removes_the_file() -> None:
    code = "from xrai_widgets.io.uploads import Upload; u = Upload('t.csv', 0); print(u.path.parent)"
    assert not Path(subprocess.check_output([sys.executable, "-c", code], text=True).strip()).exists()
