"""Messages taken apart for Graph, and put together again by somebody else (N6, P13)."""

from __future__ import annotations

import base64
import email
import tracemalloc
from email.message import EmailMessage as Parsed
from email.policy import SMTP
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core.content import Content, Encoded
from mailadmin.delivery.convert import convert
from mailadmin.transports.graph.parts import Apart, CannotTravelError, take_apart
from tests.delivery.kinds import BIG, KINDS
from tests.fakes.graph_drafts import assembled

WITH_FILES = [name for name in KINDS if "file" in name or "part" in name or "name" in name or "message of" in name]


def together(apart: Apart) -> Parsed:
    """Return what a recipient of Exchange gets."""
    files = [
        {
            "name": file.name,
            "contentType": file.content_type,
            "isInline": file.inline,
            "contentId": file.content_id,
            "data": bytes(file.data),
        }
        for file in apart.attachments
    ]
    return assembled(bytes(apart.rest), files)


def files_of(message: Any) -> list[tuple[str, str, str, bytes]]:
    """Return type, name, Content-ID and bytes of each leaf; the bytes of a text without the line end at its end."""
    found = []
    for part in message.walk():
        if part.is_multipart():
            continue
        data = part.get_payload(decode=True)
        if part.get_content_maintype() == "text":
            data = data.rstrip(b"\r\n")
        found.append((part.get_content_type(), part.get_filename() or "", part["Content-ID"] or "", data))
    return sorted(found)


def parsed(content: Content) -> Any:
    return email.message_from_bytes(bytes(content), _class=Parsed, policy=SMTP)


def has_attached_message(message: Any) -> bool:
    return any(part.get_content_type() == "message/rfc822" for part in message.walk())


@pytest.mark.parametrize("limit", [700, 12_000, 40_000])
@pytest.mark.parametrize("kind", KINDS)
def test_n6_every_kind_taken_apart_arrives_with_the_same_parts(kind: str, limit: int) -> None:
    content = convert(KINDS[kind]()).content
    try:
        apart = take_apart(content, limit)
    except CannotTravelError:
        return
    assert apart.rest.size <= limit
    whole = parsed(content)
    if has_attached_message(whole) or any(file.changed for file in apart.attachments):
        return  # told in `changed`, and tested below
    if whole.get_payload() and len(apart.attachments) == len(whole.get_payload()):
        return  # only a file: the empty text is new
    assert files_of(together(apart)) == files_of(whole)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=60)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=70)
types = st.sampled_from(["application/pdf", "image/png", "application/octet-stream", "text/csv", "text/plain"])
attachments = st.tuples(names, st.binary(max_size=9000), types)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=texts, html=texts, files=st.lists(attachments, min_size=1, max_size=4), limit=st.integers(600, 30_000))
def test_n6_any_message_taken_apart_and_put_together_is_the_same(
    body: str, html: str, files: list[tuple[str, bytes, str]], limit: int
) -> None:
    message: EmailMessage = EmailMessage("Subject", body or "x", "a@example.org", ["b@example.org"])
    if html:
        message = EmailMultiAlternatives("Subject", body or "x", "a@example.org", ["b@example.org"])
        message.attach_alternative(html, "text/html")
    for name, data, kind in files:
        message.attach(name, data, kind)
    content = convert(message).content
    try:
        apart = take_apart(content, limit)
    except CannotTravelError:
        assert not files or limit < 3000
        return
    assert not any(file.changed for file in apart.attachments if file.name)
    whole = files_of(parsed(content))
    again = files_of(together(apart))
    assert [(kind, cid, data) for kind, _, cid, data in again] == [(kind, cid, data) for kind, _, cid, data in whole]
    assert [name for _, name, _, _ in again] == [name for _, name, _, _ in whole]


