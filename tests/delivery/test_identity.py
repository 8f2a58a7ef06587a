"""The message that leaves is the one that Django's own backend sends, byte for byte, boundaries aside; large
attachments are encoded only while it leaves."""

from __future__ import annotations

import copy
import email
import re
import tracemalloc
from typing import Any

import django
import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import BadMessage
from mailadmin.core.settings import RouteKey, RouteKind, SmtpRoute
from mailadmin.delivery.convert import convert, dress

from .conftest import a_message
from .kinds import BIG, KINDS, MODERN, SMALL, Attaching, Signing, attached, newer_part, older_part, patched

ROUTE = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay", host="h")
_BOUNDARY = re.compile(rb"={15}\d+==")
_MADE = re.compile(rb"^(Date|Message-ID|X-Signed): .*$", re.MULTILINE)


class Wire:
    """In the place of the server connection of Django's backend: keeps the bytes that it hands over."""

    content = b""

    def sendmail(self, sender: str, recipients: list[str], content: bytes) -> None:
        self.content = content


def djangos(message: EmailMessage) -> bytes:
    """What Django's own backend sends."""
    alias = {"alias": "default"} if django.VERSION >= (6, 1) else {}
    backend: Any = EmailBackend(host="h", **alias)
    backend.connection = wire = Wire()
    backend._send(message)
    return wire.content


def ours(message: EmailMessage) -> Content:
    draft = convert(message)
    return dress(draft, ROUTE, draft.addresses).mail.content


def alike(raw: bytes) -> bytes:
    """Bytes with every boundary named by its turn, and without what differs from one second to the next."""
    turns: dict[bytes, bytes] = {}
    named = _BOUNDARY.sub(lambda found: turns.setdefault(found[0], b"boundary-%d" % len(turns)), raw)
    return _MADE.sub(rb"\1: -", named)


@pytest.mark.parametrize("kind", KINDS)
def test_s14_the_bytes_are_those_of_djangos_own_backend(kind: str) -> None:
    message = KINDS[kind]()
    content = ours(message)
    whole = bytes(content)
    assert content.size == len(whole)
    assert max(map(len, whole.split(b"\r\n"))) <= 998 and b"\0" not in whole
    assert b"\n" not in whole.replace(b"\r\n", b"") and b"\r" not in whole.replace(b"\r\n", b"")
    expected = alike(djangos(message))
    rules_kept = max(map(len, expected.split(b"\r\n"))) <= 998 and b"\0" not in expected
    assert not rules_kept or alike(whole) == expected


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(subject=TEXTS, body=TEXTS, name=TEXTS, data=st.binary(max_size=100), times=st.sampled_from([1, 90, 900]))
def test_any_text_and_any_file_have_djangos_bytes(subject: str, body: str, name: str, data: bytes, times: int) -> None:
    message = attached((name, data * times, "image/png"), message=a_message(subject=subject, body=body))
    try:
        content = ours(message)
    except BadMessage:
        return  # a line break in the subject
    expected = djangos(message)
    if expected.count(b"\n") == expected.count(b"\r\n") == expected.count(b"\r") and b"\0" not in expected:
        assert alike(bytes(content)) == alike(expected)


def streamed(message: EmailMessage) -> list[int]:
    """The sizes of what is encoded only while the message leaves."""
    return [len(piece.data) for piece in ours(message).body if isinstance(piece, Encoded)]


def test_g6_large_files_are_encoded_only_while_they_leave() -> None:
    message = attached(
        ("a.pdf", BIG, "application/pdf"), ("b.png", SMALL, "image/png"), ("c.csv", BIG, "text/csv"), older_part(BIG)
    )
    assert streamed(message) == [len(BIG), len(BIG)]  # Django itself calls the table a file, as it is no text
    assert len([piece for piece in ours(message).body if isinstance(piece, bytes)]) >= 3


@pytest.mark.parametrize("part", [older_part, newer_part] if MODERN else [older_part])
def test_a_part_of_the_application_is_taken_as_it_is(part: Any) -> None:
    message = attached(part(BIG))
    letters = message.attachments[0].get_payload()  # type: ignore[union-attr]
    assert letters.encode().replace(b"\n", b"\r\n") in ours(message).body


@pytest.mark.parametrize("build", [KINDS["a signing class"], KINDS["an attaching class"], patched])
def test_code_of_the_applications_own_sees_the_real_content(build: Any) -> None:
    message = build()
    assert type(message) in (Signing, Attaching, EmailMessage)
    assert streamed(message) == []


def test_a_replaced_step_of_django_sees_the_real_content(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, seen = EmailMessage.message, []

    def message(self: EmailMessage, **options: Any) -> Any:
        seen.append([attachment[1] for attachment in self.attachments])  # type: ignore[index]
        return plain(self, **options)

    monkeypatch.setattr(EmailMessage, "message", message)
    assert streamed(attached(("a.pdf", BIG, "application/pdf"))) == []
    assert seen == [[BIG]]


@pytest.mark.parametrize("kind", ["html with files", "many files", "a related message", "a class with a template"])
def test_the_message_of_the_caller_is_not_changed(kind: str) -> None:
    message = KINDS[kind]()
    before = [copy.copy(attachment) for attachment in message.attachments]
    state = {name: value for name, value in vars(message).items() if name != "attachments"}
    parts = [a.as_bytes() if hasattr(a, "as_bytes") else a for a in before]
    ours(message)
    assert {name: value for name, value in vars(message).items() if name != "attachments"} == state
    assert [a.as_bytes() if hasattr(a, "as_bytes") else a for a in message.attachments] == parts


def test_g7_a_file_of_25_mb_needs_little_memory() -> None:
    """G7: at most 10 MiB are added; the file itself is the application's."""
    message = attached(("a.iso", bytes(25_000_000), "application/octet-stream"))
    tracemalloc.start()
    try:
        size = sum(len(block) for block in ours(message).blocks())
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert size > 33_000_000


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (a_message(body="a\0b\n"), b"a\0b\r\n"),
        (a_message(body="x" * 5000), b"x" * 5000),
        (attached(("a.txt", "ü" * 3000 + "\0", "text/plain")), b""),
        (attached(("a.eml", "Subject: x\n\n" + "y" * 2000, "message/rfc822")), b""),
        (attached(("ä" * 900 + ".pdf", BIG, "application/pdf")), b""),
        (a_message(headers={"X-Data": "x" * 3000}, subject="y" * 3000), b""),
    ],
    ids=["nul", "long line", "text file", "message", "name", "headers"],
)
def test_what_breaks_the_rules_of_the_wire_is_recoded(message: EmailMessage, text: bytes) -> None:
    whole = bytes(ours(message))
    assert max(map(len, whole.split(b"\r\n"))) <= 998 and b"\0" not in whole
    if text:
        parsed = email.message_from_bytes(whole)
        assert parsed.get_payload(decode=True).rstrip(b"\r\n") == text.rstrip(b"\r\n")  # type: ignore[union-attr]
