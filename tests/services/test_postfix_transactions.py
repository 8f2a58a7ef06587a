"""One message in every way that Postfix offers, with every size and fate of recipients."""

from __future__ import annotations

import hashlib
from email import message_from_bytes, policy

import pytest

from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Failover
from mailadmin.core.settings import Notices, SessionRules
from mailadmin.transports.base import Mail
from tests.services.mails import (
    BEN,
    CARLA,
    ELSEWHERE,
    NOBODY,
    as_stored,
    error_of,
    message,
    opened,
    route,
)
from tests.services.postfix import Postfix
from tests.services.processes import wait_for

pytestmark = [pytest.mark.service("postfix")]

# The way in, what the connection allows, and the command that carries the content then.
WAYS = [
    pytest.param("plain", SessionRules(), "bdat", id="chunked"),
    pytest.param("plain", SessionRules(pipelining=False), "bdat", id="chunked-in-step"),
    pytest.param("plain", SessionRules(chunking=False), "data", id="pipelined-by-choice"),
    pytest.param("plain", SessionRules(pipelining=False, chunking=False), "data", id="in-step-by-choice"),
    pytest.param("pipelined", SessionRules(), "data", id="pipelined"),
    pytest.param("bare", SessionRules(), "data", id="in-step"),
]


def big_message(size: int) -> Mail:
    """Return a message with an attachment of `size` bytes that is encoded while it is sent."""
    small = message()
    data = bytes(range(256)) * (size // 256)
    head = bytes(small.content.head).replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=xx")
    parts = (
        b"--xx\r\nContent-Type: text/plain\r\n\r\n.hello\r\n--xx\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        Encoded(data),
        b"--xx--\r\n",
    )
    return Mail(small.sender, small.recipients, Content(head, parts), small.message_id)


@pytest.mark.parametrize(("way", "rules", "command"), WAYS)
def test_s17_a_message_arrives_byte_for_byte_in_every_way(
    postfix: Postfix, way: str, rules: SessionRules, command: str
) -> None:
    mails = [message(BEN, CARLA), message(text=".\n" * 2000), big_message(200_000)]
    seen = len(postfix.sessions(way))
    with opened(route(postfix.ports[way], sessions=rules)) as transport:
        for mail in mails:
            transport.send(mail)
    for mail in mails:
        assert postfix.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))
    # The end of a session of the test before may be noted only now.
    assert wait_for(lambda: any(f" {command}=3" in session for session in postfix.sessions(way)[seen:]))


@pytest.mark.parametrize(("way", "rules", "command"), WAYS)
def test_twelve_megabytes_arrive_whole(postfix: Postfix, way: str, rules: SessionRules, command: str) -> None:
    mail = big_message(12_000_000)
    with opened(route(postfix.ports[way], sessions=rules)) as transport:
        transport.send(mail)
    stored = postfix.mail.delivered("ben", mail.message_id)[-len(as_stored(mail)) :]
    assert hashlib.sha256(stored).digest() == hashlib.sha256(as_stored(mail)).digest()


def test_eight_bit_text_is_recoded_for_a_server_that_does_not_take_it(postfix: Postfix) -> None:
    mail = message()
    with opened(route(postfix.ports["seven_bit"])) as transport:
        transport.send(mail)
    stored = postfix.mail.delivered("ben", mail.message_id)
    assert stored.isascii()
    arrived = message_from_bytes(stored, policy=policy.default)
    assert arrived.get_content().startswith("Grüße.\n.\n..two\n")  # type: ignore[attr-defined]  # a text part


@pytest.mark.parametrize(("way", "rules", "command"), WAYS)
def test_n6_of_twenty_recipients_each_gets_its_own_fate(
    postfix: Postfix, way: str, rules: SessionRules, command: str
) -> None:
    refused = [f"nobody{number}@example.net" for number in range(9)] + [f"x{n}@elsewhere.example" for n in range(9)]
    mail = message(*refused[:7], BEN, *refused[7:], CARLA)
    with opened(route(postfix.ports[way], sessions=rules)) as transport:
        accepted = transport.send(mail)
        assert list(accepted.refused) == refused
        with pytest.raises(RecipientsRefused):
            transport.send(message(NOBODY, ELSEWHERE))
        transport.send(message(CARLA))
    codes = {address: error.fault.smtp_code for address, error in accepted.refused.items()}
    assert {codes[address] for address in refused[:9]} == {550}
    assert {codes[address] for address in refused[9:]} == {554}
    assert accepted.refused[refused[0]].explanation.failover is Failover.FAIL
    for mailbox in ("ben", "carla"):
        assert postfix.mail.delivered(mailbox, mail.message_id)
    assert postfix.mail.ids("ben").count(mail.message_id) == 1


def test_a_server_that_takes_five_recipients_at_a_time_gets_them_in_turns(postfix: Postfix) -> None:
    aliases = [f"ben+{number}@example.net" for number in range(12)]
    mail = message(*aliases)
    with opened(route(postfix.ports["few_recipients"])) as transport:
        accepted = transport.send(mail)
    assert not accepted.refused
    assert wait_for(lambda: postfix.mail.ids("ben").count(mail.message_id) == len(aliases))


def test_p12_the_size_that_the_server_takes_is_learned(postfix: Postfix) -> None:
    with opened(route(postfix.ports["small"])) as transport:
        assert transport.send(message()).size_limit == 50_000
    fault = error_of(route(postfix.ports["small"]), big_message(100_000)).fault
    assert (fault.kind, fault.size_limit) == (Kind.TOO_LARGE, 50_000)


def test_a_notice_of_success_comes_back_when_it_was_asked_for(postfix: Postfix) -> None:
    mail = message(BEN, sender=CARLA)
    with opened(route(postfix.ports["plain"], notices=Notices.ALL)) as transport:
        transport.send(mail)
    postfix.mail.delivered("ben", mail.message_id)
    notice = message_from_bytes(postfix.mail.delivered("carla", "Original-Envelope-Id"), policy=policy.default)
    assert notice.get_content_type() == "multipart/report"
    fields = next(part for part in notice.walk() if part.get_content_type() == "message/delivery-status").as_string()
    assert "Action: delivered" in fields
    assert f"Original-Envelope-Id: {mail.message_id}" in fields
    assert f"Original-Recipient: rfc822;{BEN}" in fields or f"Final-Recipient: rfc822; {BEN}" in fields
