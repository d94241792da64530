"""Channels of alerts: a webhook, mail, a command, a file, or what apprise knows; each says whether it arrived."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from xrai_widgets.io.mail import MailServer, Tls, one_line, send_mail
from xrai_widgets.io.secrets import is_reference, read_secret
from xrai_widgets.io.webhooks import NotDelivered, Webhook, checked_url, post

TRIES = 3
_WAITS = (1.0, 5.0)
_COMMAND_SECONDS = 60.0
Environ = Mapping[str, str] | None
Send = Callable[["Message"], None]


@dataclass(frozen=True)
class Message:
    """What is sent: one line, plain text, and the same for programs. No rows of data, only numbers and ids."""

    title: str
    text: str
    document: dict[str, Any]


@dataclass(frozen=True)
class Channel:
    """A way to somebody, by its name in reports."""

    name: str
    send: Send


@dataclass(frozen=True)
class Delivery:
    """What became of a message on one channel."""

    channel: str
    arrived: bool
    tries: int
    why: str
    at: str


def read_channels(entries: Any, folder: Path, environ: Environ = None) -> tuple[Channel, ...]:
    """Read the ``[[alerts]]`` of a watch.

    Parameters
    ----------
    entries : list of dict
        Each with ``kind``: ``webhook`` (``url``, ``secret``, ``allow_private``, ``proxy``), ``mail`` (``host``,
        ``sender``, ``to``, ``port``, ``tls``, ``user``, ``password``), ``command`` (``argv``), ``file`` (``path``) or
        ``apprise`` (``url``). Secrets are ``env:NAME`` or ``file:/path`` and are read when something is sent.
    folder : Path
        What the path of a file is relative to.
    environ : mapping, optional
        In place of the process's environment.

    Raises
    ------
    ValueError
        naming the entry, what is allowed and what was found.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("alerts are written as [[alerts]], one table each")
    return tuple(_channel(number, entry, folder, environ) for number, entry in enumerate(entries, start=1))


