"""What is older than the settings keep it is forgotten, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.delivery import log_text, retention
from mailadmin.models import (
    ConnectionTest,
    Delivery,
    DeliveryRecipient,
    LogText,
    MessageContent,
    MessagePart,
    OutboxEntry,
    Settings,
    Worker,
)


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


def _old(days: int, **values: Any) -> Delivery:
    return Delivery.objects.create(created_at=timezone.now() - timedelta(days=days), **values)


@pytest.mark.django_db
def test_p6_what_still_waits_is_never_forgotten() -> None:
    waiting, over = _old(99, state="queued"), _old(99)
    now = timezone.now()
    OutboxEntry.objects.create(delivery=waiting, due_at=now, queued_at=now, give_up_at=now + timedelta(days=1))
    again = _old(1, resend_of=over)
    assert retention.prune() == 1
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waiting.pk, again.pk}
    again.refresh_from_db()
    assert again.resend_of is None


@pytest.mark.django_db
def test_p6_forgetting_is_done_in_pieces_and_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRUNE_ROWS", 2)
    for _ in range(5):
        _old(99)
    assert retention.prune(seconds=0) == 0
    assert retention.prune(seconds=None) == 5
    assert retention.prune() == 0


@pytest.mark.django_db
def test_n12_kept_content_ends_with_its_time_and_content_that_is_needed_does_not() -> None:
    now = timezone.now()
    for until in (now - timedelta(minutes=1), now + timedelta(days=1), None):
        content = MessageContent.objects.create(delivery=_old(0), key_id="k", sealed_draft=b"sealed", until=until)
        MessagePart.objects.create(content=content, number=0, sealed=b"sealed")
    assert retention.prune() == 1
    assert (MessageContent.objects.count(), MessagePart.objects.count()) == (2, 2)


@pytest.mark.django_db
def test_workers_that_are_gone_for_a_day_are_forgotten() -> None:
    now = timezone.now()
    for hours in (0, 1, 25):
        Worker.objects.create(name=f"{hours}", started_at=now, beat_at=now - timedelta(hours=hours))
    assert retention.prune() == 1
    assert set(Worker.objects.values_list("name", flat=True)) == {"0", "1"}


@pytest.mark.django_db
def test_p6_forgetting_brings_the_search_up_to_date_and_forgets_its_texts() -> None:
    kept = _old(1, subject="Kept")
    gone = _old(31, subject="Gone")
    if not log_text.catch_up(5):
        pytest.skip("this database has no index for the search")
    _old(1, subject="Late")
    retention.prune(seconds=None)
    texts = dict(LogText.objects.values_list("delivery", "text"))
    assert texts.pop(kept.pk) == "kept"
    assert gone.pk not in texts
    assert list(texts.values()) == ["late"]
