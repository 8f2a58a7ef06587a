"""What a message is in JSON for Graph, and what makes it MIME (N6)."""

from __future__ import annotations

import base64
import email
import json
from email.message import EmailMessage as Parsed
from email.policy import SMTP
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.content import Content
from mailadmin.delivery.convert import convert, dress
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.json_form import json_message
from mailadmin.transports.graph.parts import CannotTravelError
from tests.delivery.kinds import KINDS
from tests.fakes.routes import a_mail, oauth_route

ROBOT = "robot@example.org"


def json_loss(mail: Mail, mailbox: str) -> str:
    """What JSON would lose, as the end of a sentence; "" when nothing."""
    try:
        json_message(mail, mailbox)
    except CannotTravelError as reason:
        return str(reason)
    return ""


def mail_of(message: EmailMessage) -> Mail:
    draft = convert(message)
    return dress(draft, oauth_route(None), draft.addresses).mail


def a_message(**changes: Any) -> EmailMessage:
    values: dict[str, Any] = {"subject": "Hi", "body": "Text", "from_email": ROBOT, "to": ["a@example.org"], **changes}
    return EmailMessage(**values)


def parsed(mail: Mail) -> Any:
    return email.message_from_bytes(bytes(mail.content), _class=Parsed, policy=SMTP)


def addresses(listed: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["emailAddress"].get("name", ""), one["emailAddress"]["address"]) for one in listed]


def header_addresses(header: Any) -> list[tuple[str, str]]:
    return [(one.display_name, one.addr_spec) for one in header.addresses] if header else []


def check_same(mail: Mail, said: dict[str, Any]) -> None:
    """Compare the JSON with what a reader of the MIME sees."""
    whole = parsed(mail)
    body = whole.get_body(("html", "plain"))
    text = "" if body is None else body.get_content()
    assert said["body"]["content"].replace("\r\n", "\n").rstrip("\n") == text.replace("\r\n", "\n").rstrip("\n")
    assert said["body"]["contentType"] == ("html" if body and body.get_content_subtype() == "html" else "text")
    assert said["subject"].strip() == (whole["Subject"] or "").strip()
    assert addresses(said.get("toRecipients", [])) == header_addresses(whole["To"])
    assert addresses(said.get("ccRecipients", [])) == header_addresses(whole["Cc"])
    assert addresses(said.get("replyTo", [])) == header_addresses(whole["Reply-To"])
    assert [spec for _, spec in addresses(said.get("bccRecipients", []))] == list(mail.blind)
    assert said["internetMessageId"] == whole["Message-ID"]
    files = [
        (file["name"], file["contentType"], base64.b64decode(file["contentBytes"]))
        for file in said.get("attachments", [])
    ]
    parts = [] if not whole.is_multipart() else [part for part in whole.iter_parts() if part is not body]
    assert files == [(p.get_filename(), p.get_content_type(), p.get_payload(decode=True)) for p in parts]


@pytest.mark.parametrize("kind", KINDS)
def test_n6_what_goes_in_json_says_the_same_as_the_message(kind: str) -> None:
    mail = mail_of(KINDS[kind]())
    try:
        said = json_message(mail, ROBOT)
    except CannotTravelError as reason:
        assert json_loss(mail, ROBOT) == str(reason) != ""
        return
    assert json_loss(mail, ROBOT) == ""
    json.dumps(said, allow_nan=False)
    if kind not in ("everybody", "utf-16"):  # its own test below; Python cannot read UTF-16 out of quoted-printable
        check_same(mail, said)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=50)
