"""Alerts to a webhook (P8): signed, by the guarded dialler, tried again, and nothing of the address ever shown."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.alert_payloads import signature
from mailadmin.core.alert_texts import example
from mailadmin.models import AlertChannel, AlertDelivery
from mailadmin.watch.alerts.deliver import deliver, try_channel
from mailadmin.watch.alerts.looking import write_alert
from tests.fakes.graph_server import (
    Exchange,
    ScriptedServer,
    closes_after_request,
    free_port,
    resets_after_request,
    says,
    says_raw,
    silent_server,
)

from .alert_rows import SECRET, posted, webhook

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def sent(channel: AlertChannel) -> AlertDelivery:
    """Send one alert to `channel`, as the page does."""
    return try_channel(write_alert(example("staging"), ()), channel)


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams"])
def test_each_kind_gets_its_own_json(kind: str) -> None:
    with ScriptedServer(says(200, b"ok"), tls=False) as server:
        row = sent(webhook(server, kind=kind))
    assert (row.state, row.detail) == ("sent", f"{server.host} took it.")
    (request,) = server.requests
    assert request.line == "POST /hook/canary-path-7731?token=canary-token-9902 HTTP/1.1"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    known = {"webhook": "version", "slack": "blocks", "teams": "attachments"}
    assert known[kind] in json.loads(request.body)
    assert ("webhook-signature" in request.headers) is (kind == "webhook")


def test_the_signature_fits_the_very_bytes_that_were_sent() -> None:
    with ScriptedServer(says(204), tls=False) as server:
        sent(webhook(server))
    (request,) = server.requests
    alert_id, at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    assert alert_id == json.loads(request.body)["id"]
    assert abs(at - timezone.now().timestamp()) < 60
    assert request.headers["webhook-signature"] == signature(SECRET, alert_id, at, request.body)["Webhook-Signature"]


@pytest.mark.parametrize(
    ("status", "says_text"),
    [(400, "does not take this kind"), (403, "does not exist"), (404, "does not exist"), (410, "does not exist")],
)
def test_what_is_refused_for_good_is_not_tried_again(status: int, says_text: str) -> None:
    with ScriptedServer(says(status, b"canary-answer"), tls=False) as server:
        write_alert(example(""), [webhook(server)])
        deliver()
    row = AlertDelivery.objects.get()
    assert (row.state, row.tries) == ("failed", 1)
    assert says_text in row.detail
    assert "canary" not in row.detail, "nothing of the answer but its status is shown"


@pytest.mark.parametrize("status", [500, 502, 429])
def test_what_is_refused_for_now_is_tried_again_four_times(status: int) -> None:
    with (
        ScriptedServer(says(status), tls=False) as server,
        time_machine.travel(NOON, tick=False) as clock,
    ):
        write_alert(example(""), [webhook(server)])
        times = []
        for second in range(0, 900, 10):
            clock.move_to(NOON + timedelta(seconds=second))
            if deliver():
                times.append(second)
    assert times == [0, 30, 150, 750]
    row = AlertDelivery.objects.get()
    assert (row.state, row.tries) == ("failed", limits.ALERT_TRIES)
    assert len(server.requests) == limits.ALERT_TRIES


def test_a_webhook_that_comes_back_gets_its_alert() -> None:
    with (
        ScriptedServer(says(503), says(202), tls=False) as server,
        time_machine.travel(NOON, tick=False) as clock,
    ):
        write_alert(example(""), [webhook(server)])
        deliver()
        clock.shift(31)
        deliver()
    assert AlertDelivery.objects.values_list("state", "tries").get() == ("sent", 2)
    assert [one["title"] for one in posted(server)] == ["This is a test alert."] * 2


def test_the_wait_that_a_service_asks_for_is_kept() -> None:
    with ScriptedServer(says(429, Retry_After="90"), tls=False) as server, time_machine.travel(NOON, tick=False):
        write_alert(example(""), [webhook(server)])
        deliver()
        assert AlertDelivery.objects.get().due_at == NOON + timedelta(seconds=90)


def test_a_redirect_is_not_followed() -> None:
    with ScriptedServer(says(200), tls=False) as other, ScriptedServer(tls=False) as server:
        server._scripts = (says(307, Location=f"http://{other.host}/"),)
        row = sent(webhook(server))
    assert (row.state, other.requests) == ("failed", [])
    assert "A redirect is never followed" in row.detail


def test_a_huge_answer_is_not_read() -> None:
    def script(exchange: Exchange) -> None:
        exchange.read()
        exchange.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b"x" * 100_000)

    with ScriptedServer(script, tls=False) as server:
        assert sent(webhook(server)).state == "sent"


@pytest.mark.parametrize(
    ("script", "says_text"),
    [
        (closes_after_request, "closed the connection"),
        (resets_after_request, "closed the connection"),
        (says_raw(b"220 mail.example.org ESMTP\r\n"), "not HTTP"),
        (says_raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"), "not HTTP"),
    ],
)
def test_a_server_that_breaks_off_is_told_in_words(script: Any, says_text: str) -> None:
    with ScriptedServer(script, tls=False) as server:
        row = sent(webhook(server))
    assert row.state == "failed"
    assert says_text in row.detail


def test_a_webhook_that_keeps_silent_is_left_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALERT_SECONDS", 0.4)
    with silent_server(tls=False) as server:
        row = sent(webhook(server))
    assert "did not answer within" in row.detail


def test_a_webhook_that_is_not_there_is_told_in_words() -> None:
    with ScriptedServer(says(200), tls=False) as server:
        row = webhook(server)
    row.host = f"localhost:{free_port()}"
    row.url.set(f"http://{row.host}/hook")
    row.signing.set(SECRET)
    row.save()
    assert f"Check the host in the webhook address, and that this server may open connections to {row.host}." in (
        sent(row).detail
    )


def test_p8_a_webhook_is_reached_only_as_the_deployment_allows(settings: Any) -> None:
    settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"ALLOW_LOOPBACK": False}}
    with ScriptedServer(says(200), tls=False) as server:
        row = sent(webhook(server))
    assert (row.state, server.connections) == ("failed", 0)
    assert "MAILADMIN" in row.detail


def test_over_https_the_certificate_is_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with ScriptedServer(says(200)) as server:
        channel = webhook(server, tls=True)
        refused = sent(channel)
        (tmp_path / "ca.pem").write_text(server.ca_pem)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        taken = sent(channel)
    assert "certificate" in refused.detail
    assert taken.state == "sent"
    assert len(server.requests) == 1


def test_an_address_kept_outside_must_lead_to_the_host_it_was_saved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(says(200), tls=False) as server, ScriptedServer(says(200), tls=False) as other:
        monkeypatch.setenv("MAILADMIN_SECRET_HOOK", f"http://{server.host}/hook")
        channel = webhook(server)
        channel.url.set("env:MAILADMIN_SECRET_HOOK")
        channel.save()
        assert sent(channel).state == "sent"
        monkeypatch.setenv("MAILADMIN_SECRET_HOOK", f"http://{other.host}/hook")
        assert "leads to another host" in sent(channel).detail
        monkeypatch.delenv("MAILADMIN_SECRET_HOOK")
        assert "MAILADMIN_SECRET_HOOK is not set" in sent(channel).detail
    assert other.requests == []


def test_what_was_typed_for_another_host_is_dropped() -> None:
    with ScriptedServer(says(200), tls=False) as server:
        channel = webhook(server)
        channel.host = "hooks.example.org"
        channel.save()
        channel.refresh_from_db()
        assert not channel.url.sealed
        assert not channel.signing.sealed
        assert "Type the webhook address" in sent(channel).detail


def test_no_secret_is_logged_or_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The address of a webhook is a secret: HTTP libraries write it into their logs."""
    caplog.set_level(logging.DEBUG)
    odd = says_raw(b"HTTP/1.1 500 No\r\nBroken header\r\n\r\n")
    with ScriptedServer(says(200), odd, closes_after_request, tls=False) as server:
        channel = webhook(server)
        details = [sent(channel).detail for _ in range(3)]
    assert "canary" not in caplog.text
    assert "canary" not in str(details)
    assert "canary" not in str(AlertChannel.objects.values())


