"""Fitted models from files, without running anything that stands in them."""

from pathlib import Path
from typing import Any

from xrai_widgets.io.network_files import read_network
from xrai_widgets.io.skops_files import read_skops
from xrai_widgets.models.onnx_session import OnnxModel

MODELS = (".skops", ".onnx", ".safetensors")
_EXECUTABLE = {
    **dict.fromkeys((".pkl", ".pickle", ".p", ".joblib", ".dill", ".cloudpickle", ".sav"), "skops.io.dump"),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "torch.onnx.export, or save_network of this package"),
}


def read_model(path: str | Path) -> Any:
    """Read a model: scikit-learn in a skops file, ONNX, or a network of this package in a safetensors file.

    Types in a skops file are audited before anything is constructed: a file that names a type outside skops' own list
    of scikit-learn, NumPy and SciPy types is refused. Decision trees are allowed and then checked node by node.

    Raises
    ------
    ValueError
        if the file does not exist, is a pickle of any sort, names an untrusted type, unpacks to more than 4 GiB, needs
        a library that is not installed, or cannot be read.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ValueError(f"the model must be a file, got {str(path)!r}, which {what}")
    check_model_name(file.name)
    read, extra = {
        ".skops": (read_skops, ""),
        ".onnx": (_read_onnx, "onnx"),
        ".safetensors": (read_network, "torch"),
    }[file.suffix.lower()]
    try:
        return read(file)
    except ModuleNotFoundError as error:
        advice = f": it needs {error.name}, pip install 'xrai-widgets[{extra}]'" if extra else f": {error}"
        raise ValueError(f"the model {file.name} could not be read{advice}") from None
    except MemoryError:  # ends the cell, with words of its own
        raise
    except Exception as error:  # noqa: BLE001 - a forged file may raise anything
        raise ValueError(f"the model {file.name} could not be read: {' '.join(str(error).split())}") from None


def check_model_name(name: str) -> None:
    """Refuse a file by its name, before it is read."""
    ending = Path(name).suffix.lower()
    if ending in _EXECUTABLE:
        raise ValueError(
            f"{name} is a pickle, and reading a pickle runs the code in it: save the model with {_EXECUTABLE[ending]}"
        )
    if ending not in MODELS:
        raise ValueError(f"the model must be one of {', '.join(MODELS)}, got {name}")


def _read_onnx(file: Path) -> Any:
    model = OnnxModel(file.read_bytes())
    assert model.inputs  # opens it: whatever is wrong with the file shows here
    return model
