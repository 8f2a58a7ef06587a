"""N17: messages in Graph's JSON form, and how files are put to them."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.sandbox.json_message import read_message, read_send_mail
from mailadmin.sandbox.mime import Attached, envelope, put_together, without_bcc
from mailadmin.sandbox.refusal import Refused

MAILBOX = "robot@example.org"
TO_A = [{"emailAddress": {"address": "a@example.org", "name": "Ann, Älter"}}]
FILE = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "YWJj"}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=120)


def read(**message: object) -> Any:
    """Return the message as its recipients get it."""
    raw, files = read_message({"toRecipients": TO_A, **message}, MAILBOX)
    return message_from_bytes(without_bcc(put_together(raw, files)), policy=default)


def code_of(**message: object) -> str:
    with pytest.raises(Refused) as caught:
        read(**message)
    return caught.value.code


def test_every_property_comes_out_as_its_header() -> None:
    def people(address: str) -> list[dict[str, object]]:
        return [{"emailAddress": {"address": address}}]

    message = read(
        **{"from": people("from@example.org")[0], "sender": people("sender@example.org")[0]},
        ccRecipients=people("c@example.org"),
        bccRecipients=people("hidden@example.org"),
        replyTo=people("reply@example.org"),
        importance="high",
        subject="Grüße",
        internetMessageId="<1@example.org>",
        internetMessageHeaders=[{"name": "X-Campaign", "value": "Frühling"}],
        singleValueExtendedProperties=[{"id": "String 0x1045", "value": "<mailto:off@example.org>"}],
        categories=["Blue"],
        isReadReceiptRequested=True,
        isDeliveryReceiptRequested=True,
        body={"contentType": "HTML", "content": "<b>x</b>"},
    )
    headers = {name: str(value) for name, value in message.items()}
    assert headers.pop("Date")
    assert headers == {
        "From": "from@example.org",
        "Sender": "sender@example.org",
        "To": '"Ann, Älter" <a@example.org>',
        "Cc": "c@example.org",
        "Reply-To": "reply@example.org",
        "Subject": "Grüße",
        "Message-ID": "<1@example.org>",
        "Importance": "high",
        "Disposition-Notification-To": "from@example.org",
        "Return-Receipt-To": "from@example.org",
        "Keywords": "Blue",
        "X-Campaign": "Frühling",
        "List-Unsubscribe": "<mailto:off@example.org>",
        "MIME-Version": "1.0",
        "Content-Type": 'text/html; charset="utf-8"',
        "Content-Transfer-Encoding": "base64",
    }
    assert message.get_content() == "<b>x</b>"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"internetMessageHeaders": []}, "InvalidInternetMessageHeaderCollection"),
        (
            {"internetMessageHeaders": [{"name": f"x-{n}", "value": ""} for n in range(6)]},
            "InvalidInternetMessageHeaderCollection",
        ),
        ({"internetMessageHeaders": [{"name": "In-Reply-To", "value": "<1@x>"}]}, "InvalidInternetMessageHeader"),
        ({"internetMessageHeaders": [{"name": "x-a", "value": "a\r\nb"}]}, "InvalidInternetMessageHeader"),
        ({"internetMessageId": "1"}, "ErrorInvalidArgument"),
        ({"importance": "urgent"}, "RequestBodyRead"),
        ({"colour": "red"}, "RequestBodyRead"),
        ({"subject": 5}, "RequestBodyRead"),
        ({"subject": "a\r\nBcc: b@example.org"}, "RequestBodyRead"),
        ({"subject": "\ud800"}, "RequestBodyRead"),
        ({"body": {"contentType": "rtf"}}, "RequestBodyRead"),
        ({"body": "text"}, "RequestBodyRead"),
        ({"toRecipients": [{"address": "a@example.org"}]}, "RequestBodyRead"),
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, "ErrorInvalidRecipients"),
        ({"toRecipients": [{"emailAddress": {"address": "a@x, b@x"}}]}, "ErrorInvalidRecipients"),
        ({"toRecipients": [{"emailAddress": {}}]}, "ErrorInvalidRecipients"),
        ({"attachments": [{**FILE, "contentBytes": "no base64"}]}, "RequestBodyRead"),
        ({"attachments": [{**FILE, "@odata.type": "#microsoft.graph.itemAttachment"}]}, "RequestBodyRead"),
        ({"attachments": [{**FILE, "name": ""}]}, "ErrorRequiredPropertyMissing"),
        ({"attachments": [{**FILE, "contentId": "a b"}]}, "RequestBodyRead"),
        ({"attachments": [{**FILE, "isInline": "yes"}]}, "RequestBodyRead"),
        ({"singleValueExtendedProperties": [{"id": "String 0x7D", "value": "x"}]}, "RequestBodyRead"),
    ],
)
def test_what_graph_would_not_take_is_refused(message: dict[str, object], code: str) -> None:
    assert code_of(**message) == code


@pytest.mark.parametrize(
    ("wrapped", "saved"),
    [
        ({}, True),
        ({"saveToSentItems": False}, False),
        ({"saveToSentItems": "false"}, False),
        ({"SaveToSentItems": True}, True),
    ],
)
def test_the_wish_for_a_copy_is_read(wrapped: dict[str, object], saved: bool) -> None:
    body = json.dumps({"Message": {"toRecipients": TO_A}, **wrapped}).encode()
    assert read_send_mail(body, MAILBOX)[2] is saved


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"message": {}, "x": 1}', b'{"message": {}, "saveToSentItems": 1}']
)
def test_a_request_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_send_mail(body, MAILBOX)
    assert caught.value.code == "RequestBodyRead"


def test_inline_pictures_stand_beside_the_body_and_files_behind_it() -> None:
    picture = {**FILE, "name": "a.png", "contentType": "image/png", "isInline": True, "contentId": "pic@x"}
    message = read(attachments=[FILE, picture], body={"contentType": "html", "content": "<img src='cid:pic@x'>"})
    related, file = message.iter_parts()
    html, inline = related.iter_parts()
    assert [message.get_content_type(), related.get_content_type()] == ["multipart/mixed", "multipart/related"]
    assert html.get_content().startswith("<img")
    assert (inline["Content-ID"], inline.get_content_disposition(), inline.get_content_type()) == (
        "<pic@x>",
        "inline",
        "image/png",
    )
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == (
        "a.txt",
        "application/octet-stream",
        b"abc",
    )


def test_files_join_a_message_that_is_mixed_already() -> None:
    raw = (
        b'To: a@example.org\r\nContent-Type: multipart/mixed; boundary="=_1"\r\n\r\n'
        b"--=_1\r\nContent-Type: text/plain\r\n\r\nHello\r\n--=_1--\r\n"
    )
    whole = put_together(raw, [Attached("a.bin", "bad type", b"\0\xff")])
    text, file = message_from_bytes(whole, policy=default).iter_parts()  # type: ignore[attr-defined]
    assert (text.get_content(), file.get_content(), file.get_filename()) == ("Hello", b"\0\xff", "a.bin")


def test_a_message_within_goes_as_it_is() -> None:
    inner = b"Subject: inner\r\n\r\nBonjour \xc3\xa9\r\n"
    whole = put_together(b"To: a@example.org\r\n\r\nx", [Attached("m.eml", "message/rfc822", inner)])
    assert b"\r\n\r\n" + inner in whole
    _, part = message_from_bytes(whole, policy=default).iter_parts()  # type: ignore[attr-defined]
    assert part.get_content()["Subject"] == "inner"


@settings(max_examples=150, deadline=None)
@given(name=ANY_TEXT, subject=ANY_TEXT, file_name=ANY_TEXT.filter(bool), text=ANY_TEXT, content=st.binary(max_size=300))
def test_any_text_survives(name: str, subject: str, file_name: str, text: str, content: bytes) -> None:
    file = {**FILE, "name": file_name, "contentBytes": base64.b64encode(content).decode()}
    message = read(
        toRecipients=[{"emailAddress": {"address": "a@example.org", "name": name}}],
        subject=subject,
        body={"content": text},
        attachments=[file],
    )
    body, attached = message.iter_parts()
    assert message["To"].addresses[0].addr_spec == "a@example.org"
    assert body.get_payload(decode=True).decode() == text
    assert attached.get_payload(decode=True) == content
    # The parser of the standard library takes white space at the ends away, and makes any other in between a space.
    assert "".join(str(message["Subject"]).split()) == "".join(subject.split())
    assert "".join(message["To"].addresses[0].display_name.split()) == "".join(name.split())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_reading_a_stranger_s_headers_never_fails_but_by_refusal(raw: bytes) -> None:
    try:
        found = envelope(b"To: a@example.org\r\n" + raw)
    except Refused as refused:
        assert refused.code == "ErrorInvalidRecipients"
    else:
        assert "a@example.org" in found.recipients
    put_together(b"To: a@example.org\r\n" + raw, [Attached("a", "text/plain", b"")])


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(["toRecipients", "subject", "body", "from", "emailAddress", "attachments", "name"]),
                one,
                max_size=4,
            )
        ),
    )
)
def test_no_json_breaks_the_reader(value: Any) -> None:
    try:
        read_message(value, MAILBOX)
    except Refused as refused:
        assert refused.status == 400
