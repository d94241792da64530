"""The package's own torch networks in safetensors files: numbers and a configuration, no code."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xrai_widgets.models.networks import Network

_KEY = "xrai_network"
_MOST_HEADER = 10 * 2**20


def save_network(module: Any, path: str | Path) -> Path:
    """Write a network made by `xrai_widgets.models.networks.mlp` or ``cnn`` to a safetensors file.

    Parameters
    ----------
    module : torch.nn.Module
    path : str or Path
        Must end in ``.safetensors``.

    Raises
    ------
    TypeError
        if the module was not made by these functions: only their configuration can be written down.
    """
    from safetensors.torch import save_file

    file = Path(path)
    network = getattr(module, "network", None)
    if not isinstance(network, Network):
        raise TypeError(f"the module must be made by networks.mlp or networks.cnn, got a {type(module).__name__}")
    if file.suffix.lower() != ".safetensors":
        raise ValueError(f"the file must end in .safetensors, got {file.name}")
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, file, metadata={_KEY: json.dumps(asdict(network))})
    return file


def read_network(file: Path) -> Any:
    """Read such a file; raise ValueError where it is another one, or its weights do not fit its configuration."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    with file.open("rb") as stream:
        if int.from_bytes(stream.read(8), "little") > min(_MOST_HEADER, file.stat().st_size):
            raise ValueError("its header is longer than the file")
    with safe_open(file, framework="pt") as opened:
        entry = (opened.metadata() or {}).get(_KEY)
    if entry is None:
        raise ValueError(
            "it holds weights and does not say of which network; only networks saved by "
            "xrai_widgets.io.network_files.save_network can be read: export others to ONNX"
        )
    module = _network(entry).build()
    weights, expected = load_file(file), module.state_dict()
    for key in sorted({*weights, *expected}):
        shapes = [None if key not in state else tuple(state[key].shape) for state in (expected, weights)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the weights {key!r} must have shape {shapes[0]}, as its configuration says, got {shapes[1]}"
            )
        if not bool(weights[key].isfinite().all()):
            raise ValueError(f"the weights {key!r} must be finite")
    module.load_state_dict(weights)
    return module.eval()


def _network(entry: str) -> Network:
    fields = json.loads(entry)
    if not isinstance(fields, dict) or not {*fields} <= {*Network.__dataclass_fields__}:
        raise ValueError(f"its configuration must have the entries {', '.join(Network.__dataclass_fields__)}")
    lists: dict[str, Any] = {key: tuple(part) if isinstance(part, list) else part for key, part in fields.items()}
    return Network(**lists)
