import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine

from xrai_widgets.io.watch_files import BatchSource
from xrai_widgets.watch.batch_sources import Batch, dated, find_batch

SLOT = datetime(2026, 11, 28, 6, tzinfo=UTC)
ROLES = {"ids": "id", "target": "y"}


def _find(source: BatchSource, folder: Path, seen: tuple[str, ...] = (), roles: Any = None) -> Batch:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return find_batch(source, folder, SLOT, (SLOT - timedelta(days=1), SLOT), seen, work, ROLES | (roles or {}))


def test_a_path_holds_the_day_or_a_format_of_its_own(tmp_path: Path) -> None:
    assert dated("b/{date}/{date:%H%M}.csv", SLOT) == "b/2026-11-28/0600.csv"
    assert dated("b/{0.__class__}.csv", SLOT) == "b/{0.__class__}.csv"
    (tmp_path / "2026-11-28.csv").write_text("id,a\n1,2\n")
    assert _find(BatchSource(path="{date}.csv"), tmp_path).file.name == "2026-11-28.csv"
    with pytest.raises(ValueError, match=r"2026-11-28\.parquet is not there"):
        _find(BatchSource(path="{date}.parquet"), tmp_path)


def test_of_a_pattern_the_newest_file_that_was_not_looked_at(tmp_path: Path) -> None:
    for age, name in enumerate(("c.csv", "b.csv", "a.csv")):
        (tmp_path / name).write_text("id,a\n1,2\n")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    source, seen = BatchSource(glob="*.csv"), list[str]()
    for name in ("c.csv", "b.csv", "a.csv"):
        found = _find(source, tmp_path, tuple(seen))
        assert found.file.name == name
        seen.append(found.origin)
    with pytest.raises(ValueError, match="no file that was not looked at"):
        _find(source, tmp_path, tuple(seen))
    (tmp_path / "b.csv").write_text("id,a\n1,2\n3,4\n")  # grown since
    assert _find(source, tmp_path, tuple(seen)).file.name == "b.csv"


