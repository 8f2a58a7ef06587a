"""N2: the pages of the knowledge base: paste an error, read its entry, and see where it was met."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from mailadmin.console.knowledge import setting_label
from mailadmin.core.knowledge import entries
from mailadmin.core.outcome import DeliveryState
from mailadmin.models import ConnectionTest, Delivery, IntegratedService, SmtpConnection

pytestmark = pytest.mark.django_db
LIST = "mailadmin:knowledge-list"


def test_n2_a_pasted_error_is_answered_with_its_entry(viewer_client: Client) -> None:
    page = viewer_client.get(reverse(LIST), {"q": "AADSTS7000215: Invalid client secret provided."}).text
    assert "This explains it" in page
    assert "Microsoft Entra says that the client secret is wrong." in page
    assert reverse("mailadmin:knowledge", args=["entra-secret-wrong"]) in page


def test_without_a_question_every_entry_is_listed_by_what_it_is_about(viewer_client: Client) -> None:
    page = viewer_client.get(reverse(LIST)).text
    for entry in entries():
        assert page.count(f'href="{reverse("mailadmin:knowledge", args=[entry.id])}"') == 1
    assert "Encryption and certificates" in page


def test_the_list_can_be_limited_to_those_who_can_do_it(viewer_client: Client) -> None:
    page = viewer_client.get(reverse(LIST), {"owner": "network"}).text
    assert reverse("mailadmin:knowledge", args=["dns-failed"]) in page
    assert reverse("mailadmin:knowledge", args=["entra-secret-wrong"]) not in page


def test_nothing_found_says_what_to_paste(viewer_client: Client) -> None:
    page = viewer_client.get(reverse(LIST), {"q": "zebra quagga"}).text
    assert "Nothing is known under these words" in page
    assert "Nothing was looked for" not in page


def test_what_is_too_long_is_refused_in_words(viewer_client: Client) -> None:
    page = viewer_client.get(reverse(LIST), {"q": "x" * 2000}).text
    assert "nothing was looked for" in page


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_n2_every_entry_has_its_page(viewer_client: Client, entry: object) -> None:
    known = entry.explained()  # type: ignore[attr-defined]  # an Entry; parametrize knows no types
    response = viewer_client.get(reverse("mailadmin:knowledge", args=[known.id]))
    assert response.status_code == 200
    for text in (known.title, known.cause, *known.remedy, known.owner.label, known.failover.label, known.health.label):
        assert escape(text) in response.text


def test_an_entry_that_is_not_there_is_not_found(viewer_client: Client) -> None:
    assert viewer_client.get(reverse("mailadmin:knowledge", args=["no-such-entry"])).status_code == 404


def test_an_entry_leads_to_the_messages_and_tests_that_met_it(viewer_client: Client) -> None:
    now = timezone.now()
    message = Delivery.objects.create(
        created_at=now, subject="Invoice 17", state=DeliveryState.FAILED, code="credentials-refused"
    )
    test = ConnectionTest.objects.create(kind="smtp", name="Relay A", target="mail.example.org:587")
    test.steps.create(place=0, key="auth", title="Sign-in", state="failed", code="credentials-refused")
    page = viewer_client.get(reverse("mailadmin:knowledge", args=["credentials-refused"])).text
    assert reverse("mailadmin:log", args=[message.pk]) in page
    assert reverse("mailadmin:test", args=[test.pk]) in page
    assert f"{reverse('mailadmin:log-list')}?code=credentials-refused" in page
    back = viewer_client.get(reverse("mailadmin:log", args=[message.pk])).text
    assert reverse("mailadmin:knowledge", args=["credentials-refused"]) in back


@pytest.mark.parametrize("right", ["view_delivery", "view_connectiontest"])
def test_one_of_the_two_rights_is_enough_and_shows_what_it_covers(nobody_client: Client, right: str) -> None:
    nobody_client.user.user_permissions.add(Permission.objects.get(codename=right))  # type: ignore[attr-defined]
    page = nobody_client.get(reverse("mailadmin:knowledge", args=["cert-expired"])).text
    assert ("Messages it stopped" in page) == (right == "view_delivery")
    assert ("Tests that met it" in page) == (right == "view_connectiontest")
    assert f'href="{reverse(LIST)}" aria-current="page"' in page


def test_the_page_says_what_follows_and_when_it_applies(viewer_client: Client) -> None:
    page = viewer_client.get(reverse("mailadmin:knowledge", args=["credentials-refused"])).text
    assert "The reply code is 535" in page
    assert "While signing in" in page
    assert "It is stopped until its settings are changed" in page
    assert "Password" in page


@pytest.mark.parametrize("name", sorted({entry.setting for entry in entries() if entry.setting}))
def test_every_setting_of_the_knowledge_base_has_a_name_on_a_form(name: str) -> None:
    assert setting_label(name)


def test_a_failed_step_leads_to_the_secret_that_is_meant(
    admin_client: Client, smtp: SmtpConnection, service: IntegratedService
) -> None:
    """A connection with XOAUTH2 has a secret of its own field, and the one of its integrated service."""
    smtp.auth, smtp.integrated_service = "xoauth2", service
    smtp.save()
    test = ConnectionTest.objects.create(
        kind="smtp", route_id=smtp.pk, name=smtp.name, target="smtp.example.org:587", state="failed"
    )
    step = test.steps.create(
        place=0, key="auth", title="Sign-in", state="failed", code="entra-secret-wrong", problem="No.", setting="secret"
    )
    address = reverse("mailadmin:test", args=[test.pk])
    assert f"{reverse('mailadmin:service-edit', args=[service.pk])}#id_secret" in admin_client.get(address).text
    step.setting = "password"
    step.save()
    assert f"{reverse('mailadmin:smtp-edit', args=[smtp.pk])}#id_secret" in admin_client.get(address).text
