"""The headers of a message that is sent again: an identity of its own, and nobody named who does not get it."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import getaddresses

from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.addresses import Address
from mailadmin.core.resend import addressed, again

HEAD = (
    b"Subject: Invoice\r\nFrom: shop@example.org\r\nTo: Ann <ann@example.org>,\r\n bob@example.org\r\n"
    b"Cc: eve@example.org\r\nMessage-ID: <1@example.org>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n"
)
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LOCAL = st.text(alphabet="abcdefghij", min_size=1, max_size=8)
ADDRESSES = st.builds(lambda local, name: Address(name, local, "example.net"), LOCAL, st.sampled_from(["", "Ann O’Hé"]))


def fields(head: bytes) -> dict[str, list[str]]:
    message = message_from_bytes(head, policy=policy.default)
    return {name.lower(): [str(value) for value in message.get_all(name) or []] for name in message}


def test_p6_a_copy_has_a_message_id_and_a_date_of_its_own_and_names_the_first() -> None:
    """P6. A server that knows the old Message-ID would drop the copy."""
    found = fields(again(HEAD, "<2@example.org>", AT))
    assert found["message-id"] == ["<2@example.org>"]
    assert found["x-resend-of"] == ["<1@example.org>"]
    assert found["date"] == ["Sat, 21 Nov 2026 12:00:00 +0000"]
    assert found["subject"] == ["Invoice"]
    assert fields(again(again(HEAD, "<2@x>", AT), "<3@x>", AT))["x-resend-of"] == ["<2@x>"]


def test_p6_the_headers_of_an_earlier_forwarding_name_nobody_either() -> None:
    """RFC 5322 section 3.6.6."""
    head = b"Resent-To: ann@example.org\r\nResent-Cc: bob@example.org\r\n" + HEAD
    found = addressed(head, [(Address("", "new", "example.net"), "to")])
    assert b"ann@" not in found
    assert b"bob@" not in found


@settings(deadline=None)
@given(st.lists(st.tuples(ADDRESSES, st.sampled_from(["to", "cc", "bcc"])), max_size=6))
def test_p6_the_headers_name_exactly_whom_the_copy_is_for(recipients: list[tuple[Address, str]]) -> None:
    found = fields(addressed(HEAD, recipients))
    for kind in ("to", "cc"):
        named = [spec for _, spec in getaddresses(found.get(kind, [])) if "@" in spec]
        assert named == [address.spec for address, its in recipients if its == kind]
    assert not any(old in str(found) for old in ("ann@example.org", "bob@", "eve@"))
    assert "to" in found or "cc" in found  # RFC 5322 lets both be missing; some servers do not
