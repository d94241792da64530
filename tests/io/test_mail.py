import base64
import contextlib
import socket
import ssl
import threading
import time
from email import message_from_string
from email.policy import default
from typing import BinaryIO

import pytest

from tests.io.test_webhooks import CERTIFICATE, KEY
from xrai_widgets.io.mail import MailServer, one_line, send_mail
from xrai_widgets.io.webhooks import NotDelivered


class _Server:
    """Just enough of RFC 5321 for one client: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, QUIT."""

    def __init__(
        self, *, tls: bool = False, silent: bool = False, refuse: bool = False, offers_tls: bool = True
    ) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.lines: list[str] = []
        self.encrypted: list[bool] = []
        self.message = ""
        self._tls, self._silent, self._refuse, self._offers = tls, silent, refuse, offers_tls
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATE, KEY)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._listening.close()
        self._thread.join(20)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            plain, _ = self._listening.accept()
            with contextlib.closing(self._wrapped(plain) if self._tls else plain) as held:
                self._talk(held)

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        with plain:
            return self._context.wrap_socket(plain, server_side=True)

    def _talk(self, held: socket.socket) -> None:
        if self._silent:
            self._done.wait(30)
        held.sendall(b"220 here\r\n")
        with held.makefile("rb") as reader:
            encrypted = self._answered(held, reader)
        if encrypted is not None:
            with contextlib.closing(encrypted), encrypted.makefile("rb") as reader:
                self._answered(encrypted, reader)

    def _answered(self, held: socket.socket, reader: BinaryIO) -> socket.socket | None:
        """Answer line by line; where the client asks for TLS, return the encrypted connection."""
        while line := reader.readline().decode().strip():
            word, _, rest = line.partition(" ")
            word = word.upper()
            self.lines.append(f"{word} {rest}")
            self.encrypted.append(isinstance(held, ssl.SSLSocket))
            if word == "EHLO":
                offered = b"250-STARTTLS\r\n" if self._offers and not isinstance(held, ssl.SSLSocket) else b""
                held.sendall(b"250-here\r\n" + offered + b"250 AUTH PLAIN\r\n")
            elif word == "STARTTLS":
                held.sendall(b"220 go\r\n")
                return self._wrapped(held)
            elif word == "AUTH":
                held.sendall(b"535 no\r\n" if self._refuse else b"235 yes\r\n")
            elif word == "DATA":
                held.sendall(b"354 go\r\n")
                self.message = b"".join(iter(reader.readline, b".\r\n")).decode()
                held.sendall(b"250 kept\r\n")
            elif word == "QUIT":
                held.sendall(b"221 bye\r\n")
            else:
                held.sendall(b"250 fine\r\n")
        return None


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    found = socket.getaddrinfo

    def here(host: str, *rest: object, **more: object) -> object:
        return found("127.0.0.1" if host.endswith(".example") else host, *rest, **more)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(socket, "getaddrinfo", here)
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def _mail(port: int, host: str = "alerts.example", **options: object) -> MailServer:
    return MailServer(host, "watch@bank.example", ("one@bank.example", "two@bank.example"), port, **options)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_message_arrives_over_tls_with_headers_of_one_line(tls: str, trusted: ssl.SSLContext) -> None:
    title = "credit\r\nBcc: all@bank.example\r\n\r\nmodel – fail"
    with _Server(tls=tls == "tls") as server:
        mail = _mail(server.port, tls=tls, user="watch", password="word")
        send_mail(mail, title, "Accuracy fell by 0.12 (0.08 to 0.16).\n.\nEnd\n", context=trusted)
    message = message_from_string(server.message, policy=default)
    assert message["Subject"] == "credit Bcc: all@bank.example model – fail"
    assert message["Bcc"] is None
    assert message["To"] == "one@bank.example, two@bank.example"
    assert "Accuracy fell by 0.12" in message.get_content()
    sent = [line for line in server.lines if line.startswith("RCPT")]
    assert sent == ["RCPT TO:<one@bank.example>", "RCPT TO:<two@bank.example>"]
    signed = next(number for number, line in enumerate(server.lines) if line.startswith("AUTH"))
    assert server.encrypted[signed]
    assert base64.b64decode(server.lines[signed].split()[-1]) == b"\0watch\0word"


def test_a_server_without_tls_gets_no_password(trusted: ssl.SSLContext) -> None:
    with _Server(offers_tls=False) as server, pytest.raises(NotDelivered, match="alerts"):
        send_mail(_mail(server.port, user="watch", password="word"), "title", "text", context=trusted)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in server.lines)


def test_another_name_on_the_certificate_is_refused(trusted: ssl.SSLContext) -> None:
    with _Server() as server, pytest.raises(NotDelivered, match=r"other\.example: its certificate is not accepted"):
        send_mail(_mail(server.port, "other.example"), "title", "text", context=trusted)
    assert not any(line.startswith("MAIL") for line in server.lines)


def test_a_wrong_password_is_final_and_not_repeated(trusted: ssl.SSLContext) -> None:
    said = "does not accept the name and password"
    with _Server(refuse=True) as server, pytest.raises(NotDelivered, match=said) as caught:
        send_mail(_mail(server.port, user="watch", password="w0rd"), "title", "text", context=trusted)
    assert caught.value.final
    assert "w0rd" not in str(caught.value)


def test_a_server_that_hangs_is_left(trusted: ssl.SSLContext) -> None:
    begun = time.monotonic()
    with _Server(silent=True) as server, pytest.raises(NotDelivered, match="alerts"):
        send_mail(_mail(server.port), "title", "text", context=trusted, seconds=0.3)
    assert time.monotonic() - begun < 14


def test_mail_without_tls_is_for_this_machine() -> None:
    with pytest.raises(NotDelivered, match="starttls"):
        send_mail(_mail(25, tls="none"), "title", "text")
    with _Server(offers_tls=False) as server:
        send_mail(_mail(server.port, "127.0.0.1", tls="none"), "title", "text")
    assert "title" in server.message


def test_text_of_strangers_is_one_short_line() -> None:
    assert one_line("a\u2028b\x00c\r\n d") == "a b c d"
    assert len(one_line("a" * 1000)) == 200
