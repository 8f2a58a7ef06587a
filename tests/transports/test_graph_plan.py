"""In which form a message goes: one request in MIME or JSON, a draft, or not at all (N6, P13)."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.delivery.convert import convert, dress
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.plan import DraftPlan, JsonPlan, MimePlan, Plan, plan_for
from tests.fakes.routes import oauth_route


def a_mail(size: int = 0, **changes: Any) -> Mail:
    """A message with a file of `size` bytes; with `html` in two forms."""
    message = EmailMultiAlternatives(
        "Hi", changes.get("body", "Text"), "robot@example.org", ["a@example.org"], bcc=["b@example.org"]
    )
    if changes.get("html"):
        message.attach_alternative("<p>Text</p>", "text/html")
    if size:
        message.attach("report.pdf", bytes(size), "application/pdf")
    draft = convert(message)
    return dress(draft, oauth_route(None), draft.addresses).mail


def plan(mail: Mail, **route: Any) -> Plan:
    return plan_for(mail, oauth_route(None, **route))


def refusal(mail: Mail, **route: Any) -> MailError:
    with pytest.raises(MailError) as caught:
        plan(mail, **route)
    return caught.value


def test_n6_a_message_goes_in_mime_with_its_blind_recipients() -> None:
    made = plan(a_mail())
    assert isinstance(made, MimePlan) and made.remark == ""
    assert base64.b64decode(made.body, validate=True).startswith(b"Bcc: b@example.org\r\nContent-Type")


def test_without_a_copy_a_simple_message_goes_in_json() -> None:
    made = plan(a_mail(2_900_000), save_to_sent=False)
    assert isinstance(made, JsonPlan) and made.remark == ""
    said = json.loads(made.body)
    assert said["saveToSentItems"] is False
    assert said["message"]["bccRecipients"] == [{"emailAddress": {"address": "b@example.org"}}]


def test_what_json_would_lose_goes_in_mime_and_the_log_says_why_it_was_saved() -> None:
    made = plan(a_mail(html=True), save_to_sent=False)
    assert isinstance(made, MimePlan)
    assert made.remark == (
        "a copy was saved in Sent Items, because the message has its text in several forms, such as text and HTML"
    )


def test_a_message_that_fits_only_in_json_goes_in_json_and_is_saved_all_the_same() -> None:
    made = plan(a_mail(2_900_000))
    assert isinstance(made, JsonPlan)
    assert json.loads(made.body)["saveToSentItems"] is True and len(made.body) <= limits.GRAPH_REQUEST_BYTES


@pytest.mark.parametrize("size", [2_000_000, 2_190_000, 2_200_000, 2_900_000, 3_000_000, 3_100_000])
@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize("html", [True, False])
def test_p13_no_request_is_ever_larger_than_graph_takes(size: int, save: bool, html: bool) -> None:
    made = plan(a_mail(size, html=html), large_messages=True, save_to_sent=save)
    body = made.mime if isinstance(made, DraftPlan) else made.body
    assert len(body) <= limits.GRAPH_REQUEST_BYTES


class TestLarge:
    def test_p13_it_becomes_a_draft_where_that_is_allowed(self) -> None:
        made = plan(a_mail(12_000_000), large_messages=True)
        assert isinstance(made, DraftPlan) and made.remark == ""
        assert [(file.name, file.size) for file in made.attachments] == [("report.pdf", 12_000_000)]
        assert base64.b64decode(made.mime, validate=True).startswith(b"Bcc: b@example.org\r\n")

    def test_a_draft_always_leaves_a_copy_and_the_log_says_why(self) -> None:
        made = plan(a_mail(12_000_000), large_messages=True, save_to_sent=False)
        assert made.remark == "a copy was saved in Sent Items, because it is too large for one request"

    def test_what_arrives_otherwise_is_in_the_log(self) -> None:
        message = EmailMessage("Hi", "Text", "robot@example.org", ["a@example.org"])
        message.attach(
            "letter.eml", EmailMessage("In", "x\n" * 2_000_000, "c@example.org", ["d@example.org"]), "message/rfc822"
        )
        draft = convert(message)
        made = plan(dress(draft, oauth_route(None), draft.addresses).mail, large_messages=True)
        assert made.remark == "an attached message arrives as the file “letter.eml”"

    def test_p13_where_it_is_not_allowed_the_size_and_the_way_out_are_named(self) -> None:
        error = refusal(a_mail(12_000_000))
        assert error.fault.kind is Kind.LARGE_NOT_ALLOWED
        assert "has 16 MB" in error.fault.text and "SMTP" in error.fault.text and "3 MB" in error.fault.text
        assert "Mail.ReadWrite" in str(error)

    @pytest.mark.parametrize(
        ("mail", "words"),
        [
            (lambda: a_mail(body="x\n" * 3_000_000), "no files beside its text"),
            (lambda: a_mail(4_000_000, body="x\n" * 3_000_000), "without the files that can be uploaded"),
            (lambda: a_mail(151_000_000), "at most 150 MB for a file"),
        ],
    )
    def test_p13_what_cannot_be_taken_apart_is_refused_with_the_reason(self, mail: Any, words: str) -> None:
        error = refusal(mail(), large_messages=True)
        assert error.fault.kind is Kind.NOT_CARRIED and words in error.fault.text
        assert "SMTP" in str(error)

    @pytest.mark.parametrize("route", [{}, {"save_to_sent": False}, {"large_messages": True}])
    def test_p13_a_large_file_is_neither_encoded_nor_copied(self, route: dict[str, bool]) -> None:
        mail = a_mail(40_000_000)
        tracemalloc.start()
        try:
            if route.get("large_messages"):
                plan(mail, **route)
            else:
                refusal(mail, **route)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
