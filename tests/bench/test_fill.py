"""Tables are filled by copies of one row that differ where they are told to."""

from __future__ import annotations

import pytest
from django.utils import timezone

from bench import fill
from mailadmin.core.outcome import DeliveryState, Priority
from mailadmin.models import Delivery, DeliveryRecipient, OutboxEntry

pytestmark = pytest.mark.django_db


def test_a_message_with_its_recipient_and_its_entry_is_copied() -> None:
    now = timezone.now()
    message = Delivery.objects.create(created_at=now, subject="One", message_id="<one@example.org>")
    entry = OutboxEntry.objects.create(delivery=message, due_at=now, queued_at=now, give_up_at=now)
    recipient = DeliveryRecipient.objects.create(delivery=message, address="ann@example.net", logged_at=now)

    fill.copies(message, 5, {"id": fill.uuids(1), "message_id": "'<copy-' || n || '>'", "state": "'sent'"})
    fill.copies(entry, 5, {"delivery": fill.uuids(1), "priority": "1 + n %% 3"})
    fill.copies(recipient, 5, {"delivery": fill.uuids(1)})
    fill.analyse()

    copies = Delivery.objects.exclude(pk=message.pk).order_by("message_id")
    assert [copy.message_id for copy in copies] == [f"<copy-{number}>" for number in range(1, 6)]
    assert {(copy.subject, copy.state) for copy in copies} == {("One", DeliveryState.SENT)}
    assert [copy.pk.int for copy in copies] == [2, 3, 4, 5, 6]
    assert {copy.outbox.priority for copy in copies} == set(Priority)
    assert {one.address for copy in copies for one in copy.recipients.all()} == {"ann@example.net"}
