"""S18: the Done event. Clients of the HTTP API are told what became of their messages: signed, tried again, and never
in the way of a message."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailadmin.conf import ConfigurationError
from mailadmin.core import limits
from mailadmin.core.alert_payloads import signature
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult
from mailadmin.core.preferences import Preferences
from mailadmin.delivery import announce, health, routes
from mailadmin.delivery.options import SendOptions
from mailadmin.delivery.outbox import waiting
from mailadmin.delivery.send import send_message
from mailadmin.models import ApiClient, Delivery, DoneNotice
from mailadmin.watch import done, schedule
from mailadmin.watch.alerts import bell
from tests.delivery.conftest import Peers, a_message, add_smtp
from tests.delivery.outbox_rows import send as send_queued
from tests.fakes.graph_server import ScriptedServer, closes_after_request, free_port, says, says_raw, silent_server

from .done_rows import SECRET, client_row, hand_over, notices

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer(says(204), tls=False) as running:
        yield running


def told(server: ScriptedServer) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in server.requests]


def a_delivery(client: ApiClient, state: DeliveryState = DeliveryState.SENT, **values: Any) -> Delivery:
    """Write a message of `client` that is over."""
    return Delivery.objects.create(created_at=timezone.now(), client=client, state=state, **values)


def a_notice(client: ApiClient) -> DoneNotice:
    """Write what is to be told of a message that was sent."""
    return DoneNotice.objects.create(client=client, delivery=a_delivery(client), outcome="sent")


def fail(server: ScriptedServer, *scripts: Any) -> None:
    server._scripts = scripts


class TestWhatIsTold:
    def test_s18_a_message_that_was_sent_is_told_with_all_that_the_client_needs(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        add_smtp(peers)
        result = hand_over(client_row(receiver), "ann@example.org", "bob@example.org")
        assert done.deliver() == 1
        (event,) = told(receiver)
        finished = event.pop("finished_at")
        assert event == {
            "event": "done",
            "id": result.delivery_id,
            "outcome": "sent",
            "state": "sent",
            "endpoint": "Shop",
            "subject": "Hello",
            "recipients": [
                {"address": "ann@example.org", "state": "sent", "reason": ""},
                {"address": "bob@example.org", "state": "sent", "reason": ""},
            ],
            "message_id": result.message_id,
            "metadata": {"order": "20418"},
        }
        assert datetime.fromisoformat(finished).tzinfo
        assert notices() == [("sent", "told", 1)]
        assert DoneNotice.objects.get().detail == f"{receiver.host} took it."

    def test_s18_a_message_that_nobody_took_is_told_with_the_reason(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        add_smtp(peers)
        peers.smtp_fault = "550-recipient"
        with pytest.raises(MailError):
            hand_over(client_row(receiver))
        done.deliver()
        (event,) = told(receiver)
        assert (event["outcome"], event["state"]) == ("failed", "failed")
        assert event["recipients"][0]["state"] == "refused"
        assert "550" in event["recipients"][0]["reason"]

    def test_s18_a_message_for_which_no_route_was_free_is_told_too(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        health.pause(add_smtp(peers).key, "otto")
        with pytest.raises(MailError):
            hand_over(client_row(receiver))
        done.deliver()
        assert [(event["outcome"], event["recipients"]) for event in told(receiver)] == [("failed", [])]

    def test_s18_a_message_that_may_have_been_taken_is_told_as_unsure(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        add_smtp(peers, final_timeout=1)
        peers.smtp_fault = "timeout-after-data"
        with pytest.raises(DeliveryUnsure):
            hand_over(client_row(receiver))
        done.deliver()
        assert [event["outcome"] for event in told(receiver)] == ["unsure"]

    def test_s18_a_message_that_some_got_is_told_once(self, receiver: ScriptedServer) -> None:
        row = a_delivery(client_row(receiver), DeliveryState.PARTLY)
        states = {"a@example.org": RecipientState.SENT, "b@example.org": RecipientState.REFUSED}
        outcomes = {address: RecipientOutcome(state) for address, state in states.items()}
        for address, state in states.items():
            row.recipients.create(address=address, state=state)
        announce.message(row.pk, SendResult(DeliveryState.PARTLY, recipients=outcomes), "", row.client_id)
        done.deliver()
        (event,) = told(receiver)
        assert (event["outcome"], event["state"]) == ("sent", "partly-sent")
        assert [one["state"] for one in event["recipients"]] == ["sent", "refused"]

    def test_s18_a_queued_message_is_told_by_the_worker_that_sent_it(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        add_smtp(peers)
        result = hand_over(client_row(receiver), "ann@example.org", "bob@example.org", delivery="queued")
        assert send_queued(UUID(result.delivery_id)) is DeliveryState.SENT
        done.deliver()
        (event,) = told(receiver)
        assert (event["id"], event["outcome"]) == (result.delivery_id, "sent")
        assert [one["state"] for one in event["recipients"]] == ["sent", "sent"]
        assert event["finished_at"]

    def test_s18_a_queued_message_is_told_when_it_is_over(self, peers: Peers, receiver: ScriptedServer) -> None:
        add_smtp(peers)
        result = hand_over(client_row(receiver), delivery="queued")
        assert done.deliver() == 0, "nothing is known of it yet"
        with pytest.MonkeyPatch.context() as patch:  # a test never commits
            patch.setattr("django.db.transaction.on_commit", lambda call, **named: call())
            waiting.cancel([result.delivery_id])
        done.deliver()
        assert [(event["outcome"], event["state"]) for event in told(receiver)] == [("failed", "cancelled")]

    def test_a_message_that_was_refused_before_it_was_taken_is_not_told(self, receiver: ScriptedServer) -> None:
        with pytest.raises(ConfigurationError):
            hand_over(client_row(receiver))
        with pytest.raises(MailError):
            hand_over(ApiClient.objects.get(), "nonsense@")
        assert notices() == []

    def test_a_client_without_an_address_is_told_nothing(self, peers: Peers) -> None:
        add_smtp(peers)
        hand_over(client_row())
        assert notices() == []

    def test_a_message_of_nobody_costs_nothing(self, peers: Peers, receiver: ScriptedServer) -> None:
        """The statements are those of a message without any client."""
        add_smtp(peers)
        send_message(a_message())
        with CaptureQueriesContext(connection) as alone:
            send_message(a_message())
        client_row(receiver)
        send_message(a_message())
        with CaptureQueriesContext(connection) as beside:
            send_message(a_message())
        assert len(beside) == len(alone)
        assert notices() == []


class TestOnTheWire:
    def test_the_signature_fits_the_very_bytes_that_were_sent(self, receiver: ScriptedServer) -> None:
        a_notice(client_row(receiver))
        done.deliver()
        (request,) = receiver.requests
        event_id, at = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
        assert (
            request.headers["webhook-signature"] == signature(SECRET, event_id, at, request.body)["Webhook-Signature"]
        )

    def test_no_secret_is_logged_kept_or_shown(
        self, receiver: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        fail(receiver, says(200), says_raw(b"HTTP/1.1 500 No\r\nBroken header\r\n\r\n"), closes_after_request)
        client = client_row(receiver)
        for _ in range(3):
            a_notice(client)
        done.deliver()
        assert "canary" not in caplog.text
        assert "canary" not in str([*DoneNotice.objects.values(), *ApiClient.objects.values()])

    def test_a_redirect_is_not_followed(self, receiver: ScriptedServer) -> None:
        with ScriptedServer(says(200), tls=False) as other:
            fail(receiver, says(307, Location=f"http://{other.host}/"))
            a_notice(client_row(receiver))
            done.deliver()
            assert other.requests == []
        assert "A redirect is never followed" in DoneNotice.objects.get().detail

    def test_the_receiver_is_reached_only_as_the_deployment_allows(
        self, receiver: ScriptedServer, settings: Any
    ) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"NETWORK": {"ALLOW_LOOPBACK": False}}
        a_notice(client_row(receiver))
        done.deliver()
        assert receiver.connections == 0
        assert notices() == [("sent", "failed", 1)]
        assert "The settings of this deployment forbid it." in DoneNotice.objects.get().detail

    def test_a_receiver_that_keeps_silent_is_left_after_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "DONE_SECONDS", 0.4)
        with silent_server(tls=False) as server:
            a_notice(client_row(server))
            done.deliver()
        assert "did not answer within" in DoneNotice.objects.get().detail

    def test_an_address_kept_outside_must_lead_to_the_host_it_was_saved_for(
        self, receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = client_row(receiver)
        monkeypatch.setenv("MAILADMIN_SECRET_DONE", f"http://localhost:{free_port()}/done")
        client.url.set("env:MAILADMIN_SECRET_DONE")
        client.save()
        a_notice(client)
        done.deliver()
        assert "leads to another host" in DoneNotice.objects.get().detail


class TestAgain:
    def test_s18_a_receiver_that_is_down_gets_it_when_it_is_up(self, receiver: ScriptedServer) -> None:
        fail(receiver, says(503), closes_after_request, says(202))
        with time_machine.travel(NOON, tick=False) as clock:
            a_notice(client_row(receiver))
            assert done.deliver() == 1
            assert done.next_due() == limits.DONE_RETRY_SECONDS[0]
            clock.shift(limits.DONE_RETRY_SECONDS[0])
            done.deliver()
            clock.shift(limits.DONE_RETRY_SECONDS[1])
            done.deliver()
            assert done.next_due() is None
        assert notices() == [("sent", "told", 3)]

    def test_it_is_given_up_after_its_tries(self, receiver: ScriptedServer) -> None:
        fail(receiver, says(500))
        times = []
        with time_machine.travel(NOON, tick=False) as clock:
            a_notice(client_row(receiver))
            while (pause := done.next_due()) is not None:
                clock.shift(pause)
                times.append(round((timezone.now() - NOON).total_seconds()))
                done.deliver()
        assert times == [0, 30, 330, 2130, 9330, 52530]
        assert notices() == [("sent", "failed", limits.DONE_TRIES)]

    @pytest.mark.parametrize("status", [400, 401, 404, 410])
    def test_what_is_refused_for_good_is_not_tried_again(self, receiver: ScriptedServer, status: int) -> None:
        fail(receiver, says(status, b"canary-answer"))
        a_notice(client_row(receiver))
        done.deliver()
        assert notices() == [("sent", "failed", 1)]
        assert f"answered HTTP {status}: it does not take this event." in DoneNotice.objects.get().detail
        assert "canary" not in DoneNotice.objects.get().detail

    @pytest.mark.parametrize(("asked", "kept"), [("90", 90), ("1", 30), ("9999999", 43_200)])
    def test_the_wait_that_a_receiver_asks_for_holds_for_its_other_events_too(
        self, receiver: ScriptedServer, asked: str, kept: int
    ) -> None:
        fail(receiver, says(429, Retry_After=asked))
        with time_machine.travel(NOON, tick=False):
            client = client_row(receiver)
            for _ in range(3):
                a_notice(client)
            assert done.deliver() == 1
            assert done.next_due() == kept

    def test_one_that_is_not_there_keeps_those_of_others_waiting_for_no_time(self, receiver: ScriptedServer) -> None:
        with ScriptedServer(tls=False) as gone:
            pass
        away, there = client_row(gone, "Away"), client_row(receiver, "There")
        for _ in range(4):
            a_notice(away)
        a_notice(there)
        assert done.deliver() == 2
        assert len(told(receiver)) == 1
        assert notices() == [("sent", "waiting", 1), *[("sent", "waiting", 0)] * 3, ("sent", "told", 1)]

    def test_a_client_that_is_switched_off_or_revoked_is_told_nothing_more(self, receiver: ScriptedServer) -> None:
        off, revoked = client_row(receiver, "Off"), client_row(receiver, "Revoked")
        for client in (off, revoked):
            a_notice(client)
        ApiClient.objects.filter(pk=off.pk).update(enabled=False)
        ApiClient.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
        done.deliver()
        assert receiver.requests == []
        assert notices() == [("sent", "failed", 1)] * 2

    def test_somebody_lets_it_be_told_once_more(self, receiver: ScriptedServer) -> None:
        row = a_delivery(client_row(receiver))
        assert done.tell_again(row)
        done.deliver()
        assert done.tell_again(row)
        done.deliver()
        assert [event["id"] for event in told(receiver)] == [str(row.pk)] * 2
        assert not done.tell_again(a_delivery(client_row(name="No address")))
        assert not done.tell_again(a_delivery(row.client, DeliveryState.QUEUED))  # type: ignore[arg-type]  # there is one

    def test_what_waits_for_its_next_try_is_told_now_and_not_twice(self, receiver: ScriptedServer) -> None:
        fail(receiver, says(500), says(200))
        notice = a_notice(client_row(receiver))
        done.deliver()
        assert done.tell_again(notice.delivery)
        done.deliver()
        assert notices() == [("sent", "told", 1)]


class TestProcesses:
    def test_one_whose_process_died_is_taken_over_and_given_up_in_the_end(self, receiver: ScriptedServer) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            a_notice(client_row(receiver))
            lost = DoneNotice.objects.all()
            lost.update(state="sending", tries=1, due_at=NOON + timedelta(seconds=limits.DONE_CLAIM_SECONDS))
            assert done.deliver() == 0
            clock.shift(limits.DONE_CLAIM_SECONDS)
            assert done.deliver() == 1
            assert notices() == [("sent", "told", 2)]
            lost.update(state="sending", tries=limits.DONE_TRIES, due_at=timezone.now())
            done.deliver()
        assert (lost.get().state, lost.get().detail) == ("failed", "Every try was interrupted.")

    def test_who_lost_the_claim_writes_nothing(self, receiver: ScriptedServer) -> None:
        notice = a_notice(client_row(receiver))
        mine, late = DoneNotice.objects.get(), DoneNotice.objects.get()
        assert done._claimed(mine)
        assert not done._claimed(late)
        DoneNotice.objects.filter(pk=notice.pk).update(tries=2)  # another process took it over
        done._deliver(mine)
        assert notices() == [("sent", "sending", 2)]

    def test_the_guard_silences_the_events_of_a_copied_database(
        self, receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_notice(client_row(receiver))
        known = routes.current()
        copy = type(known)(known.version, known.routes, known.states, preferences=Preferences(objection="A copy."))
        monkeypatch.setattr(routes, "current", lambda: copy)
        assert done.look() is None
        schedule._look_after()
        assert receiver.requests == []
        assert notices() == [("sent", "waiting", 0)]

    def test_the_schedule_tells_what_a_process_that_ended_left(self, receiver: ScriptedServer) -> None:
        a_notice(client_row(receiver))
        schedule._look_after()
        assert len(told(receiver)) == 1

    def test_a_database_that_fails_keeps_no_message_from_being_sent(
        self, peers: Peers, receiver: ScriptedServer
    ) -> None:
        add_smtp(peers)
        client = client_row(receiver)

        def broken(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if "donenotice" in sql:
                raise connection.Database.OperationalError("no space left")  # type: ignore[attr-defined]  # of the driver
            return execute(sql, params, many, context)

        with connection.execute_wrapper(broken):
            assert hand_over(client).sent
            assert done.look() == limits.PROBE_LOOK_SECONDS
        assert notices() == []


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_two_processes_post_each_event_once(self, receiver: ScriptedServer) -> None:
        client = client_row(receiver)
        for _ in range(12):
            a_notice(client)

        def work() -> None:
            try:
                while done.next_due() is not None:
                    done.look()
            finally:
                connections.close_all()

        both = [threading.Thread(target=work) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(30)
        ids = [event["id"] for event in told(receiver)]
        assert len(ids) == len(set(ids)) == 12
        assert notices() == [("sent", "told", 1)] * 12

    def test_s18_the_bell_tells_it_a_moment_after_the_message(self, peers: Peers, receiver: ScriptedServer) -> None:
        add_smtp(peers)
        one = bell.Bell(done.look, lambda: True, gather=0.01, name=bell.DONE)
        bell.install(one, bell.DONE)
        hand_over(client_row(receiver))
        thread = one._thread
        assert thread
        thread.join(20)
        assert [event["outcome"] for event in told(receiver)] == ["sent"]
        assert notices() == [("sent", "told", 1)]


def test_options_name_the_client_in_the_log(peers: Peers) -> None:
    add_smtp(peers)
    client = client_row()
    send_message(a_message(), SendOptions(client=client.pk, metadata={"a": "b"}))
    assert Delivery.objects.values_list("client", "metadata").get() == (client.pk, {"a": "b"})
