"""What goes over the line, without a line."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Notices
from mailadmin.transports.smtp.payload import (
    END_OF_DATA,
    chunk_blocks,
    data_blocks,
    fitted,
    mail_line,
    mail_parameters,
    path,
    rcpt_line,
    size_limit,
)
from tests.fakes.smtp_routes import mail

PARTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\xc3\xbc"]), max_size=40).map(b"".join)
LINES = PARTS.map(lambda text: text + b"\r\n")
EIGHT_BIT = {"8bitmime": ""}


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Messages as they may come: texts of any kind between pieces that are encoded as they leave."""
    body = draw(st.lists(st.one_of(LINES, st.binary(max_size=200).map(Encoded)), max_size=4))
    return Content(draw(LINES), (*body, draw(PARTS)))


def meant(content: Content) -> bytes:
    """Return what a server should have in the end."""
    whole = re.sub(rb"\r\n|\r|\n", b"\r\n", bytes(content))
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


@settings(max_examples=200, deadline=None)
@given(contents(), st.sampled_from([8, 100, limits.CONTENT_BLOCK_BYTES]))
def test_the_only_end_of_data_is_ours_and_a_server_gets_back_what_was_meant(content: Content, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "CONTENT_BLOCK_BYTES", block)
        blocks = list(data_blocks(fitted(content, EIGHT_BIT)))
    data = b"".join(blocks)
    assert blocks[-1].endswith(END_OF_DATA)
    assert re.findall(rb"\r(?!\n)|(?<!\r)\n", data) == []
    assert (b"\r\n" + data).index(b"\r\n.\r\n") == len(data) - len(END_OF_DATA)
    lines = data[: -len(END_OF_DATA)].split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in lines) == meant(content)


@settings(max_examples=200, deadline=None)
@given(contents(), st.sampled_from([8, 100, limits.CONTENT_BLOCK_BYTES]))
def test_a_chunk_is_the_very_message_and_as_long_as_it_says(content: Content, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "CONTENT_BLOCK_BYTES", block)
        sent = b"".join(chunk_blocks(fitted(content, EIGHT_BIT)))
    command, _, chunk = sent.partition(b"\r\n")
    assert command == b"BDAT %d LAST" % len(chunk)
    assert chunk == meant(content)


def test_a_long_text_is_never_held_twice_as_a_whole() -> None:
    text = b".line\r\n" * 100_000
    sizes = [len(block) for block in data_blocks(Content(b"\r\n", (text,)))]
    assert max(sizes) <= 2 * limits.CONTENT_BLOCK_BYTES
    assert sum(sizes) == 2 + 8 * 100_000 + len(END_OF_DATA)


def test_a_message_that_obeys_the_rules_is_not_copied() -> None:
    content = mail().content
    assert fitted(content, {}) is content


def test_row_30_a_nul_byte_is_refused() -> None:
    with pytest.raises(MailError) as caught:
        fitted(Content.of(b"Subject: x\r\n\r\na\0b\r\n"), {})
    assert (caught.value.fault.phase, caught.value.fault.kind) == (Phase.MESSAGE, Kind.BAD_MESSAGE)


def test_8_bit_text_is_recoded_for_a_server_without_8bitmime() -> None:
    content = Content.of("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode())
    assert not fitted(content, {}).eight_bit
    assert fitted(content, {"8bitmime": ""}) is content


@pytest.mark.parametrize(
    ("notices", "on_mail", "on_rcpt"),
    [
        (Notices.SERVER, "", ""),
        (Notices.NEVER, " RET=HDRS ENVID=<1@example.org>", " NOTIFY=NEVER"),
        (Notices.FAILURE, " RET=HDRS ENVID=<1@example.org>", " NOTIFY=FAILURE"),
        (Notices.DELAY, " RET=HDRS ENVID=<1@example.org>", " NOTIFY=FAILURE,DELAY"),
        (Notices.ALL, " RET=HDRS ENVID=<1@example.org>", " NOTIFY=SUCCESS,FAILURE,DELAY"),
    ],
)
def test_notices_are_asked_for_only_where_they_are_offered(notices: Notices, on_mail: str, on_rcpt: str) -> None:
    offered, sender = {"dsn": ""}, "MAIL FROM:<anna@example.org>"
    assert mail_line(mail(), offered, notices) == sender + on_mail
    assert rcpt_line("ben@example.net", utf8=False, features=offered, notices=notices) == (
        f"RCPT TO:<ben@example.net>{on_rcpt}"
    )
    assert mail_line(mail(), {}, notices) == sender
    assert rcpt_line("ben@example.net", utf8=False, features={}, notices=notices) == "RCPT TO:<ben@example.net>"


@pytest.mark.parametrize(
    ("message_id", "envid"),
    [("<a+b=c d@x>", " ENVID=<a+2Bb+3Dc+20d@x>"), ("<ü@x>", ""), ("<a\nb@x>", ""), ("", ""), ("<" + "x" * 100, "")],
)
def test_the_envelope_id_is_xtext_or_left_out(message_id: str, envid: str) -> None:
    """RFC 3461 section 4."""
    message = replace(mail(), message_id=message_id)
    assert mail_parameters(message, {"dsn": ""}, Notices.FAILURE) == f" RET=HDRS{envid}"


@pytest.mark.parametrize("address", ["a@b.org", '"a b"@c.org', '"<>"@c.org', "a@[192.0.2.1]", "a@[IPv6:::1]"])
def test_a_good_address_becomes_a_path(address: str) -> None:
    assert path(address, utf8=False) == f"<{address}>"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_no_address_can_break_out_of_its_command(address: str) -> None:
    try:
        made = path(address, utf8=True)
    except MailError:
        return
    assert not re.search(r"[\x00-\x1f\x7f]", made)


@pytest.mark.parametrize("size", ["", "abc", "0", "²", "٣"])
def test_a_size_without_a_number_is_no_limit(size: str) -> None:
    assert mail_parameters(mail(), {"size": size}) == f" SIZE={mail().content.size}"
    assert size_limit({"size": size}) == 0
