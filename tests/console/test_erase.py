"""N12: the page that erases a recipient: it counts first, and the audit trail does not keep the address."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from mailadmin.console.views.erase import fingerprint
from mailadmin.models import AuditEntry, Delivery
from tests.console.rows_to_watch import delivery

pytestmark = pytest.mark.django_db
ANN = "ann@example.org"


def post(client: Client, **values: str) -> str:
    return client.post(reverse("mailadmin:log-erase"), values, follow=True).content.decode()


def test_n12_the_page_counts_asks_and_erases(admin_client: Client) -> None:
    delivery(to=(ANN,))
    delivery(to=(ANN, "bob@example.org"))
    assert "See what is known" in admin_client.get(reverse("mailadmin:log-erase")).text
    asked = post(admin_client, address=f"Ann <{ANN}>")
    assert "<strong>2</strong> messages of the log will forget the address" in asked
    assert Delivery.objects.filter(subject="Invoice").count() == 2
    assert "erased from 2 messages" in post(admin_client, address=ANN, confirmed="yes")
    entry = AuditEntry.objects.get(action="erased")
    assert fingerprint(ANN) in entry.detail
    assert ANN not in str(AuditEntry.objects.values())
    assert Delivery.objects.filter(subject="Invoice").count() == 1


def test_n12_an_address_that_is_none_erases_nothing(admin_client: Client) -> None:
    delivery(to=(ANN,))
    assert "nothing was erased" in post(admin_client, address="nobody@", confirmed="yes")
    assert not AuditEntry.objects.filter(action="erased").exists()


def test_n12_fingerprints_tell_addresses_apart_and_know_no_capitals() -> None:
    assert fingerprint(ANN) == fingerprint(ANN.upper())
    assert fingerprint(ANN) != fingerprint("bob@example.org")
