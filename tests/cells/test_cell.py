"""A cell: what lives in it harms nobody, and is answered as if it lived here."""

import contextlib
import gc
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import psutil
import pytest

from tests.cells import inmates as models
from tests.pace import slowness
from xrai_widgets.cells.cell import Cell, CellDied
from xrai_widgets.cells.frames import pack_value, unpack_value
from xrai_widgets.cells.plain import careful
from xrai_widgets.cells.remote import Foreign, Home, Remote, in_cell
from xrai_widgets.core import Array, Finding, NotApplicable, Predict, Step, Subject, find, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.runtime import Meter, RunStep, run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.arange(40) % 2


def asks(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask for five rows."""
    total = float(predict(X[:5]).sum())
    return Finding({"total": total}, {"total": (total, total)}, {"total": 5})


def maps(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    """Ask for five rows in workers."""
    total = sum(float(part) for part in step.map(Part(predict, X), range(4)))
    return Finding({"total": total}, {"total": (total, total)}, {"total": 5})


class Part:
    """The sum of five rows."""

    def __init__(self, predict: Predict, X: Array) -> None:
        self.predict, self.X = predict, X

    def __call__(self, _: int) -> float:
        return float(self.predict(self.X[:5]).sum())


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    for engine in (asks, maps):
        register(title=engine.__name__)(engine)
    yield
    for engine in (asks, maps):
        _registry.pop(f"custom.{engine.__name__}")


def subject(function: Callable[[Array], Array], **fields: Any) -> Subject:
    made = Subject.of(models.halves, X, Y)
    return replace(made, predict=function, **fields)


def foreign(function: Callable[[Array], Array], **fields: Any) -> Subject:
    """A subject whose function lives in a cell."""
    return in_cell(subject(function, **fields))


def cell_of(held: Subject) -> Cell:
    assert isinstance(held.model, Foreign)
    return held.model.home.living()


def children() -> set[int]:
    found = set()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ends while it is looked at
            found |= {child.pid} if "cells.inmate" in " ".join(child.cmdline()) else set()
    return found


def test_it_answers_what_the_model_answers(forest: Subject) -> None:
    held = in_cell(forest)
    assert np.array_equal(held.predict(forest.X), forest.predict(forest.X))
    assert held.fingerprint == forest.fingerprint
    assert cell_of(held).pid in children()
    assert forest.fit is not None
    assert held.fit is not None
    weights = RNG.uniform(size=len(forest.X))
    there = held.fit(forest.X, forest.y, seed=3, sample_weight=weights)
    assert np.array_equal(there(forest.X), forest.fit(forest.X, forest.y, seed=3, sample_weight=weights)(forest.X))


def test_a_gradient_and_logits_are_answered_there(logistic: Subject) -> None:
    held = in_cell(logistic)
    for name in ("logits", "embed"):
        if getattr(logistic, name) is not None:
            assert np.array_equal(getattr(held, name)(logistic.X[:9]), getattr(logistic, name)(logistic.X[:9]))
    assert logistic.gradient is not None
    assert held.gradient is not None
    expected = logistic.gradient(logistic.X[:9], logistic.y[:9])
    assert np.array_equal(held.gradient(logistic.X[:9], logistic.y[:9]), expected)
    assert logistic.logit_gradient is not None
    assert held.logit_gradient is not None
    weights = RNG.normal(size=(9, len(logistic.classes)))
    expected = logistic.logit_gradient(logistic.X[:9], weights)
    assert np.array_equal(held.logit_gradient(logistic.X[:9], weights), expected)


@pytest.mark.parametrize("function", [models.hangs, models.spins])
@pytest.mark.parametrize("engine", ["asks", "maps"])
def test_cancel_kills_a_call_that_hangs_within_a_second(function: Any, engine: str) -> None:
    held = foreign(function)
    assert held.fingerprint
    process, cancel, ended = cell_of(held).pid, threading.Event(), []
    step = RunStep(Meter(cancel))
    thread = threading.Thread(target=lambda: ended.append(run(held, find(f"custom.{engine}"), step=step)))
    thread.start()
    time.sleep(0.3)
    cancel.set()
    asked = time.monotonic()
    thread.join(10)
    assert time.monotonic() - asked < 1.0 * slowness()
    assert ended[0].status == "cancelled"
    deadline = time.monotonic() + 2
    while process in children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process not in children()
    assert held.predict(X).shape == (40, 2), "the next question starts a new one"


def test_cancel_in_workers_kills_the_cells_there() -> None:
    held, cancel, ended = foreign(models.hangs), threading.Event(), []
    assert held.fingerprint

    def work() -> None:
        with joblib.parallel_config(backend="loky", n_jobs=2):
            ended.append(run(held, find("custom.maps"), step=RunStep(Meter(cancel))))

    with joblib.parallel_config(backend="loky", n_jobs=2):  # workers that stand already survive the end of a map
        joblib.Parallel()(joblib.delayed(abs)(number) for number in range(4))
    before = children()
    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 60
    while len(children() - before) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3.0)  # until they have been asked
    cancel.set()
    asked = time.monotonic()
    thread.join(10)
    assert time.monotonic() - asked < 1.0 * slowness()
    assert ended[0].status == "cancelled"
    while children() - before and time.monotonic() - asked < 20:
        time.sleep(0.05)
    time.sleep(1.0)
    assert not children() - before, "nor has an item that was waiting for a worker started another one"


@pytest.mark.parametrize("function", [models.grows, models.grows_at_once])
@pytest.mark.parametrize("enforce", [True, False])
def test_a_cell_that_needs_too_much_memory_dies_with_a_message_and_the_kernel_lives(
    function: Any, enforce: bool
) -> None:
    if function is models.grows_at_once and not enforce:
        pytest.skip("64 GB that are never written are no resident memory")
    cell = Cell(budget=300 * 2**20, enforce=enforce)
    packed = cloudpickle.dumps({"predict": function})
    before = psutil.Process().memory_info().rss
    with pytest.raises(CellDied, match=r"0\.293 GB of memory it may have"):
        cell.ask("predict", (X[:5],), {}, packed, lambda key: key)
    assert not cell.alive
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


def test_a_crash_is_an_error_outcome_and_the_next_run_is_answered() -> None:
    held = foreign(models.dies)
    outcome = run(held, find("custom.asks"))
    assert outcome.status == "error"
    assert "the process of the model ended (exit code -11)" in outcome.reason
    assert held.predict(X).shape == (40, 2)


def test_what_the_model_raises_is_raised_here_in_words() -> None:
    with pytest.raises(RuntimeError, match="LookupError: no such thing"):
        foreign(models.raises).predict(X)
    cell = Cell()
    for raised in (ValueError("wrong"), TypeError("odd"), NotApplicable("not so", "another"), KeyError("k")):
        packed = cloudpickle.dumps({"go": Raises(raised)})
        with pytest.raises(type(raised)) as caught:
            Cell.ask(cell, "go", (), {}, packed, lambda key: key)
        cell.tell({"op": "drop", "keys": ["go"]})
        if isinstance(raised, NotApplicable):
            assert (caught.value.reason, caught.value.instead) == ("not so", "another")
    assert cell.alive


class Raises:
    """Raises what it was made with."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self) -> None:
        raise self.error


def test_what_the_model_prints_does_not_disturb_the_answers() -> None:
    held = foreign(models.shouts)
    for _ in range(3):
        assert np.array_equal(held.predict(X), models.halves(X))


def test_a_stranger_sees_no_environment_and_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRAI_STORE", "postgresql://me:password@host/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    cell = Cell()
    packed = cloudpickle.dumps({"look": models.surroundings})
    environment, folder, inside, threads, process = cell.ask("look", (), {}, packed, lambda key: key)
    assert not {"XRAI_STORE", "AWS_SECRET_ACCESS_KEY"} & set(environment)
    names = {"PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "HOME", "USERPROFILE", "MPLCONFIGDIR"}
    names |= {"TMPDIR", "TEMP", "TMP", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT"}
    names |= {name for name in environment if name.endswith(("_NUM_THREADS", "_MAXIMUM_THREADS", "_MAX_CPU_COUNT"))}
    names |= {"KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK"}  # a library of the process sets them itself
    assert set(environment) <= names
    assert folder not in (os.getcwd(), os.path.expanduser("~"))
    assert inside == ()
    assert threads == "1"
    assert process == cell.pid
    cell.close()
    assert not Path(folder).exists()


def test_ones_own_model_keeps_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_MODEL_NEEDS", "this")
    held = foreign(models.halves, embed=models.surroundings)
    assert held.embed is not None
    found: Any = held.embed(X)
    assert "MY_MODEL_NEEDS" in found[0]


def test_the_kernel_makes_nothing_of_what_comes_back_but_plain_things(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    cell = Cell()
    packed = cell.call(models.sets_a_trap, (mark,))[0]
    with pytest.raises(pickle.UnpicklingError, match=r"the cell may not send (posix|nt|os)\.mkdir"):
        careful(packed)
    assert not mark.exists()
    pickle.loads(packed)
    assert mark.exists(), "the trap would not have closed"


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "builtins.getattr",
        "os.system",
        "xrai_widgets.cli.main",
        "xrai_widgets.models.frame.few",
        "numpy.load",
        "numpy.frombuffer",
        "pandas.read_pickle",
        "pandas.core.indexes.base.pickle.loads",
        "operator.attrgetter",
    ],
)
def test_no_function_may_come_out_of_a_cell(name: str) -> None:
    module, _, function = name.rpartition(".")
    with pytest.raises(pickle.UnpicklingError, match="the cell may not send"):
        careful(f"c{module}\n{function}\n.".encode())


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        "text",
        (1, "a"),
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "bc"]),
        np.zeros((0, 3)),
        np.float32(2),
        np.array([True, False]),
        np.arange(3, dtype=np.int8),
        np.array(["a", None, 1], dtype=object),
        np.asfortranarray(X),
    ],
    ids=repr,
)
def test_values_travel_unchanged(value: Any) -> None:
    buffers: list[Any] = []
    said = pack_value(value, buffers)
    back = unpack_value(
        said, [bytearray(memoryview(part).cast("B")) if memoryview(part).nbytes else bytearray() for part in buffers]
    )
    if isinstance(value, np.ndarray):
        assert (back.dtype, back.shape) == (value.dtype, value.shape)
        assert back.tolist() == value.tolist()
    else:
        assert back == value


