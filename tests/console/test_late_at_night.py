"""What an administrator meets when something is wrong: true words, and the way back to where one was."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from mailadmin.models import AuditEntry, Delivery, DeliveryAttempt, RouteState

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("server_code", "said"),
    [
        ("dns-not-found", "Relay A failed (dns-not-found)"),
        ("", "Relay A failed"),
        ("550 5.7.1", "Relay A refused (550"),
    ],
)
def test_only_a_server_that_answered_has_refused(viewer_client, server_code, said):
    now = timezone.now()
    row = Delivery.objects.create(created_at=now, state="failed", subject="Hello")
    facts = {"delivery": row, "number": 1, "started_at": now, "duration_ms": 5, "accepted": False}
    DeliveryAttempt.objects.create(**facts, route_kind="smtp", route_name="Relay A", server_code=server_code)
    assert said in viewer_client.get(reverse("mailadmin:log", args=[row.pk])).text


def test_the_audit_entry_of_a_new_connection_tells_what_is_not_as_usual(admin_client, smtp_values, oauth):
    admin_client.post(reverse("mailadmin:smtp-new"), smtp_values)
    changes = AuditEntry.objects.get(action="created").changes
    assert changes["host"] == ["", "smtp.example.org"]
    assert changes["password"][1] == "stored"
    assert "oldest TLS version" not in changes
    values = {"client_type": "office365", "service_identity": "a@contoso.example"}
    service = {"name": "New", "integrated_service": oauth.integrated_service.pk}
    admin_client.post(reverse("mailadmin:oauth-new"), values | service)
    entry = AuditEntry.objects.filter(action="created").first()
    assert entry.changes["integrated service"] == ["", "Contoso mail app"]


@pytest.mark.parametrize("page", ["/smtp/", "/", "/?period=7d"])
def test_a_route_that_is_resumed_leads_back_to_where_the_button_was(admin_client, smtp, page):
    RouteState.objects.create(kind="smtp", route_id=smtp.pk, stopped=True, since=timezone.now())
    address = reverse("mailadmin:route-resume", args=["smtp", smtp.pk])
    response = admin_client.post(address, headers={"Referer": f"http://testserver{page}"})
    assert response.url == f"http://testserver{page}"
    assert admin_client.post(address, headers={"Referer": "https://evil.example/"}).url == "/"


@pytest.mark.parametrize("page", ["log-list", "audit-list"])
def test_a_filter_that_is_refused_says_so(admin_client, page):
    text = admin_client.get(reverse(f"mailadmin:{page}"), {"q": "x" * 300}).text
    assert "at most 200 characters" in text
    assert "nothing was looked for" in text
    assert "nothing was saved" not in text


def test_who_may_not_see_the_dashboard_is_not_sent_there(nobody_client, operator_client):
    button = 'class="button" href="/"'
    assert button not in nobody_client.get(reverse("mailadmin:dashboard")).text
    assert button in operator_client.get(reverse("mailadmin:settings")).text