lines = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.just("\n"), max_size=300)
specs = st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,9})?@[a-z0-9]{1,20}\.[a-z]{2,8}", fullmatch=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    subject=words,
    body=lines,
    html=st.booleans(),
    to=st.lists(specs, max_size=4, unique=True),
    bcc=st.lists(specs, min_size=1, max_size=4, unique=True),
    own=st.dictionaries(
        st.from_regex(r"X-[A-Z][a-z]{1,8}q", fullmatch=True), st.from_regex(r"[a-z]{1,20}", fullmatch=True), max_size=5
    ),
    data=st.binary(max_size=6000),
)
def test_n6_any_plain_message_says_the_same_in_json(
    subject: str, body: str, html: bool, to: list[str], bcc: list[str], own: dict[str, str], data: bytes
) -> None:
    message = a_message(subject=subject, body=body, to=to, bcc=bcc, headers=own)
    message.content_subtype = "html" if html else "plain"
    if data:
        message.attach("a.pdf", data, "application/pdf")
    mail = mail_of(message)
    said = json_message(mail, ROBOT)
    told = {one["name"].lower(): one["value"] for one in said.get("internetMessageHeaders", [])}
    assert told == {name.lower(): value for name, value in own.items()}
    check_same(mail, said)


def test_n6_names_addresses_and_the_sender_are_decoded() -> None:
    said = json_message(mail_of(KINDS["everybody"]()), ROBOT)
    assert said["from"] == {"emailAddress": {"address": "shop@contoso.org", "name": "Shop, Contoso"}}
    assert addresses(said["toRecipients"])[0] == ("Ann Ünal", "ann@example.org")
    assert addresses(said["ccRecipients"]) == [("O'Hara, Cathy", "cathy@xn--bcher-kva.example")]
    assert addresses(said["bccRecipients"]) == [("", "secret@example.org")]
    assert addresses(said["replyTo"]) == [("Help", "help@contoso.org"), ("", "more@contoso.org")]


def test_the_sender_is_said_only_where_it_is_not_the_mailbox() -> None:
    assert "from" not in json_message(mail_of(a_message()), ROBOT.upper())
    assert json_message(mail_of(a_message()), "other@example.org")["from"]["emailAddress"]["address"] == ROBOT
    named = json_message(mail_of(a_message(from_email=f"Röbot <{ROBOT}>")), ROBOT)
    assert named["from"]["emailAddress"] == {"address": ROBOT, "name": "Röbot"}


def test_an_empty_list_of_headers_is_left_out_because_graph_refuses_it() -> None:
    said = json_message(mail_of(a_message()), ROBOT)
    assert "internetMessageHeaders" not in said and "attachments" not in said and "importance" not in said


@pytest.mark.parametrize(
    ("fields", "importance"),
    [
        ({"X-Priority": "1"}, "high"),
        ({"X-Priority": "1 (Highest)", "Importance": "High"}, "high"),
        ({"Priority": "non-urgent"}, "low"),
        ({"X-Priority": "5", "X-MSMail-Priority": "Low"}, "low"),
        ({"Importance": "normal"}, "normal"),
    ],
)
def test_n6_priority_becomes_importance(fields: dict[str, str], importance: str) -> None:
    said = json_message(mail_of(a_message(headers=fields)), ROBOT)
    assert said["importance"] == importance and "internetMessageHeaders" not in said


def test_n6_an_inline_image_of_a_related_message_keeps_its_name_in_the_html() -> None:
    head = b'To: a@example.org\r\nSubject: Hi\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n'
    html = b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">\r\n'
    image = (
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Disposition: inline; filename=l.png\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
    )
    said = json_message(a_mail(content=head + html + image), ROBOT)
    assert said["body"] == {"contentType": "html", "content": '<img src="cid:logo">'}
    (file,) = said["attachments"]
    assert (file["isInline"], file["contentId"], file["contentBytes"]) == (True, "logo", "AAAA")


