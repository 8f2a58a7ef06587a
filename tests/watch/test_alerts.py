"""Alerts from what is really wrong (P8): once, with quiet time, recovered, in a list, and by one process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from mailadmin.core import limits
from mailadmin.core.alerts import Event
from mailadmin.core.outcome import DeliveryState, SendResult
from mailadmin.delivery import health, retention, routes
from mailadmin.delivery.send import send_message
from mailadmin.models import Alert, AlertChannel, AlertDelivery, Incident, Settings
from mailadmin.watch import alerts
from mailadmin.watch.alerts import incidents, news, receivers
from mailadmin.watch.findings import findings
from tests.delivery.conftest import Peers, a_message, add_oauth, add_smtp
from tests.fakes.graph_server import ScriptedServer, says

from .alert_rows import mend, outcomes, posted, stop, told, webhook

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def hook() -> Any:
    with ScriptedServer(says(200, b"ok"), tls=False) as server:
        yield server


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def look(clock: Any, minutes: float) -> None:
    clock.move_to(NOON + timedelta(minutes=minutes))
    routes.forget()  # what is known of routes is read by the clock of the database
    alerts.look()


def test_a_route_that_is_stopped_is_told_once_and_again_when_it_works(
    peers: Peers, hook: ScriptedServer, clock: Any
) -> None:
    relay = add_smtp(peers)
    webhook(hook)
    look(clock, 0)
    assert told() == []
    stop(relay)
    for minute in (1, 2, 30, 90):
        look(clock, minute)
    assert told() == ["“Relay A” is stopped: no message goes by it."]
    mend(relay)
    for minute in (91, 92, 94, 95):
        look(clock, minute)
    assert told()[1:] == ["“Relay A” is no longer failing."]
    first, second = posted(hook)
    assert (first["event"], second["event"]) == ("failing", "recovered")
    assert first["route"] == {"kind": "smtp", "id": str(relay.pk), "name": "Relay A"}
    assert first["text"] == "The password is wrong."
    assert first["remedy"]
    assert first["url"] == "", "the address of this console is not known"
    assert second["text"] == "It had been so since 02 Nov 2026 12:01 UTC."
    assert outcomes() == [("Ops", "sent", 1)] * 2


def test_a_route_that_flaps_is_told_once(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    relay = add_smtp(peers)
    webhook(hook)
    for minute in range(12):
        (mend if minute % 2 else stop)(relay)
        look(clock, minute)
    assert told() == ["“Relay A” is stopped: no message goes by it."]


def test_what_fails_again_within_the_quiet_time_is_told_after_it_with_the_number(
    peers: Peers, hook: ScriptedServer, clock: Any
) -> None:
    relay = add_smtp(peers)
    webhook(hook)
    for start in (0, 10, 20):
        stop(relay)
        look(clock, start)
        mend(relay)
        look(clock, start + 3)
        look(clock, start + 6)
    stop(relay)
    look(clock, 30)
    assert [row.event for row in Alert.objects.order_by("created_at")] == ["failing", "recovered"]
    look(clock, 61)
    alert = Alert.objects.get(event="failing", created_at__gt=NOON)
    assert "It happened 3 times" in alert.text


def test_a_route_that_was_switched_off_or_paused_has_not_recovered(
    peers: Peers, hook: ScriptedServer, clock: Any
) -> None:
    relay, other = add_smtp(peers), add_smtp(peers, "Relay B")
    webhook(hook)
    stop(relay)
    stop(other)
    look(clock, 0)
    relay.enabled = False
    relay.save()
    mend(other)
    health.pause(other.key, "anna")
    for minute in (1, 4, 5):
        look(clock, minute)
    assert len(told()) == 2
    assert not Incident.objects.filter(over=False).exists()


def test_many_that_break_at_once_are_one_alert_with_a_list(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    relays = [add_smtp(peers, f"Relay {number:02}") for number in range(30)]
    webhook(hook)
    for relay in relays:
        stop(relay)
    look(clock, 0)
    assert told() == ["Newly failing: 30 at once"]
    assert "• “Relay 03” is stopped" in posted(hook)[0]["text"]
    assert Incident.objects.count() == 30
    look(clock, 5)
    assert len(hook.requests) == 1


def test_each_stage_before_the_end_of_a_secret_is_told_once(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    service = add_oauth(peers).integrated_service
    webhook(hook)
    service.credential_ends_on = (NOON + timedelta(days=70)).date()
    service.save()
    stages = []
    for day in (0, 9, 10, 11, 39, 40, 41, 55, 56, 57, 63, 64, 69, 70, 71, 72):
        before = len(told())
        look(clock, day * 24 * 60)
        stages += [day] * (len(told()) - before)
    assert stages == [10, 40, 56, 63, 69, 71]  # 60, 30, 14, 7 and 1 days ahead, and the day after
    assert {row.event for row in Alert.objects.all()} == {"expiry"}
    assert told()[-1] == "The client secret of “App of Contoso 365” ended on 11 Jan 2027."


def test_a_channel_is_told_only_what_it_was_set_to(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    relay = add_smtp(peers)
    webhook(hook, "Only ends", events=["expiry"])
    webhook(hook, "All")
    webhook(hook, "Off", enabled=False)
    stop(relay)
    look(clock, 0)
    assert outcomes() == [("All", "sent", 1)]


def test_without_a_channel_nothing_is_kept(peers: Peers, clock: Any) -> None:
    stop(add_smtp(peers))
    news.put(news.Happening(Event.UNSURE, "unsure", receivers.Facts("x")))
    look(clock, 0)
    assert not Alert.objects.exists()
    assert not Incident.objects.exists()
    assert news.take() == {}


def test_a_new_channel_is_told_what_is_wrong_already(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    stop(add_smtp(peers))
    look(clock, 0)
    webhook(hook)
    look(clock, 600)
    assert outcomes() == [("Ops", "sent", 1)]


def test_nothing_is_told_from_a_database_of_another_place(
    peers: Peers, hook: ScriptedServer, clock: Any, settings: Any
) -> None:
    """N9: a copy has the channels of the place it was copied from."""
    stop(add_smtp(peers))
    webhook(hook)
    Settings.load()
    Settings.objects.update(environment="production", generation=0)
    settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "staging"}
    look(clock, 0)
    assert hook.requests == []
    assert told() == []


def test_the_alert_links_to_the_page_that_helps_where_the_address_of_the_console_is_known(
    peers: Peers, hook: ScriptedServer, clock: Any, settings: Any
) -> None:
    relay = add_smtp(peers)
    webhook(hook)
    Settings.load()
    Settings.objects.update(console_url="https://mail.example.org")
    stop(relay)
    look(clock, 0)
    assert posted(hook)[0]["url"] == f"https://mail.example.org/smtp/{relay.pk}/"


# -- What happens ----------------------------------------------------------------------------------------


def test_a_message_by_the_fallback_is_told_and_further_ones_are_counted(
    peers: Peers, hook: ScriptedServer, clock: Any
) -> None:
    """N3: sent by fallback is told, though no route is failing in the findings any more."""
    add_oauth(peers)
    add_smtp(peers)
    webhook(hook, events=["fallback"])
    peers.graph_fault = "403"
    assert send_message(a_message()).state is DeliveryState.FALLBACK
    look(clock, 0)
    assert [one["title"] for one in posted(hook)] == ["Mail is sent by the fallback “Relay A”."]
    for _ in range(4):
        send_message(a_message())
    look(clock, 5)
    assert len(hook.requests) == 1
    look(clock, 60)
    assert "It happened 4 times since 02 Nov 2026 12:00 UTC." in posted(hook)[1]["text"]
    assert "ann@example.org" not in str(posted(hook))


def test_a_message_of_which_nobody_knows_is_told(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    webhook(hook)
    receivers.on_unsure(None, delivery_id="1", result=SendResult(DeliveryState.UNSURE), label="orders")
    look(clock, 0)
    (alert,) = posted(hook)
    assert alert["event"] == "unsure"
    assert alert["owner"] == "You, in this console"
    assert alert["code"] == "smtp-unsure"


def test_nothing_is_told_of_alerts_themselves(db: None) -> None:
    receivers.on_unsure(None, result=SendResult(DeliveryState.UNSURE), label="mailadmin-alert")
    receivers.on_sent(None, result=SendResult(DeliveryState.FALLBACK), label="mailadmin-alert")
    assert news.take() == {}


def test_a_message_that_went_the_preferred_way_leaves_no_news(peers: Peers) -> None:
    add_smtp(peers)
    send_message(a_message())
    assert news.take() == {}


def test_what_could_not_be_written_is_told_at_the_next_look(
    peers: Peers, hook: ScriptedServer, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(hook)
    receivers.on_unsure(None, result=SendResult(DeliveryState.UNSURE))
    with monkeypatch.context() as broken:
        broken.setattr(connection, "vendor", "none")  # whatever a database may do to a writer
        broken.setattr(connection, "cursor", None)
        assert alerts.look() == limits.PROBE_LOOK_SECONDS  # the thread of a process without a worker does not end
    alerts.look()
    assert [one["event"] for one in posted(hook)] == ["unsure"]


# -- Several processes -----------------------------------------------------------------------------------


def test_an_incident_that_two_processes_see_is_told_by_one(peers: Peers, hook: ScriptedServer, clock: Any) -> None:
    relay = add_smtp(peers)
    stop(relay)
    webhook(hook)
    look(clock, 0)
    quiet = timedelta(minutes=60)
    stale = {row.key: row for row in Incident.objects.all()}
    Incident.objects.update(told_at=None)  # as when both read the row before one of them told it
    found = {finding.key: finding for finding in findings() if finding.event}
    first = list(incidents._lasting(found, {k: Incident.objects.get(pk=k) for k in stale}, timezone.now(), quiet))
    untold = {key: Incident(key=key, event="failing", since=row.since, told_at=None) for key, row in stale.items()}
    second = list(incidents._lasting(found, untold, timezone.now(), quiet))
    assert len(first) == 1
    assert second == []


@pytest.mark.django_db(transaction=True)
def test_threads_that_look_at_once_tell_and_send_once(peers: Peers) -> None:
    stop(add_smtp(peers))
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        alerts.look()
        connection.close()

    with ScriptedServer(says(200), tls=False) as hook:
        webhook(hook)
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alerts.look()
        assert len(hook.requests) == 1
    assert outcomes() == [("Ops", "sent", 1)]


# -- Keeping ---------------------------------------------------------------------------------------------


def test_alerts_are_forgotten_with_the_log(db: None) -> None:
    old = Alert.objects.create(event="failing", title="Old", created_at=timezone.now() - timedelta(days=31))
    AlertDelivery.objects.create(alert=old, channel_name="Ops")
    Alert.objects.create(event="failing", title="New")
    retention.prune()
    assert told() == ["New"]
    assert not AlertDelivery.objects.exists()


def test_the_next_look_is_when_something_is_due(peers: Peers, clock: Any) -> None:
    relay = add_smtp(peers)
    with ScriptedServer(says(503), tls=False) as hook:
        webhook(hook)
        assert alerts.look() is None
        stop(relay)
        assert alerts.look() == limits.ALERT_RETRY_SECONDS[0]
    AlertChannel.objects.all().delete()
    assert alerts.look() is None
