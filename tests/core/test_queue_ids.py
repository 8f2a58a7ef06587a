"""N1: the name under which a server keeps a message, read from its answer."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.queue_ids import queue_id

SEEN = {
    "2.0.0 Ok: queued as 4Xyz12AbCdz1q0R": "4Xyz12AbCdz1q0R",  # Postfix
    "2.0.0 Ok: queued as 9F2C1201B7.": "9F2C1201B7",
    "2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5D0A31C2": "5D0A31C2",  # Amavis before Postfix
    "OK id=1rAbCd-000000001Ab-1XyZ": "1rAbCd-000000001Ab-1XyZ",  # Exim
    "Requested mail action okay, completed: id=1MvsIx-1qweRT0Abc-00t3QP": "1MvsIx-1qweRT0Abc-00t3QP",  # GMX, IONOS
    "2.6.0 <1@example.org> [InternalId=82804236, Hostname=AM0PR01.example.org] 9520 bytes in 0.1, 9 KB/sec Queued "
    "mail for delivery": "82804236",  # Exchange
    "2.0.0 OK  1700000000 a1-20020a05600c1234567890sm12345wma.12 - gsmtp": "a1-20020a05600c1234567890sm12345wma.12",
    "2.0.0 OK 1700000000 5b1f17b1804b1-40b5db00112233sm1.1 - gsmtp": "5b1f17b1804b1-40b5db00112233sm1.1",
    "Ok 0100018c0123abcd-12345678-90ab-cdef-1234-567890abcdef-000000": (
        "0100018c0123abcd-12345678-90ab-cdef-1234-567890abcdef-000000"
    ),  # Amazon SES
    "2.0.0 3A4B5C6D012345 Message accepted for delivery": "3A4B5C6D012345",  # Sendmail
    "2.0.0 1a2b3c4d Message accepted for delivery": "1a2b3c4d",  # OpenSMTPD
    "ok 1700000000 qp 12345": "12345",  # qmail
    "Ok: queued as iKqs3AbCSQGdNJ9n0Xyz-w": "iKqs3AbCSQGdNJ9n0Xyz-w",  # SendGrid
    "OK: queued as <202611021000.11223344556@smtp-relay.example.com>": (
        "202611021000.11223344556@smtp-relay.example.com"
    ),  # Brevo
    "Message Queued (4B0E6A14-8F3E-4C6D-9E0B-1A2B3C4D5E6F.1)": "4B0E6A14-8F3E-4C6D-9E0B-1A2B3C4D5E6F.1",  # Haraka
    "2.0.0 Ok: queued on mail-nwsmtp-smtp-production-main-1.example.net as 1700000000-AbCdEf12": (
        "1700000000-AbCdEf12"
    ),  # Yandex
    "2.0.0 Message queued with id 1a2b3c4d5e6f": "1a2b3c4d5e6f",  # Stalwart
    "2.0.0 OK: queued as FAKE1": "FAKE1",
}
SILENT = (
    "",
    "2.0.0 Ok",
    "Great success",
    "Queued (0.125 seconds)",
    "Queued (0.125)",
    "2.5.0 Ok.",
    "Message received",
    "Queued. Thank you.",
    "Queued mail for delivery",
    "2.6.0 Queued mail for delivery",
    "OK , completed",
)


@pytest.mark.parametrize(("text", "name"), SEEN.items())
def test_n1_the_queue_id_is_found_in_the_answers_of_the_common_servers(text: str, name: str) -> None:
    assert queue_id(text) == name


@pytest.mark.parametrize("text", SILENT)
def test_an_answer_without_one_gives_none(text: str) -> None:
    assert queue_id(text) == ""


NAMES = st.text(string.ascii_letters + string.digits + "-_+/=", min_size=5, max_size=60).map(lambda text: f"q{text}7")


@given(NAMES, st.sampled_from(["2.0.0 Ok: queued as {}", "OK id={}", "2.0.0 {} Message accepted for delivery"]))
def test_any_name_is_found_where_servers_put_it(name: str, pattern: str) -> None:
    assert queue_id(pattern.format(name)) == name


@given(st.text() | st.sampled_from(sorted(SEEN)).flatmap(lambda text: st.text().map(lambda more: more + text + more)))
def test_whatever_a_server_says_the_name_is_a_short_part_of_it_without_spaces(text: str) -> None:
    name = queue_id(text)
    assert name in text
    assert len(name) <= 120
    assert not any(letter.isspace() for letter in name)
