"""A port of this machine that no other worker of the tests takes."""

import os
import socket
from itertools import cycle

_SLICE = 500
# below the ports that a system hands out by itself (from 32768 on), where a browser's own connections come and go
_FIRST = 20_000 + _SLICE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20)
_candidates = cycle(range(_FIRST + os.getpid() % _SLICE // 2, _FIRST + _SLICE))


def free_port() -> int:
    """Return the next port of this worker's own range that nobody listens on."""
    for _ in range(_SLICE):
        port = next(_candidates)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port is free from {_FIRST} on")