def deliver(
    channel: Channel, message: Message, *, tries: int = TRIES, sleep: Callable[[float], None] = time.sleep
) -> Delivery:
    """Send a message, again after a while if it did not arrive; never raises for what the other side does."""
    why, tried = "", 0
    for tried in range(1, tries + 1):
        try:
            channel.send(message)
        except NotDelivered as error:
            why = str(error)
            if error.final:
                break
            if tried < tries:
                sleep(_WAITS[min(tried, len(_WAITS)) - 1])
        except Exception as error:  # noqa: BLE001 - one channel that breaks does not cost the others; no text: secrets
            why = f"{channel.name} cannot send it ({type(error).__name__})"
            break
        else:
            return Delivery(channel.name, True, tried, "", _now())
    return Delivery(channel.name, False, tried, why, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _channel(number: int, entry: dict[str, Any], folder: Path, environ: Environ) -> Channel:
    place = f"alerts, entry {number}"
    kind = entry.get("kind")
    if kind not in _KINDS:
        raise ValueError(f"{place}: kind is one of {', '.join(_KINDS)}; got {kind!r}")
    make, allowed = _KINDS[kind]
    given = {key: value for key, value in entry.items() if key != "kind"}
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise ValueError(f"{place} ({kind}): {unknown[0]!r} is not known; allowed: {', '.join(allowed)}")
    for key, value in given.items():
        if not _is(value, allowed[key]):
            got = f"a {type(value).__name__}" if key in _SECRET else repr(value)
            raise ValueError(f"{place} ({kind}): {key} is {_WORDS[allowed[key]]}; got {got}")
    return make(f"{place} ({kind})", given, folder, environ)


def _is(value: Any, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, list) and bool(value) and all(isinstance(part, str) and part for part in value)
    return type(value) is kind


def _needed(place: str, given: dict[str, Any], *names: str) -> None:
    for name in names:
        if not given.get(name):
            raise ValueError(f"{place}: {name} is missing")


def _secret(place: str, given: dict[str, Any], name: str, environ: Environ) -> Callable[[], str]:
    """Return what reads a secret when it is needed; a secret that stands in the plan is refused at once."""
    text = given.get(name, "")
    if text and not is_reference(text):
        read_secret(text, f"{place}: {name}")

    def read() -> str:
        try:
            return read_secret(text, name, environ) if text else ""
        except ValueError as error:
            raise NotDelivered(str(error), final=True) from None

    return read


def _webhook(place: str, given: dict[str, Any], _: Path, environ: Environ) -> Channel:
    _needed(place, given, "url")
    url = given["url"]
    if not is_reference(url):
        try:
            checked_url(url)
        except NotDelivered as error:
            raise ValueError(f"{place}: {error}") from None
    address = _secret(place, given, "url", environ) if is_reference(url) else lambda: str(url)
    key = _secret(place, given, "secret", environ)
    allow_private, proxy = given.get("allow_private", False), given.get("proxy", False)

    def send(message: Message) -> None:
        post(Webhook(address(), key(), allow_private, proxy), message.document)

    return Channel("webhook", send)


def _mail(place: str, given: dict[str, Any], _: Path, environ: Environ) -> Channel:
    _needed(place, given, "host", "sender", "to")
    tls = given.get("tls", "starttls")
    if tls not in get_args(Tls):
        raise ValueError(f"{place}: tls is one of {', '.join(get_args(Tls))}; got {tls!r}")
    if not 0 <= given.get("port", 0) <= 65535:
        raise ValueError(f"{place}: port lies between 1 and 65535; got {given['port']}")
    password = _secret(place, given, "password", environ)
    plain = {key: given[key] for key in ("host", "sender", "port", "user") if key in given}

    def send(message: Message) -> None:
        send_mail(MailServer(**plain, to=tuple(given["to"]), tls=tls, password=password()), message.title, message.text)

    return Channel("mail", send)


def _command(place: str, given: dict[str, Any], _: Path, environ: Environ) -> Channel:
    _needed(place, given, "argv")
    argv: Sequence[str] = given["argv"]

    def send(message: Message) -> None:
        content = json.dumps(message.document, allow_nan=False)
        environment = None if environ is None else dict(environ)
        try:
            ran = subprocess.run(
                argv,
                input=content,
                text=True,
                capture_output=True,
                timeout=_COMMAND_SECONDS,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise NotDelivered(f"{argv[0]} ran longer than {_COMMAND_SECONDS:g} s") from None
        except (OSError, ValueError) as error:
            raise NotDelivered(f"{argv[0]} cannot be started ({error})", final=True) from None
        if ran.returncode:
            raise NotDelivered(f"{argv[0]} ended with {ran.returncode}: {one_line(ran.stderr[-500:])}")

    return Channel("command", send)


def _file(place: str, given: dict[str, Any], folder: Path, _: Environ) -> Channel:
    _needed(place, given, "path")
    path = folder / Path(given["path"]).expanduser()

    def send(message: Message) -> None:
        line = json.dumps(message.document, allow_nan=False) + "\n"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as handle:
                handle.write(line)
        except OSError as error:
            raise NotDelivered(f"{path} cannot be written ({error.strerror})") from None

    return Channel("file", send)


def _apprise(place: str, given: dict[str, Any], _: Path, environ: Environ) -> Channel:
    _needed(place, given, "url")
    address = _secret(place, given, "url", environ)

    def send(message: Message) -> None:
        try:
            from apprise import Apprise
        except ImportError:
            raise NotDelivered("apprise is not installed: pip install xrai-widgets[alerts]", final=True) from None
        sender = Apprise()
        if not sender.add(address()):
            raise NotDelivered("apprise does not know the address that url names", final=True)
        if not sender.notify(title=one_line(message.title), body=message.text):
            raise NotDelivered("apprise could not deliver it")

    return Channel("apprise", send)


_SECRET = ("url", "secret", "password")  # are not repeated, whatever stands there
_WORDS = {str: "text", int: "a whole number", bool: "true or false", tuple: "a list of texts"}
_KINDS: dict[str, tuple[Callable[[str, dict[str, Any], Path, Environ], Channel], dict[str, type]]] = {
    "webhook": (_webhook, {"url": str, "secret": str, "allow_private": bool, "proxy": bool}),
    "mail": (
        _mail,
        {"host": str, "sender": str, "to": tuple, "port": int, "tls": str, "user": str, "password": str},
    ),
    "command": (_command, {"argv": tuple}),
    "file": (_file, {"path": str}),
    "apprise": (_apprise, {"url": str}),
}
