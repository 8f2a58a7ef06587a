"""20,000 address strings, those that were used against mail programs among them: what checks them and what sends them
read the same mailbox, and none reaches another one than is shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from email.utils import getaddresses
from typing import Any

import pytest
from django.core.mail import EmailMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.backends import EmailBackend
from mailadmin.core import headers, validation
from mailadmin.core.addresses import Address, parse_list
from mailadmin.core.errors import BadMessage
from mailadmin.core.settings import RouteKey, RouteKind, SmtpRoute
from mailadmin.delivery.convert import convert, dress
from mailadmin.delivery.message import Message
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.payload import path
from tests.fakes.smtp_server import SmtpServer

from .conftest import plain
from .independent_reader import mailboxes
from .nasty_addresses import ADDRESSES, KNOWN, made

ROUTE = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay", host="h")
AT_ONCE, TIMES = 50, 396
SAMPLE = 300


def test_those_that_are_known_are_many() -> None:
    assert AT_ONCE * TIMES + len(set(KNOWN)) >= 20_000


@pytest.mark.parametrize("text", KNOWN, ids=range(len(KNOWN)))
def test_a_known_one_names_the_same_mailbox_everywhere(text: str) -> None:
    same_mailbox(text)


@settings(
    max_examples=TIMES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(st.lists(ADDRESSES, min_size=AT_ONCE, max_size=AT_ONCE))
def test_random_ones_do(texts: list[str]) -> None:
    for place, text in enumerate(texts):
        same_mailbox(text, by_django=place % 3 == 0)


@pytest.mark.django_db
def test_a_sample_of_them_on_the_wire() -> None:
    """In one session, as the server saw them: RCPT and the header To name the same mailboxes."""
    chance = random.Random(20_000)
    texts = [*KNOWN, *(made(chance) for _ in range(4 * SAMPLE))]
    texts = [text for text in texts if (found := read(text)) and all(one.domain for one in found)][:SAMPLE]
    assert len(texts) == SAMPLE
    with SmtpServer(features=("SIZE 10000000", "8BITMIME", "SMTPUTF8", "PIPELINING")) as server:
        plain(server, parallel=1, session_messages=SAMPLE)
        messages = [Message("s", "b", "f@good.example", [text]) for text in texts]
        assert EmailBackend().send_messages(messages) == SAMPLE
        arrived = [(rcpts, to) for session in server.sessions for rcpts, to in transactions(session)]
    for text, message, (rcpts, to) in zip(texts, messages, arrived, strict=True):
        assert rcpts == once(read(text) or []) == list(message.mailadmin.recipients), text
        assert mailboxes(to) == [bare(address) for address in read(text) or ()], text


def same_mailbox(text: str, by_django: bool = True) -> None:
    """Check `text` where it is checked and where it is sent, as a program and (`by_django`) as Django hands it over."""
    found = read(text)
    checked = read_by_forms(text)
    if checked:
        assert [read(one) for one in checked] == [[address] for address in parse_list(checked)], text
        assert ";" in text or "\n" in text or found is None or checked == [one.full for one in found], text
    mail = sent(lambda: Message("s", "b", "f@good.example", [text]))
    assert (mail is None) == (found is None), text
    if by_django and (found is None or len(found) == 1):  # Django takes one address in each text
        again = sent(lambda: EmailMessage("s", "b", "f@good.example", [text], reply_to=[text]))
        assert (again is None) == (found is None), text
        same_on_the_wire(again, found or [])
    same_on_the_wire(mail, found or [])


def same_on_the_wire(mail: Mail | None, found: list[Address]) -> None:
    """Compare the envelope and the headers with what was `found` in the text, by readers that know nothing of ours."""
    if mail is None:
        return
    assert list(mail.recipients) == once(found)
    assert all(path(recipient, utf8=True) == f"<{recipient}>" for recipient in mail.recipients)
    for header in ("to", "reply-to"):
        value = headers.value(mail.content.head, header)
        if not value or not all(address.domain for address in found):
            continue
        assert mailboxes(value) == [bare(address) for address in found], value
        if "[" not in value:  # Python's strict reader takes no address literals
            assert [plainly(spec) for _, spec in getaddresses([value])] == [plainly(one.spec) for one in found], value


def read(text: str) -> list[Address] | None:
    try:
        return parse_list([text], local_names=True)
    except ValueError:
        return None


def read_by_forms(text: str) -> list[str] | None:
    """Read `text` as a form does, which takes lines and semicolons between addresses, and no name without a domain."""
    try:
        return list(validation.address_list(text))
    except ValueError:
        return None


def sent(make: Callable[[], EmailMessage]) -> Mail | None:
    """Return the message as it would leave, None when it is refused."""
    try:
        draft = convert(make())
    except BadMessage:
        return None
    return dress(draft, ROUTE, draft.addresses).mail


def once(found: list[Address]) -> list[str]:
    """Return the mailboxes, each once, as it was written first."""
    specs: dict[str, str] = {}
    for address in found:
        specs.setdefault(address.key, address.spec)
    return list(specs.values())


def bare(address: Address) -> str:
    """Return the mailbox without the quotes of its local part."""
    return f"{address.local}@{address.spec.rpartition('@')[2]}"


def plainly(spec: str) -> str:
    """Return `spec` without quotes and backslashes, which Python's reader keeps or not."""
    return spec.replace("\\", "").replace('"', "")


def transactions(session: Any) -> list[tuple[list[str], str]]:
    """Return for each message of a session the recipients of its envelope, and the value of its header To."""
    envelopes: list[list[str]] = []
    for line in session.lines:
        if line.startswith("MAIL "):
            envelopes.append([])
        elif line.startswith("RCPT TO:<"):
            envelopes[-1].append(line.removeprefix("RCPT TO:<").removesuffix(">"))
    heads = [content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for content in session.messages]
    return [(rcpts, headers.value(head, "to")) for rcpts, head in zip(envelopes, heads, strict=True)]
