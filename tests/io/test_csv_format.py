"""Delimiter, decimal comma and encoding of a CSV: told where that is sure, asked for where it is not."""

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pace import work
from xrai_widgets.io import table_files
from xrai_widgets.io.csv_format import CsvFormat, detect
from xrai_widgets.io.table_files import read_table

FRAME = pd.DataFrame({"age": [30, 40, 50], "income": [0.5, 1.25, -3e-7], "job": ["cook", "smith; or so", "päinter"]})


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_how_it_is_written_is_told_from_the_file(delimiter: str, decimal: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    FRAME.to_csv(file, sep=delimiter, decimal=decimal, encoding=encoding, index=False)
    pd.testing.assert_frame_equal(read_table(file), FRAME)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250"])
def test_an_encoding_that_cannot_be_told_is_asked_for(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    FRAME.to_csv(file, encoding=encoding, index=False)
    with pytest.raises(ValueError, match=r"not utf-8 \(byte \d+\): it is not UTF-8, so set the option encoding"):
        read_table(file)
    pd.testing.assert_frame_equal(read_table(file, CsvFormat(encoding=encoding)), FRAME)


ASKED: dict[str, tuple[str, str, CsvFormat, list[list[Any]]]] = {
    "two delimiters fit": (
        "a,b;c\n1,2;3\n4,5;6\n",
        r"separated by ',' or ';': set the option delimiter",
        CsvFormat(delimiter=";", decimal="."),
        [["1,2", 3], ["4,5", 6]],
    ),
    "a comma and three digits": (
        "a;b\n1,500;0\n2,250;1\n",
        r"1,500 in the column 'a' could have a decimal comma or a separator of thousands: set the option decimal",
        CsvFormat(decimal=","),
        [[1.5, 0], [2.25, 1]],
    ),
    "commas and points": (
        "a;b\n1,5;0.5\n2,25;1.5\n",
        r"the column 'a' has decimal commas, such as 1,5, and 'b' has decimal points: set the option decimal",
        CsvFormat(decimal="."),
        [["1,5", 0.5], ["2,25", 1.5]],
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_can_be_read_in_two_ways_is_asked_for(case: str, tmp_path: Path) -> None:
    text, message, style, expected = ASKED[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=f"^the table t.csv could not be read: .*{message}"):
        read_table(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv", style).to_numpy().tolist() == expected


REFUSED = {
    "thousands": ("a;b\n1.234,5;0\n2.345,5;1\n", "'a' has separators of thousands, such as 1.234,5: write numbers"),
    "thousands, quoted": ('a,b\n"1,234.5",0\n', "'a' has separators of thousands, such as 1,234.5"),
    "more fields than names": ("a,b\n1,2,3\n4,5,6\n", "record 2 has 3 fields and the header has 2, separated by ','"),
    "one long row": ("a,b\n1,2\n1,2,3\n", "record 3 has 3 fields and the header has 2"),
    "a decimal comma and no delimiter": ("a\n1,5\n", "record 2 has 2 fields and the header has 1"),
    "a name twice": ("a,b,a\n1,2,3\n", "its header must name every column differently, got 'a' more than once"),
    "zero bytes": ("a,b\n1,\0\n", "it holds zero bytes, so it is no text"),
    "nothing but blank lines": ("\n\n\n", "it is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused(case: str, tmp_path: Path) -> None:
    text, message = REFUSED[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=f"^the table t.csv could not be read: .*{message}"):
        read_table(tmp_path / "t.csv")


def test_numbers_with_points_and_text_with_commas_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b,c\n1.5,"x,y","1,5 mm"\n2,"z","2,5 mm"\n')
    assert read_table(tmp_path / "t.csv").to_numpy().tolist() == [[1.5, "x,y", "1,5 mm"], [2.0, "z", "2,5 mm"]]


def test_empty_cells_do_not_hide_a_decimal_comma(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n1,5;0\nNA;1\n;1\n2;0\n")
    assert read_table(tmp_path / "t.csv")["a"].dropna().tolist() == [1.5, 2.0]


def test_quoted_line_breaks_are_part_of_a_cell(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a;b\n1;"x\ny"\n2;z\n')
    assert read_table(tmp_path / "t.csv")["b"].tolist() == ["x\ny", "z"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"delimiter": "x"}, "delimiter must be one of ',' ';'"),
        ({"decimal": "·"}, "decimal must be one of '.' ','"),
        ({"encoding": "utf-99"}, "encoding must be one that Python knows"),
        ({"encoding": "base64"}, "encoding must be one that Python knows"),
    ],
)
def test_an_option_that_cannot_be_is_refused(words: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CsvFormat(**words)


def test_ten_thousand_columns_are_refused_before_they_are_read(tmp_path: Path) -> None:
    names = [f"c{index}" for index in range(10_000)]
    (tmp_path / "t.csv").write_text(",".join(names) + "\n" + ",".join("1" * 10_000) + "\n")
    pd.DataFrame(np.ones((2, 4100)), columns=names[:4100]).to_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", X=np.ones((2, 100, 100)))
    for name, count in (("t.csv", "10,000"), ("t.parquet", "4,100"), ("t.npz", "10,000")):
        with pytest.raises(ValueError, match=f"{name} could not .*: it must have at most 4,096 columns, got {count}"):
            read_table(tmp_path / name)


def test_a_header_of_very_many_names_is_looked_through_once() -> None:
    """Each name against each other would take minutes, before the columns are counted."""
    header = ",".join(f"c{index}" for index in range(100_000)) + "\n"
    with work() as looking:
        detect(header.encode(), CsvFormat(delimiter=","))
    assert looking.seconds < 10
    with pytest.raises(ValueError, match="got 'c7' more than once"):
        detect(f"c7,{header}".encode(), CsvFormat(delimiter=","))


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "_MOST_TEXT", 2**20)
    monkeypatch.setattr(table_files, "_MOST_BYTES", 2**20)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 2**20))
    pd.DataFrame({"a": np.zeros(10**6), "b": 1.0}).to_parquet(tmp_path / "t.parquet")
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((10**6, 2)))
    for name in ("t.csv.gz", "t.parquet", "t.npz"):
        assert (tmp_path / name).stat().st_size < 2**16
        with pytest.raises(ValueError, match=f"^the table {name} could not be read: it must unpack to at most .* GiB"):
            read_table(tmp_path / name)


def test_arrays_become_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.arange(12.0).reshape(2, 2, 3), y=np.array(["a", "b"]))
    frame = read_table(tmp_path / "t.npz")
    assert list(frame.columns) == ["X0", "X1", "X2", "X3", "X4", "X5", "y"]
    assert frame.loc[1, "X0"] == 6.0


def test_arrays_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.ones((3, 2)), y=np.ones(2))
    with pytest.raises(ValueError, match="must all have one entry per sample, got different lengths: X0 3, X1 3, y 2"):
        read_table(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", X=np.array(1.0))
    with pytest.raises(ValueError, match="array 'X' must have one entry per sample, got a single number"):
        read_table(tmp_path / "t.npz")


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_objects_in_arrays_are_never_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    np.savez(tmp_path / "t.npz", X=np.array([Trap(mark)], dtype=object))
    with pytest.raises(ValueError, match=r"t.npz could not be read: Object arrays cannot be loaded"):
        read_table(tmp_path / "t.npz")
    assert not mark.exists()
    np.load(tmp_path / "t.npz", allow_pickle=True)["X"]
    assert mark.exists(), "the trap would not have closed"


@pytest.mark.parametrize("name", ["t.pkl", "t.joblib", "t.PICKLE", "t.npy"])
def test_pickled_tables_are_refused_by_name_and_never_run(name: str, tmp_path: Path) -> None:
    import pickle

    mark = tmp_path / "mark"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match=f"^{name} may hold a pickle, and reading a pickle runs the code in it"):
        read_table(tmp_path / name)
    assert not mark.exists()


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".npz"])
def test_a_pickle_under_the_name_of_a_table_is_never_run(ending: str, tmp_path: Path) -> None:
    import pickle

    mark = tmp_path / "mark"
    (tmp_path / f"t{ending}").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ValueError, match=f"^the table t{ending} could not be read: "):
        read_table(tmp_path / f"t{ending}")
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.99])
def test_a_truncated_npz_file_is_named(share: float, tmp_path: Path) -> None:
    packed = io.BytesIO()
    np.savez(packed, X=np.ones((50, 3)), y=np.arange(50))
    (tmp_path / "t.npz").write_bytes(packed.getvalue()[: int(share * len(packed.getvalue()))])
    with pytest.raises(ValueError, match=r"^the table t.npz could not be read: "):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=; "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_line_with_which_excel_says_the_delimiter_is_no_record(line: str, end: str, mark: bytes) -> None:
    raw = mark + f"{line}{end}a;b{end}1,5;2{end}".encode()
    text, found = detect(raw, CsvFormat())
    assert text.split() == ["a;b", "1,5;2"]
    assert (found.delimiter, found.decimal) == (";", ",")


def test_a_column_called_sep_stays_one() -> None:
    text, found = detect(b"sep=a,b\n1,2\n", CsvFormat())
    assert text.startswith("sep=a,b")
    assert found.delimiter == ","
