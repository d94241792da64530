"""Calls of the user's model, and what is said when it cannot predict."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from xrai_widgets.models.adapted import Refused
from xrai_widgets.models.inputs import Inputs

Output = TypeVar("Output")
# where a library written in C++ begins to list its own calls
_TRACE = re.compile(r"\s*(Stack trace:|Exception raised from |Backtrace|frame #0|\[bt\] |C\+\+ CapturedTraceback)")
_SCRIPT = "Traceback of TorchScript"


def ask(call: Callable[[], Output], inputs: Inputs, role: str = "X") -> Output:
    """Return the model's output; whatever it raises becomes a message about the model and its samples."""
    try:
        return call()
    except Refused:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {first_line(str(error))}"
        if (inputs.holes or role != "X") and "NaN" in message:  # scikit-learn goes on with advice for training
            empty = next((note for note in inputs.notes if note.startswith("empty cells")), "some are missing")
            raise ValueError(
                f"the model cannot predict for {role}, in which numbers are missing ({empty}): "
                f"{message.partition('. ')[0]}; pass the whole pipeline, with the imputer it was trained behind, or "
                "fill the cells"
            ) from error
        raise ValueError(f"the model cannot predict for {role}: {message}{_hint(str(error), inputs)}") from error


def refuse_words(kind: str, inputs: Inputs) -> None:
    """Refuse a table with columns that are no numbers, for a kind of model that takes numbers only."""
    if inputs.codec is None:
        return
    for name, constraint, column in zip(inputs.names, inputs.constraints, inputs.codec.columns, strict=True):
        if constraint.kind == "category" or column.carried:
            raise Refused(
                f"a {kind} takes numbers, got the column {name!r} of {column.dtype}: encode it first, or pass a "
                "function of the table that encodes it and asks the model"
            )


def first_line(message: str) -> str:
    """Return a message on one line, without the list of calls that C++ libraries put behind or around it."""
    if _SCRIPT in message:  # the reason stands last
        message = message.strip().splitlines()[-1]
    match = _TRACE.search(message)
    return " ".join((message if match is None else message[: match.start()]).split())


def one_tensor(module: str, out: Any, dtype: Any) -> str:
    """Return the message for a torch module that returns several tensors, with the code that chooses one."""
    got = f"a {type(out).__name__}" + (f" of {len(out)}" if hasattr(out, "__len__") else "")
    way = "[0]" if isinstance(out, tuple | list) else '["logits"]' if isinstance(out, dict) else ".logits"
    return (
        f"the module must return a tensor, got {got} from {module}: pass a module that returns the one of them that is "
        "meant, such as\n"
        "class One(torch.nn.Module):\n"
        "    def __init__(self, net): super().__init__(); self.net = net\n"
        f"    def forward(self, rows): return self.net(rows){way}\n"
        "and then Subject.of(One(net), …), or the function\n"
        f"lambda rows: torch.softmax(net(torch.as_tensor(rows, dtype={dtype})){way}, 1).detach().numpy()"
    )


def _hint(message: str, inputs: Inputs) -> str:
    kinds = list(zip(inputs.names, inputs.constraints, strict=True))
    hint = _unseen(message, inputs)
    if hint:
        return hint
    for cell in re.findall(r"'([^']*)'", message):
        holding = [name for name, constraint in kinds if cell in constraint.categories]
        if holding:
            return f" (the column {holding[0]!r} holds {cell!r})"
    if inputs.codec is None:
        return ""
    held = [name for name, column in zip(inputs.names, inputs.codec.columns, strict=True) if column.carried]
    words, numbers = ([n for n, c in kinds if (c.kind == "category") == wanted] for wanted in (True, False))
    words = [name for name in words if name not in held]
    message = f"columns of text: {', '.join(words[:8]) or 'none'}; of numbers: {', '.join(numbers[:8]) or 'none'}"
    return f" ({message}; held as they are: {', '.join(held[:8])})" if held else f" ({message})"


def _unseen(message: str, inputs: Inputs) -> str:
    """Return which words are new to the model, where it speaks of words that only a batch holds."""
    for name, column in zip(inputs.names, inputs.codec.columns if inputs.codec else (), strict=False):
        words = [str(word) for word in column.unseen if f"'{word}'" in message or f'"{word}"' in message]
        if words and column.kind == "category":
            return (
                f" (the column {name!r} holds {', '.join(map(repr, words[:5]))}, which no other samples do: leave "
                "those rows out, or pass a model that takes unknown words, as with "
                "OneHotEncoder(handle_unknown='ignore'))"
            )
    return ""
