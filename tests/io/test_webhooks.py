import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from xrai_widgets.io.webhooks import NotDelivered, Webhook, post

CERTIFICATE = Path(__file__).parent / "certificates" / "certificate.pem"
KEY = Path(__file__).parent / "certificates" / "key.pem"  # of this test alone


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.names: list[str | None] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.drip, self.extra = 200, False, b""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave in the middle are what is tested."""


class _Answers(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers.items()), body))
        if self.server.drip:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for letter in b"X-Long: " + b"a" * 600:
                self.wfile.write(bytes([letter]))
                time.sleep(0.1)
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.extra)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[_Server]:
    served = _Server()
    thread = threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture
def send(server: _Server) -> Callable[..., int]:
    trusted = ssl.create_default_context(cafile=str(CERTIFICATE))

    def sent(name: str = "alerts.example", path: str = "/hook?room=1", **options: Any) -> int:
        more = {key: options.pop(key) for key in ("secret", "proxy") if key in options}
        hook = Webhook(f"https://{name}:{server.server_address[1]}{path}", allow_private=True, **more)
        return post(hook, {"verdict": "fail – é"}, resolve=lambda *_: ["127.0.0.1"], context=trusted, **options)

    return sent


def test_a_message_arrives_signed_at_the_address_that_was_checked(server: _Server, send: Callable[..., int]) -> None:
    assert send(secret="key") == 200
    ((path, headers, body),) = server.requests
    assert path == "/hook?room=1"
    assert json.loads(body) == {"verdict": "fail – é"}
    assert server.names == ["alerts.example"]
    assert headers["Host"].startswith("alerts.example:")
    signed = hmac.new(b"key", headers["X-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={signed}"
    assert abs(int(headers["X-Timestamp"]) - time.time()) < 60


def test_another_host_behind_the_address_is_refused(server: _Server, send: Callable[..., int]) -> None:
    with pytest.raises(NotDelivered, match=r"other\.example: its certificate is not accepted"):
        send("other.example")
    assert server.requests == []


def test_a_redirect_is_not_followed(server: _Server, send: Callable[..., int]) -> None:
    server.status = 307
    with pytest.raises(NotDelivered, match="redirect \\(307\\), which is not followed") as caught:
        send()
    assert caught.value.final
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "final"), [(404, True), (403, True), (429, False), (408, False), (500, False)])
def test_what_can_pass_is_tried_again(server: _Server, send: Callable[..., int], status: int, final: bool) -> None:
    server.status = status
    with pytest.raises(NotDelivered, match=f"alerts.example answers {status}") as caught:
        send()
    assert caught.value.final is final


def test_a_host_that_sends_a_letter_now_and_then_is_left(server: _Server, send: Callable[..., int]) -> None:
    server.drip = True
    begun = time.monotonic()
    with pytest.raises(NotDelivered, match=r"alerts\.example did not answer within 0\.5 s"):
        send(seconds=0.5)
    assert time.monotonic() - begun < 20  # the answer would last 60 s


def test_a_handshake_that_never_ends_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hook = Webhook(f"https://alerts.example:{silent.getsockname()[1]}/", allow_private=True)
        begun = time.monotonic()
        with pytest.raises(NotDelivered, match=r"within 0\.3 s"):
            post(hook, {}, seconds=0.3, resolve=lambda *_: ["127.0.0.1"])
        assert time.monotonic() - begun < 9  # the limit of a single step is 10 s


def test_a_resolver_that_hangs_is_left() -> None:
    stop = threading.Event()
    with pytest.raises(NotDelivered, match=r"alerts\.example cannot be resolved: no answer in time"):
        post(Webhook("https://alerts.example/"), {}, seconds=0.2, resolve=lambda *_: ["8.8.8.8"] * stop.wait(20))
    stop.set()


def test_a_long_answer_is_not_read_to_its_end(server: _Server, send: Callable[..., int]) -> None:
    server.extra = b"a" * 50_000_000
    begun = time.monotonic()
    assert send() == 200
    assert time.monotonic() - begun < 5


_PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1", "240.0.0.1", "::1", "fd00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "198.18.0.1"),
)
_NEVER = ("169.254.169.254", "0.0.0.0", "224.0.0.1", "::", "fe80::1%eth0", "ff02::1", "::ffff:169.254.169.254")


@pytest.mark.parametrize("address", [*_PRIVATE, *_NEVER])
def test_no_address_of_a_private_network_is_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", _unreachable)
    with pytest.raises(NotDelivered, match="which is not a public address") as caught:
        post(Webhook("https://alerts.example/"), {}, resolve=lambda *_: ["8.8.8.8", address])
    assert caught.value.final
    with pytest.raises(NotDelivered) as allowed:
        post(Webhook("https://alerts.example/", allow_private=True), {}, resolve=lambda *_: [address])
    assert ("not a public address" in str(allowed.value)) is (address in _NEVER)


def _unreachable(*_: Any, **__: Any) -> socket.socket:
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_name_is_resolved_once() -> None:
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"] if len(asked) > 1 else ["127.0.0.1"]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotDelivered):
            post(Webhook(f"https://alerts.example:{port}/", allow_private=True), {}, resolve=resolve, seconds=0.2)
    assert asked == ["alerts.example"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://alerts.example/", "http is for this machine alone, write https"),
        ("ftp://alerts.example/", "begins with https"),
        ("https:///hook", "begins with https"),
        ("https://user:word@alerts.example/", "a name and password"),
        ("https://alerts.example/a\r\nX-Evil: 1", "a control character"),
        ("https://alerts.example:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_addresses_that_are_not_asked(url: str, said: str) -> None:
    with pytest.raises(NotDelivered, match=said) as caught:
        post(Webhook(url), {}, resolve=lambda *_: ["8.8.8.8"])
    assert caught.value.final


def test_the_path_of_an_address_is_a_secret(server: _Server, send: Callable[..., int]) -> None:
    server.status = 500
    with pytest.raises(NotDelivered) as caught:
        send(path="/services/T0PS3CRET")
    assert "T0PS3CRET" not in str(caught.value)


def test_this_machine_may_be_asked_without_tls() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Plain) as plain:
        threading.Thread(target=plain.serve_forever, args=(0.02,), daemon=True).start()
        assert (
            post(Webhook(f"http://localhost:{plain.server_address[1]}/"), {}, resolve=lambda *_: ["127.0.0.1"]) == 204
        )
        plain.shutdown()


class _Plain(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def test_a_proxy_is_used_only_when_allowed(
    send: Callable[..., int], server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        assert send() == 200
        assert asked == []
        with pytest.raises(NotDelivered):
            send(proxy=True)
        proxy.shutdown()
    assert asked == [f"alerts.example:{server.server_address[1]}"]
    assert len(server.requests) == 1
