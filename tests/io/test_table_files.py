import gzip
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.io.table_files import read_table

FRAME = pd.DataFrame({"age": [30, 40], "income": [0.5, 1.25], "job": ["cook", "smith, with a comma"]})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV", "two.dots.Parquet"])
def test_a_table_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.lower().endswith("parquet"):
        FRAME.to_parquet(file)
    else:
        FRAME.to_csv(file, index=False)
    for path in (file, str(file)):
        pd.testing.assert_frame_equal(read_table(path), FRAME)


def test_a_parquet_file_keeps_types_and_index(tmp_path: Path) -> None:
    frame = FRAME.assign(job=FRAME["job"].astype("category"), n=np.array([1, 2], dtype="int8")).set_axis(["a", "b"])
    frame.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), frame)


def test_empty_cells_are_missing_values(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n,\n")
    frame = read_table(tmp_path / "t.csv")
    assert frame.isna().sum().tolist() == [1, 1]


def test_a_long_column_that_turns_to_text_late_is_read_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 300_000 + "x,2\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = read_table(tmp_path / "t.csv")
    assert {type(cell) for cell in frame["a"]} == {str}


GZIPPED = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
BROKEN: dict[str, tuple[str, bytes]] = {
    "an empty file": ("t.csv", b""),
    "binary in a CSV": ("t.csv", bytes(range(256)) * 20),
    "rows of different lengths": ("t.csv", b"a,b\n1,2\n1,2,3\n"),
    "an open quote": ("t.csv", b'a,b\n"1,2\n'),
    "another encoding": ("t.csv", "näme\nä\n".encode("latin-1")),
    "no gzip": ("t.csv.gz", b"a,b\n1,2\n"),
    "half a gzip": ("t.csv.gz", GZIPPED[: len(GZIPPED) // 2]),
    "a damaged gzip": ("t.csv.gz", GZIPPED[:20] + bytes([GZIPPED[20] ^ 255]) + GZIPPED[21:]),
    "no parquet": ("t.parquet", b"garbage" * 10),
    "an empty parquet": ("t.parquet", b""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_cannot_be_read_is_named(case: str, tmp_path: Path) -> None:
    name, content = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^the table {name} could not be read: ") as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("position", [5, 10, 40, -200, -60, -20])
def test_a_damaged_parquet_file_is_named_or_read(position: int, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    FRAME.to_parquet(file)
    content = bytearray(file.read_bytes())
    content[position] ^= 255
    file.write_bytes(content)
    try:
        assert read_table(file).shape[1] == 3
    except ValueError as error:
        assert str(error).startswith("the table t.parquet ")  # noqa: PT017 - either ending is right


def test_half_a_parquet_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    FRAME.to_parquet(file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"^the table t.parquet could not be read: "):
        read_table(file)


def test_a_table_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    message = r"^the table t.csv must hold at least one row and one column, got shape \(0, 2\)"
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "t.csv")
    pd.DataFrame(index=[1, 2]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"must hold at least one row and one column, got shape \(2, 0\)"):
        read_table(tmp_path / "t.parquet")


def test_another_kind_of_file_is_refused_with_the_allowed_ones(tmp_path: Path) -> None:
    for name in ("t.xlsx", "t.txt", "t", "t.csv.zip"):
        (tmp_path / name).write_text("a\n1\n")
        with pytest.raises(ValueError, match=f"^the table must be one of .csv, .csv.gz, .parquet, .npz, got {name}$"):
            read_table(tmp_path / name)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the table must be a file, got '.*none.csv', which does not exist"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"^the table must be a file, got '.*', which is a folder"):
        read_table(tmp_path)