class TestWhatMakesItMime:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"In-Reply-To": "<1@example.org>"}, "In-Reply-To"),
            ({"References": "<1@example.org>"}, "References"),
            ({"List-Unsubscribe": "<https://example.org>"}, "List-Unsubscribe"),
            ({"Auto-Submitted": "auto-generated"}, "Auto-Submitted"),
            ({"Sender": "other@example.org"}, "Sender"),
            ({f"X-{letter}": "1" for letter in "abcdef"}, f"more than {limits.GRAPH_HEADERS}"),
            ({"X-Words": "Grüße"}, "X-Words is not plain"),
            ({"X-Empty": ""}, "X-Empty is not plain"),
            ({"X-Priority": "1", "Importance": "low"}, "do not agree"),
            ({"X-Priority": "soon"}, "do not agree"),
            ({"To": "Friends: a@example.org;"}, "To names a group"),
        ],
    )
    def test_n6_headers_that_json_cannot_say(self, fields: dict[str, str], reason: str) -> None:
        assert reason in json_loss(mail_of(a_message(headers=fields)), ROBOT)

    @pytest.mark.parametrize(
        "field", [b"Subject: again", b"X-One: 1\r\nX-One: 2", b"From: x@example.org, y@example.org"]
    )
    def test_n6_headers_that_stand_there_twice(self, field: bytes) -> None:
        head = b"Subject: Hi\r\nTo: a@example.org\r\n" + field + b"\r\n\r\n"
        assert json_loss(a_mail(content=head + b"Text"), ROBOT)

    @pytest.mark.parametrize(
        ("head", "reason"),
        [
            (b"Content-Type: text/plain; format=flowed\r\n", "form"),
            (b"Content-Type: text/calendar\r\n", "text/calendar"),
            (b"Content-Language: de\r\n", "Content-Language"),
            (b"Content-Type: application/pkcs7-mime\r\n", "pkcs7"),
            (b"Content-Type: multipart/signed; boundary=b\r\n", "signed"),
            (b"Content-Type: multipart/report; boundary=b\r\n", "report"),
            (b"Content-Type: text/plain; charset=utf-8\r\n", "character set"),
            (b"Content-Type: text/plain; charset=klingon\r\n", "character set"),
            (b"Content-Transfer-Encoding: x-uue\r\n", "encoding"),
            (b"no header at all\r\n", "header"),
        ],
    )
    def test_n6_bodies_that_json_cannot_say(self, head: bytes, reason: str) -> None:
        assert reason in json_loss(a_mail(content=b"To: a@example.org\r\n" + head + b"\r\n\xff\r\n"), ROBOT)

    def test_n6_text_and_html(self) -> None:
        message = EmailMultiAlternatives("Hi", "Text", ROBOT, ["a@example.org"])
        message.attach_alternative("<p>Text</p>", "text/html")
        assert "text and HTML" in json_loss(mail_of(message), ROBOT)
        message.attach("a.pdf", b"x", "application/pdf")
        assert "text and HTML" in json_loss(mail_of(message), ROBOT)

    @pytest.mark.parametrize(
        "attached",
        [
            ("a.eml", b"Subject: x\n\nx", "message/rfc822"),
            ("a.csv", "Größe", "text/csv"),
            (None, b"x", "application/pdf"),
        ],
    )
    def test_n6_files_that_would_arrive_otherwise(self, attached: tuple[Any, Any, str]) -> None:
        message = a_message()
        message.attach(*attached)
        assert json_loss(mail_of(message), ROBOT)

    def test_n6_a_calendar_invitation(self) -> None:
        head = b'To: a@example.org\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        body = (
            b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/calendar; method=REQUEST; name=i.ics\r\n\r\nx\r\n--b--\r\n"
        )
        assert "method" in json_loss(a_mail(content=head + body), ROBOT)


BROKEN = (
    *(b"To: a@example.org", b"To: =?utf-8?q?=C3?= <a@b.org>", b"Subject: =?utf-8?b?!!?=", b"From: <", b"X-A: 1", b":"),
    *(
        b"Content-Type: text/plain;",
        b"Content-Type: text/html; charset=\xff",
        b"Content-Type: multipart/mixed; boundary=b",
    ),
    *(b"Content-Disposition: attachment; filename*=x", b"Content-ID: <", b"--b", b"--b--", b"", b" folded", b"\xff: x"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(BROKEN), max_size=25))
def test_broken_messages_are_read_or_refused_and_never_fail_otherwise(some: list[bytes]) -> None:
    content = Content.of(b"\r\n".join(some))
    assert isinstance(json_loss(a_mail(content=content), ROBOT), str)
