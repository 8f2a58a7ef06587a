"""The Settings page: how often connections are tested, and after which silence somebody is warned (N11)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from mailadmin.models import AuditEntry, Settings

pytestmark = pytest.mark.django_db


def test_n11_both_are_set_and_told_to_the_audit_trail(admin_client: Client, preferences: dict[str, str]) -> None:
    admin_client.post("/settings/", preferences | {"probe_minutes": "15", "silence_hours": "0"})
    row = Settings.load()
    assert (row.probe_minutes, row.silence_hours) == (15, 0)
    changes = AuditEntry.objects.get(action="changed").changes
    assert changes["test every connection every (minutes)"] == ["60", "15"]
    assert "watched at" not in changes


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("probe_minutes", "10081", "At most 10080 minutes."),
        ("probe_minutes", "-1", "0 or more minutes."),
        ("probe_minutes", "", "Type a number of minutes."),
        ("silence_hours", "721", "At most 720 hours."),
        ("silence_hours", "soon", "Type a whole number of hours."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    admin_client: Client, preferences: dict[str, str], field: str, value: str, sentence: str
) -> None:
    response = admin_client.post("/settings/", preferences | {field: value})
    assert sentence in response.content.decode()
    assert (Settings.load().probe_minutes, Settings.load().silence_hours) == (60, 24)


def test_saving_the_page_does_not_undo_when_the_schedule_was_looked_after(
    admin_client: Client, preferences: dict[str, str]
) -> None:
    stale, now = Settings.load(), timezone.now()
    Settings.objects.update(watched_at=now)
    stale.retention_days = 7
    stale.save()
    admin_client.post("/settings/", preferences)
    assert Settings.load().watched_at == now
