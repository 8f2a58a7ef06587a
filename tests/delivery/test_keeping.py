"""Content is kept only where an administrator chose so (N12), and only for as long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailadmin.core.errors import MailError
from mailadmin.core.preferences import Keep
from mailadmin.delivery.outbox import content
from mailadmin.delivery.send import send_message
from mailadmin.models import Delivery, MessageContent, Settings, SmtpConnection

from .conftest import Peers, a_message

pytestmark = pytest.mark.django_db


def _choose(keep: Keep) -> None:
    row = Settings.load()
    row.keep_content, row.keep_content_days = keep, 3
    row.save()


def test_nothing_is_kept_by_default(peers: Peers, smtp: SmtpConnection) -> None:
    send_message(a_message())
    assert not MessageContent.objects.exists()


def test_all_messages_for_the_chosen_days(peers: Peers, smtp: SmtpConnection) -> None:
    _choose(Keep.ALL)
    send_message(a_message(subject="Kept"))
    row = Delivery.objects.get()
    assert content.load(row.pk).subject == "Kept"
    until = MessageContent.objects.get().until
    assert until and timedelta(days=2) < until - timezone.now() < timedelta(days=4)


def test_only_those_that_somebody_did_not_get(peers: Peers, smtp: SmtpConnection) -> None:
    _choose(Keep.FAILED)
    send_message(a_message(subject="Sent"))
    assert not MessageContent.objects.exists()
    peers.smtp_fault = "550-recipient"
    with pytest.raises(MailError):
        send_message(a_message(subject="Failed"))
    assert content.load(MessageContent.objects.get().pk).subject == "Failed"
