"""The pages of Test Connection: starting, watching, stopping, saving what was tested."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailadmin.console.forms import SmtpConnectionForm
from mailadmin.console.route_rows import summaries
from mailadmin.core import limits
from mailadmin.models import AuditEntry, ConnectionTest, SmtpConnection
from tests.console.rows_to_watch import finished_test, plain_row, smtp_row, wait_for
from tests.fakes import certificates
from tests.fakes.smtp_server import SmtpServer

CANARY = "canary-password-7716"
SENT_TO = "ben@example.net"


def peer(**changes: Any) -> SmtpServer:
    return SmtpServer(**({"identity": certificates.good(), "features": ("AUTH PLAIN", "STARTTLS")} | changes))


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def start(client: Client, row: SmtpConnection, recipient: str = "") -> Any:
    return client.post(reverse("mailadmin:test-start", args=["smtp", row.pk]), {"recipient": recipient})


def typed(port: int, **values: Any) -> dict[str, Any]:
    return {
        "name": "Relay B",
        "host": "localhost",
        "port": str(port),
        "security": "starttls",
        "tls_minimum": "1.2",
        "check_identity": "on",
        "ca_pem": certificates.authority().pem.replace("\n", "\r\n"),  # as a browser sends it
        "auth": "password",
        "user_name": "anna",
        "secret": CANARY,
        "from_address": "shop@example.org",
        "sender_policy": "when-missing",
        "enabled": "on",
        "connect_timeout": "5",
        "command_timeout": "5",
        "message_timeout": "10",
        "final_timeout": "60",
        "final_background_timeout": "600",
        "family": "race",
        "keep_open": "on",
        "pipelining": "on",
        "chunking": "on",
        "idle_seconds": "60",
        "session_messages": "100",
        "parallel": "4",
        "rate_messages": "0",
        "rate_seconds": "60",
        "on_unsure": "resend",
        "recipient": SENT_TO,
    } | values


def with_role(name: str, role: str) -> Client:
    user = User.objects.create_user(name, f"{name}@example.org")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.django_db(transaction=True)
def test_n1_s5_an_operator_tests_saved_values_and_sees_every_step() -> None:
    client = with_role("otto", "Operator")
    with peer() as server:
        row = smtp_row(server.port)
        response = start(client, row, SENT_TO)
        test = wait_for(ConnectionTest.objects.get())
        assert response["Location"] == reverse("mailadmin:test", args=[test.pk])
        assert b"Subject: Test of Relay A" in server.messages[0]
    text = page(client, "test", test.pk)
    assert "<title>Passed · Relay A · Test connection" in text
    assert "Everything works: the test message was accepted." in text
    for title in ("Settings", "Find the server (DNS)", "Greeting", "Sign-in", "Recipient", "Message"):
        assert f'<span class="step-title">{title}</span>' in text
    assert "Server dialogue (secrets masked)" in text
    assert "AUTH PLAIN ••••••" in text
    assert "Report to copy" in text
    assert "hx-trigger" not in text
    assert "Test again" in text
    entry = AuditEntry.objects.get(action="tested")
    assert (entry.user_name, entry.detail) == ("otto", f"with a message to {SENT_TO}")


@pytest.mark.django_db(transaction=True)
def test_n1_n2_the_failing_step_shows_cause_remedy_owner_and_the_way_to_the_setting() -> None:
    client = with_role("anna", "Administrator")
    with peer() as server:
        row = smtp_row(server.port, password="wrong-password")
        start(client, row)
        test = wait_for(ConnectionTest.objects.get())
    text = page(client, "test", test.pk)
    assert "<title>Failed: Sign-in · Relay A" in text
    assert "Step 6 of 9 failed: Sign-in." in text
    assert "The server answers and TLS is sound." in text
    assert "What to do" in text
    assert "Whose job:" in text
    assert f"{reverse('mailadmin:smtp-edit', args=[row.pk])}#id_" in text
    assert text.count("step-off") == 3
    assert "wrong-password" not in text


@pytest.mark.django_db(transaction=True)
def test_p2_typed_values_are_tested_and_then_saved_without_typing_them_again() -> None:
    client = with_role("anna", "Administrator")
    with peer(users={"anna": CANARY}) as server:
        response = client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed(server.port))
        assert response.status_code == 302
        test = wait_for(ConnectionTest.objects.get())
        assert len(server.messages) == 1
    assert (test.state, test.saved_values, test.route_id) == ("ok", False, None)
    assert SmtpConnection.objects.count() == 0
    text = page(client, "test", test.pk)
    assert "Save what was tested" in text
    back = page(client, "test-form", test.pk)
    assert 'value="Relay B"' in back
    assert CANARY not in text + back
    client.post(reverse("mailadmin:test-save", args=[test.pk]))
    row = SmtpConnection.objects.get()
    secret = row.secret.value()
    assert secret
    assert secret.reveal() == CANARY
    test.refresh_from_db()
    assert (test.draft, test.route_id) == ("", row.pk)
    assert "Save what was tested" not in page(client, "test", test.pk)
    (listed,) = summaries(SmtpConnection)
    assert (listed.label, listed.last_test) == ("Ready", test)  # it was saved as it had been tested
    row.save()
    assert summaries(SmtpConnection)[0].label == "Not tested since the change"


@pytest.mark.django_db(transaction=True)
def test_p2_the_stored_password_serves_for_typed_values_only_while_the_destination_is_the_same() -> None:
    client = with_role("anna", "Administrator")
    with peer(users={"anna": CANARY}) as server, peer() as foreign:
        row = smtp_row(server.port, name="Relay B", password=CANARY)
        address = reverse("mailadmin:test-start-unsaved", args=["smtp"])
        kept = typed(server.port, pk=str(row.pk), secret="", name="Renamed")
        client.post(address, kept)
        test = wait_for(ConnectionTest.objects.get())
        assert (test.state, test.name, test.route_id) == ("ok", "Renamed", row.pk)
        response = client.post(address, kept | {"port": str(foreign.port)})
        assert response.status_code == 200
        assert "You changed the port" in response.content.decode()
        assert 'value="Renamed"' in response.content.decode()
        assert foreign.sessions == []
    assert ConnectionTest.objects.count() == 1
    row.refresh_from_db()
    assert row.name == "Relay B"


@pytest.mark.django_db(transaction=True)
def test_a_form_that_was_not_changed_counts_as_a_test_of_the_saved_values() -> None:
    client = with_role("anna", "Administrator")
    with peer() as server:
        values = typed(server.port, secret="", recipient="")
        timeouts = {"connect_timeout": 5, "command_timeout": 5, "message_timeout": 10}
        row = smtp_row(server.port, name="Relay B", **timeouts)
        unchanged = values | {"pk": str(row.pk), "seen": SmtpConnectionForm(instance=row)["seen"].value()}
        client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), unchanged)
        test = wait_for(ConnectionTest.objects.get())
    assert (test.saved_values, test.draft) == (True, "")


def test_invalid_typed_values_are_shown_again_with_their_errors_and_nothing_is_tested(admin_client: Client) -> None:
    address = reverse("mailadmin:test-start-unsaved", args=["smtp"])
    response = admin_client.post(address, typed(70000, host="https://mail.example.org"))
    assert response.status_code == 200
    text = response.content.decode()
    assert "70000 is not a port" in text
    assert 'value="https://mail.example.org"' in text
    assert ConnectionTest.objects.count() == 0
    response = admin_client.post(address, typed(25, recipient="not an address"))
    assert "is not an e-mail address" in response.content.decode()
    assert CANARY not in response.content.decode()
    assert ConnectionTest.objects.count() == 0


def test_unsaved_values_need_the_right_to_change_and_saved_ones_do_not(operator_client: Client) -> None:
    row = plain_row(1)
    address = reverse("mailadmin:test-start-unsaved", args=["smtp"])
    assert operator_client.post(address, typed(1)).status_code == 403
    assert operator_client.post(address, typed(1, pk=str(row.pk))).status_code == 403
    assert start(operator_client, row).status_code == 302
    assert ConnectionTest.objects.count() == 1


def test_the_draft_of_another_browser_is_neither_shown_nor_saved(admin_client: Client, administrator: User) -> None:
    admin_client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed(1))
    test = ConnectionTest.objects.get()
    assert test.draft
    other = Client()
    other.force_login(administrator)
    assert "Save what was tested" not in page(other, "test", test.pk)
    for response in (
        other.post(reverse("mailadmin:test-save", args=[test.pk]), follow=True),
        other.get(reverse("mailadmin:test-form", args=[test.pk]), follow=True),
    ):
        assert "are not kept any more, or not for this browser" in response.content.decode()
    assert SmtpConnection.objects.count() == 0


def test_an_address_that_does_not_fit_is_refused_with_a_sentence(operator_client: Client) -> None:
    row = plain_row(1)
    response = operator_client.post(
        reverse("mailadmin:test-start", args=["smtp", row.pk]), {"recipient": "a@b.org, c@d.org"}, follow=True
    )
    assert "one is wanted" in response.content.decode()
    assert ConnectionTest.objects.count() == 0


def test_the_sixth_test_within_a_minute_is_refused_with_the_wait(admin_client: Client) -> None:
    row = plain_row(1)
    for _ in range(limits.TESTS_PER_MINUTE):
        start(admin_client, row)
    response = admin_client.post(reverse("mailadmin:test-start", args=["smtp", row.pk]), follow=True)
    assert "which is the limit. Wait" in response.content.decode()
    response = admin_client.post(reverse("mailadmin:test-start-unsaved", args=["smtp"]), typed(1))
    assert "which is the limit. Wait" in response.content.decode()
    assert 'value="Relay B"' in response.content.decode()
    assert ConnectionTest.objects.count() == limits.TESTS_PER_MINUTE


def test_a_running_test_is_polled_until_it_ends(operator_client: Client) -> None:
    test = finished_test("running", finished_at=None, beat_at=timezone.now())
    test.steps.update(state="running")
    text = page(operator_client, "test", test.pk)
    assert "<title>Running" in text
    assert 'hx-trigger="every' in text
    assert "Now step 1 of 1: Settings …" in text
    assert "<noscript>" in text
    assert ">Stop<" in text.replace("\n", "").replace("  ", "").replace("</svg> Stop", "</svg>>Stop<")
    seen = text.partition("?seen=")[2].partition('"')[0]
    address = reverse("mailadmin:test-steps", args=[test.pk])
    assert operator_client.get(address, {"seen": seen}).status_code == 204
    test.steps.update(state="ok")
    ConnectionTest.objects.update(state="ok", finished_at=timezone.now(), verdict="Everything works.")
    fragment = operator_client.get(address, {"seen": seen}).content.decode()
    assert "<title>Passed" in fragment
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment
    assert 'id="test-status"' in fragment


def test_stop_asks_the_test_to_end(operator_client: Client) -> None:
    test = finished_test("running", finished_at=None, beat_at=timezone.now())
    operator_client.post(reverse("mailadmin:test-cancel", args=[test.pk]))
    test.refresh_from_db()
    assert test.cancel_requested
    assert AuditEntry.objects.get().action == "stopped"
    assert "Stopping …" in page(operator_client, "test", test.pk)


def test_a_lost_test_shows_as_interrupted(viewer_client: Client) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    test = finished_test("running", finished_at=None, started_at=long_ago, beat_at=long_ago)
    text = page(viewer_client, "test", test.pk)
    assert "The test was interrupted." in text
    assert "hx-trigger" not in text


def test_the_list_can_be_narrowed_to_one_state_and_teaches_when_it_is_empty(viewer_client: Client) -> None:
    assert "No test yet" in page(viewer_client, "test-list")
    finished_test("failed", name="Broken")
    finished_test("ok", name="Sound")
    text = page(viewer_client, "test-list", state="failed")
    assert "Broken" in text
    assert "Sound" not in text
    assert "No test fits these filters" in page(viewer_client, "test-list", state="cancelled")


def test_earlier_tests_of_the_same_route_are_listed(viewer_client: Client) -> None:
    row = plain_row(1)
    earlier = finished_test("failed", route_id=row.pk, started_at=timezone.now() - timedelta(hours=1))
    other = finished_test("failed", started_at=timezone.now() - timedelta(hours=1))
    text = page(viewer_client, "test", finished_test("ok", route_id=row.pk).pk)
    assert reverse("mailadmin:test", args=[earlier.pk]) in text
    assert reverse("mailadmin:test", args=[other.pk]) not in text
    assert "Edit settings" not in text
    assert "Test again" not in text
