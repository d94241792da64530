"""Small files that become gigabytes: refused by what they declare, or ended with their cell while the kernel lives."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xrai_widgets.cells import cell
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.runtime import trial

LIMIT = 60 * 2**20  # bytes by which the kernel may grow while a bomb goes off


def parquet(folder: Path) -> Path:
    """Some kB that become 3.2 GB: 400 million empty cells."""
    file = folder / "bomb.parquet"
    with pq.ParquetWriter(file, pa.schema([("a", pa.int64())])) as writer:
        table = pa.table({"a": pa.nulls(2**24, pa.int64())})
        for _ in range(25):
            writer.write_table(table, row_group_size=2**24)
    return file


def words(folder: Path) -> Path:
    """A long word in every row: declared once in each group of rows, 3 GB of text."""
    file = folder / "words.parquet"
    with pq.ParquetWriter(file, pa.schema([("a", pa.string()), ("y", pa.int64())])) as writer:
        table = pa.table({"a": ["w" * 50_000] * 1000, "y": np.arange(1000) % 2}, schema=writer.schema)
        for _ in range(60):
            writer.write_table(table)
    return file


def text(folder: Path) -> Path:
    """86 kB of csv.gz that become 1.4 GB."""
    file = folder / "bomb.csv.gz"
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(b"a,y\n")
        line = b"1," + b"0" * 2**20 + b"\n"
        for _ in range(520):
            packed.write(line)
    return file


def onnx_bomb(folder: Path) -> Path:
    onnx = pytest.importorskip("onnx")
    shape = onnx.numpy_helper.from_array(np.array([31_250, 31_250], dtype=np.int64), "s")
    fill = onnx.helper.make_node("ConstantOfShape", ["s"], ["out"])
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])
    model = onnx.helper.make_model(onnx.helper.make_graph([fill], "g", [given], [out], [shape]), ir_version=8)
    model.opset_import[0].version = 13
    (folder / "bomb.onnx").write_bytes(model.SerializeToString())
    return folder / "bomb.onnx"


@pytest.mark.parametrize(
    ("make", "said"),
    [(parquet, "most 1 GiB"), (words, "most 1 GiB"), (text, "most 0.5 GiB")],
    ids=["empty", "words", "gz"],
)
def test_a_table_that_unpacks_to_gigabytes_is_refused_by_its_size(make: Any, said: str, tmp_path: Path) -> None:
    file = make(tmp_path)
    assert file.stat().st_size < 4_000_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(ValueError, match=said):
        trial.try_table(file, CsvFormat())
    assert psutil.Process().memory_info().rss - before < LIMIT


def test_an_onnx_model_that_becomes_gigabytes_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    file = onnx_bomb(tmp_path)
    assert file.stat().st_size < 300
    with pytest.raises(ValueError, match="ConstantOfShape in it would hold 976,562,500 numbers"):
        trial.try_model(file)


def undeclared(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a cell believe every declared size: its code is replaced by a copy without the checks."""
    start = folder / "sitecustomize.py"
    start.write_text(
        "import xrai_widgets.io.table_files as t, xrai_widgets.models.onnx_session as o\n"
        "t._MOST_BYTES = t._MOST_TEXT = 2**40\n"
        "o.check_onnx = lambda content: None\n"
    )
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("make", [parquet, words, text, onnx_bomb])
def test_a_bomb_that_declares_nothing_ends_its_cell_and_the_kernel_lives(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path)
    (tmp_path / "site").mkdir()
    undeclared(monkeypatch, tmp_path / "site")
    monkeypatch.setattr(cell, "BUDGET", 400 * 2**20)
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n" + "1,2,0\n3,4,1\n" * 20)
    work = (
        (lambda: trial.read_subject(file, table, target="y"))
        if make is onnx_bomb
        else lambda: trial.try_table(file, CsvFormat())
    )
    before = psutil.Process().memory_info().rss
    with pytest.raises(ValueError, match=r"(ended the process that tried it|could not be read|could not answer)"):
        work()
    assert psutil.Process().memory_info().rss - before < LIMIT
