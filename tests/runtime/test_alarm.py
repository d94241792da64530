"""An alarm in service: the same before and after a file, row by row, beside every kind of model."""

import json
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from tests.subjects import small_credit, small_digits
from xrai_widgets.core import Cancelled
from xrai_widgets.engines.ood._packing import holds_rows
from xrai_widgets.engines.ood._watches import METHODS
from xrai_widgets.io import alarm_files
from xrai_widgets.models.form import Form

# the small network stops early
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CHEAP: dict[str, dict[str, Any]] = {
    "vae": {"epochs": 1, "hidden": 8, "batch_size": 64},
    "ensemble": {"n_estimators": 5},
    "shuffle_forest": {"n_estimators": 5},
    "isolation_forest": {"n_estimators": 5},
}
TABLES = [name for name in METHODS if name != "energy"]
PICTURES = ["mahalanobis", "knn", "vae", "gen", "max_softmax", "ensemble"]
CASES = [*((small_credit, name) for name in TABLES), *((small_digits, name) for name in PICTURES)]


@cache
def alarm(subject: Callable[[], xw.Subject], name: str) -> xw.Alarm:
    return xw.Alarm.of(subject(), name, alpha=0.05, **CHEAP.get(name, {}))


def same(first: Any, second: Any) -> None:
    for field in ("foreignness", "p_values", "abstain", "nearest", "distances", "positions", "outside", "predictions"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)
    pd.testing.assert_frame_equal(first.votes, second.votes, check_exact=True)


