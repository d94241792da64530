import os
from pathlib import Path

import pytest

from xrai_widgets.io.secrets import read_secret


def test_a_secret_of_the_environment_and_of_a_file(tmp_path: Path) -> None:
    assert read_secret("env:KEY", "secret", {"KEY": " s3cret "}) == "s3cret"
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    assert read_secret(f"file:{file}", "secret") == "s3cret"


def test_a_secret_that_stands_in_the_plan_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="env:NAME or file:/path") as caught:
        read_secret("s3cret", "alerts, entry 1: secret")
    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_files_that_are_no_secret(tmp_path: Path) -> None:
    readable = tmp_path / "readable"
    readable.write_text("s3cret")
    readable.chmod(0o640)
    empty, large, other = tmp_path / "empty", tmp_path / "large", tmp_path / "other"
    for file, content in ((empty, b""), (large, b"a" * 70_000), (other, b"\xff\xfe")):
        file.write_bytes(content)
        file.chmod(0o600)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    link = tmp_path / "link"
    link.symlink_to(large)
    for file, said in (
        (readable, "others may read .* chmod 600"),
        (empty, "is empty"),
        (large, "larger than 64 KB"),
        (other, "does not hold text"),
        (pipe, "is not a file"),
        (link, "cannot be read"),
        (tmp_path / "absent", "cannot be read"),
        (tmp_path, "is not a file"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            read_secret(f"file:{file}", "secret")
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="by its whole path"):
        read_secret("file:key", "secret")
    with pytest.raises(ValueError, match="the environment variable KEY is not set"):
        read_secret("env:KEY", "secret", {"KEY": " "})
