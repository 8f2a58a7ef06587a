"""Messages as applications really build them, and as nobody should: each is sent as it was meant, or refused with an
error of the family before anything has left."""

from __future__ import annotations

import contextlib
import email.message
import email.policy
from collections.abc import Callable
from email.mime.base import MIMEBase
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.functional import lazystr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.settings import OAuthRoute, RouteKey, RouteKind, SenderPolicy, SenderRules, SmtpRoute
from mailadmin.delivery.convert import convert, dress
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery

from .conftest import Peers, a_message, add_oauth, add_smtp

SMTP = SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay", host="h")
GRAPH = OAuthRoute(RouteKey(RouteKind.OAUTH, "1"), "365", sender=SenderRules("robot@contoso.org"))


def attached(*attachment: Any) -> Callable[[], EmailMessage]:
    def build() -> EmailMessage:
        message = a_message()
        message.attachments.append(attachment[0] if len(attachment) == 1 else attachment)
        return message

    return build


def itself() -> EmailMessage:
    message = a_message()
    message.attachments.append(("me.eml", message, "message/rfc822"))
    return message


class Failing(EmailMessage):
    """A subclass whose own code fails."""

    def message(self, **options: Any) -> Any:
        raise KeyError("template")


ODD = {
    "bytes in To": lambda: a_message(to=[b"ann@example.org"]),
    "lazy texts": lambda: a_message(subject=lazystr("Hi"), body=lazystr("there"), to=[lazystr("ann@example.org")]),
    "a subject of 100 kB": lambda: a_message(subject="x" * 100_000),
    "a subject of many words": lambda: a_message(subject="Größe " * 5000),
    "half a character in the subject": lambda: a_message(subject="\ud83d"),
    "a stray byte in the subject": lambda: a_message(subject="\udce9"),
    "half a character in the body": lambda: a_message(body="\ud83d"),
    "half a character in a name": lambda: a_message(to=["\ud83d <ann@example.org>"]),
    "zero bytes": lambda: a_message(subject="\0", body="\0"),
    "latin-1": lambda: _encoded("iso-8859-1", "Grüße"),
    "more than latin-1": lambda: _encoded("iso-8859-1", "请"),
    "a charset that is none": lambda: _encoded("klingon", "x"),
    "a header that is a number": lambda: a_message(headers={"X-Priority": 1}),
    "a header that is None": lambda: a_message(headers={"X-Priority": None}),
    "a header with bytes": lambda: a_message(headers={"X-Name": b"x"}),
    "a header without a name": lambda: a_message(headers={"": "x"}),
    "a header with a colon in its name": lambda: a_message(headers={"X: y": "x"}),
    "a header of 100 kB": lambda: a_message(headers={"X-Data": "x" * 100_000}),
    "a line break in a header": lambda: a_message(headers={"X-Data": "x\r\nBcc: eve@example.org"}),
    "its own Date and Message-ID": lambda: a_message(headers={"Date": "yesterday", "Message-ID": "no angle"}),
    "To as a header": lambda: a_message(headers={"To": "undisclosed-recipients:;"}),
    "to in small letters": lambda: a_message(headers={"to": "eve@example.org"}),
    "a text attachment in bytes": attached("a.txt", b"\xff\xfe", "text/plain"),
    "an attachment without a type": attached("a.bin", b"\xff\xfe", None),
    "an attachment without a name": attached(None, "x", "text/csv"),
    "a path as content": attached("a.txt", Path("a.txt"), "text/plain"),
    "a number as content": attached("a.bin", 7, "application/octet-stream"),
    "nothing as an attachment": attached(None),
    "a type that is none": attached("a", b"x", "nonsense"),
    "another message": attached("a.eml", a_message(), "message/rfc822"),
    "a message in bytes": attached("a.eml", b"Subject: x\r\n\r\nbody", "message/rfc822"),
    "the message itself": itself,
    "an empty MIMEBase": attached(MIMEBase("application", "x")),
    "an empty MIME part": attached(email.message.MIMEPart()),
    "a name of 5 kB": attached("ä" * 5000, b"x", "image/png"),
    "a line break in a name": attached("a\r\nX: y.txt", b"x", "image/png"),
    "an alternative of an odd kind": lambda: _alternative("text/calendar; method=REQUEST"),
    "an alternative without a type": lambda: _alternative(None),
    "code of its own that fails": lambda: Failing("s", "b", "a@example.org", ["b@example.org"]),
}


def _encoded(charset: str, text: str) -> EmailMessage:
    message = a_message(subject=text, body=text)
    message.encoding = charset
    return message