@pytest.mark.parametrize(
    "said", [["a", "|O", [1]], ["a", "<f8", [2]], ["a", "<f8", [-1]], ["x", 1], ["v", {}], ["f", "key"]]
)
def test_a_forged_answer_is_refused(said: list[Any]) -> None:
    with pytest.raises((ValueError, IndexError, TypeError)):
        unpack_value(said, [bytearray(8)])


def test_words_come_back_as_words() -> None:
    assert foreign(models.names).predict(X).tolist() == ["a", "b"] * 20


def test_a_refitted_model_travels_to_another_process_and_is_forgotten_when_nobody_holds_it() -> None:
    held = foreign(models.halves, fit=models.trains)
    assert held.fit is not None
    first, second = held.fit(X, Y, seed=3), held.fit(X, Y, seed=7)
    assert first(X)[0, 0] == 0.3
    assert second(X)[0, 0] == 0.7
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(first)(X[:1]) for _ in range(3))[0][0, 0] == 0.3
    cell, key = cell_of(held), first.key  # type: ignore[attr-defined] # a Remote
    del first
    gc.collect()
    assert second(X)[0, 0] == 0.7
    assert "unknown" in cell.tell({"op": "ask", "key": key, "args": [["v", 1]], "named": {}})[0]


def test_a_refitted_model_that_died_with_its_process_says_so() -> None:
    held = foreign(models.halves, fit=models.trains)
    assert held.fit is not None
    trained = held.fit(X, Y, seed=3)
    cell_of(held).close()
    with pytest.raises(CellDied, match="was lost with the process it lived in"):
        trained(X)
    assert held.predict(X).shape == (40, 2)


def test_threads_ask_one_after_the_other() -> None:
    held, wrong = foreign(models.halves), []

    def work(rows: int) -> None:
        for _ in range(30):
            if held.predict(X[:rows]).shape != (rows, 2):
                wrong.append(rows)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (1, 7, 20, 33)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_process_ends_with_the_subject() -> None:
    held = foreign(models.halves)
    process = cell_of(held).pid
    assert process in children()
    del held
    gc.collect()
    assert process not in children()


def test_a_model_that_cannot_be_pickled_is_said() -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"cannot be sent to a process of its own: .*lock"):
        in_cell(subject(lambda X: (lock, models.halves(X))[1]))


def test_a_home_is_one_home_in_a_process_however_often_it_is_sent() -> None:
    home = Home(cloudpickle.dumps({"predict": models.halves}), "function")
    sent = [pickle.loads(pickle.dumps(Remote(home, "predict"))) for _ in range(3)]
    assert sent[0].home is sent[1].home is sent[2].home
    sent[0].home.living().close()
