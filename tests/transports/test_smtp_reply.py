"""Reading replies: whatever comes, a reply or a BadReply, never more memory than the limits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.transports.smtp.reply import BadReply, Reply, ReplyParser


def parse(data: bytes) -> Reply | None:
    parser = ReplyParser()
    parser.feed(data)
    return parser.take()


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"250 Ok\r\n", Reply(250, (b"Ok",))),
        (b"250\r\n", Reply(250, (b"",))),
        (b"250 \r\n", Reply(250, (b"",))),
        (b"250-a\r\n250-b\r\n250 c\r\n", Reply(250, (b"a", b"b", b"c"))),
        (b"250-a\n250 b\n", Reply(250, (b"a", b"b"))),
        (b"250-a\r\n251 b\r\n", Reply(251, (b"a", b"b"))),
    ],
)
def test_a_reply_is_read_line_by_line(data: bytes, reply: Reply) -> None:
    assert parse(data) == reply


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\r\n",
        b"25\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"250x\r\n",
        b"250-a\r\n550 b\r\n",
        b"250-a\r\nb\r\n",
        b"2" * (limits.REPLY_LINE_BYTES + 1),
        b"250 " + b"x" * limits.REPLY_LINE_BYTES + b"\r\n",
        b"250-x\r\n" * (limits.REPLY_LINES + 1),
    ],
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        parse(data)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"])
@pytest.mark.parametrize("size", range(limits.REPLY_LINE_BYTES - 3, limits.REPLY_LINE_BYTES + 3))
def test_a_line_at_the_limit_is_judged_alike_whether_its_end_comes_with_it_or_later(size: int, end: bytes) -> None:
    line = b"250 ".ljust(size, b"x")
    found = []
    for pieces in ([line + end], [line + end[:-1], end[-1:]]):
        parser = ReplyParser()
        try:
            for piece in pieces:
                parser.feed(piece)
                reply = parser.take()
            found.append(reply is not None)
        except BadReply:
            found.append(False)
    assert found[0] is found[1]


def test_only_the_very_first_bytes_can_look_like_tls() -> None:
    with pytest.raises(BadReply) as caught:
        parse(b"\x15\x03\x01")
    assert caught.value.tls


@pytest.mark.parametrize(
    ("lines", "enhanced", "text"),
    [
        ((b"5.7.139 Authentication unsuccessful",), "5.7.139", b"5.7.139 Authentication unsuccessful"),
        ((b"5.1.1 a", b"5.1.1 b"), "5.1.1", b"5.1.1 a b"),
        ((b"5.7.1",), "5.7.1", b"5.7.1"),
        ((b"5.7.1x",), "", b"5.7.1x"),
        ((b"version 5.7.1",), "", b"version 5.7.1"),
        ((b"no", b"4.2.0 later"), "4.2.0", b"no later"),
    ],
)
def test_the_enhanced_code_is_found(lines: tuple[bytes, ...], enhanced: str, text: bytes) -> None:
    reply = Reply(550, lines)
    assert (reply.enhanced, reply.text) == (enhanced, text)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=30).filter(lambda text: not set(text) & {10, 13}), min_size=1, max_size=8),
    st.integers(200, 599),
    st.integers(1, 12),
)
def test_any_reply_survives_being_cut_into_pieces(lines: list[bytes], code: int, size: int) -> None:
    data = b"".join(
        b"%d%s%s\r\n" % (code, b" " if place == len(lines) - 1 else b"-", line) for place, line in enumerate(lines)
    )
    parser = ReplyParser()
    found = None
    for start in range(0, len(data), size):
        assert found is None
        parser.feed(data[start : start + size])
        found = parser.take()
    assert found == Reply(code, tuple(lines))
    assert not parser.leftover


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_reply_nothing_yet_or_a_refusal(data: bytes) -> None:
    try:
        reply = parse(data)
    except BadReply:
        return
    assert reply is None or 200 <= reply.code <= 599