def _alternative(kind: Any) -> EmailMessage:
    message = EmailMultiAlternatives("s", "b", "a@example.org", ["b@example.org"])
    message.alternatives.append(("x", kind))
    return message


@pytest.mark.parametrize("odd", ODD)
def test_p1_an_odd_message_is_built_or_refused_as_a_bad_message(odd: str) -> None:
    with contextlib.suppress(BadMessage):
        draft = convert(ODD[odd]())
        for route in (SMTP, GRAPH):
            content = bytes(dress(draft, route, draft.addresses).mail.content)
            assert b"\n" not in content.replace(b"\r\n", b"")
            assert b"eve@example.org" not in content or "to" in odd


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "Größe", "X\0", "X-Y: 1\r\nBcc", "X-Y: 1\nBcc", "X-Y\rBcc", "X\n"])
def test_p1_what_is_no_name_of_a_header_cannot_become_one_nor_slip_another_in(name: str) -> None:
    with pytest.raises(BadMessage):
        convert(a_message(headers={name: "eve@example.org"}))


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ["latin-1", "zero bytes", "its own Date and Message-ID", "a subject of many words"])
def test_p1_an_odd_message_arrives_and_is_logged(peers: Peers, odd: str) -> None:
    add_smtp(peers, subject_prefix="Test - ")
    assert send_message(ODD[odd]()).delivery_id
    assert Delivery.objects.get().state == "sent"


ANYTHING = st.text(max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(subject=ANYTHING, body=ANYTHING, name=ANYTHING, prefix=st.text("ab é\u200d", max_size=10), header=ANYTHING)
def test_any_text_is_sent_or_refused_as_a_bad_message(
    subject: str, body: str, name: str, prefix: str, header: str
) -> None:
    rules = SenderRules("own@contoso.org", "", SenderPolicy.FORCE, subject_prefix=prefix)
    message = a_message(subject=subject, body=body, to=[f"{name} <ann@example.org>"], headers={"X-Any": header})
    with contextlib.suppress(MailError):
        draft = convert(message)
        for route in (SMTP, GRAPH, SmtpRoute(SMTP.key, "r", sender=rules, host="h")):
            assert b"\n" not in bytes(dress(draft, route, draft.addresses).mail.content).replace(b"\r\n", b"")


class Rewritten(EmailMessage):
    """A subclass that changes whom the headers name, as a package for staging may do."""

    named = "everybody@example.org"

    def message(self, **options: Any) -> Any:
        built = super().message(**options)
        del built["To"]
        built["To"] = self.named
        return built


@pytest.mark.django_db
def test_graph_is_left_out_when_the_applications_own_code_names_others_in_the_headers(peers: Peers) -> None:
    add_oauth(peers)
    add_smtp(peers)
    result = send_message(Rewritten("s", "b", "shop@contoso.org", ["ann@example.org"]))
    assert (result.route, peers.arrived[0].recipients) == ("Relay A", ["ann@example.org"])


@pytest.mark.parametrize("named", ["everybody at example", "Eve <eve@example.org"])
def test_graph_is_left_out_when_nobody_can_say_whom_the_headers_name(named: str) -> None:
    message = Rewritten("s", "b", "shop@contoso.org", ["ann@example.org"])
    message.named = named
    draft = convert(message)
    assert draft.foreign and not dress(draft, GRAPH, draft.addresses).mail.complete


def test_a_recipient_that_only_the_envelope_knows_goes_into_bcc_for_graph() -> None:
    message = Rewritten("s", "b", "shop@contoso.org", ["ann@example.org"])
    message.named = "undisclosed-recipients:;"
    draft = convert(message)
    assert not draft.foreign and dress(draft, GRAPH, draft.addresses).mail.blind == ("ann@example.org",)


def test_a_subject_keeps_the_joiners_inside_its_characters_behind_a_prefix() -> None:
    family = "👨\u200d👩\u200d👧 می\u200cخواهم"
    route = SmtpRoute(SMTP.key, "r", sender=SenderRules(subject_prefix="Test -"), host="h")
    draft = convert(a_message(subject=family))
    content = bytes(dress(draft, route, draft.addresses).mail.content)
    assert email.message_from_bytes(content, policy=email.policy.default)["Subject"] == f"Test - {family}"


def test_no_bcc_header_of_the_application_shows_whatever_its_letters() -> None:
    message = a_message(headers={"BCC": "", "bcc": "hidden@example.org", "Resent-Bcc": "too@example.org"})
    if django.VERSION >= (6, 1):  # Django itself refuses it there
        with pytest.raises(BadMessage):
            convert(message)
    else:
        content = bytes(convert(message).content)
        assert b"hidden" not in content and b"too@" not in content
