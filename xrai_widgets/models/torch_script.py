"""TorchScript modules: copied, frozen and sent to other processes in their own way."""

import copy
import io
from typing import Any


def is_script(module: Any) -> bool:
    """Whether a torch module was scripted or traced."""
    import torch

    return isinstance(module, torch.jit.ScriptModule)


def frozen(module: Any) -> Any:
    """Return a copy of a module in evaluation mode, whose parameters are not trained."""
    import torch

    made = unpacked(packed(module)) if is_script(module) else copy.deepcopy(module)
    made = made.eval() if hasattr(made, "training") else made  # one that torch.jit.freeze made is so for good
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    assert isinstance(made, torch.nn.Module)
    return made


def packed(module: Any) -> Any:
    """Return what of a module can be pickled: of a TorchScript module its own archive."""
    import torch

    if not is_script(module):
        return module
    file = io.BytesIO()
    torch.jit.save(module, file)
    return file.getvalue()


def unpacked(module: Any) -> Any:
    """Return the module that `packed` has packed."""
    import torch

    load: Any = torch.jit.load
    return load(io.BytesIO(module)) if isinstance(module, bytes) else module
