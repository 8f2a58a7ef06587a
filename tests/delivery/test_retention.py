"""What is older than the settings keep it is forgotten, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailadmin.models import ConnectionTest, Delivery, DeliveryRecipient, Settings


@pytest.mark.django_db
def test_p6_old_deliveries_and_tests_are_forgotten_with_all_that_hangs_on_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = Settings.load()
    row.retention_days = 7
    row.save()
    now = timezone.now()
    for days in (6, 8):
        delivery = Delivery.objects.create(created_at=now - timedelta(days=days), subject=f"{days} days")
        DeliveryRecipient.objects.create(delivery=delivery, address="ann@example.org")
        ConnectionTest.objects.create(kind="smtp", name="Relay", target="x", started_at=now - timedelta(days=days))
    call_command("mailadmin_prune")
    assert [d.subject for d in Delivery.objects.all()] == ["6 days"]
    assert (DeliveryRecipient.objects.count(), ConnectionTest.objects.count()) == (1, 1)
    assert "Deleted 2 old entries" in capsys.readouterr().out


@pytest.mark.django_db
def test_the_draft_of_an_unsaved_test_does_not_outlive_its_minutes() -> None:
    now = timezone.now()
    for minutes in (1, 20):
        ConnectionTest.objects.create(
            kind="smtp", name="x", target="x", draft="sealed", started_at=now - timedelta(minutes=minutes)
        )
    call_command("mailadmin_prune")
    assert ConnectionTest.objects.exclude(draft="").count() == 1
