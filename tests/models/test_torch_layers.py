"""What the layers of a torch module are read from: torch's own, and nothing that merely looks like them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Subject
from xrai_widgets.models.adapted import softmax

torch = pytest.importorskip("torch")
nn = torch.nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype(np.float32)
Y = np.arange(80) % 2


def _net(first: Any = None, last: Any = None) -> Any:
    return nn.Sequential(first or nn.Linear(4, 8), nn.ReLU(), last or nn.Linear(8, 2)).eval()


class _Doubled(nn.Linear):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return 2 * super().forward(rows)


class Linear(nn.Linear):  # type: ignore[misc,name-defined]
    """Named as torch's own, and far from it on samples that are not seen here."""

    def forward(self, rows: Any) -> Any:
        return super().forward(torch.where(rows.abs() < 1e3, rows, -rows))


class _Sequential(nn.Sequential):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return super().forward(torch.where(rows.abs() < 1e3, rows, -rows))


def _quantised() -> Any:
    torch.backends.quantized.engine = next(e for e in torch.backends.quantized.supported_engines if e != "none")
    return torch.ao.quantization.quantize_dynamic(_net(), {nn.Linear}, dtype=torch.qint8)


def _hooked(where: str, container: bool) -> Any:
    net = _net()
    hooked = net if container else net[0]

    def rarely(*given: Any) -> Any:
        last = given[-1][0] if isinstance(given[-1], tuple) else given[-1]
        return torch.where(last.abs() < 1e3, last, -last)

    getattr(hooked, f"register_forward{where}_hook")(rarely)
    return net


def _rewired() -> Any:
    net = _net()
    own = net[0].forward
    net[0].forward = lambda rows: own(torch.where(rows.abs() < 1e3, rows, -rows))
    return net


LOOKALIKES: dict[str, Callable[[], Any]] = {
    "quantised": _quantised,
    "weight norm as a parametrisation": lambda: _net(nn.utils.parametrizations.weight_norm(nn.Linear(4, 8))),
    "spectral norm by a hook": lambda: _net(nn.utils.spectral_norm(nn.Linear(4, 8))),
    "a subclass with a forward of its own": lambda: _net(_Doubled(4, 8)),
    "a subclass of the same name": lambda: _net(Linear(4, 8)),
    "a container with a forward of its own": lambda: _Sequential(*_net()),
    "a hook before a layer": lambda: _hooked("_pre", False),
    "a hook after a layer": lambda: _hooked("", False),
    "a hook before the whole": lambda: _hooked("_pre", True),
    "a forward put in later": _rewired,
    "half precision": lambda: _net().bfloat16(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(LOOKALIKES))
def test_what_is_not_exactly_torchs_own_layer_has_no_layers_and_is_a_subject_all_the_same(kind: str) -> None:
    torch.manual_seed(0)
    module = LOOKALIKES[kind]()
    subject = Subject.of(module, X, Y)
    assert subject.layers is None
    assert subject.predict(X).shape == (80, 2)


def _lazy() -> Any:
    net = _net(nn.LazyLinear(8), nn.LazyLinear(2))
    net(torch.as_tensor(X))  # lazy layers become plain ones when they are first called
    return net


def _shared_activation() -> Any:
    relu = nn.ReLU()
    return nn.Sequential(nn.Linear(4, 8), relu, nn.Linear(8, 8), relu, nn.Linear(8, 2)).eval()


def _tied() -> Any:
    same = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), same, nn.ReLU(), same, nn.ReLU(), nn.Linear(8, 2)).eval()


def _nested() -> Any:
    return nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.Dropout()), nn.ReLU(), nn.Sequential(nn.Linear(8, 2))).eval()


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(
    ("made", "depth"), [(_lazy, 2), (_shared_activation, 3), (_tied, 4), (_nested, 2)], ids=lambda part: str(part)[:20]
)
def test_layers_are_read_as_often_as_they_are_passed(made: Callable[[], Any], depth: int) -> None:
    torch.manual_seed(0)
    subject = Subject.of(made(), X, Y)
    assert subject.layers is not None
    assert len(subject.layers.weights) == depth
    state = RNG.normal(size=(50, 4))
    expected = subject.predict(state.astype(np.float32))
    for number, (weight, bias) in enumerate(zip(subject.layers.weights, subject.layers.biases, strict=True)):
        state = (np.maximum(state, 0) if number else state) @ weight + bias
    np.testing.assert_allclose(softmax(state), expected, atol=1e-5)
