"""What the tests of every seed use: connections to the real Postfix, and its mailboxes read back.

A seed is the documentation of a system whose options this one has, too. Each file begins with a table: a row of that
documentation, and the test that tries it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any
from uuid import uuid4

import pytest
from django.forms.models import model_to_dict

from mailadmin.console.forms import SmtpConnectionForm
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, SmtpConnection
from tests.services.mails import DOMAIN, PASSWORD, USER
from tests.services.postfix import Postfix
from tests.services.processes import wait_for

_SECURITY = {"plain": "none", "tls": "tls"}  # the other ways in begin with STARTTLS
_BY_PASSWORD = {"auth": "password", "user_name": USER}
SERVICE = pytest.mark.service("postfix")


def assert_complete(rows: Mapping[str, str], tests: Mapping[str, Any]) -> None:
    """Assert that the table `rows` (row of the document: name of its test) names every test of the module whose names
    are `tests`, and no other."""
    written = {name for name in tests if name.startswith("test_") and name != "test_every_row_has_its_test"}
    assert set(rows.values()) == written


def connection(postfix: Postfix, way: str = "starttls", *, checked: bool = True, **values: Any) -> SmtpConnection:
    """Save a connection to `postfix` by one of its ways in, which signs in unless the way is "plain". Without `checked`
    it is written as no form would write it."""
    auth = {} if way == "plain" or values.get("auth", "password") != "password" else _BY_PASSWORD
    ours = {"host": "localhost", "port": postfix.ports[way], "security": _SECURITY.get(way, "starttls")}
    password = values.pop("password", PASSWORD if auth else "")
    row = SmtpConnection(**({"name": "Postfix", "ca_pem": postfix.ca_pem} | auth | ours | values))
    if password:
        row.set_secret(password)
    if checked:
        row.full_clean()
    row.save()
    return row


def typed(**values: str) -> dict[str, str]:
    """Return what the form of a connection says at each field when these values are typed, the others being as they
    are proposed. Nothing is saved."""
    proposed = model_to_dict(SmtpConnection(name="Relay", host="mail.example.org"), SmtpConnectionForm.Meta.fields)
    form = SmtpConnectionForm(data={name: value for name, value in proposed.items() if value} | values)
    return {name: " ".join(map(str, found)) for name, found in form.errors.items()}


def somebody(mailbox: str = "ben") -> str:
    """Return an address that no other test has; its mail comes to `mailbox`."""
    return f"{mailbox}+{uuid4().hex[:12]}@{DOMAIN}"


def letter(postfix: Postfix, address: str) -> EmailMessage:
    """Return what arrived for `address`, as Python's own parser reads it, waiting for it."""
    mailbox = address.partition("+")[0]
    found = message_from_bytes(postfix.mail.delivered(mailbox, f"X-Original-To: {address}\n"), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(part: Message | None) -> str:
    """Return the text of a part, without the line end that every body has."""
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).removesuffix("\n")


def came_by(mail: EmailMessage) -> str:
    """Return how the server says that it got a letter (RFC 3848): "ESMTP", with S for TLS and A for a sign-in."""
    (protocol,) = re.findall(r"\bwith (E?SMTP\w*)", str(mail["Received"]))
    return str(protocol)


def files(mail: EmailMessage) -> list[tuple[str | None, str, bytes]]:
    """Return name, type and content of each file attached to a letter."""
    return [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]  # bytes, of a file
        for part in mail.iter_attachments()
    ]


@contextlib.contextmanager
def nothing_arrives(postfix: Postfix) -> Iterator[None]:
    """Assert that the server takes no message within the block."""
    first = _mark(postfix)
    yield
    second = _mark(postfix)
    taken = postfix.taken()
    assert taken[taken.index(first) + 1 : taken.index(second)] == []


@contextlib.contextmanager
def refused(
    postfix: Postfix, code: str, *sentences: str, error: type[Exception] = MailError, field: str = ""
) -> Iterator[None]:
    """Assert that the block raises `error` with this `code` of the knowledge base, with each of `sentences` in its
    text and the `field` of the message that is wrong; and that nothing was sent, as the log says, too."""
    before = Delivery.objects.exclude(state=DeliveryState.FAILED).count()
    with nothing_arrives(postfix), pytest.raises(error) as caught:
        yield
    assert Delivery.objects.exclude(state=DeliveryState.FAILED).count() == before
    told = str(caught.value)
    for sentence in sentences:
        assert sentence in told, told
    if isinstance(caught.value, MailError):
        assert caught.value.code == code, told
        assert not isinstance(caught.value, BadMessage) or caught.value.fault.field == field
        assert "What to do: " in told
        assert not caught.value.fault.maybe_sent


def _mark(postfix: Postfix) -> str:
    """Send a small message by hand, wait until the server has written it down, and return its Message-ID: what is
    written before and after it came before and after it."""
    number = f"<{uuid4()}@mark.example.org>"
    with smtplib.SMTP("127.0.0.1", postfix.ports["plain"]) as by_hand:
        by_hand.sendmail(USER, f"carla@{DOMAIN}", f"Message-ID: {number}\r\n\r\nA mark.\r\n")
    assert wait_for(lambda: number in postfix.taken())
    return number
