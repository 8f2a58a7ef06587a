"""The bytes that go to Graph: Bcc put in, everything else as it was."""

from __future__ import annotations

import base64
import tracemalloc
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.transports.graph.mime import encoded, graph_mime
from tests.fakes.routes import a_mail

specs = st.from_regex(r"[a-z0-9+_-]{1,30}(\.[a-z0-9]{1,30})?@[a-z0-9]{1,60}\.[a-z]{2,20}", fullmatch=True)


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=400), blind=st.lists(specs, max_size=60))
def test_n6_bcc_header_is_added_and_every_other_byte_is_kept(content: bytes, blind: list[str]) -> None:
    mime = graph_mime(a_mail(content=content, blind=tuple(blind)))
    assert mime.endswith(content)
    added = mime[: len(mime) - len(content)]
    if blind:
        header = message_from_bytes(added, policy=SMTP)["Bcc"]
        assert [address.addr_spec for address in header.addresses] == blind
        assert all(len(line) <= 998 for line in added.split(b"\r\n"))
        assert b"\n" not in added.replace(b"\r\n", b"")
    else:
        assert added == b""


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=2000))
def test_encoding_is_standard_base64_of_the_size_that_was_checked(mime: bytes) -> None:
    assert base64.b64decode(encoded(mime), validate=True) == mime
    assert encoded(mime, limit=len(base64.b64encode(mime))) == base64.b64encode(mime)


def test_message_over_the_limit_is_refused_with_size_and_limit() -> None:
    with pytest.raises(MailError) as caught:
        encoded(b"x" * (limits.GRAPH_REQUEST_BYTES * 3 // 4 + 1))
    assert caught.value.fault.kind is Kind.TOO_LARGE
    assert "4.0 MB" in caught.value.fault.text
    assert not caught.value.fault.maybe_sent
    assert encoded(b"x" * (limits.GRAPH_REQUEST_BYTES * 3 // 4))


def test_a_large_file_is_refused_before_it_is_encoded() -> None:
    mail = replace(a_mail(), content=Content(b"Subject: x\r\n\r\n", (Encoded(bytes(25_000_000)),)))
    tracemalloc.start()
    try:
        with pytest.raises(MailError) as caught:
            graph_mime(mail)
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
    assert caught.value.fault.kind is Kind.TOO_LARGE
