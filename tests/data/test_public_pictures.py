"""MNIST and its company, from a folder that may hold them, or something else of that name."""

import struct
from pathlib import Path

import numpy as np
import pytest

from xrai_widgets.data.public_pictures import data_folder, public_pictures


def test_the_public_sets_are_those_that_are_known(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and means as their publishers and the folder's page give them."""
    monkeypatch.setenv("XRAI_DATA", str(shared_data))
    digits = public_pictures("mnist")
    assert np.bincount(digits.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert digits.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert 0.1 < digits.X.mean() < 0.14
    assert np.bincount(public_pictures("fashion_mnist").y).tolist() == [1000] * 10
    letters = public_pictures("omniglot")
    assert letters.X.shape == (2720, 28, 28)
    assert sorted(set(letters.y.tolist())) == ["Balinese", "Early_Aramaic", "Greek", "Korean", "Latin"]
    birds = public_pictures("chicken")
    assert birds.y.tolist() == ["rooster", "chicken_head"]
    for made in (digits, letters, birds):
        assert made.X.min() == 0
        assert made.X.max() == 1


def test_what_is_missing_or_another_thing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRAI_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"XRAI_DATA must name the folder .*nowhere', which is no folder"):
        data_folder()
    monkeypatch.setenv("XRAI_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    with pytest.raises(ValueError, match="there is no set 'cifar'; allowed: mnist, fashion_mnist, omniglot, chicken"):
        public_pictures("cifar")
    with pytest.raises(ValueError, match="part must be one of train, test, got 'all'"):
        public_pictures("mnist", "all")
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz', which does not exist"):
        public_pictures("mnist")
    (tmp_path / "mnist").mkdir()
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 28, 28)
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte").write_bytes(head + bytes(2 * 784))
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 2) + b"\1\2")
    with pytest.raises(ValueError, match=r"mnist must hold 10,000 pictures .* got pictures \(2, 28, 28\)"):
        public_pictures("mnist")
    (tmp_path / "chicken").mkdir()
    np.savez(tmp_path / "chicken" / "chicken28.npz", rooster=np.zeros((28, 28)))
    with pytest.raises(ValueError, match=r"chicken28.npz must hold the arrays rooster, chicken_head, got rooster"):
        public_pictures("chicken")
