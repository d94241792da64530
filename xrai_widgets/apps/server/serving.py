"""How the gallery is served, as the command line's options say it."""

import ipaddress
import socket
from dataclasses import dataclass

import psutil

KERNEL_MEMORY = 230 * 2**20


@dataclass(frozen=True)
class Serving:
    """The options of ``serve``."""

    port: int = 8866
    host: str = "127.0.0.1"
    base_url: str = "/"
    browser: bool = True
    token: str = ""
    seats: int = 10
    pool: int | None = None
    idle: int = 600
    names: tuple[str, ...] = ()
    store: str = ""

    @property
    def path(self) -> str:
        """Return the base URL with a slash at both ends."""
        return f"/{self.base_url.strip('/')}/".replace("//", "/")

    @property
    def open_to_others(self) -> bool:
        """Whether the address is reached from other machines."""
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    def hosts(self) -> list[str]:
        """Return the names in a request's ``Host`` that are this server's."""
        machine = {socket.gethostname(), socket.getfqdn()} if self.open_to_others else set()
        names = {name.lower() for name in (self.host, *machine, *self.names)}
        return sorted({"localhost", "127.0.0.1", "::1", *names} - {"", "0.0.0.0", "::"})


def pool_of(names: list[str], size: int | None) -> dict[str, int]:
    """Distribute spare kernels over the notebooks in turn; by default one each, within an eighth of the free memory."""
    if size is None:
        size = max(1, min(len(names), psutil.virtual_memory().available // 8 // KERNEL_MEMORY))
    share, rest = divmod(size, len(names))
    return {name: share + (place < rest) for place, name in enumerate(names)}
