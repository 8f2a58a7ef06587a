"""Test all: one page with every connection side by side (N1)."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailadmin import testruns
from mailadmin.models import AuditEntry, ConnectionTest
from tests.console.rows_to_watch import finished_test, plain_row
from tests.fakes.smtp_server import SmtpServer

BATCH = uuid4()


def page(client: Client, name: str, *args: object, **query: object) -> str:
    response = client.get(reverse(f"mailadmin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_n1_an_operator_tests_every_connection_with_one_press_and_sees_them_side_by_side() -> None:
    user = User.objects.create_user("otto", "otto@example.org")
    user.groups.add(Group.objects.get(name="Operator"))
    client = Client()
    client.force_login(user)
    with SmtpServer() as peer:
        plain_row(peer.port, "Relay A")
        plain_row(peer.port, "Relay B")
        response = client.post(reverse("mailadmin:test-all"), {"recipient": "ben@example.net"})
        (thread,) = [one for one in threading.enumerate() if one.name.startswith("tests-") and len(one.name) == 42]
        thread.join(30)
        assert len(peer.messages) == 2
    text = client.get(response["Location"]).content.decode()
    assert "All 2 connections work." in text
    assert text.index(">Relay A</a>") < text.index(">Relay B</a>")
    assert "hx-trigger" not in text
    assert "with a message to ben@example.net" in text
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == ("tested", "all connections: with a message to ben@example.net")


@pytest.mark.django_db
def test_who_started_one_that_still_runs_is_led_to_it(operator_client: Client) -> None:
    finished_test("running", batch=BATCH, asked_by=operator_client.user, finished_at=None)  # type: ignore[attr-defined]
    response = operator_client.post(reverse("mailadmin:test-all"), follow=True)
    assert response.redirect_chain[-1][0] == reverse("mailadmin:test-batch", args=[BATCH])
    assert "still runs" in response.content.decode()


@pytest.mark.django_db
def test_nothing_to_test_and_a_wrong_address_are_sentences(operator_client: Client) -> None:
    assert (
        "There is nothing to test" in operator_client.post(reverse("mailadmin:test-all"), follow=True).content.decode()
    )
    plain_row(1)
    response = operator_client.post(reverse("mailadmin:test-all"), {"recipient": "nobody"}, follow=True)
    assert "is not an e-mail address" in response.content.decode()
    assert not ConnectionTest.objects.exists()


@pytest.mark.django_db
def test_a_running_batch_is_polled_and_says_how_far_it_is(operator_client: Client) -> None:
    now = timezone.now()
    finished_test("failed", name="Relay A", batch=BATCH)
    test = finished_test("running", name="Relay B", batch=BATCH, finished_at=None, beat_at=now)
    waits = finished_test("running", name="Relay C", batch=BATCH, finished_at=None, beat_at=now)
    waits.steps.update(state="waiting")
    text = page(operator_client, "test-batch", BATCH)
    assert "1 of 3 connections tested. 1 failed: Relay A." in text
    assert "It waits for its turn" in text
    assert 'hx-trigger="every' in text
    assert "<noscript>" in text
    assert "Stop all" in text
    assert "Test with a message" not in text
    seen = text.partition("?seen=")[2].partition('"')[0]
    address = reverse("mailadmin:test-batch-cards", args=[BATCH])
    assert operator_client.get(address, {"seen": seen}).status_code == 204
    ConnectionTest.objects.filter(pk__in=[test.pk, waits.pk]).update(state="ok", finished_at=now)
    fragment = operator_client.get(address, {"seen": seen}).content.decode()
    assert "1 of 3 connections failed: Relay A." in fragment
    assert "hx-trigger" not in fragment
    assert "<html" not in fragment
    assert "Test all again" in fragment
    assert "Test with a message" in fragment
    assert 'value="otto@example.org"' in fragment


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("states", "sentence", "tone"),
    [
        (["ok"], "The connection works.", "success"),
        (["ok", "ok"], "All 2 connections work.", "success"),
        (
            ["ok", "warning"],
            "1 of 2 connections passed without a remark. Look at: R1 (passed with warnings).",
            "warning",
        ),
        (["cancelled", "ok"], "1 of 2 connections passed without a remark. Look at: R0 (stopped).", "warning"),
        (["failed", "failed", "ok"], "2 of 3 connections failed: R0, R1.", "error"),
    ],
)
def test_one_sentence_says_how_all_of_them_ended(
    viewer_client: Client, states: list[str], sentence: str, tone: str
) -> None:
    for number, state in enumerate(states):
        finished_test(state, name=f"R{number}", batch=BATCH)
    text = page(viewer_client, "test-batch", BATCH)
    assert f'<div class="banner banner-{tone}"><strong>{sentence}' in text
    assert "Test all again" not in text  # a viewer starts none


@pytest.mark.django_db
def test_stop_all_asks_every_one_to_end(operator_client: Client) -> None:
    ended = finished_test("ok", batch=BATCH)
    running = [finished_test("running", batch=BATCH, finished_at=None) for _ in range(2)]
    response = operator_client.post(reverse("mailadmin:test-batch-stop", args=[BATCH]), follow=True)
    assert "Stopping …" in response.content.decode()
    assert set(ConnectionTest.objects.filter(cancel_requested=True)) == set(running)
    assert not ConnectionTest.objects.get(pk=ended.pk).cancel_requested
    assert AuditEntry.objects.get().action == "stopped"


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow_with_the_connections(viewer_client: Client) -> None:
    def statements(count: int) -> int:
        batch = uuid4()
        for number in range(count):
            finished_test("ok", name=f"R{number}", batch=batch)
        with CaptureQueriesContext(connection) as seen:
            page(viewer_client, "test-batch", batch)
        return len(seen)

    assert statements(2) == statements(9)


@pytest.mark.django_db
def test_an_unknown_batch_is_not_found(viewer_client: Client) -> None:
    assert viewer_client.get(reverse("mailadmin:test-batch", args=[UUID(int=7)])).status_code == 404
    assert testruns.stop_all(UUID(int=7)) == 0