def test_a_delivery_whose_sender_died_is_taken_over_and_given_up_in_the_end() -> None:
    with (
        ScriptedServer(says(200), tls=False) as server,
        time_machine.travel(NOON, tick=False) as clock,
    ):
        write_alert(example(""), [webhook(server)])
        lost = AlertDelivery.objects.all()
        lost.update(state="sending", tries=1, due_at=NOON + timedelta(seconds=limits.ALERT_CLAIM_SECONDS))
        assert deliver() == 0
        clock.shift(limits.ALERT_CLAIM_SECONDS)
        assert deliver() == 1
        assert lost.get().state == "sent"
        lost.update(state="sending", tries=limits.ALERT_TRIES)
        clock.shift(limits.ALERT_CLAIM_SECONDS)
        deliver()
    assert (lost.get().state, lost.get().detail) == ("failed", "Every try was interrupted.")


def test_a_channel_that_is_gone_or_off_gets_nothing_more() -> None:
    with ScriptedServer(says(200), tls=False) as server:
        first, second = webhook(server), webhook(server, "Second")
        write_alert(example(""), [first, second])
        first.delete()
        second.enabled = False
        second.save()
        deliver()
    assert server.requests == []
    assert [row.detail for row in AlertDelivery.objects.all()] == [
        "The channel was deleted before the alert was sent.",
        "The channel was switched off before the alert was sent.",
    ]


