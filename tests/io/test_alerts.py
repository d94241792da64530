import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from xrai_widgets.io.alerts import Channel, Message, deliver, read_channels
from xrai_widgets.io.webhooks import NotDelivered

MESSAGE = Message("credit: fail", "Accuracy fell by 0.12.", {"verdict": "fail", "fall": 0.12})


def _one(entry: dict[str, Any], folder: Path, environ: dict[str, str] | None = None) -> Channel:
    (channel,) = read_channels([entry], folder, environ)
    return channel


def test_a_file_gets_a_line_each(tmp_path: Path) -> None:
    channel = _one({"kind": "file", "path": "alerts.jsonl"}, tmp_path)
    assert deliver(channel, MESSAGE).arrived
    assert deliver(channel, MESSAGE).arrived
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [MESSAGE.document] * 2
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "alerts.jsonl").stat().st_mode) == 0o600


def test_a_command_reads_the_document_and_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    code = "import sys, json; open(sys.argv[1], 'w').write(sys.argv[2] + json.load(sys.stdin)['verdict'])"
    channel = _one({"kind": "command", "argv": [sys.executable, "-c", code, str(tmp_path / "out"), "$HOME;"]}, tmp_path)
    assert deliver(channel, MESSAGE).arrived
    assert (tmp_path / "out").read_text() == "$HOME;fail"


def test_a_command_that_fails_says_why_and_is_tried_three_times(tmp_path: Path) -> None:
    channel = _one({"kind": "command", "argv": [sys.executable, "-c", "import sys; sys.exit('no line')"]}, tmp_path)
    waited: list[float] = []
    delivery = deliver(channel, MESSAGE, sleep=waited.append)
    assert (delivery.arrived, delivery.tries, waited) == (False, 3, [1.0, 5.0])
    assert "ended with 1: no line" in delivery.why


def test_a_command_that_is_not_there_is_tried_once(tmp_path: Path) -> None:
    delivery = deliver(_one({"kind": "command", "argv": ["/no/such/program"]}, tmp_path), MESSAGE)
    assert (delivery.arrived, delivery.tries) == (False, 1)


def test_a_message_that_arrives_at_the_second_try(tmp_path: Path) -> None:
    tries: list[Message] = []

    def send(message: Message) -> None:
        tries.append(message)
        if len(tries) < 2:
            raise NotDelivered("busy")

    delivery = deliver(Channel("webhook", send), MESSAGE, sleep=lambda _: None)
    assert (delivery.arrived, delivery.tries, delivery.why) == (True, 2, "")


def test_a_secret_is_read_when_it_is_needed_and_named_when_it_is_absent(tmp_path: Path) -> None:
    channel = _one({"kind": "webhook", "url": "env:HOOK"}, tmp_path, {})
    delivery = deliver(channel, MESSAGE)
    assert (delivery.arrived, delivery.tries) == (False, 1)
    assert "the environment variable HOOK is not set" in delivery.why
    private = _one({"kind": "webhook", "url": "env:HOOK"}, tmp_path, {"HOOK": "https://127.0.0.1/T0PS3CRET"})
    delivery = deliver(private, MESSAGE)
    assert "not a public address" in delivery.why
    assert "T0PS3CRET" not in delivery.why


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "kind is one of webhook, mail, command, file, apprise; got None"),
        ({"kind": "pager"}, "got 'pager'"),
        ({"kind": "webhook"}, "url is missing"),
        ({"kind": "webhook", "url": "http:alerts"}, "begins with https"),
        ({"kind": "webhook", "url": "https://alerts.example", "secret": "word"}, "env:NAME or file:/path"),
        (
            {"kind": "webhook", "url": "https://alerts.example", "retries": 3},
            "'retries' is not known; allowed: url, secret",
        ),
        ({"kind": "webhook", "url": "https://alerts.example", "proxy": 1}, "proxy is true or false; got 1"),
        ({"kind": "mail", "host": "m", "sender": "s", "to": "t"}, "to is a list of texts; got 't'"),
        ({"kind": "mail", "host": "m", "sender": "s", "to": ["t"], "tls": "ssl"}, "tls is one of starttls, tls, none"),
        ({"kind": "mail", "host": "m", "sender": "s", "to": ["t"], "port": True}, "port is a whole number; got True"),
        ({"kind": "mail", "host": "m", "sender": "s", "to": ["t"], "password": "w0rd"}, "env:NAME"),
        ({"kind": "command", "argv": "rm -rf"}, "argv is a list of texts"),
        ({"kind": "command", "argv": []}, "argv is a list of texts"),
        ({"kind": "apprise", "url": "mailto://me"}, "env:NAME"),
    ],
)
def test_entries_that_cannot_be(entry: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_channels([{"kind": "file", "path": "a"}, entry], tmp_path)
    assert "alerts, entry 2" in str(caught.value)
    assert "w0rd" not in str(caught.value)


def test_alerts_that_are_no_list(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \[\[alerts\]\]"):
        read_channels({"kind": "file"}, tmp_path)


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"kind": "mail", "host": "h", "sender": "s", "to": ["a"], "password": 90210}, "password"),
        ({"kind": "webhook", "url": "https://example.org", "secret": ["90210"]}, "secret"),
        ({"kind": "apprise", "url": 90210}, "url"),
    ],
)
def test_a_secret_of_the_wrong_kind_is_not_repeated(tmp_path: Path, entry: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is text; got") as caught:
        read_channels([entry], tmp_path)
    assert "90210" not in str(caught.value)


def test_a_channel_that_breaks_is_an_alert_that_did_not_arrive() -> None:
    def send(message: Message) -> None:
        raise RuntimeError("token s3cret")

    delivery = deliver(Channel("apprise", send), Message("t", "x", {}), sleep=lambda _: None)
    assert (delivery.arrived, delivery.why) == (False, "apprise cannot send it (RuntimeError)")
