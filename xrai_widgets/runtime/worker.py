"""The child process of an isolated engine, or of a file on trial: work from a folder, messages to its output."""

import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle

from xrai_widgets.core import Finding
from xrai_widgets.core.step import Partial
from xrai_widgets.runtime.checkpoints import Piped
from xrai_widgets.runtime.parcel import Unsendable, sendable, unpack
from xrai_widgets.runtime.run_step import RunStep, plainly


def main() -> None:
    """Call one function. Messages are pickles (kind, value); anything the model prints goes to the error stream."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process if it is to end
    pipe, replies = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def send(kind: str, value: object) -> None:
        pipe.write(cloudpickle.dumps((kind, value), protocol=5))
        pipe.flush()

    class ChildStep(RunStep):
        _sent = _sent_partial = 0.0

        def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
            now = time.monotonic()
            self._partial = partial or self._partial
            if now - self._sent < 0.1 and done < 1.0:
                return
            finding: Finding | None = None
            if now - self._sent_partial > 0.5:
                finding, self._sent_partial = self.partial(), now
            self._sent = now
            send("progress", (done, note, finding))

    step = ChildStep(checkpoints=Piped(send, replies))
    try:
        try:
            function, arguments = unpack(Path(sys.argv[1]))
        except Exception as error:  # whatever a module does that is not there as it is in the parent
            raise Unsendable(f"another process cannot read the work ({type(error).__name__}: {error})") from error
        result = function(*arguments, step)
    except BaseException as error:  # noqa: BLE001 - every ending must reach the parent
        send("raised", sendable(plainly(error)))
    else:
        send("queries", step.meter.queries)
        send("result", result)


if __name__ == "__main__":
    main()