@pytest.mark.parametrize("change", ["deleted", "switched off", "moved"])
def test_a_channel_withdrawn_while_the_alerts_before_it_leave_gets_nothing_more(change: str) -> None:
    """A round may last a minute; what an administrator takes back meanwhile holds at once."""
    with ScriptedServer(says(200), tls=False) as first, ScriptedServer(says(200), tls=False) as leaked:
        write_alert(example(""), [webhook(first), webhook(leaked, "Second")])
        with ScriptedServer(says(200), tls=False) as other:
            steps = iter([lambda: withdraw(change, other)])

            def after_the_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
                done = execute(sql, params, many, context)
                if "sent" in (params or ()):
                    next(steps, lambda: None)()
                return done

            with connection.execute_wrapper(after_the_first):
                deliver()
        assert len(first.requests) == 1
        assert leaked.requests == []
        assert len(other.requests) == (change == "moved")


def withdraw(change: str, other: ScriptedServer) -> None:
    """Do to the second channel what another process may do."""
    row = AlertChannel.objects.get(name="Second")
    if change == "deleted":
        row.delete()
    elif change == "switched off":
        AlertChannel.objects.filter(pk=row.pk).update(enabled=False)
    else:
        row.host = other.host
        row.url.set(f"http://{other.host}/new")
        row.signing.set(SECRET)
        row.save()


def test_slack_and_teams_are_signed_too_where_a_secret_is_given() -> None:
    with ScriptedServer(says(200), tls=False) as server:
        channel = webhook(server, kind="slack")
        channel.signing.set(SECRET)
        channel.save()
        sent(channel)
    assert "webhook-signature" in server.requests[0].headers


def test_a_round_begins_nothing_more_when_it_has_lasted_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALERT_ROUND_SECONDS", 0)
    with ScriptedServer(says(200), tls=False) as server:
        write_alert(example(""), [webhook(server)])
        assert deliver() == 0
    assert AlertDelivery.objects.get().state == "waiting"
