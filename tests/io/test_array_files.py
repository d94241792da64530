"""idx and npz files, as they are, damaged, and as bombs."""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.io import array_files
from xrai_widgets.io.array_files import read_arrays, read_idx

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(values: Array, code: str = "u1") -> bytes:
    head = bytes([0, 0, CODES[code], values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(code).tobytes()


@pytest.mark.parametrize("code", CODES)
def test_numbers_come_back_as_they_were_gzipped_or_not(code: str, tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    for name, content in (("plain", idx(values, code)), ("packed.gz", gzip.compress(idx(values, code)))):
        (tmp_path / name).write_bytes(content)
        found = read_idx(tmp_path / name)
        np.testing.assert_array_equal(found, values)
        assert found.dtype == np.dtype(code).newbyteorder("=")
        found += 1  # the caller's own


WHOLE = idx(np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must begin with the magic number of an idx file, such as 00000803, got ''"),
        (b"\x89PNG....", "magic number .* got '89504e47'"),
        (b"\0\0\x07\x01" + WHOLE[4:], "magic number .* got '00000701'"),
        (b"\0\0\x08\0", "magic number"),
        (WHOLE[:9], "ends within the lengths of its 3 axes"),
        (WHOLE[:-1], r"must hold 24 bytes for its axes \(2, 3, 4\), got 23: it is cut off"),
        (WHOLE + b"\0", r"must hold 24 bytes for its axes \(2, 3, 4\), got more"),
        (gzip.compress(WHOLE)[:-12], "could not be read"),
        (gzip.compress(WHOLE)[:12] + b"xxxx" + gzip.compress(WHOLE)[16:], "could not be read"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "must have at most 1 GiB, got .* by its axes"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "odd-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match=f"the idx file odd-ubyte.gz could not be read.*{message}|{message}"):
        read_idx(tmp_path / "odd-ubyte.gz")


def test_a_bomb_is_unpacked_no_further_than_its_axes_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(idx(np.zeros((10, 10))) + bytes(50_000_000)))
    read = []
    plain = gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        read.append(len(content := plain(self, size)))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(ValueError, match=r"bomb.gz could not be read: .* got more"):
        read_idx(tmp_path / "bomb.gz")
    assert sum(read) == 4 + 8 + 100 + 1


def test_arrays_come_back_by_name_and_objects_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "fine.npz", a=np.arange(3), b=np.array(["x"]))
    found = read_arrays(tmp_path / "fine.npz")
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], np.arange(3))
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"the file objects.npz could not be read: Object arrays"):
        read_arrays(tmp_path / "objects.npz")
    np.savez(tmp_path / "plain.npz", a=np.arange(3))
    whole = (tmp_path / "plain.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole.replace(b"NUMPY", b"NIMPY")):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"the file broken.npz could not be read"):
            read_arrays(tmp_path / "broken.npz")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(10_000))
    (tmp_path / "bomb.npz").write_bytes(buffer.getvalue())
    endless = io.BytesIO()
    np.lib.format.write_array_header_1_0(endless, {"descr": "<f8", "fortran_order": False, "shape": (2**58,)})  # type: ignore[no-untyped-call]  # numpy has no type there
    with zipfile.ZipFile(tmp_path / "endless.npz", "w") as archive:
        archive.writestr("a.npy", endless.getvalue())
    with pytest.raises(ValueError, match=r"endless.npz could not be read"):
        read_arrays(tmp_path / "endless.npz")
    monkeypatch.setattr(array_files, "_MOST_BYTES", 5000)
    with pytest.raises(ValueError, match=r"bomb.npz could not be read: it must unpack to at most"):
        read_arrays(tmp_path / "bomb.npz")
    for reader in (read_idx, read_arrays):
        with pytest.raises(ValueError, match=r"the data must be a file, got .*, which does not exist"):
            reader(tmp_path / "nowhere")
        with pytest.raises(ValueError, match="which is a folder"):
            reader(tmp_path)
