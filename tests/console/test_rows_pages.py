"""Lists, order, on and off, and delete of connections and services."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mailadmin.models import (
    AuditEntry,
    ConnectionTest,
    Delivery,
    IntegratedService,
    OAuthService,
    RouteState,
    Settings,
    SmtpConnection,
)
from tests.console.rows_to_watch import delivery

pytestmark = pytest.mark.django_db
LIST = "/smtp/"


def url(page: str, row) -> str:
    kind = {SmtpConnection: "smtp", OAuthService: "oauth", IntegratedService: "service"}[type(row)]
    return reverse(f"mailadmin:{kind}-{page}", args=[row.pk])


def state_of(client, row) -> str:
    found = client.get(reverse(f"mailadmin:{row.kind}-list")).context["rows"]
    return next(item.label for item in found if item.row.pk == row.pk)


def a_test(row, state="ok", ago=timedelta(0), **values):
    at = timezone.now() - ago
    return ConnectionTest.objects.create(
        kind=row.kind, route_id=row.pk, name=row.name, target="t", state=state, started_at=at, finished_at=at, **values
    )


def test_empty_lists_teach_the_next_step(admin_client, viewer_client):
    assert "Add the server that takes your mail" in admin_client.get(LIST).text
    assert "Register an app in Entra" in admin_client.get("/services/").text
    assert "An administrator adds the server" in viewer_client.get(LIST).text


def test_n13_the_list_says_what_was_not_tested_since_its_change(admin_client, smtp):
    assert state_of(admin_client, smtp) == "Not tested yet"
    a_test(smtp, ago=timedelta(hours=1))
    assert state_of(admin_client, smtp) == "Not tested since the change"
    a_test(smtp, state="cancelled")
    assert state_of(admin_client, smtp) == "Not tested since the change"
    a_test(smtp, state="failed")
    assert state_of(admin_client, smtp) == "Last test failed"
    a_test(smtp)
    assert state_of(admin_client, smtp) == "Ready"


def test_a_test_of_values_that_were_not_saved_proves_nothing_of_the_saved_ones(admin_client, smtp):
    a_test(smtp, saved_values=False)
    assert state_of(admin_client, smtp) == "Not tested yet"


def test_a_changed_app_registration_counts_as_a_change_of_its_oauth_service(admin_client, oauth, service):
    a_test(oauth)
    assert state_of(admin_client, oauth) == "Ready"
    service.save()
    assert state_of(admin_client, oauth) == "Not tested since the change"


def test_a_message_that_went_through_shows_as_ready_and_last_used(admin_client, smtp):
    delivery(attempts=({"route_id": smtp.pk},), minutes_ago=0)
    assert state_of(admin_client, smtp) == "Ready"
    a_test(smtp, state="failed", ago=timedelta(minutes=5))  # the message is the newer proof
    assert state_of(admin_client, smtp) == "Ready"
    assert "just now" in admin_client.get(LIST).text


def test_a_stopped_route_shows_its_reason_and_can_be_resumed(admin_client, viewer_client, smtp):
    state = RouteState.objects.create(
        kind="smtp", route_id=smtp.pk, stopped=True, since=timezone.now(), reason="Sign-in was refused."
    )
    page = admin_client.get(LIST).text
    assert "Stopped" in page
    assert "Sign-in was refused." in page
    assert reverse("mailadmin:route-resume", args=["smtp", smtp.pk]) in page
    assert "Sign-in was refused." in viewer_client.get(LIST).text
    state.stopped, state.failing = False, True
    state.save()
    assert state_of(admin_client, smtp) == "Failing"


def test_the_lists_need_the_same_number_of_statements_for_any_number_of_rows(
    admin_client, smtp, oauth, django_assert_max_num_queries
):
    for number in range(8):
        row = SmtpConnection.objects.create(name=f"Relay {number}", host="a.example", order=number)
        a_test(row)
    for address in (LIST, "/oauth/", "/services/"):
        with django_assert_max_num_queries(14):
            admin_client.get(address)


def test_switching_off_and_on(admin_client, smtp):
    version = Settings.current_version()
    admin_client.post(url("switch", smtp), {"enabled": "off"})
    smtp.refresh_from_db()
    assert not smtp.enabled
    assert Settings.current_version() != version, "every process is told"
    assert state_of(admin_client, smtp) == "Off"
    RouteState.objects.create(kind="smtp", route_id=smtp.pk, stopped=True, since=timezone.now())
    admin_client.post(url("switch", smtp), {"enabled": "on"})
    assert not RouteState.objects.exists()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["switched on", "switched off"]


def test_the_order_is_changed_one_place_at_a_time(admin_client, smtp):
    for order, name in enumerate(("B", "C"), 1):
        SmtpConnection.objects.create(name=name, host="a.example", order=order)

    def names() -> list[str]:
        return list(SmtpConnection.objects.values_list("name", flat=True))

    admin_client.post(url("move", SmtpConnection.objects.get(name="C")), {"direction": "up"})
    assert names() == ["Relay A", "C", "B"]
    admin_client.post(url("move", smtp), {"direction": "down"})
    assert names() == ["C", "Relay A", "B"]
    admin_client.post(url("move", SmtpConnection.objects.get(name="C")), {"direction": "up"})
    assert names() == ["C", "Relay A", "B"], "the first one stays the first one"
    assert AuditEntry.objects.filter(action="moved").count() == 2


def test_moving_and_switching_do_not_count_as_a_change_to_test_again(admin_client, smtp):
    SmtpConnection.objects.create(name="B", host="a.example", order=1)
    a_test(smtp)
    admin_client.post(url("move", smtp), {"direction": "down"})
    admin_client.post(url("switch", smtp), {"enabled": "off"})
    admin_client.post(url("switch", smtp), {"enabled": "on"})
    assert state_of(admin_client, smtp) == "Ready"


def test_a_new_row_comes_last(admin_client, smtp, smtp_values):
    SmtpConnection.objects.filter(pk=smtp.pk).update(order=7)
    admin_client.post("/smtp/new/", smtp_values | {"name": "Relay B"})
    assert SmtpConnection.objects.get(name="Relay B").order == 8


def test_deleting_asks_on_its_own_page_and_says_what_it_means(admin_client, smtp):
    Delivery.objects.create(created_at=timezone.now(), state="sent", route_kind="smtp", route_id=smtp.pk)
    page = admin_client.get(url("delete", smtp)).text
    assert "Nothing else is enabled" in page
    assert "The 1 message in the delivery log" in page
    assert SmtpConnection.objects.exists(), "a GET deletes nothing"
    response = admin_client.post(url("delete", smtp), follow=True)
    assert "“Relay A” is deleted." in response.text
    assert not SmtpConnection.objects.exists()
    assert Delivery.objects.exists()
    assert AuditEntry.objects.get().action == "deleted"


def test_an_integrated_service_in_use_cannot_be_deleted(admin_client, service, oauth):
    response = admin_client.post(url("delete", service))
    assert response.status_code == 409
    assert "It cannot be deleted while it is in use" in response.text
    assert "Contoso 365" in response.text
    oauth.delete()
    assert admin_client.post(url("delete", service)).status_code == 302
    assert not IntegratedService.objects.exists()


def test_the_test_button_sends_to_one_s_own_address(operator_client, smtp):
    page = operator_client.get(LIST).text
    assert f'action="{reverse("mailadmin:test-start", args=["smtp", smtp.pk])}"' in page
    assert 'name="recipient" value="otto@example.org"' in page


def test_s5_the_form_asks_for_a_recipient_and_tests_what_is_typed(admin_client, smtp):
    """S5: Test Connection is a button of the same form, so unsaved values travel with it."""
    page = admin_client.get(url("edit", smtp)).text
    assert 'formaction="/tests/try/smtp/"' in page
    assert 'name="recipient" id="id_recipient" value="anna@example.org"' in page
    assert f'name="pk" value="{smtp.pk}"' in page


def test_p12_the_pages_say_what_the_server_takes(admin_client, smtp):
    now = timezone.now()
    RouteState.objects.create(kind="smtp", route_id=smtp.pk, since=now, size_limit=35_000_000, size_limit_at=now)
    assert "up to 35 MB" in admin_client.get(LIST).text
    page = admin_client.get(url("edit", smtp)).text
    assert "Takes messages up to 35 MB, as the server said" in page
    assert "Takes messages" not in admin_client.get("/smtp/new/").text


def test_the_list_says_how_each_connection_gets_in(admin_client, smtp):
    SmtpConnection.objects.filter(pk=smtp.pk).update(
        auth="certificate", proxy_kind="socks5", proxy_host="proxy.example.org"
    )
    page = admin_client.get(LIST).text
    assert "client certificate" in page
    assert "through proxy.example.org" in page
