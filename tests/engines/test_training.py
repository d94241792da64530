"""The training of networks: it stops at once, loses an epoch at most, and ends as if it had never stopped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xrai_widgets.core import Array, Cancelled, Finding, Step, quiet
from xrai_widgets.core.step import Arrays, Partial
from xrai_widgets.engines._training.checkpoint import key_of
from xrai_widgets.engines._training.live import as_bytes, loss_table, training_finding
from xrai_widgets.engines._training.loop import Diverged, History, Schedule, train
from xrai_widgets.engines._training.networks import Draws, device_of, mlp, tensor_of
from xrai_widgets.engines.ood._vae import VAE, Sizes
from xrai_widgets.results.charts.figure import draw
from xrai_widgets.runtime.checkpoints import InFolder, Keeper

ROWS = np.random.default_rng(0).uniform(size=(90, 16))
SCHEDULE = Schedule(epochs=4, batch_size=32)


class Killed(BaseException):
    """What ends a process."""


class Keeping(Step):
    """Keeps in a folder; may be killed after so many epochs, or cancelled before so many batches are learned."""

    def __init__(self, keeper: Keeper, epochs: int | None = None, batches: int | None = None) -> None:
        self.keeper, self.epochs, self.batches = keeper, epochs, batches
        self.partials: list[Finding] = []
        self.done: list[float] = []

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        self.done.append(done)
        if callable(partial):
            self.partials.append(partial())
        if self.batches is not None:
            self.batches -= 1
            if self.batches < 0:
                raise Cancelled("enough")

    def recall(self, key: str) -> Arrays | None:
        return self.keeper.recall(key)

    def keep(self, key: str, arrays: Arrays) -> None:
        self.keeper.keep(key, arrays)
        if self.epochs is not None:
            self.epochs -= 1
            if self.epochs <= 0:
                raise Killed


class Counted(VAE):
    """Counts the batches that it learns from."""

    batches = 0

    def learn(self, rows: torch.Tensor) -> torch.Tensor:
        self.batches += 1
        return super().learn(rows)


def trainee(**more: Any) -> Counted:
    fields: dict[str, Any] = {"learning_rate": 1e-3, "seed": 3, "device": "cpu", "rows": 64, "validation": ROWS[80:]}
    return Counted(Sizes(16, 24, 3), "gaussian", **(fields | more))


def state(model: VAE) -> dict[str, Array]:
    from xrai_widgets.engines._training.checkpoint import State

    return State(model.networks, model.optimizers, model.draws).arrays()


def trained(step: Step, model: Counted | None = None) -> tuple[Counted, History]:
    model = model or trainee()
    return model, train(model, tensor_of(ROWS[:80]), SCHEDULE, "key", step)


@pytest.fixture(scope="module")
def in_one_go() -> tuple[Counted, History]:
    return trained(quiet)


def same(one: tuple[Counted, History], other: tuple[Counted, History]) -> None:
    first, second = state(one[0]), state(other[0])
    assert first.keys() == second.keys()
    assert any(key.startswith("optimizer/adam/") for key in first)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
    np.testing.assert_array_equal(one[1].train, other[1].train)
    np.testing.assert_array_equal(one[1].held_out, other[1].held_out)


def test_killed_after_every_epoch_it_ends_bit_for_bit_as_in_one_go(
    in_one_go: tuple[Counted, History], tmp_path: Path
) -> None:
    learned = []
    for _ in range(SCHEDULE.epochs):
        model = trainee()
        with pytest.raises(Killed):
            trained(Keeping(InFolder(tmp_path), epochs=1), model)
        learned.append(model.batches)
    assert learned == [3] * SCHEDULE.epochs  # one epoch each: none is done twice
    resumed = trained(Keeping(InFolder(tmp_path)))
    assert resumed[0].batches == 0
    same(in_one_go, resumed)


def test_cancelled_in_an_epoch_it_loses_that_epoch_alone(in_one_go: tuple[Counted, History], tmp_path: Path) -> None:
    model = trainee()
    with pytest.raises(Cancelled):
        trained(Keeping(InFolder(tmp_path), batches=8), model)
    assert model.batches == 8  # two epochs of three batches, and two of the third: Cancel is looked for before each
    resumed = trained(Keeping(InFolder(tmp_path)))
    assert resumed[0].batches == 6
    same(in_one_go, resumed)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("weights/encoder/0.weight", np.zeros((2, 2), dtype=np.float32)),
        ("weights/encoder/0.weight", np.full((24, 16), np.nan, dtype=np.float32)),
        ("weights/encoder/0.weight", None),
        ("optimizer/adam/0/exp_avg", np.zeros(3, dtype=np.float32)),
        ("optimizer/adam/99/exp_avg", np.zeros(3, dtype=np.float32)),
        ("optimizer/adam/x/exp_avg", np.zeros(3, dtype=np.float32)),
        ("generator", np.zeros(3, dtype=np.uint8)),
        ("history/train", np.zeros((99, 2))),
        ("history/train", np.full((4, 2), np.nan)),
        ("history/held_out", np.zeros((4, 7))),
    ],
)
def test_what_is_kept_and_does_not_fit_is_as_good_as_nothing(
    in_one_go: tuple[Counted, History], tmp_path: Path, name: str, wrong: Array | None
) -> None:
    keeper = InFolder(tmp_path)
    history = {"history/train": in_one_go[1].train, "history/held_out": in_one_go[1].held_out}
    forged = {**state(in_one_go[0]), **history} | ({} if wrong is None else {name: wrong})
    if wrong is None:
        del forged[name]
    keeper.keep("key", forged)
    again = trained(Keeping(keeper))
    assert again[0].batches == 12
    same(in_one_go, again)


def test_another_seed_another_network(in_one_go: tuple[Counted, History]) -> None:
    other, _ = trained(quiet, trainee(seed=4))
    assert (state(other)["weights/encoder/0.weight"] != state(in_one_go[0])["weights/encoder/0.weight"]).all()


def test_no_generator_of_others_moves() -> None:
    def global_state() -> list[Array]:
        return [torch.get_rng_state().numpy(), np.array(np.random.get_state()[1])]  # noqa: NPY002 - it is looked at

    before = global_state()
    trained(quiet)
    for one, other in zip(before, global_state(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_are_drawn_as_torch_draws_them() -> None:
    network = mlp((400, 300, 10), Draws(0, torch.device("cpu")))
    reference = torch.nn.Linear(400, 300)
    for one, other in ((network[0].weight, reference.weight), (network[0].bias, reference.bias)):
        assert float(one.detach().std()) == pytest.approx(float(other.detach().std()), rel=0.15)
        assert float(one.detach().abs().max()) <= 0.05 < 1.1 * float(one.detach().abs().max())


def test_progress_grows_to_1_and_losses_fall(in_one_go: tuple[Counted, History], tmp_path: Path) -> None:
    step = Keeping(InFolder(tmp_path))
    _, history = trained(step)
    assert step.done == sorted(step.done)
    assert step.done[-1] == 1.0
    assert history.train.shape == history.held_out.shape == (4, 2)
    assert history.train.sum(axis=1)[-1] < history.train.sum(axis=1)[0]


def test_the_mean_loss_of_an_epoch_is_that_of_its_rows() -> None:
    model = trainee(learning_rate=1e-12, validation=ROWS[:80])
    _, history = trained(quiet, model)
    # nothing is learned: the KL divergence, which draws nothing, is that of the samples themselves
    assert history.train[:, 1] == pytest.approx(history.held_out[:, 1], rel=1e-4)


def test_a_training_without_end_says_so() -> None:
    with pytest.raises(Diverged, match=r"epoch \d.*try a lower learning_rate"):
        trained(quiet, trainee(learning_rate=1e30))


def test_a_key_holds_rows_their_order_settings_and_device() -> None:
    keys = [
        key_of(ROWS, {"epochs": 3}, "cpu"),
        key_of(ROWS[::-1], {"epochs": 3}, "cpu"),
        key_of(ROWS.astype(np.float32), {"epochs": 3}, "cpu"),
        key_of(ROWS.reshape(45, 32), {"epochs": 3}, "cpu"),
        key_of(ROWS, {"epochs": 4}, "cpu"),
        key_of(ROWS, {"epochs": 3}, "cuda"),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key_of(ROWS.copy(), {"epochs": 3}, "cpu")


def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    assert device_of("cpu").type == "cpu"
    assert device_of("auto").type in ("cpu", "cuda", "mps")
    gone = next(name for name in ("mps", "cuda") if name != device_of("auto").type)
    with pytest.raises(ValueError, match=f"device must be one that this machine has .*got '{gone}'"):
        device_of(gone)  # type: ignore[arg-type]  # a name


def test_the_live_finding_holds_the_curve_and_the_pictures_as_bytes(in_one_go: tuple[Counted, History]) -> None:
    history = in_one_go[1]
    table = loss_table(history)
    assert list(table.columns) == ["epoch", "part", "loss", "reconstruction", "KL"]
    assert table["loss"].to_numpy() == pytest.approx((table["reconstruction"] + table["KL"]).to_numpy())
    shown = as_bytes(np.array([[-0.5, 0.0, 0.5, 2.0]]), (1, 2, 2))
    assert shown.dtype == np.uint8
    assert shown.tolist() == [[[[0, 0], [128, 255]]]]
    finding = training_finding(history, {"new pictures": (shown, ["drawn"])}, ())
    assert [chart.kind for chart in finding.charts] == ["line", "images"]
    assert finding.without_contents().arrays == {}
    for chart in finding.charts:
        draw(chart, finding)


def test_partial_findings_are_made_only_when_they_are_shown(tmp_path: Path) -> None:
    step = Keeping(InFolder(tmp_path))
    model = trainee()
    train(
        model, tensor_of(ROWS[:80]), SCHEDULE, "key", step, lambda history: training_finding(history, {}, ("not over",))
    )
    assert [len(finding.tables["training"]) for finding in step.partials[::3]] == [0, 2, 4, 6, 8]
    assert step.partials[0].notes == ("not over",)
