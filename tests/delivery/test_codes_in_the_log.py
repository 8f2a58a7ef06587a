"""N12: the log keeps no one-time code, unless an administrator wants to see subjects as they were."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMessage

from mailadmin.core.errors import BadMessage
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, Settings, SmtpConnection

from .conftest import Peers, a_message

pytestmark = pytest.mark.django_db
SUBJECT = "Your sign-in code is 482913"


@pytest.mark.parametrize("delivery", ["direct", "queued"])
def test_a_code_in_a_subject_is_hidden_in_the_log_and_sent_as_it_is(
    peers: Peers, smtp: SmtpConnection, delivery: str
) -> None:
    send_message(a_message(subject=SUBJECT), SendOptions(delivery=delivery))
    assert "482913" not in Delivery.objects.get().subject
    assert all(message.parsed["Subject"] == SUBJECT for message in peers.arrived)


def test_a_message_that_was_refused_hides_it_too(smtp: SmtpConnection) -> None:
    with pytest.raises(BadMessage):
        send_message(EmailMessage(SUBJECT, "x", "shop@contoso.org", ["no address"]))
    assert "482913" not in Delivery.objects.get().subject


def test_an_administrator_may_want_to_see_it(peers: Peers, smtp: SmtpConnection) -> None:
    row = Settings.load()
    row.hide_codes = False
    row.save()
    send_message(a_message(subject=SUBJECT))
    assert Delivery.objects.get().subject == SUBJECT
