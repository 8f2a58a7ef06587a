"""P11: `manage.py mailadmin_send`, by options, from standard input, and with a whole message."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.models import Delivery, OutboxEntry, Settings
from tests.delivery.conftest import fresh_settings, plain
from tests.delivery.shared_processes import ROOT, environment
from tests.fakes.smtp_actions import close
from tests.fakes.smtp_server import SmtpServer

__all__ = ["fresh_settings"]  # a fixture
pytestmark = pytest.mark.django_db
SHORT = ("--from", "shop@example.org", "--to", "ann@example.org", "--text", "hello")
RAW = (
    b"From: Shop <shop@example.org>\nTo: ann@example.org, Bob <bob@example.org>\nBcc: cid@example.org\nSubject: Hi\n"
    b"\nthere\n"
)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        plain(running)
        yield running


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what puts bytes into the standard input."""
    opened = []

    def put(content: bytes) -> None:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as end:
            end.write(content)
        opened.append(os.fdopen(reading, encoding="ascii"))  # as under cron: no locale may matter
        monkeypatch.setattr(sys, "stdin", opened[-1])

    yield put
    for file in opened:
        file.close()


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit code, and what was written."""
    out = io.StringIO()
    try:
        call_command("mailadmin_send", *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def arrived(server: SmtpServer) -> Parsed:
    (raw,) = server.messages
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, Parsed)
    return parsed


class TestWhatIsSent:
    def test_p11_all_that_a_message_may_say(self, server: SmtpServer, tmp_path: Path) -> None:
        (tmp_path / "a.pdf").write_bytes(b"%PDF")
        (tmp_path / "logo").write_bytes(b"GIF8")
        code, said = run(
            *(
                "--from",
                "Shop <shop@example.org>",
                "--to",
                'ann@example.org, "Doe, Bob" <bob@example.org>',
                "--to",
                "cid@example.org",
            ),
            *("--cc", "dan@example.org", "--bcc", "eve@example.org", "--reply-to", "desk@example.org"),
            *(
                "--subject",
                "Größe",
                "--prefix",
                "[X]",
                "--text",
                "text",
                "--html",
                "<img src=cid:logo>",
                "--priority",
                "Urgent",
            ),
            *("--attach", str(tmp_path / "a.pdf"), "--attach", f"{tmp_path / 'logo'}:image/gif"),
            *("--inline", f"logo={tmp_path / 'logo'}:image/gif", "--label", "cron", "--metadata", "order=4711"),
        )
        assert (code, said.splitlines()[0]) == (0, "Sent to 5 recipients by “Relay A”.")
        message = arrived(server)
        assert server.deliveries[0].recipients == tuple(
            f"{name}@example.org" for name in ("ann", "bob", "cid", "dan", "eve")
        )
        assert (message["Subject"], message["Importance"], message["Reply-To"]) == (
            "[X] Größe",
            "high",
            "desk@example.org",
        )
        kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
        assert kinds == ["text/plain", "text/html", "image/gif", "application/pdf", "image/gif"]
        row = Delivery.objects.get()
        assert (row.label, row.metadata, str(row.pk) in said) == ("cron", {"order": "4711"}, True)

    def test_the_body_from_standard_input(self, server: SmtpServer, typed: Any) -> None:
        typed("Grüße\n".encode())
        assert run("--to", "ann@example.org", "--text-file", "-")[0] == 0
        assert arrived(server).get_content().strip() == "Grüße"

    def test_html_from_a_file(self, server: SmtpServer, tmp_path: Path) -> None:
        (tmp_path / "a.html").write_text("<p>hi")
        assert run("--to", "ann@example.org", "--html-file", str(tmp_path / "a.html"))[0] == 0
        assert arrived(server).get_content_type() == "text/html"

    def test_recipients_from_standard_input_do_not_see_each_other(self, server: SmtpServer, typed: Any) -> None:
        typed(b"\xef\xbb\xbfbob@example.org\r\n\n# everybody else\nCid <cid@example.org>, dan@example.org\n")
        assert run(*SHORT, "--recipients-from", "-")[0] == 0
        assert server.deliveries[0].recipients == tuple(f"{name}@example.org" for name in ("ann", "bob", "cid", "dan"))
        assert b"bob" not in server.messages[0]

    def test_one_route_and_no_other(self, server: SmtpServer) -> None:
        plain(server, "Relay B")
        assert "Relay B" in run(*SHORT, "--route", "relay b")[1]

    def test_s21_the_default_recipients(self, db: None) -> None:
        with SmtpServer() as server:
            plain(server, default_recipients="team@example.org")
            assert run("--text", "hello", "--from", "shop@example.org")[0] == 0
        assert server.deliveries[0].recipients == ("team@example.org",)

    def test_a_time_to_send_at_queues_it(self, server: SmtpServer) -> None:
        at = (timezone.localtime() + timedelta(hours=2)).replace(microsecond=0)
        code, said = run(
            *SHORT,
            "--send-at",
            at.replace(tzinfo=None).isoformat(),
            "--expires-at",
            (at + timedelta(hours=1)).isoformat(),
        )
        assert (code, said.splitlines()[0]) == (0, "Waiting to 1 recipient.")
        row = Delivery.objects.get()
        assert (row.send_at, row.expires_at, server.messages) == (at, at + timedelta(hours=1), [])

    def test_a_key_that_was_given_before_sends_nothing_again(self, server: SmtpServer) -> None:
        assert run(*SHORT, "--key", "night-1")[0] == 0
        code, said = run(*SHORT, "--key", "night-1", "--json")
        assert (code, json.loads(said)["repeated"], len(server.messages)) == (0, True, 1)

    def test_json(self, server: SmtpServer) -> None:
        code, said = run(*SHORT, "--json")
        told = json.loads(said)
        assert (code, told["state"], told["route"]) == (0, "sent", "Relay A")
        assert told["recipients"] == [{"address": "ann@example.org", "state": "sent", "code": "", "reason": ""}]
        assert told["id"] == str(Delivery.objects.get().pk)


class TestAWholeMessage:
    def test_as_sendmail_takes_it(self, server: SmtpServer, typed: Any) -> None:
        typed(RAW)
        assert run("--raw", "-")[0] == 0
        (delivery,) = server.deliveries
        assert delivery.sender == "shop@example.org"
        assert delivery.recipients == ("ann@example.org", "bob@example.org", "cid@example.org")
        head, _, body = delivery.content.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[:3] == [
            b"From: Shop <shop@example.org>", b"To: ann@example.org, Bob <bob@example.org>", b"Subject: Hi",
        ]  # fmt: skip
        assert sorted(line.partition(b":")[0] for line in lines[3:]) == [b"Date", b"Message-ID"]
        assert body == b"there\r\n"

    def test_every_other_byte_stays(self, server: SmtpServer, tmp_path: Path) -> None:
        raw = (
            b"Received: from a by b;\r\n\tMon, 2 Nov 2026 10:00:00 +0000\r\nx-odd:   two  blanks\r\n"
            b"DKIM-Signature: v=1; b=abc=\r\nFrom: shop@example.org\r\nTo: ann@example.org\r\n"
            b"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x.org>\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"Gr\xc3\xbc\xc3\x9fe  \r\n.dots\r\n\r\n--\r\n"
        )
        (tmp_path / "a.eml").write_bytes(raw)
        assert run("--raw", str(tmp_path / "a.eml"), "--label", "cron")[0] == 0
        assert server.messages == [raw]
        assert Delivery.objects.get().label == "cron"

    def test_recipients_that_are_named_go_before(self, server: SmtpServer, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(
            b"From shop Mon Nov  2 10:00:00 2026\n" + RAW.replace(b"To:", b"Resent-To: x@y.org\nTo:")
        )
        assert run("--raw", str(tmp_path / "a.eml"), "--to", "zoe@example.org", "--from", "bounce@example.org")[0] == 0
        (delivery,) = server.deliveries
        assert (delivery.sender, delivery.recipients) == ("bounce@example.org", ("zoe@example.org",))
        assert b"From: Shop <shop@example.org>\r\n" in delivery.content
        assert b"cid@example.org" not in delivery.content

    def test_without_from_that_of_the_route_is_used(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(b"To: ann@example.org\nSubject: Hi")
        with SmtpServer() as server:
            plain(server, from_address="relay@example.org", from_name="Relay")
            assert run("--raw", str(tmp_path / "a.eml"))[0] == 0
        assert b'From: "Relay" <relay@example.org>\r\n' in server.messages[0]

    def test_queued_it_is_the_same(self, server: SmtpServer, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(RAW)
        assert run("--raw", str(tmp_path / "a.eml"), "--queued", "--priority", "urgent")[0] == 0
        assert OutboxEntry.objects.get().priority == 1
        assert Delivery.objects.get().subject == "Hi"

    @pytest.mark.parametrize(
        ("raw", "words"),
        [
            (b"", "no header"),
            (b"hello\n\nthere", "no line of a header"),
            (b"To: ann@example.org\nhello\n\nthere", "“hello”"),
            (b"To: ada lovelace\n\nx", "ada lovelace"),
            (b"To: a@b.org\nResent-To: c@d.org\n\nx", "resent"),
            (b"To: undisclosed-recipients:;\n\nx", "no recipients"),
            (b"From: x@\nTo: a@b.org\n\nx", "x@"),
        ],
    )
    def test_what_is_no_message(self, server: SmtpServer, tmp_path: Path, raw: bytes, words: str) -> None:
        (tmp_path / "a.eml").write_bytes(raw)
        code, said = run("--raw", str(tmp_path / "a.eml"))
        assert code == 2
        assert words in said
        assert not server.messages


class TestExitCodes:
    def test_1_nobody_took_it(self, db: None) -> None:
        with SmtpServer({"RCPT": ["550 5.1.1 No such user"]}) as server:
            plain(server)
            code, said = run(*SHORT)
        assert code == 1
        assert "No such user" in said

    def test_1_nothing_is_set_up(self, db: None) -> None:
        code, said = run(*SHORT)
        assert code == 1
        assert "No SMTP connection" in said

    def test_3_nobody_knows(self, db: None) -> None:
        with SmtpServer({"DOT": [close]}) as server:
            plain(server)
            code, said = run(*SHORT, "--json")
        assert (code, json.loads(said)["state"], json.loads(said)["code"]) == (3, "unsure", "smtp-unsure")

    def test_4_some_were_refused(self, db: None) -> None:
        with SmtpServer({"RCPT": [None, "550 5.1.1 No such user"]}) as server:
            plain(server)
            code, said = run(*SHORT, "--to", "bob@example.org")
        assert code == 4
        assert "bob@example.org: Refused. 550 5.1.1" in said

    def test_5_all_mail_is_held(self, server: SmtpServer) -> None:
        Settings.load()
        Settings.objects.update(sending="held")
        assert run(*SHORT)[0] == 5
        assert not server.sessions

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--to", "ann@example.org"), "nothing to send"),
            ((*SHORT, "--text-file", "x"), "two ways"),
            ((*SHORT, "--html-file", "/none/there"), "No such file"),
            ((*SHORT, "--recipients-from", "-", "--html-file", "-"), "Only one thing"),
            ((*SHORT, "--raw", "x"), "--text cannot be given"),
            ((*SHORT, "--raw", "x", "--subject", "y"), "--subject cannot"),
            ((*SHORT, "--to", "ada lovelace"), "--to, number 2"),
            ((*SHORT, "--from", "x@"), "--from:"),
            (
                (*SHORT, "--attach", "/none/there.pdf"),
                "--attach, number 1: An attachment of the message does not exist.",
            ),
            ((*SHORT, "--attach", "/none/there.pdf:application/pdf"), "/none/there.pdf."),
            ((*SHORT, "--inline", "/none/there.pdf"), "logo="),
            ((*SHORT, "--metadata", "x"), "order=4711"),
            ((*SHORT, "--priority", "high"), "--priority:"),
            ((*SHORT, "--body-format", "RichText"), "--body-format:"),
            ((*SHORT, "--route", "Relay Z"), "--route:"),
            ((*SHORT, "--send-at", "tomorrow"), "time value"),
            ((*SHORT, "--send-at", "2026-01-01T10:00", "--direct"), "--send-at:"),
            ((*SHORT, "--key", "x" * 300), "--key:"),
            ((*SHORT, "--direct", "--queued"), "not allowed with"),
        ],
        ids=range(19),
    )
    def test_2_a_wrong_option_or_message(self, server: SmtpServer, arguments: tuple[str, ...], words: str) -> None:
        code, said = run(*arguments)
        assert code in (1, 2)  # argparse's own errors get their code from manage.py
        assert words in said
        assert not server.sessions

    def test_2_what_is_too_much(self, server: SmtpServer, typed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ATTACHMENTS_BYTES", 5)
        typed(b"123456")
        assert run("--to", "ann@example.org", "--text-file", "-")[0] == 2

    def test_2_what_is_no_text(self, server: SmtpServer, typed: Any) -> None:
        typed(b"\xff\xfe")
        assert "UTF-8" in run("--to", "ann@example.org", "--text-file", "-")[1]


class TestDryRun:
    def test_it_tells_and_sends_nothing(self, server: SmtpServer) -> None:
        code, said = run(*SHORT, "--bcc", "bob@example.org", "--subject", "Hi", "--dry-run")
        assert code == 0
        assert "ann@example.org (to), bob@example.org (bcc)" in said
        assert "“Relay A” would be tried first." in said
        assert not server.sessions
        assert not Delivery.objects.exists()

    def test_as_json_and_of_a_message_that_would_not_leave(self, db: None) -> None:
        code, said = run(*SHORT, "--dry-run", "--json")
        assert (code, json.loads(said)["leaves"]) == (1, False)

    def test_what_is_wrong_is_found(self, server: SmtpServer) -> None:
        assert run(*SHORT, "--route", "Relay Z", "--dry-run")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_p11_as_a_process_with_a_real_standard_input() -> None:
    """As cron and scripts call it: the exit code, and no traceback."""
    with SmtpServer() as server:
        plain(server)
        command = [sys.executable, "manage.py", "mailadmin_send", "--raw", "-"]
        env = environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings", "LC_ALL": "C"}
        done = subprocess.run(command, input=RAW, cwd=ROOT, env=env, capture_output=True, timeout=60, check=False)
        assert (done.returncode, server.deliveries[0].recipients[0]) == (0, "ann@example.org"), done.stderr
        bad = subprocess.run(
            command, input=b"no message", cwd=ROOT, env=env, capture_output=True, timeout=60, check=False
        )
    assert bad.returncode == 2
    assert b"Traceback" not in bad.stderr
    assert b"no line of a header" in bad.stderr
