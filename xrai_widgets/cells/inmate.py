"""The process of a cell: it holds what must not be trusted, and replies to requests about it."""

import contextlib
import importlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import IO, Any

import cloudpickle

from xrai_widgets.cells.frames import Buffers, pack_value, receive, send, unpack_value
from xrai_widgets.cells.plain import plainly

ABILITIES = ("predict", "decide", "logits", "gradient", "logit_gradient", "embed", "fit")
_UNFIT = 3  # exit code after a reply that memory did not suffice for


class Inmate:
    """What a cell holds: functions by key."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self._count = 0

    def obey(self, head: Mapping[str, Any], buffers: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Do what a message says; return the reply."""
        reply: tuple[dict[str, Any], Buffers] = getattr(self, f"do_{head['op']}")(head, buffers)
        return reply

    def do_start(self, head: Mapping[str, Any], _: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Import what will be needed, then limit the memory."""
        for name in head["modules"]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        return {"enforced": bool(head["enforce"]) and _limit(head["budget"])}, []

    def do_call(self, _: Mapping[str, Any], buffers: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Call a function of the kernel's; a subject stays here, its abilities held under their names."""
        from xrai_widgets.core import Step, Subject

        function, arguments = pickle.loads(buffers[0])
        result = function(*arguments, Step())
        if not isinstance(result, Subject):
            return {}, [plainly(result)]
        abilities = {name: getattr(result, name, None) for name in ABILITIES}
        abilities = {name: ability for name, ability in abilities.items() if ability is not None}
        self.held |= abilities
        # how it was made is known to whoever has it made
        left = {*abilities, "model", "decode", "origin"}
        kept = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in left}
        codec = getattr(result.decode, "__self__", None)
        description = {
            "fields": kept,
            "codec": codec,
            "kind": type(result.model).__name__,
            "abilities": list(abilities),
        }
        return {}, [plainly(description), cloudpickle.dumps(abilities, protocol=5)]

    def do_hold(self, head: Mapping[str, Any], buffers: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Take functions that another cell, or the kernel, has packed."""
        held = pickle.loads(buffers[0])
        self.held |= {head.get("prefix", "") + name: function for name, function in held.items()}
        return {}, []

    def do_ask(self, head: Mapping[str, Any], buffers: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Call a held function; a function that it returns is held, too."""
        if head["key"] not in self.held:
            return {"unknown": head["key"]}, []
        args = [unpack_value(packed, buffers) for packed in head["args"]]
        named = {name: unpack_value(packed, buffers) for name, packed in head["named"].items()}
        result = self.held[head["key"]](*args, **named)
        out: Buffers = []
        return {"value": pack_value(result, out, self._keep)}, out

    def do_dump(self, head: Mapping[str, Any], _: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Pack one held function for another cell."""
        return {}, [cloudpickle.dumps({head["key"]: self.held[head["key"]]}, protocol=5)]

    def do_drop(self, head: Mapping[str, Any], _: Buffers) -> tuple[dict[str, Any], Buffers]:
        """Forget functions."""
        for key in head["keys"]:
            self.held.pop(key, None)
        return {}, []

    def _keep(self, function: Callable[..., Any]) -> str:
        self._count += 1
        key = f"{os.getpid()}-{self._count}"
        self.held[key] = function
        return key


def main() -> None:
    """Reply until the kernel is gone. What the model prints goes nowhere."""
    pipe, requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    inmate = Inmate()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            head, buffers = receive(requests)
            if not _reply(pipe, inmate, head, buffers):
                os._exit(_UNFIT)
    os._exit(0)


def _reply(pipe: IO[bytes], inmate: Inmate, head: Mapping[str, Any], buffers: Buffers) -> bool:
    """Return whether the process can go on."""
    try:
        reply, out = inmate.obey(head, buffers)
    except MemoryError:
        send(pipe, {"error": ["MemoryError", "", []]})
        return False
    except BaseException as error:  # noqa: BLE001 - whatever the model raised is sent to the kernel
        names = [kind.__name__ for kind in type(error).__mro__]
        about = [str(getattr(error, name, "")) for name in ("reason", "instead", "name")]
        # arrays that memory did not suffice for; onnxruntime and boosting libraries say it in words
        if "bad_alloc" in str(error) or "Unable to allocate" in str(error) or "Failed to allocate memory" in str(error):
            send(pipe, {"error": ["MemoryError", "", []]})
            return False
        send(pipe, {"error": [names, str(error), about]})
        return True
    send(pipe, reply, out)
    return True


def _watch(parent: int) -> None:
    """End when the kernel was killed: a hanging call would never see the end of its pipe."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _limit(budget: int) -> bool:
    """Limit the address space to what is used now and the budget; return whether that holds here."""
    try:
        import resource
    except ImportError:  # Windows: the kernel watches
        return False
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":  # elsewhere the limit is accepted and not enforced
        return False
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + budget, used + budget))
    return True


if __name__ == "__main__":
    main()
