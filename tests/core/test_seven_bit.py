"""Recoding changes the bytes of a message and nothing that a reader decodes (RFC 6152; RFC 5322 2.1.1)."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.fault import Kind
from mailadmin.core.seven_bit import seven_bit, wire_safe

few = settings(max_examples=80, deadline=None)
TEXT = "Grüße ✓\n"


def eight_bit() -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "Grüße"
    message.set_content(TEXT, cte="8bit")
    return message


def mixed() -> EmailMessage:
    """Text in 8 bits, HTML in 8 bits, a message inside with 8 bits, and a file."""
    message = eight_bit()
    message.add_alternative(f"<p>{TEXT}</p>", subtype="html", cte="8bit")
    inner = eight_bit()
    message.add_attachment(inner)
    message.add_attachment(b"\x00\xff" * 300, maintype="application", subtype="pdf", filename="a.pdf")
    return message


def decoded(raw: bytes) -> list[tuple[str, object]]:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert not any(part.defects for part in parsed.walk())
    leaves = (part for part in parsed.walk() if not part.is_multipart())
    return [(part.get_content_type(), part.get_content()) for part in leaves]


def longest(raw: bytes) -> int:
    return max(len(line) for line in raw.split(b"\r\n"))


@pytest.mark.parametrize("build", [eight_bit, mixed])
def test_every_part_is_the_same_to_a_reader(build: Callable[[], EmailMessage]) -> None:
    before = build().as_bytes()
    after = bytes(seven_bit(Content.of(before)))
    assert not before.isascii() and after.isascii()
    assert decoded(after) == decoded(before)
    assert b"8bit" not in after
    kept = [
        [line for line in Content.of(raw).head.split(b"\r\n") if b"Transfer-Encoding" not in line]
        for raw in (before, after)
    ]
    assert kept[0] == kept[1]


def test_seven_bit_content_stays_the_object_that_it_is() -> None:
    content = Content.of(b"Subject: x\r\n\r\nplain\r\n")
    assert seven_bit(content) is content
    assert wire_safe(content) is content


def test_encoded_pieces_are_not_touched() -> None:
    file = Encoded(b"x" * 100_000)
    head = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    start = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT.strip().encode() + b"\r\n--b\r\n"
    start += b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    content = Content(head, (start, file, b"\r\n--b--\r\n"))
    after = seven_bit(content)
    assert after.body[1] is file and len(after.body) == 3
    assert not after.eight_bit
    assert decoded(bytes(after)) == decoded(bytes(content))


@pytest.mark.parametrize(
    "raw",
    [
        b'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--b--\r\n',
        b"DKIM-Signature: v=1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n",
        b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nx\r\n",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--b\r\n\r\nx\r\n--b--\r\n',
        b"Content-Type: multipart/mixed\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n",
        b"Content-Transfer-Encoding: x-own\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n",
    ],
    ids=["signed", "dkim", "header", "preamble", "no boundary", "unknown encoding"],
)
def test_what_must_not_change_is_refused_for_this_route_only(raw: bytes) -> None:
    with pytest.raises(MailError) as caught:
        seven_bit(Content.of(raw))
    assert caught.value.fault.kind is Kind.EIGHT_BIT_UNSUPPORTED
    assert caught.value.scope == "route"


def test_binary_parts_go_as_base64_and_a_missing_version_is_added() -> None:
    after = seven_bit(Content.of(b"Content-Type: image/png\r\n\r\n\xff\xfe\r\n"))
    assert headers_of(after)["MIME-Version"] == "1.0"
    assert headers_of(after).get_payload(decode=True) == b"\xff\xfe\r\n"


def headers_of(content: Content) -> email.message.Message:
    return email.message_from_bytes(bytes(content))


@pytest.mark.parametrize(
    "body",
    [b"x" * 999, b"x\0y", b"a\r\n" * 400 + b"y" * 1200 + b"\r\nz", "ü".encode() * 600],
    ids=["long", "nul", "long in the middle", "8 bits"],
)
def test_s14_long_lines_and_nuls_are_recoded(body: bytes) -> None:
    before = Content.of(b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body + b"\r\n")
    after = bytes(wire_safe(before))
    assert longest(after) <= 998 and b"\0" not in after
    assert headers_of(Content.of(after)).get_payload(decode=True) == body + b"\r\n"


def test_lines_of_exactly_998_octets_stay() -> None:
    content = Content.of(b"Subject: x\r\n\r\n" + (b"y" * 998 + b"\r\n") * 3 + b"z" * 998)
    assert wire_safe(content) is content


def test_base64_without_line_ends_is_broken_into_lines() -> None:
    raw = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 400 + b"\r\n"
    after = bytes(wire_safe(Content.of(raw)))
    assert longest(after) <= 76 and headers_of(Content.of(after)).get_payload(decode=True) == b"ABC" * 400


def test_a_header_that_python_fails_to_fold_is_refused_as_a_bad_message() -> None:
    with pytest.raises(BadMessage, match="cannot be folded"):  # an empty text behind a long name: an IndexError
        wire_safe(Content.of(b"X" * 80 + b": \0\r\n\r\nbody\r\n"))


def test_a_long_header_line_is_folded() -> None:
    raw = b"X-Data: " + b"x" * 3000 + b"\r\nSubject: a\0b\r\n\r\nbody\r\n"
    parsed = email.message_from_bytes(safe := bytes(wire_safe(Content.of(raw))), policy=email.policy.default)
    assert longest(safe) <= 998 and parsed["X-Data"] == "x" * 3000 and parsed["Subject"] == "a b"


def test_a_signed_message_with_a_long_line_is_refused() -> None:
    raw = b'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\n' + b"x" * 1000 + b"\r\n--b--\r\n"
    with pytest.raises(BadMessage, match="signed"):
        wire_safe(Content.of(raw))


@few
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), max_size=5), st.booleans()
)
def test_any_text_is_read_back_as_the_same(lines: list[str], long: bool) -> None:
    body = "\r\n".join([*lines, "x" * 1200 if long else "", "ü", ""]).encode()
    raw = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body
    for recoded in (seven_bit(wire_safe(Content.of(raw))), wire_safe(seven_bit(Content.of(raw)))):
        after = bytes(recoded)
        assert after.isascii() and longest(after) <= 998 and b"\0" not in after
        assert headers_of(recoded).get_payload(decode=True) == body


@few
@given(st.binary(max_size=300))
def test_any_bytes_are_made_safe_or_refused(raw: bytes) -> None:
    content = Content.of(raw.replace(b"\r", b"").replace(b"\n", b"\r\n"))
    for recode in (seven_bit, wire_safe):
        try:
            after = bytes(recode(content))
        except MailError:
            continue
        assert after.isascii() if recode is seven_bit else b"\0" not in after
