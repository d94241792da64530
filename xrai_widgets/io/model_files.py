"""Fitted models from files, without running anything that stands in them."""

from pathlib import Path
from typing import Any

from xrai_widgets.io.network_files import read_network
from xrai_widgets.io.skops_files import read_skops
from xrai_widgets.models.booster_files import LIBRARIES, BoosterFile
from xrai_widgets.models.onnx_session import OnnxModel

MODELS = (".skops", ".onnx", ".safetensors", *LIBRARIES)
_EXECUTABLE = {
    **dict.fromkeys((".pkl", ".pickle", ".p", ".joblib", ".dill", ".cloudpickle", ".sav"), "skops.io.dump"),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "torch.onnx.export, or save_network of this package"),
}
_NOTEBOOK = "or audit it in a notebook of your own"
_WAYS = {
    **dict.fromkeys((".h5", ".keras", ".pb", ".tflite"), f"convert it with tf2onnx, {_NOTEBOOK}"),
    **dict.fromkeys((".pmml", ".rds", ".rda", ".mlmodel"), f"export it to ONNX, {_NOTEBOOK}"),
    **dict.fromkeys((".bst", ".model", ".lgb"), f"save it as .ubj (XGBoost) or .txt (LightGBM), {_NOTEBOOK}"),
    **dict.fromkeys((".ort", ".zip", ".mar"), f"save the model itself as .onnx, {_NOTEBOOK}"),
}


def read_model(path: str | Path) -> Any:
    """Read a model: scikit-learn in a skops file, ONNX, a booster, or a network of this package in a safetensors file.

    Types in a skops file are audited before anything is constructed, and every object is walked before anything is
    asked: what reaches a file, the network, a process or code is reset or refused.

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
        **dict.fromkeys(LIBRARIES, (_read_booster, "boosting")),
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
            f"{name} is a pickle, and reading a pickle runs the code in it: save the model with {_EXECUTABLE[ending]}, "
            "or audit it in a notebook of your own"
        )
    if ending not in MODELS:
        way = f": {_WAYS[ending]}" if ending in _WAYS else ""
        raise ValueError(f"the model must be one of {', '.join(MODELS)}, got {name}{way}")


def _read_onnx(file: Path) -> Any:
    model = OnnxModel(file.read_bytes())
    assert model.inputs  # opens it: whatever is wrong with the file shows here
    return model


def _read_booster(file: Path) -> Any:
    return BoosterFile(file.read_bytes(), file.suffix.lower())
