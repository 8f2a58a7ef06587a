"""Nobody who was to be spared the mail of a test system gets it, and nothing of the original is lost (N9)."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header

from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core import headers
from mailadmin.core.addresses import Address, fold_address_header, parse, parse_list
from mailadmin.core.redirect import Recipients, Redirected, redirect

TO = parse("staging@test.example")
few = settings(max_examples=80, deadline=None)
SPARED = ("ours.example", "one@elsewhere.example")

_locals = st.text("abcxyzäß.", min_size=1, max_size=12).filter(
    lambda text: text.strip(".") == text and ".." not in text
)
_domains = st.sampled_from(["ours.example", "customer.example", "elsewhere.example", "müller.example"])
_names = st.text("Ann Öž,<\"'@", max_size=20).map(str.strip)
_addresses = st.builds(Address, _names, _locals, _domains) | st.just(TO) | st.just(parse("one@elsewhere.example"))


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, Recipients]:
    """A header block and its recipients, each once, as `delivery.convert` makes them."""
    pairs = draw(
        st.lists(
            st.tuples(_addresses, st.sampled_from(["to", "cc", "bcc"])),
            min_size=1,
            max_size=8,
            unique_by=lambda pair: pair[0].key,
        )
    )
    head = b"Subject: Hello\r\n"
    for kind in ("to", "cc"):
        if named := [(address.name, address.spec) for address, field in pairs if field == kind]:
            head += fold_address_header(kind.title(), named)
    return head + b"\r\n", tuple(pairs)


def named(recipients: Recipients) -> frozenset[str]:
    return frozenset(address.key for address, kind in recipients if kind != "bcc")


def read(head: bytes, name: str) -> set[str]:
    """The addresses that a header names."""
    return {address.key for text in headers.values(head, name) for address in parse_list([text])}


def told(head: bytes, name: str) -> str:
    """A header as a mail program shows it."""
    return str(make_header(decode_header(headers.value(head, name))))


def is_spared(address: Address) -> bool:
    return address.key in SPARED or address.key.endswith("@ours.example")


def redirected(head: bytes, recipients: Recipients) -> Redirected | None:
    return redirect(head, recipients, named(recipients), TO, SPARED)


@few
@given(messages())
def test_n9_nobody_remains_in_envelope_to_or_cc_but_the_one_address_and_the_spared(
    message: tuple[bytes, Recipients],
) -> None:
    head, recipients = message
    found = redirected(head, recipients)
    left = {address.key for address, _ in (found.recipients if found else recipients)}
    allowed = {TO.key, *(address.key for address, _ in recipients if is_spared(address))}
    assert left <= allowed
    if found:
        assert read(found.head, "to") | read(found.head, "cc") == found.named <= left
        assert not headers.holds(found.head, "bcc")
        assert found.recipients[0] == (TO, "to")
        assert left == allowed
    else:
        assert all(is_spared(address) or address.key == TO.key for address, _ in recipients)


@few
@given(messages())
def test_n9_every_original_recipient_can_be_read_except_blind_ones_where_others_would_see_them(
    message: tuple[bytes, Recipients],
) -> None:
    head, recipients = message
    found = redirected(head, recipients)
    if not found:
        return
    alone = len(found.recipients) == 1
    for address, kind in recipients:
        header = f"x-original-{kind}"
        if kind != "bcc" or alone:
            assert address.spec in told(found.head, header)
        elif not is_spared(address) and address.key != TO.key:
            whole_one = re.compile(rf"(?<![\w.]){re.escape(address.spec)}")
            seen = [found.head.decode(), *(told(found.head, f"x-original-{kind}") for kind in ("to", "cc", "bcc"))]
            assert not any(whole_one.search(text) for text in seen)


@few
@given(messages())
def test_n9_what_is_redirected_is_not_redirected_again(message: tuple[bytes, Recipients]) -> None:
    found = redirected(*message)
    assert found is None or redirect(found.head, found.recipients, found.named, TO, SPARED) is None


@few
@given(messages())
def test_n9_spared_recipients_who_were_blind_stay_so(message: tuple[bytes, Recipients]) -> None:
    head, recipients = message
    if found := redirected(head, recipients):
        blind = {address.key for address, kind in recipients if kind == "bcc"} - {TO.key}
        assert not blind & found.named


@few
@given(messages())
def test_n9_the_header_block_stays_one_that_every_server_takes(message: tuple[bytes, Recipients]) -> None:
    """Lines that are folded, no empty line but the last, and no letters beyond ASCII for an address that is gone."""
    head, recipients = message
    if found := redirected(head, recipients):
        assert found.head.count(b"\r\n\r\n") == 1
        assert all(len(line) <= 998 for line in found.head.split(b"\r\n"))
        parsed = message_from_bytes(found.head, policy=policy.default)
        assert parsed["Subject"] == "Hello"
        if all(address.spec.isascii() for address, _ in found.recipients):
            assert found.head.isascii()


def test_n9_a_header_that_the_application_wrote_itself_is_kept_and_hides_nobody_less() -> None:
    """The recipients of a message to “undisclosed-recipients:;” must not learn of each other."""
    pairs = ((parse("a@customer.example"), "to"), (parse("b@ours.example"), "to"))
    head = b"To: undisclosed-recipients:;\r\nX-Original-To: list@customer.example\r\n\r\n"
    found = redirect(head, pairs, frozenset(), TO, SPARED)
    assert found is not None
    assert read(found.head, "to") == {TO.key}
    assert headers.value(found.head, "x-original-to") == "list@customer.example, undisclosed-recipients:;"
    assert not headers.holds(found.head, "x-original-bcc")
    assert found.recipients == ((TO, "to"), (pairs[1][0], "to"))


def test_n9_a_message_that_the_application_forwards_names_nobody_either() -> None:
    """RFC 5322 section 3.6.6."""
    head = b"To: a@customer.example\r\nResent-To: b@customer.example\r\nResent-Cc: c@customer.example\r\n\r\n"
    found = redirect(head, ((parse("b@customer.example"), "bcc"),), frozenset({"a@customer.example"}), TO, SPARED)
    assert found is not None
    assert not headers.holds(found.head, "resent-to")
    assert not headers.holds(found.head, "resent-cc")


def test_n9_a_list_of_a_thousand_recipients_is_folded() -> None:
    pairs = tuple((parse(f"customer-{number}@customer.example"), "to") for number in range(1000))
    head = fold_address_header("To", [("", address.spec) for address, _ in pairs]) + b"\r\n"
    found = redirected(head, pairs)
    assert found is not None
    assert max(map(len, found.head.split(b"\r\n"))) < 100
    assert told(found.head, "x-original-to").count("@") == 1000
