"""Small arrays take one thread of torch, large ones what there is, and nobody else is limited."""

import threading

import numpy as np
import pytest
import torch

import xrai_widgets as xw
from xrai_widgets.core import Array
from xrai_widgets.engines import _threads as _calm
from xrai_widgets.engines._threads import calm

pytestmark = pytest.mark.usefixtures("without_controls")

SEEN: set[int] = set()  # the subject asks a copy of the network


class Watched(torch.nn.Module):
    """A network that notes with how many threads it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        SEEN.add(torch.get_num_threads())
        out: torch.Tensor = self.inner(x)
        return out


def threads_of_a_search(rng: np.random.Generator) -> set[int]:
    X: Array = rng.normal(size=(40, 4))
    torch.manual_seed(0)
    subject = xw.Subject.of(Watched(), X, np.arange(40) % 2)
    SEEN.clear()
    outcome = xw.assess(subject, "explanations.cem", n_samples=3, noise=0, max_iter=20, binary_steps=2, mode="PN")
    assert outcome.status == "ok", outcome.reason
    return SEEN


def test_a_small_network_is_searched_with_one_thread(rng: np.random.Generator) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert 1 in threads_of_a_search(rng)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_large_one_has_all_threads_and_another_thread_is_not_limited() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen: list[int] = []
    try:
        with calm(_calm._SMALL + 1):
            assert torch.get_num_threads() == 2
        with calm(_calm._SMALL):
            assert torch.get_num_threads() == 1
            other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            other.start()
            other.join()
    finally:
        torch.set_num_threads(before)
    assert seen[0] >= 2