@pytest.mark.parametrize(("subject", "name"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_every_detector_comes_back_from_a_file_bit_for_bit_and_each_row_stands_alone(
    subject: Callable[[], xw.Subject], name: str, tmp_path: Path
) -> None:
    made, given = alarm(subject, name), subject()
    back = xw.Alarm.load(made.save(tmp_path / "a.safetensors", include_rows=True), given)
    assert (back.alpha, back.made, back.digest, back.threshold) == (made.alpha, made.made, made.digest, made.threshold)
    assert (back.n_calibration, back.guarantee, back.form) == (made.n_calibration, made.guarantee, made.form)
    rows = given.X[:30] + np.float32(0.25) * (np.arange(30) % 2).reshape(-1, *[1] * (given.X.ndim - 1)).astype(
        np.float32
    )
    together = made.check(rows)
    same(together, back.check(rows))
    alone = [back.check(rows[place : place + 1]) for place in range(10)]
    np.testing.assert_array_equal(np.concatenate([one.p_values for one in alone]), together.p_values[:10])
    np.testing.assert_array_equal(np.concatenate([one.nearest for one in alone]), together.nearest[:10])  # type: ignore[index]  # it holds rows
    assert made.map is not None
    assert back.map is not None
    pd.testing.assert_frame_equal(made.map, back.map)


@pytest.mark.parametrize(("subject", "name"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_training_rows_are_in_a_file_only_if_asked_for(
    subject: Callable[[], xw.Subject], name: str, tmp_path: Path
) -> None:
    made, file = alarm(subject, name), tmp_path / "a.safetensors"
    assert holds_rows(made.service.alarm.detectors[0]) == (name in ("knn", "local_outlier_factor", "ensemble"))
    if holds_rows(made.service.alarm.detectors[0]):
        with pytest.raises(ValueError, match=r"holds training rows.*include_rows=True"):
            made.save(file)
        assert not list(tmp_path.iterdir())
        return
    made.save(file)
    _, arrays = alarm_files.read_alarm(file)
    rows = subject().X_train
    assert rows is not None
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    for key, value in arrays.items():  # no array has a training row in it
        if value.ndim == 2 and value.shape[1] == flat.shape[1]:
            assert not (value[:, None] == flat[None]).all(axis=2).any(), key
    back = xw.Alarm.load(file, subject())
    checked = back.check(subject().X[:5])
    assert checked.nearest is None
    assert checked.positions is None
    assert back.map is None
    np.testing.assert_array_equal(checked.p_values, made.check(subject().X[:5]).p_values)


@pytest.mark.parametrize("count", [10, 19, 49])
def test_means_of_few_training_rows_are_not_written_unless_asked_for(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, rows = rng.normal(size=(20, 3)), rng.normal(size=(count, 3))
    subject = xw.Subject.of(
        lambda X: np.full((len(X), 2), 0.5), X, np.arange(20) % 2, X_train=rows, y_train=rows[:, 0] > 0
    )
    made = xw.Alarm.of(subject, "mahalanobis", alpha=0.2)
    with pytest.raises(ValueError, match=rf"at least 5 rows.*got {count // 10}: .*at least 50 training rows"):
        made.save(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
    _, arrays = alarm_files.read_alarm(made.save(tmp_path / "a.safetensors", include_rows=True))
    sizes = [len(arrays[f"calibration.{fold}"]) for fold in range(10)]
    sums = [(count - size) * arrays[f"detector.{fold}.0.centres"] for fold, size in enumerate(sizes)]
    alone = [sum(sums) / 9 - one for one, size in zip(sums, sizes, strict=True) if size == 1]
    assert all(np.isclose(row, rows).all(axis=1).any() for row in alone)  # what would have been given away


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    file = alarm(small_credit, "mahalanobis").save(tmp_path / "a.safetensors")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_table_is_read_by_its_columns_in_any_order_and_says_what_does_not_fit() -> None:
    made, subject = alarm(small_credit, "mahalanobis"), small_credit()
    assert subject.decode is not None
    frame = subject.decode(subject.X)
    form = Form.of(subject)
    np.testing.assert_array_equal(form.encode(frame[frame.columns[::-1]]), subject.X)
    np.testing.assert_array_equal(form.encode(pd.DataFrame(frame.to_numpy(), columns=frame.columns)), subject.X)
    np.testing.assert_array_equal(form.encode(frame.to_numpy(dtype=object)), subject.X)
    odd = frame.iloc[:3].astype({"housing": object})
    odd.loc[odd.index[0], "housing"] = "castle"
    codes = form.encode(odd)[:, list(frame.columns).index("housing")]
    assert codes[0] == len(subject.constraints[list(frame.columns).index("housing")].categories)
    assert made.check(odd).p_values[0] < made.check(frame.iloc[:1]).p_values[0]
    for bad, message in (
        (frame.drop(columns="age"), "must have the column.*'age'"),
        (frame.assign(more=1), "drop them"),
        (frame.assign(age="old"), "'age' of X must hold numbers.*'old'"),
        (frame.assign(age=np.inf), "finite"),
        (frame.iloc[:0], "at least one row"),
        (subject.X[:, :4], "must have 9 columns"),
        (np.array([["a"] * 3]), "must hold numbers, or be a DataFrame"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            made.check(bad)


def test_truth_values_and_gaps_are_numbers() -> None:
    form = Form(("a", "b"), ("integer", "category"), ((), ("1", "2", "missing")))
    frame = pd.DataFrame({"b": [2.0, np.nan, 7], "a": pd.Series([True, None, False], dtype=object)})
    np.testing.assert_array_equal(form.encode(frame), [[1, 1], [np.nan, 2], [0, 3]])
    np.testing.assert_array_equal(form.encode(frame.astype({"b": "Int64", "a": "boolean"})), form.encode(frame))


@pytest.mark.parametrize("word", ["castle", None])
def test_the_model_says_nothing_of_a_word_that_it_cannot_be_given(word: Any) -> None:
    made, subject = alarm(small_credit, "mahalanobis"), small_credit()
    assert subject.decode is not None
    frame = subject.decode(subject.X[:4])
    odd = frame.astype({"housing": object})
    odd.loc[odd.index[1], "housing"] = word
    codes = made.form.encode(odd)
    as_empty = codes.copy()
    as_empty[1, list(frame.columns).index("housing")] = np.nan
    for rows in (odd, codes, as_empty):
        checked = made.check(rows)
        assert np.ma.getmaskarray(checked.predictions).tolist() == [False, True, False, False]  # type: ignore[no-untyped-call]  # without types
        assert checked.table()["prediction"].isna().tolist() == [False, True, False, False]
        assert made.predict(rows).mask[1]
        assert checked.p_values[1] < 0.05
    assert not np.ma.isMaskedArray(made.check(frame).predictions)  # type: ignore[no-untyped-call]  # without types


def test_masked_cells_are_no_numbers() -> None:
    form = Form(("a", "b"), ("continuous", "continuous"), ((), ()))
    with pytest.raises(ValueError, match="no masked entries, got 1"):
        form.encode(np.ma.masked_array([[1.0, 2.0]], [[False, True]]))  # type: ignore[no-untyped-call]  # without types


@pytest.mark.parametrize(("says", "called"), [(np.nan, "NaN"), (np.inf, "an infinite number")])
def test_a_model_that_says_no_number_is_named_with_the_row(says: float, called: str) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))

    def predict(X: Any) -> Any:
        up = np.where(X[:, 0] > 1e3, says, 1 / (1 + np.exp(-np.minimum(X[:, 0], 9.0))))
        return np.column_stack([1 - up, up])

    made = xw.Alarm.of(xw.Subject.of(predict, rows, np.arange(60) % 2), "max_softmax", alpha=0.1)
    with pytest.raises(ValueError, match=f"the model gives {called} for row 1"):
        made.check(np.array([[0.0, 0.0], [1e4, 0.0]]))


def test_pictures_may_be_flat_and_have_another_shape_only_by_name() -> None:
    made, subject = alarm(small_digits, "mahalanobis"), small_digits()
    wanted = made.check(subject.X[:4])
    for shape in ((4, 64), (4, 8, 8), (4, 8, 8, 1)):
        same(made.check(subject.X[:4].reshape(shape)), wanted)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\).*got \(28, 28\)"):
        made.check(np.zeros((2, 28, 28)))
    with pytest.raises(ValueError, match="pixels of X must be numbers"):
        made.check(np.full((1, 8, 8), np.nan))
    assert made.bounds == (0.0, 1.0)
    assert (made.check(np.full((1, 8, 8), 300.0)).outside > 0).all()


def test_the_alarm_rings_at_its_alpha_and_says_the_smallest() -> None:
    made = alarm(small_credit, "mahalanobis")
    assert made.n_calibration == 300
    assert made.smallest_alpha == 1 / 301
    assert made.guarantee == 0.1  # fold by fold: twice
    far = small_credit().X[:3].copy()
    far[:, -1] = 1e6
    checked = made.check(far)
    assert checked.abstain.all()
    np.testing.assert_array_equal(checked.p_values, np.full(3, 1 / 301))
    assert (checked.outside >= 1).all()
    assert made.at(1 / 301).check(far).abstain.all()
    with pytest.raises(ValueError, match=r"at least 0.00332 with 300 rows.*takes 999 rows"):
        made.at(0.001)
    with pytest.raises(ValueError, match=r"lie in \(0, 0.5\]"):
        made.at(0.7)
    rate = made.rate(np.concatenate([far, small_credit().X[:97]]))
    alarms = made.check(small_credit().X[:97]).abstain.sum() + 3
    assert rate.value == alarms / 100
    assert rate.low < rate.value < rate.high


def test_it_stands_beside_functions_and_torch_modules() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

    def function(rows: Any) -> Any:
        p = 1 / (1 + np.exp(-3 * np.asarray(rows)[:, 0]))
        return np.column_stack([1 - p, p])

    for model in (function, module):
        subject = xw.Subject.of(model, X[:300], y[:300], X_train=X[300:], y_train=y[300:])
        for name in ("max_softmax", "mahalanobis"):
            made = xw.Alarm.of(subject, name)
            checked = made.check(X[:20])
            assert checked.predictions is not None
            np.testing.assert_array_equal(checked.predictions, subject.predict(subject.X[:20]).argmax(axis=1))


def test_a_file_goes_with_its_own_model_and_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] > 0).astype(int)

    def model(slope: float) -> Callable[[Any], Any]:
        def function(rows: Any) -> Any:
            p = 1 / (1 + np.exp(-slope * np.asarray(rows)[:, 0]))
            return np.column_stack([1 - p, p])

        return function

    subject = xw.Subject.of(model(3.0), X, y)
    file = xw.Alarm.of(subject, "max_softmax").save(tmp_path / "a.safetensors")
    alone = xw.Alarm.load(file)
    with pytest.raises(ValueError, match="looks at what the model says"):
        alone.check(X[:2])
    assert xw.Alarm.load(file, subject).check(X[:2]).predictions is not None
    with pytest.raises(ValueError, match="something else of the same samples"):
        xw.Alarm.load(file, xw.Subject.of(model(2.0), X, y))
    with pytest.raises(ValueError, match="must have the columns"):
        xw.Alarm.load(file, xw.Subject.of(model(3.0), X, y, feature_names=["a", "b", "c"]))


def test_what_it_cannot_be_made_of_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="detector must be one of energy, ensemble"):
        xw.Alarm.of(small_credit(), "nonsense")
    with pytest.raises(ValueError, match="needs logits"):
        xw.Alarm.of(small_credit(), "energy")
    with pytest.raises(ValueError, match="n_neighbours"):
        xw.Alarm.of(small_credit(), "knn", n_neighbours=3)
    with pytest.raises(ValueError, match="image inputs"):
        xw.Alarm.of(small_digits(), "isolation_forest")
    for name in ("a.pkl", "nowhere/a.safetensors"):
        with pytest.raises(ValueError, match=r"ends in \.safetensors"):
            alarm(small_credit, "mahalanobis").save(tmp_path / name)


@cache
def few_rows() -> xw.Subject:
    """A function of a number and a word, and 40 training rows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80)})

    def function(rows: pd.DataFrame) -> Any:
        p = 1 / (1 + np.exp(-rows["a"].to_numpy()))
        return np.column_stack([1 - p, p])

    y = (frame["a"] > 0).to_numpy().astype(int)
    return xw.Subject.of(function, frame[:40], y[:40], X_train=frame[40:], y_train=y[40:])


def rewritten(file: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """Return a forged file, whose digest is right."""
    said, arrays = alarm_files.read_alarm(file)
    change(said, arrays)
    return alarm_files.write_alarm(file.with_name("forged.safetensors"), said, arrays)


def leaves(part: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all entries of a JSON text."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return (
        [way, *(one for key, value in inner for one in leaves(value, (*way, key)))]
        if way
        else [one for key, value in inner for one in leaves(value, (key,))]
    )


ODD: list[Any] = [
    None,
    True,
    -1,
    2**70,
    0.5,
    "../../etc/passwd",
    "__import__('os')",
    [],
    {},
    [[]],
    {"kind": "Popen"},
    [1, 2, 3],
]


@pytest.mark.parametrize("name", ["ensemble", "local_outlier_factor", "vae", "isolation_forest"])
def test_whatever_a_forged_file_says_there_is_an_alarm_or_one_error(name: str, tmp_path: Path) -> None:
    """Each entry of the text is replaced by each odd thing, and each array by one that is none: nothing runs away."""
    file = alarm(few_rows, name).save(tmp_path / "a.safetensors", include_rows=True)
    said, arrays = alarm_files.read_alarm(file)
    rng = np.random.default_rng(0)
    ways = [way for way in leaves(said) if not {"words", "names", "ids"} & {*way[:2]}]
    refused = 0
    for number in rng.permutation(len(ways))[:50]:
        way, odd = ways[number], ODD[rng.integers(len(ODD))]

        def change(text: dict[str, Any], _: Any, way: Any = way, odd: Any = odd) -> None:
            for key in way[:-1]:
                text = text[key]
            text[way[-1]] = odd

        refused += fails(rewritten(file, change))
    keys = sorted(arrays)
    for number in rng.permutation(len(keys))[:15]:
        key = keys[number]
        for forged in (arrays[key] * 0 - 7, arrays[key][:0], np.zeros((2, 2, 2)), arrays[key].astype(np.float64) + 1e9):

            def put(_: Any, parts: dict[str, Any], key: str = key, forged: Any = forged) -> None:
                parts[key] = forged

            refused += fails(rewritten(file, put))
    assert refused > 60


def fails(file: Path) -> bool:
    """Whether a file is refused, in one line that names it; one that is not can be asked."""
    try:
        made = xw.Alarm.load(file)
    except ValueError as error:
        said = str(error)
    else:
        made.check(few_rows().X[:3])
        return False
    assert said.startswith("the alarm forged.safetensors could not be read: ")
    assert "\n" not in said
    return True


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save

    file = alarm(small_credit, "mahalanobis").save(tmp_path / "a.safetensors")
    whole = file.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    forged = {
        "empty": b"",
        "short": whole[:7],
        "cut": whole[:-1],
        "long header": (2**62).to_bytes(8, "little") + whole[8:],
        "no header": (10).to_bytes(8, "little") + b"not JSON, " + whole[8 + length :],
        "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
        "another": save({"a": np.zeros(3)}),
        "one bit": whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
        "pickle": b"\x80\x04\x95" + whole,
        "not ours": save({"a": np.zeros(3)}, metadata={"xrai_alarm": json.dumps({"version": 99, "alarm": "{}"})}),
        "half": save({"a": np.zeros(3)}, metadata={"xrai_alarm": json.dumps([1, 2])}),
        "types": save({"a": np.zeros(3, dtype=np.float16)}, metadata={"xrai_alarm": '{"version": 1}'}),
    }
    for what, content in forged.items():
        bad = tmp_path / "bad.safetensors"
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=r"^the alarm bad.safetensors could not be read: ") as caught:
            xw.Alarm.load(bad)
        assert "\n" not in str(caught.value), what
    for path in (tmp_path, tmp_path / "nothing", "/dev/zero", "\0", ""):
        with pytest.raises(ValueError, match="the alarm must be a file"):
            xw.Alarm.load(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.safetensors"
    with file.open("wb") as stream:
        stream.truncate(2**31 + 1)  # a hole: it takes no room
    with pytest.raises(ValueError, match="at most 2 GiB"):
        xw.Alarm.load(file)


def test_nothing_in_a_file_is_called_or_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pickle, no skops, no import by a name of the file: the classes are those of a list."""
    import pickle

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a file may not be unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, never)
    file = alarm(small_credit, "mahalanobis").save(tmp_path / "a.safetensors")
    for kind in ("os.system", "subprocess.Popen", "builtins.eval", "sklearn.base.BaseEstimator"):

        def change(said: dict[str, Any], _: Any, kind: str = kind) -> None:
            said["detectors"][0]["parts"][1]["kind"] = kind

        with pytest.raises(ValueError, match="names a detector that there is not"):
            xw.Alarm.load(rewritten(file, change))


def test_the_population_check_and_the_classifier_that_refuses() -> None:
    made, subject = alarm(small_credit, "mahalanobis"), small_credit()
    rows = subject.X[:6].copy()
    rows[4:, -1] = 1e6
    assert made.in_population(rows).tolist() == [1 - int(rings) for rings in made.check(rows).abstain]
    assert made.in_population(rows)[4:].tolist() == [0, 0]
    predicted = made.predict(rows)
    assert predicted.mask[4:].all()
    codes = subject.predict(rows).argmax(axis=1)
    assert predicted[:4].compressed().tolist() == [
        subject.classes[code] for code, away in zip(codes[:4], predicted.mask[:4], strict=True) if not away
    ]
    with pytest.raises(ValueError, match=r"2 of the rows are foreign at α = 0.05 \(rows 4, 5;"):
        made.predict(rows[[0, 1, 2, 3, 4, 5]], on_foreign="raise")
    with pytest.raises(ValueError, match="on_foreign must be"):
        made.predict(rows, on_foreign="hide")  # type: ignore[arg-type]  # the test


def test_what_a_batch_can_show_is_what_it_shows() -> None:
    """By brute force: so many rows as foreign as can be are picked out, and one fewer are not."""
    made, subject = alarm(small_credit, "mahalanobis"), small_credit()
    for count, rate in ((20, 0.1), (60, 0.1), (60, 0.5)):
        need = made.discoverable(count, rate)
        assert need is not None
        rows = np.repeat(subject.X[np.argmax(made.check(subject.X).p_values)][None], count, axis=0)
        rows[: need - 1, -1] = 1e6
        assert not made.discoveries(rows, rate).any()
        rows[:need, -1] = 1e6
        assert made.discoveries(rows, rate).sum() == need
    assert made.discoverable(20, 20 / 301) == 1  # rows / rate − 1 = 300 calibrate
    assert made.discoverable(20, 0.003) is None
    with pytest.raises(ValueError, match="rate must lie"):
        made.discoveries(subject.X, 0.0)


@pytest.mark.parametrize("name", ["mahalanobis", "max_softmax"])
def test_in_service_it_rings_as_often_as_was_asked_for(name: str) -> None:
    """Over draws of training, calibrating and new rows from one pool."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6000, 3)) @ rng.normal(size=(3, 3))

    def model(rows: Any) -> Any:
        p = 1 / (1 + np.exp(-np.asarray(rows)[:, 0]))
        return np.column_stack([1 - p, p])

    shares = []
    for split in range(12):
        order = np.random.default_rng(split).permutation(len(X))
        train, held, new = X[order[:1500]], X[order[1500:2000]], X[order[2000:4000]]
        y = [(part[:, 0] > 0).astype(int) for part in (train, held)]
        subject = xw.Subject.of(model, held, y[1], X_train=train, y_train=y[0])
        shares.append(xw.Alarm.of(subject, name, alpha=0.05).rate(new).value)
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert np.mean(shares) <= 0.05 + 2 * error
    assert np.mean(shares) >= 0.025, "an alarm that never rings is none"


def test_whoever_waits_may_stop_the_fit() -> None:
    class Stop(xw.Step):
        def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
            raise Cancelled("cancelled by the user")

    with pytest.raises(Cancelled):
        xw.Alarm.of(small_credit(), "shuffle_forest", step=Stop())


def test_an_alarm_is_shown_in_one_line_and_without_rows() -> None:
    shown = repr(xw.Alarm.of(xw.examples.load("breast_cancer_logistic"), "knn", alpha=0.05))
    assert shown.startswith("Alarm('ood.knn', alpha=0.05, n_calibration=")
    assert shown.endswith("beside 'breast_cancer_logistic')")
    assert len(shown) < 120
