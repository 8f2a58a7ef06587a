"""Content in pieces has the same bytes, and the same number of them, as a message in one piece."""

from __future__ import annotations

import base64
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.content import Content, Encoded
from mailadmin.core.limits import CONTENT_BLOCK_BYTES

BLOCK = CONTENT_BLOCK_BYTES // 78 * 57  # bytes that fill a block of whole lines


def in_lines(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    "size", [0, 1, 2, 3, 56, 57, 58, 59, 114, BLOCK - 57, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 58]
)
def test_encoded_bytes_are_the_lines_of_the_standard_library(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    encoded = Encoded(data[:size])
    assert b"".join(encoded.blocks()) == in_lines(data[:size])
    assert encoded.size == len(in_lines(data[:size]))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_encoded_as_the_standard_library_does(data: bytes) -> None:
    assert b"".join(Encoded(data).blocks()) == in_lines(data)
    assert Encoded(data).size == len(in_lines(data))


def test_blocks_are_whole_lines_of_a_bounded_size() -> None:
    blocks = list(Encoded(b"x" * (5 * BLOCK + 7)).blocks())
    assert len(blocks) == 6
    assert all(block.endswith(b"\r\n") and len(block) <= CONTENT_BLOCK_BYTES for block in blocks)


pieces = st.lists(st.binary(max_size=30) | st.binary(max_size=200).map(Encoded), max_size=5)


@settings(max_examples=60, deadline=None)
@given(pieces)
def test_size_and_blocks_agree_for_any_pieces(body: list[bytes | Encoded]) -> None:
    content = Content(b"Subject: x\r\n\r\n", tuple(body))
    whole = bytes(content)
    assert len(content) == content.size == len(whole)
    assert content.eight_bit is not whole.isascii()
    assert b"".join(content.blocks()) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"A: 1", b"\r\n", b" ", b"x"]), max_size=8).map(b"".join))
def test_a_finished_message_is_cut_at_its_first_empty_line(whole: bytes) -> None:
    content = Content.of(whole)
    assert bytes(content) == whole
    head, mark, body = (b"\r\n" + whole).partition(b"\r\n\r\n")
    assert content.head == (head + mark).removeprefix(b"\r\n")
    assert b"".join(content.blocks()).endswith(body)


def test_another_head_keeps_the_body() -> None:
    content = Content.of(b"A: 1\r\n\r\nbody")
    assert bytes(content.with_head(b"B: 2\r\n\r\n")) == b"B: 2\r\n\r\nbody"


def test_encoding_needs_no_memory_for_the_whole() -> None:
    encoded = Encoded(bytes(8 * 1024 * 1024))
    tracemalloc.start()
    try:
        for _ in encoded.blocks():
            pass
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
