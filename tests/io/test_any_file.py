"""Whatever bytes come in, a table or model or a ValueError comes out, and nothing in them is run."""

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xrai_widgets.io.uploads import SLICE
from xrai_widgets.widgets import Uploader

CALM = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
}
KINDS = [".csv", ".csv.gz", ".parquet", ".npz", ".skops", ".onnx", ".safetensors"]
CELLS = st.one_of(
    st.sampled_from(
        ["1", "1,5", "1.5", "1.234,5", "1,234", "", "NA", "a", '"', "\n", "\r", "ä", "\0", "1e5", "inf", "−1"]
    ),
    st.text(max_size=4),
)


class Reader:
    """The process of tests/io/reader.py; a new one where a file killed the old one, as `trial` would start one."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[str] | None = None
        self.killed = 0

    def read(self, path: Path, style: tuple[str, ...] = ()) -> str:
        if self.child is None or self.child.poll() is not None:
            command = [sys.executable, "-m", "tests.io.reader"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.child = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)  # type: ignore[call-overload]
        assert self.child is not None
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write("\x1f".join((str(path), *style)) + "\n")
        self.child.stdin.flush()
        for line in self.child.stdout:
            if line.startswith("\x1e"):
                return line[1:].strip()
        self.killed += 1
        self.child.wait()
        return f"killed by {self.child.returncode}"

    def close(self) -> None:
        if self.child is not None:
            assert self.child.stdin is not None
            assert self.child.stdout is not None
            self.child.stdin.close()
            self.child.stdout.close()
            self.child.kill()
            self.child.wait()


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    assert sound()  # made here: training inside a strategy would draw from its random numbers
    made = Reader()
    yield made
    made.close()


@cache
def sound() -> dict[str, bytes]:
    """A file of each kind that can be read."""
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=20), "job": ["x", "ÿ"] * 10, "y": [0, 1] * 10})
    packed, parquet, arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    frame.to_csv(packed, index=False, compression="gzip")
    frame.to_parquet(parquet)
    np.savez(arrays, X=rng.normal(size=(20, 2)), y=np.arange(20))
    forest = RandomForestClassifier(2, max_depth=3, random_state=0).fit(frame[["a"]], frame["y"])
    files = {
        ".csv": frame.to_csv(index=False).encode(),
        ".csv.gz": packed.getvalue(),
        ".parquet": parquet.getvalue(),
        ".npz": arrays.getvalue(),
        ".skops": skops.io.dumps(forest),
    }
    return {**files, **_onnx(forest), **_network()}


def _onnx(forest: Any) -> dict[str, bytes]:
    skl2onnx = pytest.importorskip("skl2onnx")
    return {".onnx": skl2onnx.to_onnx(forest, np.zeros((1, 1), np.float32)).SerializeToString()}


def _network() -> dict[str, bytes]:
    pytest.importorskip("torch")
    from dataclasses import asdict

    from safetensors.torch import save

    from xrai_widgets.models.networks import mlp

    module = mlp(3, [4], 2)
    metadata = {"xrai_network": json.dumps(asdict(module.network))}
    return {".safetensors": save(module.state_dict(), metadata=metadata)}


@st.composite
def changed(draw: st.DrawFn, kind: str) -> bytes:
    """A sound file with a few bytes of it different."""
    content = bytearray(sound()[kind])
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, max(len(content) - 1, 0)))
        if draw(st.booleans()):  # what matters most stands at both ends
            where = draw(st.integers(0, min(64, len(content)))) * draw(st.sampled_from([1, -1])) % max(len(content), 1)
        some = draw(st.binary(max_size=8))
        match draw(st.sampled_from(["cut", "flip", "put", "drop", "repeat"])):
            case "cut":
                del content[where:]
            case "flip" if content:
                content[where] ^= draw(st.integers(1, 255))
            case "put":
                content[where:where] = some
            case "drop":
                del content[where : where + len(some)]
            case "repeat":
                content[where:where] = content[where : where + 200]
    return bytes(content)


@st.composite
def anything(draw: st.DrawFn) -> tuple[str, bytes, tuple[str, ...]]:
    kind = draw(st.sampled_from(KINDS))
    style = draw(
        st.one_of(
            st.just(()),
            st.tuples(
                st.sampled_from(["", ",", ";", "\t", "|"]),
                st.sampled_from(["", ".", ","]),
                st.sampled_from(["", "utf-8", "cp1252", "utf-16", "shift_jis", "utf-7", "idna", "punycode"]),
            ),
        )
    )
    match draw(st.integers(0, 4)):
        case 0 | 1:
            return kind, draw(changed(kind)), style
        case 2:
            rows = draw(st.lists(st.lists(CELLS, max_size=4), max_size=6))
            sign = draw(st.sampled_from([",", ";", "\t", "|", " "]))
            text = "\n".join(sign.join(row) for row in rows)
            encoding = draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "cp1252"]))
            return ".csv", text.encode(encoding, errors="replace"), style
        case 3:
            return kind, sound()[draw(st.sampled_from(KINDS))], style
    some = draw(st.binary(max_size=300))
    return (
        kind,
        draw(st.sampled_from([some, pickle.dumps(some), b"PK\x03\x04" + some, b"PAR1" + some + b"PAR1"])),
        style,
    )


def check(reader: Reader, folder: Path, case: tuple[str, bytes, tuple[str, ...]]) -> None:
    kind, content, style = case
    file = folder / f"file{kind}"
    file.write_bytes(content)
    said = reader.read(file, style if kind.startswith(".csv") else ())
    # a file may kill the process that tries it: that is what the process is for
    assert said in ("read", "refused") or said.startswith("killed"), said


def test_the_files_that_are_changed_can_be_read(reader: Reader, tmp_path: Path) -> None:
    for kind, content in sound().items():
        (tmp_path / f"file{kind}").write_bytes(content)
        assert reader.read(tmp_path / f"file{kind}") == "read", kind


@settings(max_examples=300, derandomize=True, **CALM)
@given(case=anything())
def test_any_file_gives_a_table_or_model_or_a_message(
    reader: Reader, tmp_path: Path, case: tuple[str, bytes, tuple[str, ...]]
) -> None:
    check(reader, tmp_path, case)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@settings(max_examples=10_000, **CALM)
@given(case=anything())
def test_ten_thousand_files_give_a_table_or_model_or_a_message(
    reader: Reader, tmp_path: Path, case: tuple[str, bytes, tuple[str, ...]]
) -> None:
    check(reader, tmp_path, case)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 12), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=1)
)
KEYS = st.one_of(st.sampled_from(["a", "b"]), VALUES)
MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("begin"),
            "id": KEYS,
            "name": st.one_of(st.sampled_from(["t.csv", "../t.csv", "<b>.csv", "m.pkl"]), st.text(), VALUES),
            "size": st.one_of(st.integers(0, 6), VALUES),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("slice"), "id": KEYS, "offset": st.one_of(st.integers(0, 6), VALUES)}),
    st.fixed_dictionaries({"kind": st.sampled_from(["cancel", "remove", "x"]), "id": KEYS}),
    st.dictionaries(st.sampled_from(["kind", "id", "size"]), VALUES),
    VALUES,
)
BUFFERS = st.lists(st.one_of(st.binary(max_size=6), st.just(bytes(SLICE + 1))), max_size=2)


def play(messages: list[tuple[Any, list[bytes]]]) -> None:
    field = Uploader("table", [".csv"])
    heard: list[dict[str, Any]] = []
    field.send = heard.append  # type: ignore[method-assign]
    for content, buffers in messages:
        field._hear(field, content, [memoryview(buffer) for buffer in buffers])
        if field.upload is not None:
            assert field.upload.complete
            assert field.upload.path.stat().st_size == field.upload.size <= 12
            assert "<" not in field.name
    assert all(said["kind"] in ("received", "refused") for said in heard)
    held = [field.upload, field._coming]
    field.remove()
    assert all(upload is None or upload.closed for upload in held)


def plays() -> Any:
    return st.lists(st.tuples(MESSAGES, BUFFERS), max_size=8)


@settings(max_examples=200, derandomize=True, **CALM)
@given(plays())
def test_any_messages_leave_the_field_whole(messages: list[tuple[Any, list[bytes]]]) -> None:
    play(messages)


@pytest.mark.slow
@settings(max_examples=10_000, **CALM)
@given(plays())
def test_ten_thousand_conversations_leave_the_field_whole(messages: list[tuple[Any, list[bytes]]]) -> None:
    play(messages)
