"""Checkpoints as files: whole or none, readable by their owner alone, bounded."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.command import called
from xrai_widgets.io.checkpoint_files import (
    chosen_folder,
    kept_in,
    prune,
    read_checkpoint,
    write_checkpoint,
)
from xrai_widgets.io.store_place import user_folder

ARRAYS = {
    "weights": np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32),
    "step": np.array(12.0, dtype=np.float32),
    "generator": np.arange(50, dtype=np.uint8),
    "none": np.zeros((0, 3)),
    "turned": np.arange(6).reshape(2, 3).T,
}


def test_arrays_come_back_bit_for_bit_with_their_shapes_and_types(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new" / "folder", "a", ARRAYS)
    back = read_checkpoint(tmp_path / "new" / "folder", "a")
    assert back is not None
    assert back.keys() == ARRAYS.keys()
    for key, value in ARRAYS.items():
        assert (back[key].dtype, back[key].shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(back[key], value)
        back[key][...] = 0  # the caller's own


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path / "folder", "a", ARRAYS)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_cut_off_or_has_one_bit_turned_is_not_used(tmp_path: Path) -> None:
    file = write_checkpoint(tmp_path, "a", ARRAYS)
    whole = file.read_bytes()
    for length in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert read_checkpoint(tmp_path, "a") is None
    for place in (3, 9, len(whole) - 1, len(whole) - 60):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_checkpoint(tmp_path, "a") is None
    file.write_bytes(whole)
    assert read_checkpoint(tmp_path, "a") is not None
    assert read_checkpoint(tmp_path, "another") is None


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path, "a", ARRAYS)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_checkpoint(tmp_path, "a", {"weights": np.zeros(3)})
    assert [file.name for file in tmp_path.iterdir()] == ["xrai-a.safetensors"]
    back = read_checkpoint(tmp_path, "a")
    assert back is not None
    assert back.keys() == ARRAYS.keys()


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate("abcd"):
        os.utime(write_checkpoint(tmp_path, name, ARRAYS), (1e9 - age, 1e9 - age))
    size = kept_in(tmp_path)[0].size
    assert read_checkpoint(tmp_path, "d") is not None  # used now
    removed = prune(tmp_path, 2 * size + size // 2)
    assert [one.file.stem for one in removed] == ["xrai-c", "xrai-b"]
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["xrai-a", "xrai-d"]
    assert prune(tmp_path, 2 * size + size // 2) == []


def test_files_that_a_dead_process_was_writing_go_too(tmp_path: Path) -> None:
    for name, when in (("xrai-old.part", 1e9), ("xrai-new.part", None)):
        (tmp_path / name).write_bytes(b"half")
        if when:
            os.utime(tmp_path / name, (when, when))
    assert prune(tmp_path) == []
    assert [file.name for file in tmp_path.iterdir()] == ["xrai-new.part"]


def test_where_they_are_kept(tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    assert chosen_folder(home) == user_folder("cache", home) / "checkpoints"
    assert chosen_folder({**home, "XRAI_STORE": "none"}) is None
    assert chosen_folder({**home, "SERVER_SOFTWARE": "voila/0.5"}) is None
    assert chosen_folder({**home, "XRAI_CHECKPOINTS": "None"}) is None
    assert chosen_folder({"XRAI_CHECKPOINTS": str(tmp_path), "XRAI_STORE": "none"}) == tmp_path
    for page in ({"VOILA_BASE_URL": "/"}, {"SERVER_SOFTWARE": "voila/0.5"}):
        assert chosen_folder({"XRAI_CHECKPOINTS": str(tmp_path), **page}) is None, "visitors share no files"


def test_files_of_others_in_the_same_folder_stay(tmp_path: Path) -> None:
    for name in ("my-model.safetensors", "download.part"):
        (tmp_path / name).write_bytes(b"mine")
        os.utime(tmp_path / name, (1e9, 1e9))
    write_checkpoint(tmp_path, "a", ARRAYS)
    assert [one.file.name for one in prune(tmp_path)] == ["xrai-a.safetensors"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["download.part", "my-model.safetensors"]


def test_a_file_that_nobody_of_ours_wrote_is_not_used_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_checkpoint(tmp_path, "a", ARRAYS)
    for header in (b"[" * 100_000, b'{"__metadata__": [1]}', b'{"__metadata__": {"xrai_checkpoint": "[]"}}', b"1"):
        file.write_bytes(len(header).to_bytes(8, "little") + header)
        assert read_checkpoint(tmp_path, "a") is None
    write_checkpoint(tmp_path, "a", ARRAYS)
    monkeypatch.setattr("xrai_widgets.io.checkpoint_files._MOST", 500)
    assert read_checkpoint(tmp_path, "a") is None, "a file of any size would fill the memory"
    file.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(file)
        assert read_checkpoint(tmp_path, "a") is None, "reading it would wait for ever"


def test_the_command_line_says_what_is_kept_and_removes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRAI_CHECKPOINTS", str(tmp_path))
    for name in "ab":
        write_checkpoint(tmp_path, name, {"weights": np.zeros(100_000)})
    assert "holds 2 checkpoints, 1.6 MB" in called("checkpoints").stdout
    assert len(kept_in(tmp_path)) == 2
    assert "removed 1 checkpoints, 0.8 MB" in called("checkpoints", "--prune", "--keep", "1").stdout
    assert "holds 0 checkpoints" in called("checkpoints", "--prune").stdout
    monkeypatch.setenv("XRAI_CHECKPOINTS", "none")
    assert "nothing is kept" in called("checkpoints").stdout
