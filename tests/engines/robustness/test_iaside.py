"""Spectral importance: closed forms, brute force, what a model of one band must get, and what is never claimed."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Cancelled, Finding, NotApplicable, Outcome, Step, Subject
from xrai_widgets.data.two_cue_models import two_cue_models
from xrai_widgets.data.two_cues import two_cues
from xrai_widgets.engines.robustness import iaside
from xrai_widgets.engines.robustness._bands import Shells, band_images, band_of
from xrai_widgets.engines.robustness.iaside.finding import _draws
from xrai_widgets.engines.robustness.iaside.shares import (
    coalitions_of,
    drawn_orders,
    lowest_score,
    sampled_values,
    shapley_values,
    shares_of,
    signed_scores,
    unsigned_scores,
)

NAME = "robustness.iaside"
RNG = np.random.default_rng(0)
SIDE, M, LARGE = 16, 8, 5000
PLACE = band_of(SIDE, SIDE, M, "linf")


def reads(weights: Array, sharp: float = 3.0) -> Callable[[Array], Array]:
    """A model of two classes that compares each band with a pattern of its own, weighted."""
    pattern = np.random.default_rng(7).standard_normal((1, 1, SIDE, SIDE))
    parts = band_images(pattern, PLACE, M)[0, :, 0].astype(float)
    parts /= np.linalg.norm(parts, axis=(1, 2), keepdims=True)
    filtered = np.tensordot(weights, parts, 1)

    def predict(X: Array) -> Array:
        z = sharp * np.tensordot(X[:, 0].astype(float), filtered, 2)
        up = 1 / (1 + np.exp(-np.clip(z, -30, 30)))
        return np.column_stack([1 - up, up])

    return predict


def one_band(band: int) -> Callable[[Array], Array]:
    return reads(np.eye(M)[band])


def labelled(predict: Callable[[Array], Array], n: int = 60) -> tuple[Array, Array]:
    X = RNG.standard_normal((n, 1, SIDE, SIDE)).astype(np.float32)
    return X, predict(X).argmax(axis=1)


def found(predict: Callable[[Array], Array], X: Array, y: Array, **params: Any) -> Finding:
    return iaside(predict, X, y, **params)


@pytest.mark.parametrize("shells", ["linf", "l2"])
@pytest.mark.parametrize(
    ("height", "width", "bands"), [(16, 16, 8), (15, 15, 7), (33, 24, 12), (8, 8, 4), (32, 31, 15)]
)
def test_bands_partition_the_spectrum(shells: Shells, height: int, width: int, bands: int) -> None:
    images = RNG.standard_normal((3, 2, height, width)) * 3
    place = band_of(height, width, bands, shells)
    assert set(np.unique(place)) == set(range(bands))
    parts = band_images(images, place, bands)
    np.testing.assert_allclose(parts.sum(axis=1), images, atol=1e-5)
    exact = np.zeros(images.shape)
    for band in range(bands):  # in double precision, by the whole complex transform, to 1e-6
        down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
        radius = np.maximum(abs(down), abs(across)) if shells == "linf" else np.hypot(down, across)
        mask = np.minimum(np.floor(2 * radius * bands + 1e-9), bands - 1) == band
        back = np.fft.ifft2(np.fft.fft2(images) * mask)
        assert abs(back.imag).max() < 1e-12  # the masks are symmetric: a band of a real image is real
        np.testing.assert_allclose(parts[:, band], back.real, atol=1e-5)
        exact += back.real
    np.testing.assert_allclose(exact, images, atol=1e-6)


@pytest.mark.parametrize("players", [1, 2, 3, 4, 5])
def test_values_are_those_of_brute_force_over_all_orders_and_add_up(players: int) -> None:
    worth = RNG.standard_normal((1 << players, 4))
    expected, orders = np.zeros((players, 4)), list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            expected[player] += worth[coalition | 1 << player] - worth[coalition]
            coalition |= 1 << player
    values = shapley_values(worth)
    np.testing.assert_allclose(values, expected / len(orders), atol=1e-12)
    np.testing.assert_allclose(values.sum(axis=0), worth[-1] - worth[0], atol=1e-12)


def test_weights_sum_to_one_whatever_the_number_of_players() -> None:
    for players in range(1, 13):
        worth = ((np.arange(1 << players) >> 0) & 1).astype(float)[:, None]  # what the first player adds alone
        np.testing.assert_allclose(shapley_values(worth)[:, 0], np.eye(players)[0], atol=1e-12)


def test_drawn_orders_estimate_the_values_without_bias_and_add_up() -> None:
    worth = RNG.standard_normal(1 << 5)
    exact = shapley_values(worth[:, None])[:, 0]
    made = []
    for seed in range(4000):
        orders = drawn_orders(5, 1, np.random.default_rng(seed))
        np.testing.assert_array_equal(orders[1], orders[0][::-1])
        value = sampled_values(orders, worth[coalitions_of(orders)])
        assert value.sum() == pytest.approx(worth[-1] - worth[0])
        made.append(value)
    error = np.std(made, axis=0) / np.sqrt(len(made))
    assert (np.abs(np.mean(made, axis=0) - exact) < 4 * error).all()


def test_the_score_is_1_for_the_lowest_0_for_all_alike_and_falls_as_mass_moves_up() -> None:
    assert signed_scores(np.eye(8)[0], 0.75) == pytest.approx(1)
    assert signed_scores(np.full(8, 1 / 8), 0.75) == pytest.approx(0, abs=1e-12)
    assert lowest_score(8, 0.75) == pytest.approx(-0.575, abs=5e-4)
    for shares in RNG.dirichlet(np.ones(8), 50):
        for low in range(7):
            moved = shares.copy()
            moved[low] += shares[low + 1]
            moved[low + 1] = 0
            assert signed_scores(moved, 0.75) >= signed_scores(shares, 0.75)
    corners = unsigned_scores(np.eye(8)[[0, -1]], 0.75)  # theirs calls both ends steady
    np.testing.assert_allclose(corners, [0.5217, 0.3002], atol=1e-4)
    assert unsigned_scores(np.full(8, 1 / 8), 0.75) == pytest.approx(0, abs=1e-12)
    assert np.isnan(shares_of(np.array([-1.0, 0.0]))).all()


@pytest.mark.parametrize("band", [0, 3, 7])
@pytest.mark.parametrize("params", [{}, {"exact": False}, {"reference": "zero"}, {"value": "probability"}])
def test_a_model_of_one_band_puts_its_mass_there(band: int, params: dict[str, Any]) -> None:
    predict = one_band(band)
    made = found(predict, *labelled(predict), **params)
    shares = made.tables["bands"]["share"]
    assert shares[band] >= 0.95
    expected = signed_scores(np.eye(M)[band], 0.75)
    assert made.values["score"] == pytest.approx(expected, abs=0.05)
    assert made.intervals["score"][0] <= made.values["score"] <= made.intervals["score"][1]
    assert made.values["efficiency_error"] < 1e-6


def test_what_the_whole_image_is_worth_is_the_clean_likelihood_and_values_are_exact() -> None:
    predict = reads(0.8 ** np.arange(M), sharp=0.5)
    X, y = labelled(predict, 12)
    kept = X.copy()
    made = found(predict, X, y, reference="mean image", floor=1e-12)
    np.testing.assert_array_equal(X, kept)
    clean = np.log(predict(X)[np.arange(12), y])
    mean = np.broadcast_to(X.mean(axis=0), X.shape)
    gains = clean - np.log(predict(mean)[np.arange(12), y])
    assert made.values["gain"] == pytest.approx(gains.mean(), abs=1e-6)
    parts, bases = band_images(X, PLACE, M).astype(float), band_images(mean, PLACE, M).astype(float)
    worth = np.empty((1 << M, 12))
    for code in range(1 << M):
        inside = ((code >> np.arange(M)) & 1).astype(bool)
        mixed = np.where(inside[None, :, None, None, None], parts, bases).sum(axis=1)
        worth[code] = np.log(predict(mixed)[np.arange(12), y])
    expected = shapley_values(worth).mean(axis=1)
    np.testing.assert_allclose(made.tables["bands"]["importance"], expected, atol=1e-4)


def test_scaled_inputs_get_the_same_values_and_colour_images_are_read() -> None:
    predict = reads(0.8 ** np.arange(M), sharp=0.5)
    X, y = labelled(predict, 20)
    plain = found(predict, X, y, reference="zero")
    scaled = found(lambda rows: predict(rows * 4), X / 4, y, reference="zero")
    assert scaled.values["score"] == pytest.approx(plain.values["score"], abs=1e-4)
    colours = np.repeat(X, 3, axis=1) / 3
    coloured = found(lambda rows: predict(rows.sum(axis=1, keepdims=True)), colours, y, reference="zero")
    assert coloured.values["score"] == pytest.approx(plain.values["score"], abs=1e-4)
    assert coloured.arrays["frames"].nbytes <= 130_000


def test_where_the_image_is_worth_no_more_than_the_reference_there_is_no_score() -> None:
    X, y = RNG.standard_normal((40, 1, SIDE, SIDE)).astype(np.float32), np.arange(40) % 2
    for predict in (reads(np.zeros(M)), one_band(2)):  # constant; labels that are none of its own
        made = found(predict, X, y)
        low, high = made.intervals["gain"]
        assert low <= 0 <= high
        assert not {"score", "unsigned_score"} & set(made.values)
        assert made.notes[0].startswith("No score")


def test_accuracy_asks_the_model_s_own_decision() -> None:
    predict = one_band(1)
    X, y = labelled(predict)

    def flipped(rows: Array) -> Array:
        return 1 - predict(rows).argmax(axis=1)

    assert found(predict, X, y, value="accuracy").values["gain"] > 0.2
    turned = iaside(predict, X, 1 - y, flipped, value="accuracy")
    assert turned.values["gain"] == pytest.approx(found(predict, X, y, value="accuracy").values["gain"])


def test_images_for_which_the_model_gives_nan_are_left_out_and_the_band_is_named() -> None:
    """Without band 5 of some images the model divides by nothing."""
    predict = reads(0.8 ** np.arange(M), sharp=0.5)
    X, y = labelled(predict, 30)
    X[:7] += 40  # marks them: the mean lies in band 1

    def fragile(rows: Array) -> Array:
        strength = np.abs(band_images(rows, PLACE, M)[:, 4]).max(axis=(1, 2, 3))
        made = predict(rows)
        made[(rows.mean(axis=(1, 2, 3)) > 20) & (strength < 1e-3)] = np.nan
        return made

    made = found(fragile, X, y, reference="zero")
    assert made.counts["gain"] == 23
    assert len(made.tables["samples"]) == 23
    said = " ".join(made.notes)
    assert "7 of 30 samples" in said
    assert "band 1 (" not in said
    assert "band 5 (7 samples)" in said
    assert made.values["efficiency_error"] < 1e-6
    asked = Subject.of(fragile, X, y)
    assert (
        xw.assess(asked, NAME, strict=True, reference="zero").finding is not None
    )  # the runtime's guard raises for NaN


class Stopping(Step):
    """Stops at a report of a kind, and keeps the last partial finding."""

    def __init__(self, note: str, times: int) -> None:
        self.note, self.left, self.partial = note, times, None

    def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
        self.partial = partial or self.partial
        self.left -= note == self.note
        if not self.left:
            raise Cancelled("enough")


@pytest.mark.parametrize("n", [2, 5, 20])
def test_intervals_of_few_samples_hold_what_is_true_of_many(n: int) -> None:
    held = 0
    for seed in range(300):
        values = np.random.default_rng(seed).normal([1.0], 1.0, (n, 1))
        low, high = np.quantile(_draws(values, seed), [0.025, 0.975])
        held += low <= 1.0 <= high
    assert held >= 0.9 * 300  # of two samples, plain percentiles hold it in a half


def test_what_is_there_when_it_is_cancelled_agrees_with_what_comes() -> None:
    predict = reads(0.8 ** np.arange(M), sharp=0.3)
    X, y = labelled(predict, 40)
    whole, step = found(predict, X, y), Stopping("all coalitions of bands", 4)
    with pytest.raises(Cancelled):
        found(predict, X, y, step=step)
    assert step.partial is not None
    partial = step.partial()
    assert len(partial.tables["samples"]) == 40
    assert set(partial.tables["samples"]["values"]) == {"exact", "sampled"}
    assert "Exact for" in " ".join(partial.notes)
    low, high = partial.intervals["score"]
    assert low <= whole.values["score"] <= high
    assert partial.values["efficiency_error"] < 1e-6


def test_the_first_estimate_asks_for_a_twelfth_and_its_error_is_small() -> None:
    predict = reads(0.8 ** np.arange(M), sharp=0.3)
    X, y = labelled(predict, 100)
    asked = [0]

    def counted(rows: Array) -> Array:
        asked[0] += len(rows)
        return predict(rows)

    exact = found(predict, X, y)
    drawn = found(counted, X, y, exact=False, pairs=1)
    assert asked[0] <= (1 << M) * 100 / 12 + 600  # the pilot and the pictures are asked for, too
    low, high = exact.intervals["score"]
    assert abs(drawn.values["score"] - exact.values["score"]) < (high - low) / 3.92


def test_an_onnx_network_gets_the_numbers_of_the_same_network_in_torch(tmp_path: Path) -> None:
    onnx, _ = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from xrai_widgets.io.model_files import read_model

    subject = two_cue_models(40)[3]
    weights = {key: value.numpy() for key, value in subject.model.state_dict().items()}
    make, numpy = onnx.helper, onnx.numpy_helper
    nodes, last = [], "x"
    for number, name in enumerate(sorted({key.split(".")[0] for key in weights}, key=int)):
        given = [last, f"{name}.weight", f"{name}.bias"]
        if weights[f"{name}.weight"].ndim == 2:
            nodes.append(make.make_node("Flatten", [last], ["flat"], axis=1))
            nodes.append(make.make_node("Gemm", ["flat", *given[1:]], ["logits"], transB=1))
            nodes.append(make.make_node("Softmax", ["logits"], ["chances"], axis=1))
            break
        folded, bent, last = f"folded{number}", f"bent{number}", f"small{number}"
        nodes.append(make.make_node("Conv", given, [folded], kernel_shape=[3, 3], pads=[1] * 4))
        nodes.append(make.make_node("Relu", [folded], [bent]))
        nodes.append(make.make_node("MaxPool", [bent], [last], kernel_shape=[2, 2], strides=[2, 2]))
    ends = [
        make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", [None, 1, 32, 32]), ("chances", [None, 4]))
    ]
    kept = [numpy.from_array(value, key) for key, value in weights.items()]
    graph = make.make_graph(nodes, "network", ends[:1], ends[1:], initializer=kept)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, file := tmp_path / "network.onnx")
    read = Subject.of(read_model(file), subject.X, subject.y, bounds=(0.0, 1.0))
    params: dict[str, Any] = {"exact": False, "pairs": 1, "n_samples": 20}
    of_onnx, of_torch = (xw.assess(one, NAME, strict=True, **params).finding for one in (read, subject))
    assert of_onnx is not None
    assert of_torch is not None
    assert of_onnx.values["score"] == pytest.approx(of_torch.values["score"], abs=1e-4)
    assert of_onnx.intervals["score"] == pytest.approx(of_torch.intervals["score"], abs=1e-3)


@pytest.mark.slow
def test_a_large_colour_network_with_its_preprocess_gives_a_score_within_a_minute_and_little_memory() -> None:
    """20 images of 224 × 224 × 3, a network of five strided convolutions; anytime."""
    torch = pytest.importorskip("torch")
    import time
    import tracemalloc

    X = np.repeat(np.repeat(two_cues(20).X, 7, axis=2), 7, axis=3).repeat(3, axis=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers, before = [], 3
        for width in (16, 32, 64, 64, 64):
            layers += [torch.nn.Conv2d(before, width, 3, stride=2, padding=1), torch.nn.ReLU()]
            before = width
        net = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 4))

    def scaled(rows: Array) -> Array:
        made: Array = (rows - 0.45) / 0.225
        return made

    subject = Subject.of(net.eval(), X, two_cues(20).y, bounds=(0.0, 1.0), preprocess=scaled)
    tracemalloc.start()
    begun = time.process_time()
    made = xw.assess(subject, NAME, strict=True, exact=False, pairs=1, n_samples=20).finding
    took, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made is not None
    assert made.counts["gain"] == 20
    assert made.values["efficiency_error"] < 1e-6
    assert took < 60
    assert most < 1.2e9  # of arrays; torch's own buffers for 16 to 128 images beside them


def test_more_than_twelve_bands_are_drawn_and_the_note_says_so() -> None:
    X = RNG.standard_normal((10, 1, 32, 32)).astype(np.float32)
    y = np.arange(10) % 2
    made = found(lambda rows: np.column_stack([0.2 + 0 * rows[:, 0, 0, 0], 0.8 + 0 * rows[:, 0, 0, 0]]), X, y, bands=16)
    assert "as with more than 12 bands" in " ".join(made.notes)
    assert len(made.tables["bands"]) == 16


def test_what_a_model_reads_of_two_cues_is_what_its_training_told(two: dict[str, Any]) -> None:
    shape, texture = (found(two[cue].predict, two["X"], two["y"], n_samples=100) for cue in ("shape", "texture"))
    assert shape.tables["bands"]["share"][:2].sum() > 0.9
    assert texture.tables["bands"]["share"][4:].sum() > 0.9
    assert shape.intervals["score"][0] > texture.intervals["score"][1] + 0.5


@pytest.fixture(scope="module")
def two() -> dict[str, Any]:
    """Models of the amplitudes of the spectrum that were trained where one cue alone tells the label."""
    from sklearn.linear_model import LogisticRegression

    def amplitudes(rows: Array) -> Array:
        return np.abs(np.fft.rfft2(rows[:, 0].astype(float))).reshape(len(rows), -1)[:, 1:] / 30

    class Model:
        def __init__(self, **cues: float) -> None:
            data = two_cues(600, seed=1, **cues)
            self.inner = LogisticRegression(max_iter=2000, C=1.0).fit(amplitudes(data.X), data.y)

        def predict(self, rows: Array) -> Array:
            return np.asarray(self.inner.predict_proba(amplitudes(rows)))

    data = two_cues(200, seed=2)
    return {"shape": Model(texture=0.0), "texture": Model(shape=0.0), "X": data.X, "y": data.y}


@pytest.mark.parametrize(
    ("shape", "params", "match", "instead"),
    [
        ((4, 1, 12, 40), {"bands": 7}, "7 bands need images of 14 pixels a side or more, got 12 × 40", "bands=6"),
        ((4, 1, 3, 3), {}, "no room for two bands", ""),
    ],
)
def test_images_that_are_too_small_are_refused_and_the_most_is_said(
    shape: tuple[int, ...], params: dict[str, Any], match: str, instead: str
) -> None:
    with pytest.raises(NotApplicable, match=match) as refused:
        found(lambda rows: np.full((len(rows), 2), 0.5), np.zeros(shape), np.array([0, 1, 0, 1]), **params)
    assert refused.value.instead == instead


def test_other_inputs_missing_labels_and_more_samples_than_there_are() -> None:
    predict = one_band(1)
    X, y = labelled(predict, 20)
    table: Outcome = xw.assess(Subject.of(lambda rows: np.full((len(rows), 2), 0.5), X[:, 0, 0], y), NAME)
    assert table.status == "not applicable"
    assert "image" in str(table.reason)
    assert table.instead == "robustness.corruptions"
    unlabelled = xw.assess(replace(Subject.of(predict, X, y), y=None), NAME)
    assert unlabelled.status == "not applicable"
    assert unlabelled.reason == "needs y"
    made = xw.assess(Subject.of(predict, X, y), NAME, strict=True).finding
    assert made is not None
    assert "200 samples were asked for and there are 20" in made.notes[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "cues", [{"texture": 0.3}, {"shape": 0.3}, {"shape": 0.7, "texture": 0.7}, {"idle": True}], ids=str
)
@pytest.mark.parametrize("exact", [True, False])
def test_intervals_hold_the_score_of_five_thousand_images(cues: dict[str, Any], exact: bool) -> None:
    """Draws of 200 images each, of what 5,000 of them are worth, band by band."""
    from sklearn.linear_model import LogisticRegression

    from xrai_widgets.engines.robustness.iaside.finding import _draws, _estimate
    from xrai_widgets.engines.robustness.iaside.game import Game, Plan, play
    from xrai_widgets.engines.robustness.iaside.reader import Reader

    place = band_of(32, 32, M, "linf")
    low = place.reshape(-1)[1:] < M // 2 if cues.get("idle") else np.ones(32 * 17 - 1, dtype=bool)

    def amplitudes(rows: Array) -> Array:
        return np.abs(np.fft.rfft2(rows[:, 0].astype(float))).reshape(len(rows), -1)[:, 1:][:, low] / 30

    told = {key: value for key, value in cues.items() if key != "idle"}
    train, data = two_cues(600, seed=1, **told), two_cues(LARGE, seed=2)
    inner = LogisticRegression(max_iter=2000, C=0.1).fit(amplitudes(train.X), train.y)

    def predict(rows: Array) -> Array:
        return np.asarray(inner.predict_proba(amplitudes(rows)))

    game = Game(data.X, np.roll(data.X, 1, axis=0), data.y, np.arange(LARGE), M)
    reader = Reader(predict, None, place, M, "log-likelihood", 1e-6, 256, lambda: None, size=256)
    play(game, reader, Plan(1, exact, 0, 1.0), Step(), lambda: Finding({}))
    truth = float(signed_scores(shares_of(game.values.mean(axis=0)), 0.75))
    rng, held, times = np.random.default_rng(3), 0, 1000
    for seed in range(times):
        values = game.values[rng.integers(0, LARGE, 200)]
        score = float(signed_scores(shares_of(values.mean(axis=0)), 0.75))
        interval = _estimate(score, signed_scores(shares_of(_draws(values, seed)), 0.75))
        held += interval.low <= truth <= interval.high
    assert held / times >= 0.93


@pytest.mark.slow
def test_a_network_trained_on_low_frequencies_scores_above_one_trained_on_high_ones() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    train, data = two_cues(1200, seed=1), two_cues(100, seed=2)

    def filtered(images: Array, low: bool) -> Array:
        parts = band_images(images - 0.5, band_of(32, 32, M, "linf"), M)
        kept: Array = parts[:, : M // 2].sum(axis=1) if low else parts[:, M // 2 :].sum(axis=1)
        return kept + 0.5

    scores = {}
    for low in (True, False):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = nn.Sequential(
                *(
                    nn.Conv2d(1, 16, 5, padding=2),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 5, padding=2),
                    nn.ReLU(),
                ),
                *(nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(512, 4)),
            )
            optimizer = torch.optim.Adam(net.parameters(), 2e-3)
            images, labels = torch.as_tensor(filtered(train.X, low)), torch.as_tensor(train.y)
            for _ in range(6):
                for rows in torch.split(torch.randperm(len(images)), 64):
                    optimizer.zero_grad()
                    torch.autograd.backward(nn.functional.cross_entropy(net(images[rows]), labels[rows]))
                    optimizer.step()
        made = xw.assess(Subject.of(net, data.X, data.y, bounds=(0.0, 1.0)), NAME, strict=True, n_samples=60).finding
        assert made is not None
        scores[low] = made.intervals["score"]
    assert scores[True][0] > scores[False][1]
