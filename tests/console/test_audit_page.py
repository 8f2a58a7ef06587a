"""P10: the audit page shows who did what, newest first, and finds it again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailadmin.core import limits
from mailadmin.models import AuditEntry

pytestmark = pytest.mark.django_db


def entry(**values: Any) -> AuditEntry:
    return AuditEntry.objects.create(**({"user_name": "anna", "action": "changed", "object_name": "Relay A"} | values))


def listed(client: Client, **filters: Any) -> str:
    return client.get(reverse("mailadmin:audit-list"), filters).content.decode()


def test_p10_an_entry_shows_what_was_changed_from_what_to_what(admin_client: Client) -> None:
    entry(changes={"port": ["25", "587"], "password": ["stored", "changed"]}, remote_address="192.0.2.7")
    text = listed(admin_client)
    assert "port: <del>25</del> → 587" in text
    assert "password: <del>stored</del> → changed" in text
    assert "192.0.2.7" in text


def test_entries_are_found_by_text_person_and_action(admin_client: Client) -> None:
    entry(object_name="Relay A")
    entry(object_name="Relay B", user_name="ben", action="tested", detail="with a message to eve@example.org")
    for filters in ({"q": "relay b"}, {"q": "EVE@"}, {"who": "ben"}, {"action": "tested"}):
        text = listed(admin_client, **filters)
        assert "Relay B" in text
        assert "Relay A" not in text
    assert "No entry fits these filters" in listed(admin_client, q="nothing")


def test_the_newest_entries_come_first_page_by_page(admin_client: Client) -> None:
    for number in range(limits.PAGE_ROWS + 1):
        entry(object_name=f"Row {number} of many")
    text = listed(admin_client)
    assert f"Row {limits.PAGE_ROWS} of many" in text
    assert "Row 0 of many" not in text
    assert "Row 0 of many" in listed(admin_client, page=2)


def test_an_empty_trail_says_what_it_is_for(admin_client: Client) -> None:
    assert "Nothing happened yet" in listed(admin_client)


def test_only_who_may_read_the_trail_sees_it(operator_client: Client) -> None:
    assert operator_client.get(reverse("mailadmin:audit-list")).status_code == 403
