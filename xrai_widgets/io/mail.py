"""A message by mail: TLS with the certificate checked, headers of one line, an end after a minute."""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from xrai_widgets.io.webhooks import NotDelivered

SECONDS = 60.0
_ONE_STEP = 15.0
_LONGEST_HEADER = 200
Tls = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class MailServer:
    """Who sends, to whom, through which server.

    Parameters
    ----------
    host : str
        Name of the mail server.
    sender : str
    to : tuple of str
        Addresses.
    port : int
        0: 587 for ``starttls``, 465 for ``tls``, 25 for ``none``.
    tls : {"starttls", "tls", "none"}
        ``none`` is for a server on this machine.
    user : str
        Name to sign in with; empty: none.
    password : str
    """

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 0
    tls: Tls = "starttls"
    user: str = ""
    password: str = ""


def send_mail(
    server: MailServer, title: str, text: str, *, seconds: float = SECONDS, context: ssl.SSLContext | None = None
) -> None:
    """Send a message of plain text.

    Raises
    ------
    NotDelivered
        naming the server and the reason.
    """
    if server.tls == "none" and server.host not in ("localhost", "127.0.0.1", "::1"):
        raise NotDelivered('tls = "none" is for a mail server on this machine: write "starttls" or "tls"', final=True)
    message = _message(server, title, text)
    try:
        with _connected(server, context or ssl.create_default_context(), seconds) as client:
            if server.user:
                client.login(server.user, server.password)
            refused = client.send_message(message)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
    except smtplib.SMTPAuthenticationError:
        raise NotDelivered(f"{server.host} does not accept the name and password", final=True) from None
    except smtplib.SMTPRecipientsRefused:
        raise NotDelivered(f"{server.host} refuses all recipients", final=True) from None
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"{server.host} answers {error.smtp_code}", final=500 <= error.smtp_code < 600) from None
    except ssl.SSLCertVerificationError as error:
        raise NotDelivered(f"{server.host}: its certificate is not accepted ({error.verify_message})") from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        raise NotDelivered(f"{server.host}: {reason}") from None
    if refused:
        raise NotDelivered(f"{server.host} refuses {len(refused)} of {len(server.to)} recipients", final=True)


@contextlib.contextmanager
def _connected(server: MailServer, context: ssl.SSLContext, seconds: float) -> Iterator[smtplib.SMTP]:
    """Connect, and end the connection at its time: each answer may come just before its own limit."""
    held: list[smtplib.SMTP] = []

    def end() -> None:
        if held and held[0].sock is not None:
            with contextlib.suppress(OSError):
                held[0].sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    step = min(_ONE_STEP, seconds)
    port = server.port or {"starttls": 587, "tls": 465, "none": 25}[server.tls]
    try:
        if server.tls == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(timeout=step, context=context)
        else:
            client = smtplib.SMTP(timeout=step)
        held.append(client)
        client._host = server.host  # type: ignore[attr-defined]  # the name that TLS checks, else set by the constructor
        client.connect(server.host, port)
        if server.tls == "starttls":
            client.starttls(context=context)
        yield client
    finally:
        timer.cancel()
        for client in held:
            client.close()


def _message(server: MailServer, title: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = one_line(title)
    message["From"] = one_line(server.sender)
    message["To"] = ", ".join(one_line(address) for address in server.to)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="xrai-widgets.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def one_line(text: str) -> str:
    """Return text without line ends and control characters: the name of a model is not a header."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:_LONGEST_HEADER]
