import os
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
    assert found.origin != _find(BatchSource(path=f"b.{ending}"), tmp_path).origin


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
