"""Fitted models from files, without running anything that stands in them."""

import zipfile
from pathlib import Path
from typing import Any

from xrai_widgets.io.tree_check import check_trees

_EXECUTABLE = (".pkl", ".pickle", ".p", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".bin", ".sav")
_MOST_BYTES = 4 * 2**30
# beyond skops' own list: trees, whose contents are checked before the model is asked anything, and the memory of an
# optimiser, plain arrays that only further training would read
_OPTIMIZERS = "sklearn.neural_network._stochastic_optimizers"
_REVIEWED = ("sklearn.tree._tree.Tree", f"{_OPTIMIZERS}.AdamOptimizer", f"{_OPTIMIZERS}.SGDOptimizer")


def read_model(path: str | Path) -> Any:
    """Read a scikit-learn model from a skops file.

    Types are audited before anything is constructed: a file that names a type outside skops' own list of scikit-learn,
    NumPy and SciPy types is refused. Decision trees are allowed and then checked node by node.

    Raises
    ------
    ValueError
        if the file does not exist, is a pickle of any sort, names an untrusted type, unpacks to more than 4 GiB, or
        cannot be read.
    """
    from skops.io import get_untrusted_types, load

    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the model must be a file, got {str(path)!r}, which {what}")
    if file.suffix.lower() in _EXECUTABLE:
        raise ValueError(
            f"{file.name} is a pickle, and reading a pickle runs the code in it: save the model with skops.io.dump"
        )
    if file.suffix.lower() != ".skops":
        raise ValueError(f"the model must be a .skops file, got {file.name}")
    try:
        _check_size(file)
        foreign = sorted(set(get_untrusted_types(file=file)) - set(_REVIEWED))
        if foreign:
            raise ValueError(f"it holds types that are not trusted: {', '.join(foreign[:5])}")
        model = load(file, trusted=list(_REVIEWED))
        check_trees(model)
        return model
    except Exception as error:  # noqa: BLE001 - a forged file may raise anything
        raise ValueError(f"the model {file.name} could not be read: {error}") from None


def _check_size(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _MOST_BYTES:
        raise ValueError(f"it must unpack to at most {_MOST_BYTES / 2**30:g} GiB, got {size / 2**30:.3g} GiB")