def test_a_query_binds_its_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'data.sqlite'}"
    times = [SLOT - timedelta(hours=hours) for hours in (30, 20, 1, 0)]
    engine = create_engine(url)
    pd.DataFrame({"id": [1, 2, 3, 4], "at": times}).to_sql("rows", engine, index=False)
    engine.dispose()
    monkeypatch.setenv("DB", url)
    sql = "SELECT id, at FROM rows WHERE at >= :since AND at < :until"
    found = _find(BatchSource(sql=sql, url="env:DB"), tmp_path)
    assert pd.read_parquet(found.file)["id"].tolist() == [2, 3]
    with monkeypatch.context() as another:  # library has said how Python's sqlite3 writes times
        another.setitem(sqlite3.adapters, (datetime, sqlite3.PrepareProtocol), datetime.isoformat)
        found = _find(BatchSource(sql=sql, url="env:DB"), tmp_path)
    assert pd.read_parquet(found.file)["id"].tolist() == [2, 3]
    with pytest.raises(ValueError, match="binds :since and :until, got :name"):
        _find(BatchSource(sql="SELECT * FROM rows WHERE id = :name", url="env:DB"), tmp_path)
    with pytest.raises(ValueError, match="gives no row"):
        _find(BatchSource(sql="SELECT * FROM rows WHERE 1 = 0", url="env:DB"), tmp_path)
    monkeypatch.setenv("DB", "postgresql+psycopg://me:s3cret@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(ValueError, match="the query of the batch failed") as caught:
        _find(BatchSource(sql="SELECT 1", url="env:DB"), tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_are_joined_by_id_and_the_cells_stay_as_they_are(tmp_path: Path, ending: str) -> None:
    batch = pd.DataFrame({"id": ["007", "008", "009"], "code": ["01", "02", "03"], "x": [1.5, 2.25, 3.0]})
    labels = pd.DataFrame({"id": ["009", "007", "008", "010"], "y": ["no", "yes", "yes", "no"]})
    for name, table in (("b", batch), ("l", labels)):
        file = tmp_path / f"{name}.{ending}"
        table.to_csv(file, index=False) if ending == "csv" else table.to_parquet(file)
    found = _find(BatchSource(path=f"b.{ending}", labels=f"l.{ending}"), tmp_path)
    read = pd.read_csv(found.file, dtype=str) if ending == "csv" else pd.read_parquet(found.file)
    assert read["y"].tolist() == ["yes", "yes", "no"]
    assert read["id"].tolist() == ["007", "008", "009"]
    assert read["code"].tolist() == ["01", "02", "03"]
    assert found.note == ""
    with pytest.raises(ValueError, match="no file that was not looked at"):  # although labels came to it
        _find(BatchSource(glob=f"b.{ending}", labels=f"l.{ending}"), tmp_path, (found.origin,))


def test_labels_that_are_not_all_there_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id;x\n1;2,5\n2;3,5\n")
    source = BatchSource(path="b.csv", labels="l.csv")
    style = {"delimiter": ";", "decimal": ","}
    waiting = _find(source, tmp_path, roles=style)
    assert (waiting.file.name, waiting.note) == ("b.csv", "its labels are not there yet")
    (tmp_path / "l.csv").write_text("id;y\n1;yes\n")
    assert "1 of its 2 labels are not there yet" in _find(source, tmp_path, roles=style).note
    (tmp_path / "l.csv").write_text("id;y\n1;yes\n2;\n")
    assert "1 of its 2 labels are not there yet" in _find(source, tmp_path, roles=style).note
    (tmp_path / "l.csv").write_text("id;y\n1;yes\n2;no\n2;no\n")
    assert _find(source, tmp_path, roles=style).file.read_text() == "id;x;y\n1;2,5;yes\n2;3,5;no\n"


def test_labels_that_do_not_belong_to_the_batch(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,x\n1,2\n2,3\n")
    (tmp_path / "l.csv").write_text("id,y\n1,yes\n1,no\n2,no\n")
    source = BatchSource(path="b.csv", labels="l.csv")
    with pytest.raises(ValueError, match=r"l\.csv names 1 ids with different labels, the first '1'"):
        _find(source, tmp_path)
    (tmp_path / "l.csv").write_text("name,y\n1,yes\n")
    with pytest.raises(ValueError, match="has no column 'id'; columns: name, y"):
        _find(source, tmp_path)
    with pytest.raises(ValueError, match=r"needs subject\.ids"):
        _find(source, tmp_path, roles={"ids": ""})


@pytest.mark.parametrize("endings", [("csv", "parquet"), ("parquet", "csv")])
def test_ids_are_numbers_in_one_file_and_text_in_the_other(tmp_path: Path, endings: tuple[str, str]) -> None:
    tables = {"b": pd.DataFrame({"id": [7, 8], "x": [1.5, 2.5]}), "l": pd.DataFrame({"id": [8, 7], "y": [1, 0]})}
    for (name, table), ending in zip(tables.items(), endings, strict=True):
        file = tmp_path / f"{name}.{ending}"
        table.to_csv(file, index=False) if ending == "csv" else table.to_parquet(file)
    found = _find(BatchSource(path=f"b.{endings[0]}", labels=f"l.{endings[1]}"), tmp_path)
    read = pd.read_csv(found.file) if endings[0] == "csv" else pd.read_parquet(found.file)
    assert read["y"].astype(int).tolist() == [0, 1]
    assert read["id"].tolist() == [7, 8]


def test_a_table_with_a_byte_order_mark_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id;mean age;b\n1;0,5;x y\n2;1,5;z\n", encoding="utf-8-sig")
    (tmp_path / "l.csv").write_text("id,y\n1,\n1,no\n2,yes\n", encoding="utf-8-sig")
    found = _find(BatchSource(path="b.csv", labels="l.csv"), tmp_path)
    assert found.file.read_text("utf-8-sig") == "id;mean age;b;y\n1;0,5;x y;no\n2;1,5;z;yes\n"
    (tmp_path / "l.csv").write_bytes("id;y\n1;nö\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"l\.csv: its text is not utf-8"):
        _find(BatchSource(path="b.csv", labels="l.csv"), tmp_path)


def test_of_a_pattern_a_slot_takes_its_own_file_again(tmp_path: Path) -> None:
    for age, name in enumerate(("new.csv", "old.csv")):
        (tmp_path / name).write_text("id,a\n1,2\n")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    source, work = BatchSource(glob="*.csv"), tmp_path / "work"
    facts = (tmp_path / "old.csv").stat()
    own = f"old.csv {facts.st_size} {facts.st_mtime_ns}"
    assert find_batch(source, tmp_path, SLOT, (SLOT, SLOT), (), work, ROLES, own).file.name == "old.csv"


def test_a_piece_of_a_password_taken_for_a_port_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB", "postgresql://me:p@a:s3cret@host/none")
    with pytest.raises(ValueError, match="the query of the batch failed") as caught:
        _find(BatchSource(sql="SELECT 1", url="env:DB"), tmp_path)
    assert "s3cret" not in str(caught.value)
