"""What goes over the line, without a line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.transports.smtp.payload import END_OF_DATA, data_bytes, mail_parameters, path
from tests.fakes.smtp_routes import mail

CONTENT = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\xc3\xbc", b"\0"]), max_size=40).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(CONTENT)
def test_the_only_end_of_data_is_ours_and_a_server_gets_back_what_was_meant(content: bytes) -> None:
    data = data_bytes(content)
    assert re.findall(rb"\r(?!\n)|(?<!\r)\n", data) == []
    assert b"\r\n.\r\n" not in b"\r\n" + data
    received = b"\r\n".join(line.removeprefix(b".") for line in data.split(b"\r\n"))
    meant = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    assert received == (meant if meant.endswith(b"\r\n") else meant + b"\r\n")
    assert (data + END_OF_DATA).endswith(b"\r\n.\r\n")


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
