"""A POST to an address that somebody wrote into a plan: to a public host, over TLS, once, in ten seconds."""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

SECONDS = 10.0
_MOST_BYTES = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Webhook:
    """Where to, and what is allowed.

    Parameters
    ----------
    url : str
        ``https://``; ``http://`` to this machine alone.
    secret : str
        Key of the signature; empty: none.
    allow_private : bool
        Whether the host may lie in a private network.
    proxy : bool
        Whether the proxy of the environment is used: then it, not we, connects to the host.
    """

    url: str
    secret: str = ""
    allow_private: bool = False
    proxy: bool = False


class NotDelivered(Exception):
    """A message that did not arrive; ``final`` if trying again is no use."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


def post(
    hook: Webhook,
    document: dict[str, Any],
    *,
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> int:
    """Send a document as JSON and return the status of the answer.

    The host is resolved once, every address of the answer is checked, and the connection goes to the address that was
    checked, with the host's name for the certificate. Redirects are not followed. With a secret, the header
    ``X-Signature`` is the HMAC-SHA256 of ``X-Timestamp``, a full stop and the body.

    Raises
    ------
    NotDelivered
        naming host and reason, never the address's path, which may be a secret.
    """
    parts = checked_url(hook.url)
    until = time.monotonic() + seconds
    port = _port(parts)
    addresses = _public(parts, hook, _resolved(parts.hostname or "", port, resolve or _look_up, until))
    connection = _connection(
        parts, port, [str(address) for address in addresses], hook, context or ssl.create_default_context()
    )
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    with _ended_at(connection, until) as late:
        try:
            connection.request("POST", _target(parts), body=body, headers=_headers(hook, body))
            answer = connection.getresponse()
            answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not late.is_set():
                raise NotDelivered(f"{parts.hostname}: {_reason(error)}") from None
        if late.is_set():
            raise NotDelivered(f"{parts.hostname} did not answer within {seconds:g} s")
    return _accepted(answer.status, parts.hostname or "")


def checked_url(url: str) -> SplitResult:
    """Return the parts of an address, or say why nothing is sent to it.

    Raises
    ------
    NotDelivered
        if it cannot be read, is not https, or carries a name and password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise NotDelivered("the address of the webhook cannot be read", final=True) from None
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise NotDelivered("the address of the webhook holds a space or a control character", final=True)
    if parts.scheme not in ("https", "http") or not host:
        raise NotDelivered("a webhook is an address that begins with https://", final=True)
    if parts.username is not None or parts.password is not None:
        raise NotDelivered("the address of the webhook holds a name and password, which are not sent", final=True)
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _look_up(host: str, port: int) -> Sequence[str]:
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in addresses))


def _resolved(host: str, port: int, resolve: Resolve, until: float) -> list[Address]:
    """Look a host up in a thread of its own: the system's resolver knows no time limit."""
    addresses: list[str] = []
    failed: list[str] = []

    def look() -> None:
        try:
            addresses.extend(resolve(host, port))
        except (OSError, UnicodeError) as error:
            failed.append(_reason(error))

    thread = threading.Thread(target=look, daemon=True, name="xrai-resolve")
    thread.start()
    thread.join(max(until - time.monotonic(), 0))
    if failed or not addresses:
        raise NotDelivered(f"{host} cannot be resolved: {failed[0] if failed else 'no answer in time'}")
    try:
        return [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    except ValueError:
        raise NotDelivered(f"{host} resolves to something that is no address", final=True) from None


def _public(parts: SplitResult, hook: Webhook, addresses: list[Address]) -> list[Address]:
    plain = [_plain(address) for address in addresses]
    if parts.scheme == "http":
        if all(address.is_loopback for address in plain):
            return addresses
        raise NotDelivered(f"{parts.hostname}: http is for this machine alone, write https", final=True)
    refused = [address for address in plain if not hook.allow_private and not _is_public(address)]
    never = [address for address in plain if address.is_multicast or address.is_unspecified or address.is_link_local]
    if refused or never:
        shown = (never or refused)[0]
        way = "" if never else "; allow_private = true permits it"
        raise NotDelivered(f"{parts.hostname} resolves to {shown}, which is not a public address{way}", final=True)
    return addresses


def _plain(address: Address) -> Address:
    """An IPv4 address that an IPv6 address carries is judged as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


class _ToAddress(http.client.HTTPSConnection):
    """A connection to addresses that were checked, under the name that the certificate must show."""

    def __init__(self, host: str, port: int, addresses: list[str], context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=SECONDS, context=context)
        self._addresses, self._tls = addresses, context

    def connect(self) -> None:
        plain = self._reached()
        # the handshake comes after the socket is in place, so that it, too, can be ended from outside
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock.do_handshake()

    def _reached(self) -> socket.socket:
        for address in self._addresses[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection((address, self.port), SECONDS / len(self._addresses))
        return socket.create_connection((self._addresses[-1], self.port), SECONDS / len(self._addresses))


def _connection(
    parts: SplitResult, port: int, addresses: list[str], hook: Webhook, context: ssl.SSLContext
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(addresses[0], port, timeout=SECONDS)
    if not hook.proxy:
        return _ToAddress(host, port, addresses, context)
    given = urllib.request.getproxies().get("https", "")
    proxy = urlsplit(given if "//" in given else f"//{given}")
    if not proxy.hostname:
        raise NotDelivered("proxy = true, and the environment names no HTTPS_PROXY", final=True)
    connection = http.client.HTTPSConnection(proxy.hostname, proxy.port or 3128, timeout=SECONDS, context=context)
    connection.set_tunnel(host, port)
    return connection


@contextlib.contextmanager
def _ended_at(connection: http.client.HTTPConnection, until: float) -> Iterator[threading.Event]:
    """Close a connection at its time: a host that sends a letter now and then would keep it open for ever."""
    late = threading.Event()

    def end() -> None:
        late.set()
        held = connection.sock
        if held is not None:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(until - time.monotonic(), 0), end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        connection.close()


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(hook: Webhook, body: bytes) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "xrai-widgets"}
    if hook.secret:
        at = str(int(time.time()))
        signed = hmac.new(hook.secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers |= {"X-Timestamp": at, "X-Signature": f"sha256={signed}"}
    return headers


def _accepted(status: int, host: str) -> int:
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        raise NotDelivered(f"{host} answers with a redirect ({status}), which is not followed", final=True)
    raise NotDelivered(f"{host} answers {status}", final=400 <= status < 500 and status not in (408, 425, 429))


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
