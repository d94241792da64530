"""The package's own networks, and their way through a safetensors file."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.io.model_files import read_model
from xrai_widgets.io.network_files import save_network
from xrai_widgets.io.own_files import OwnFiles
from xrai_widgets.models.networks import Network, cnn, mlp

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

RNG = np.random.default_rng(0)
X = RNG.normal(50, 20, size=(60, 3))
Y = np.array(["no", "yes"])[(X[:, 0] > 50).astype(int)]


def trained(module: Any, samples: Any, y: Any) -> Any:
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    inputs, target = torch.as_tensor(samples, dtype=torch.float32), torch.as_tensor(y)
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(inputs), target)
        torch.autograd.backward(loss)
        optimizer.step()
    return module.eval()


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    module = mlp(3, [8], 2, classes=["no", "yes"], features=["a", "b", "c"])
    return trained(module, X, (Y == "yes").astype(int))


def test_a_network_comes_back_from_its_file(network: Any, tmp_path: Path) -> None:
    back = read_model(save_network(network, tmp_path / "net.safetensors"))
    with torch.no_grad():
        inputs = torch.as_tensor(X, dtype=torch.float32)
        assert torch.equal(back(inputs), network(inputs))
    assert back.network == network.network


def test_columns_classes_and_units_are_its_own(network: Any, tmp_path: Path) -> None:
    save_network(network, tmp_path / "net.safetensors")
    frame = pd.DataFrame(X[:, ::-1], columns=["c", "b", "a"]).assign(y=Y)
    frame.to_csv(tmp_path / "t.csv", index=False)
    subject = OwnFiles(tmp_path / "net.safetensors", tmp_path / "t.csv", "y", split=0.5).subject()
    assert subject.classes == ("no", "yes")
    assert subject.feature_names == ("a", "b", "c")
    assert subject.gradient is not None
    right = np.array(subject.classes)[subject.predict(subject.X).argmax(axis=1)]
    assert (right == np.array(subject.classes)[subject.y]).mean() > 0.8


def test_a_picture_network_takes_a_table_of_pixels(tmp_path: Path) -> None:
    images = RNG.random((40, 1, 8, 8))
    y = (images.mean(axis=(1, 2, 3)) > 0.5).astype(int)
    save_network(trained(cnn((1, 8, 8), [4], 2), images, y), tmp_path / "net.safetensors")
    np.savez(tmp_path / "t.npz", X=images, y=y)
    subject = OwnFiles(tmp_path / "net.safetensors", tmp_path / "t.npz", "y").subject()
    assert subject.image_shape == (1, 8, 8)
    assert subject.X.shape == (40, 1, 8, 8)
    assert np.allclose(subject.X, images, atol=1e-6)


def test_a_regression_has_one_output(tmp_path: Path) -> None:
    save_network(mlp(3, [4], 1), tmp_path / "net.safetensors")
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=X[:, 0] * 1.5).to_csv(tmp_path / "t.csv", index=False)
    assert OwnFiles(tmp_path / "net.safetensors", tmp_path / "t.csv", "y").subject().task == "regression"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "kind": ({"kind": "rnn"}, "kind of a network must be 'mlp' or 'cnn', got 'rnn'"),
    "width": ({"hidden": [0]}, r"sizes of a network must be whole numbers in \[1, 16384\]"),
    "too wide": ({"hidden": [16000, 16000]}, "at most 50,000,000 weights, got 256"),
    "too deep": ({"hidden": [1] * 17}, "at most 16 hidden layers, got 17"),
    "no number": ({"hidden": ["3"]}, "sizes of a network must be whole numbers"),
    "activation": ({"activation": "__class__"}, "activation of a network must be one of relu, tanh, gelu, silu"),
    "classes": ({"classes": ["a"]}, "classes must name the 2 outputs, got 1"),
    "features": ({"features": ["a"]}, "features must name the 3 inputs, got 1"),
    "another entry": ({"forward": "os.system"}, "its configuration must have the entries kind, inputs"),
    "shape": ({"hidden": [9]}, r"the weights '2.bias' must have shape \(9,\), as its configuration says"),
    "layers": ({"hidden": [8, 8]}, "must have shape"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_configuration_that_does_not_hold_is_refused(case: str, network: Any, tmp_path: Path) -> None:
    changes, message = BAD[case]
    good = json.loads(safetensors_metadata(save_network(network, tmp_path / "good.safetensors")))
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    metadata = {"xrai_network": json.dumps({**good, **changes})}
    safetensors.save_file(weights, tmp_path / "bad.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=f"^the model bad.safetensors could not be read: .*{message}"):
        read_model(tmp_path / "bad.safetensors")


def safetensors_metadata(file: Path) -> str:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return str(opened.metadata()["xrai_network"])


def test_weights_of_an_unknown_network_are_refused(tmp_path: Path) -> None:
    safetensors.save_file({"w": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="does not say of which network; only networks saved by"):
        read_model(tmp_path / "w.safetensors")


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 64, bytes(100), pickle.dumps({"w": 1})])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"^the model w.safetensors could not be read: "):
        read_model(tmp_path / "w.safetensors")


def test_half_a_file_and_weights_that_are_not_finite_are_refused(network: Any, tmp_path: Path) -> None:
    file = save_network(network, tmp_path / "net.safetensors")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="could not be read"):
        read_model(file)
    torch.manual_seed(0)
    broken = mlp(3, [8], 2)
    with torch.no_grad():
        broken[-1].bias.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"the weights '4.bias' must be finite"):
        read_model(save_network(broken, file))


def test_only_the_packages_own_networks_are_saved(network: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"must be made by networks.mlp or networks.cnn, got a Linear"):
        save_network(torch.nn.Linear(1, 1), tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"must end in .safetensors, got x.pt"):
        save_network(network, tmp_path / "x.pt")


def test_pictures_too_small_for_their_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"too small to be halved 4 times"):
        Network("cnn", (1, 8, 8), (2, 2, 2, 2), 2)


def test_the_number_of_weights_is_told_without_building() -> None:
    for network in (Network("mlp", (5,), (7, 3), 2), Network("cnn", (3, 9, 8), (4, 6), 5)):
        assert sum(part.numel() for part in network.build().parameters()) == network.weights


def test_text_where_a_network_takes_numbers_is_named(network: Any, tmp_path: Path) -> None:
    save_network(network, tmp_path / "net.safetensors")
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(b="x", y=Y).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"a network takes numbers, but the column\(s\) 'b' hold text"):
        OwnFiles(tmp_path / "net.safetensors", tmp_path / "t.csv", "y").subject()
