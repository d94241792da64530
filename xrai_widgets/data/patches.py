"""Patches of scikit-learn's two photographs: real images, offline."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CLASSES = ("china", "flower")
_SIDE, _BLOCK = 32, 64  # pixels of a patch, and of the block that patches are cut from


class Patches(NamedTuple):
    """Patches (n, 3, 32, 32) in [0, 1], labels and blocks of both parts."""

    X_train: npt.NDArray[np.float32]
    y_train: npt.NDArray[np.int64]
    X: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]


def photograph_patches(*, per_block: int = 8, seed: int = 0) -> Patches:
    """Return patches of two photographs, of which a model says from which one each was cut.

    Parameters
    ----------
    per_block : int
        Patches from each block of 64 × 64 pixels, 1 or more.
    seed : int
        Of the places in a block; for block b by ``default_rng([seed, b])``.

    Returns
    -------
    Patches
        Training patches from the left half of each photograph and the others from the right half, a block apart.
        ``blocks`` says from which block each held-out patch is: patches of one block overlap, so that intervals go by
        blocks (``groups`` of a bootstrap). Two photographs remain two.

    Raises
    ------
    ValueError
        for less than one patch per block.
    """
    if per_block < 1:
        raise ValueError(f"per_block must be 1 or more, got {per_block}")
    from sklearn.datasets import load_sample_images

    cut: list[tuple[bool, int, int, npt.NDArray[np.uint8]]] = []
    number = 0
    for label, photograph in enumerate(load_sample_images().images):
        down, across = (side // _BLOCK for side in photograph.shape[:2])
        for row, column in np.ndindex(down, across):
            rng = np.random.default_rng([seed, number])
            if column != across // 2:
                for top, left in rng.integers(0, _BLOCK - _SIDE + 1, (per_block, 2)).tolist():
                    piece = photograph[row * _BLOCK + top :, column * _BLOCK + left :][:_SIDE, :_SIDE]
                    cut.append((column < across // 2, label, number, piece))
            number += 1
    train = np.array([piece[0] for piece in cut])
    X = (np.stack([piece[3] for piece in cut]).transpose(0, 3, 1, 2) / 255).astype(np.float32)
    y, blocks = (np.array([piece[place] for piece in cut], dtype=np.int64) for place in (1, 2))
    return Patches(X[train], y[train], X[~train], y[~train], blocks[~train])