class TestTakingApart:
    def message(self, *files: tuple[str, bytes]) -> Content:
        message = EmailMessage("Hi", "Text", "a@example.org", ["b@example.org"])
        for name, data in files:
            message.attach(name, data, "application/pdf")
        return convert(message).content

    def test_the_largest_files_leave_first_and_keep_their_order(self) -> None:
        content = self.message(("big.pdf", bytes(30_000)), ("small.pdf", bytes(500)), ("bigger.pdf", bytes(60_000)))
        assert [file.name for file in take_apart(content, 50_000).attachments] == ["bigger.pdf"]
        assert [file.name for file in take_apart(content, 5_000).attachments] == ["big.pdf", "bigger.pdf"]
        assert take_apart(content, 500_000).attachments == ()

    def test_what_stays_is_the_same_bytes(self) -> None:
        content = self.message(("one.pdf", bytes(30_000)), ("two.pdf", BIG))
        rest = bytes(take_apart(content, 20_000).rest)
        whole = bytes(content)
        start = whole.index(rest[len(content.head) : len(content.head) + 60])
        assert rest.startswith(content.head)
        lines = set(whole.split(b"\r\n"))
        assert start > 0 and set(rest.split(b"\r\n")) <= lines

    def test_the_bytes_of_a_file_are_the_application_s_own(self) -> None:
        data = bytes(30_000)
        assert take_apart(self.message(("one.pdf", data)), 5_000).attachments[0].data is data

    def test_a_message_that_is_only_a_file_gets_an_empty_text(self) -> None:
        message = EmailMessage("Hi", "", "a@example.org", ["b@example.org"])
        message.attach("one.pdf", BIG, "application/pdf")
        apart = take_apart(convert(message).content, 5_000)
        assert apart.attachments[0].data == BIG
        assert parsed(apart.rest).get_content() == ""

    def test_an_attached_message_becomes_a_file(self) -> None:
        inner = EmailMessage("Inner", "x" * 5000, "c@example.org", ["d@example.org"])
        outer = EmailMessage("Hi", "Text", "a@example.org", ["b@example.org"])
        outer.attach("letter", inner, "message/rfc822")
        (file,) = take_apart(convert(outer).content, 2_000).attachments
        assert (file.name, file.content_type) == ("letter.eml", "message/rfc822")
        assert email.message_from_bytes(bytes(file.data))["Subject"] == "Inner"
        assert "letter.eml" in file.changed

    @pytest.mark.parametrize(
        ("head", "reason"),
        [
            (b'Content-Type: multipart/signed; boundary="b"\r\n\r\n', "signed"),
            (b"Content-Type: application/pkcs7-mime\r\n\r\n", "signed"),
            (b'DKIM-Signature: v=1\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n', "DKIM"),
            (b'Content-Type: multipart/report; boundary="b"\r\n\r\n', "multipart/report"),
            (b"Content-Type: text/plain\r\n\r\n", "no files"),
            (b"Content-Type: multipart/mixed\r\n\r\n", "structure"),
            (b'Content-Type: multipart/mixed; boundary="other"\r\n\r\n', "structure"),
            (b'Content-Type: multipart/related; start="<x>"; boundary="b"\r\n\r\n', "no files"),
        ],
    )
    def test_what_cannot_be_taken_apart_is_refused_with_the_reason(self, head: bytes, reason: str) -> None:
        body = b"--b\r\n\r\ntext\r\n--b\r\nContent-Disposition: attachment\r\n\r\n" + b"x\r\n" * 500 + b"--b--\r\n"
        with pytest.raises(CannotTravelError, match=reason):
            take_apart(Content.of(head + body), 500)

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            (b"Content-Type: application/pdf; x-own=1; name=a.pdf", "x-own"),
            (b"Content-Type: application/pdf; name=a.pdf\r\nContent-Language: de", "content-language"),
            (b"Content-Disposition: attachment; filename=a.pdf; creation-date=x", "creation-date"),
            (b"Content-Disposition: form-data; filename=a.pdf", "form-data"),
            (b"Content-Type: text/calendar; method=REQUEST; name=a.ics", "method"),
            (b"Content-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: x-uue", "encoding"),
            (b"Content-Type: multipart/mixed; boundary=c; name=a", "made of parts"),
            (b"Content-Type: text/plain", "text has to stay"),
        ],
    )
    def test_a_part_that_says_more_than_graph_keeps_stays_in_the_message(self, part: bytes, reason: str) -> None:
        head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        body = b"--b\r\n\r\ntext\r\n--b\r\n" + part + b"\r\n\r\n" + b"x\r\n" * 500 + b"--b--\r\n"
        with pytest.raises(CannotTravelError, match=reason):
            take_apart(Content.of(head + body), 500)

    @pytest.mark.parametrize(
        ("field", "name"),
        [
            (b"Content-Disposition: attachment; filename*=utf-8''M%C3%A4rz.pdf", "März.pdf"),
            (b"Content-Disposition: attachment;\r\n filename*0*=utf-8''M%C3%A4;\r\n filename*1*=rz.pdf", "März.pdf"),
            (b'Content-Disposition: attachment; filename="=?utf-8?b?TcOkcnoucGRm?="', "März.pdf"),
            (b'Content-Type: application/pdf; name="a b.pdf"', "a b.pdf"),
        ],
    )
    def test_names_are_decoded(self, field: bytes, name: str) -> None:
        head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        body = b"--b\r\n\r\ntext\r\n--b\r\n" + field + b"\r\n\r\n" + b"x\r\n" * 500 + b"--b--\r\n"
        assert take_apart(Content.of(head + body), 500).attachments[0].name == name

    def test_a_file_over_microsofts_limit_is_refused_with_both_sizes(self) -> None:
        content = self.message(("film.pdf", bytes(151_000_000)))
        with pytest.raises(CannotTravelError, match=r"“film\.pdf” has 151 MB, and Graph takes at most 150 MB"):
            take_apart(content, 3_000_000)

    def test_a_delimiter_inside_a_line_or_after_the_end_is_none(self) -> None:
        head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        pdf = b"Content-Disposition: attachment; filename=a.pdf\r\n\r\n" + b"see --b\r\n" * 200
        body = b"--b\r\n\r\ntext --b\r\n--b \r\n" + pdf + b"--b--\r\nafter\r\n--b\r\n"
        apart = take_apart(Content.of(head + body), 500)
        assert bytes(apart.attachments[0].data) == (b"see --b\r\n" * 200).removesuffix(b"\r\n")
        assert bytes(apart.rest).endswith(b"--b--\r\nafter\r\n--b\r\n")

    def test_p13_nothing_of_a_large_file_is_copied_or_decoded(self) -> None:
        content = self.message(("film.pdf", bytes(40_000_000)))
        assert any(isinstance(piece, Encoded) for piece in content.body)
        tracemalloc.start()
        try:
            take_apart(content, 3_000_000)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["multipart/mixed", "multipart/related", "multipart/mixed; x"]),
    pieces=st.lists(
        st.sampled_from(
            (
                *(b"--b", b"--b--", b"\r\n", b"\r\n\r\n", b"x", b"=?", b"\xff", b":", b"Content-Type: text/plain"),
                *(b"Content-Disposition: attachment; filename=a", b"Content-Transfer-Encoding: base64"),
            )
        ),
        max_size=30,
    ),
)
def test_broken_structures_are_taken_apart_or_refused_and_never_fail_otherwise(kind: str, pieces: list[bytes]) -> None:
    head = f'Content-Type: {kind}; boundary="b"\r\n\r\n'.encode()
    content = Content.of(head + b"".join(pieces))
    try:
        apart = take_apart(content, len(head) + 10)
    except CannotTravelError:
        return
    assert apart.rest.size <= len(head) + 10 or not apart.attachments


def test_a_part_in_base64_that_the_application_wrote_is_decoded() -> None:
    letters = base64.encodebytes(BIG).replace(b"\n", b"\r\n")
    head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    part = b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
    content = Content(head, (b"--b\r\n\r\ntext\r\n--b\r\n" + part, letters, b"\r\n--b--\r\n"))
    (file,) = take_apart(content, 1000).attachments
    assert bytes(file.data) == BIG
