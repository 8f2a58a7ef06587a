"""Django's door, a Graph service that refuses, and a real Postfix as the fallback."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from django.core.mail import EmailMessage

from mailadmin.backends import EmailBackend
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import Delivery, SmtpConnection
from mailadmin.transports.smtp.pool import POOL
from tests.delivery.conftest import Peers, add_oauth, fresh_settings, peers, running_sandbox
from tests.delivery.test_content import PNG, rich_message
from tests.services.mails import PASSWORD, USER
from tests.services.postfix import Postfix, mails_of
from tests.services.processes import wait_for

__all__ = ["fresh_settings", "peers", "running_sandbox"]  # fixtures of the delivery's tests
pytestmark = [pytest.mark.service("postfix"), pytest.mark.django_db]


def test_n3_n6_a_rich_message_refused_by_graph_arrives_once_and_whole_by_postfix(
    postfix: Postfix, peers: Peers
) -> None:
    add_oauth(peers)
    row = SmtpConnection(
        name="Postfix",
        host="localhost",
        port=postfix.ports["starttls"],
        ca_pem=postfix.ca_pem,
        auth="password",
        user_name=USER,
    )
    row.set_secret(PASSWORD)
    row.full_clean()
    row.save()
    peers.graph_fault = "403"
    message = rich_message()
    message.from_email = f"Jürgen Müller <{USER}>"
    message.to, message.cc, message.bcc = ["Ben Ünal <ben@example.net>"], [], ["carla@example.net"]

    assert EmailBackend().send_messages([message]) == 1

    result = message.mailadmin  # type: ignore[attr-defined]
    assert (result.state, result.route, peers.arrived) == (DeliveryState.FALLBACK, "Postfix", [])
    assert Delivery.objects.get().state == "sent-by-fallback"
    for mailbox in ("ben", "carla"):
        raw = postfix.mail.delivered(mailbox, result.message_id)
        assert raw.count(result.message_id.encode()) >= 1 and b"carla" not in raw.partition(b"\nTo:")[2]
        arrived = message_from_bytes(raw, policy=policy.default)
        assert arrived["Subject"] == "Grüße aus Köln – 请确认"
        assert arrived["To"] == "Ben Ünal <ben@example.net>"
        assert arrived["Reply-To"] == "Hilfe <help@contoso.org>"
        assert arrived["List-Unsubscribe"] == "<https://contoso.org/u/1>"
        parts = {part.get_content_type(): part for part in arrived.walk()}
        assert parts["image/png"].get_payload(decode=True) == PNG
        assert parts["application/pdf"].get_filename() == "Rechnung für März.pdf"
        assert "Grüße" in parts["text/html"].get_content()


def test_s14_s17_send_mail_keeps_one_session_and_a_list_uses_up_to_four(postfix: Postfix) -> None:
    row = SmtpConnection(
        name="Postfix",
        host="localhost",
        port=postfix.ports["cyrus"],
        ca_pem=postfix.ca_pem,
        auth="password",
        user_name=USER,
    )
    row.set_secret(PASSWORD)
    row.full_clean()
    row.save()
    seen = len(postfix.sessions("cyrus"))
    messages = [EmailMessage(f"Hello {number}", "Hello.", USER, ["ben@example.net"]) for number in range(36)]
    for message in messages[:6]:
        assert EmailBackend().send_messages([message]) == 1
    POOL.clear()
    assert wait_for(lambda: len(postfix.sessions("cyrus")) > seen)
    (kept,) = postfix.sessions("cyrus")[seen:]
    assert " auth=1 mail=6 " in kept

    assert EmailBackend().send_messages(messages[6:]) == 30
    POOL.clear()
    expected = [message.mailadmin.message_id for message in messages]  # type: ignore[attr-defined]
    for message_id in expected:
        postfix.mail.delivered("ben", message_id)
    assert [postfix.mail.ids("ben").count(message_id) for message_id in expected] == [1] * 36
    assert Delivery.objects.filter(state="sent").count() == 36
    assert wait_for(lambda: sum(mails_of(session) for session in postfix.sessions("cyrus")[seen + 1 :]) == 30)
    assert 1 <= len(postfix.sessions("cyrus")[seen + 1 :]) <= 4
