"""Microsoft's limits, kept by ourselves (N7): requests at once, the pace of a mailbox, the pauses it asks for."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Kind
from mailadmin.core.knowledge import Failover
from mailadmin.core.settings import EntraApp, OAuthRoute
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Accepted
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.manners import await_turn, choose_mailbox, hold_back, place
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import Crowd, Microsoft, Says, graph_error
from tests.fakes.routes import a_mail, entra_app, oauth_route

OPEN = NetworkPolicy()
THROTTLED = graph_error("ApplicationThrottled", "Application is over its MailboxConcurrency limit.")


def route_to(server: Microsoft, **changes: object) -> OAuthRoute:
    return oauth_route(entra_app(server.host, server.ca_pem), **changes)


def send(route: OAuthRoute, patience: float = 0) -> Accepted:
    return GraphTransport(route, OPEN).send(a_mail(patience=patience))


def a_route(app: EntraApp | None = None, **changes: object) -> OAuthRoute:
    return oauth_route(app or entra_app("localhost:1", ""), **changes)


def turns(route: OAuthRoute, mailbox: str = "robot@example.org", patience: float = 1000) -> list[float]:
    """Return for how many seconds each of the next 15 messages would wait."""
    assert route.app
    waits: list[float] = []
    for _ in range(15):
        before = len(waits)
        await_turn(route, route.app, mailbox, patience, waits.append)
        if len(waits) == before:
            waits.append(0)
    return waits


@pytest.mark.parametrize("at_once", [1, 4])
def test_n7_never_more_requests_at_once_than_the_app_may(at_once: int) -> None:
    crowd = Crowd()
    with Microsoft(Says(202, meanwhile=crowd)) as server:
        route = oauth_route(entra_app(server.host, server.ca_pem, requests_at_once=at_once), messages_per_minute=0)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda _: send(route), range(40)))
        assert len(server.asked("graph")) == 40
        assert len(server.asked("token")) == 1
        assert server.connections <= 2 + at_once
    assert crowd.most == at_once


def test_n7_places_belong_to_the_application_and_not_to_the_row() -> None:
    app = entra_app("localhost:1", "", requests_at_once=1)
    taken: list[bool] = []
    with place(app), pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "GRAPH_BUSY_SECONDS", 0.02)
        with pytest.raises(MailError) as caught, place(replace(app, id="another", name="Another")):
            taken.append(True)
    assert (caught.value.fault.kind, caught.value.fault.maybe_sent, taken) == (Kind.BUSY, False, [])
    assert caught.value.explanation.failover is Failover.LATER
    with place(app):
        pass


def test_no_place_in_time_means_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAPH_BUSY_SECONDS", 0.02)
    with Microsoft(Says(202)) as server:
        route = oauth_route(entra_app(server.host, server.ca_pem, requests_at_once=1))
        assert route.app
        with place(route.app), pytest.raises(MailError) as caught:
            send(route)
        assert server.asked("graph") == []
    assert caught.value.fault.kind is Kind.BUSY


def test_n7_messages_of_a_mailbox_keep_the_pace_after_a_burst() -> None:
    waits = turns(a_route(messages_per_minute=30))
    assert waits[: limits.GRAPH_BURST] == [0] * limits.GRAPH_BURST
    assert waits[limits.GRAPH_BURST :] == pytest.approx([2, 4, 6, 8, 10], abs=0.5)


def test_a_slow_pace_has_a_small_burst_and_zero_means_none() -> None:
    assert turns(a_route(messages_per_minute=2))[:4] == pytest.approx([0, 0, 30, 60], abs=0.5)
    assert turns(a_route(messages_per_minute=0)) == [0] * 15


def test_each_mailbox_has_its_own_pace_whatever_service_sends() -> None:
    route = a_route(messages_per_minute=30)
    turns(route)
    assert turns(route, "other@example.org")[0] == 0
    same = oauth_route(entra_app("localhost:1", ""), messages_per_minute=30)
    assert turns(same, " Robot@Example.ORG")[0] > 10


def test_n7_message_whose_turn_is_too_far_away_is_paced_and_takes_no_turn() -> None:
    route = a_route(messages_per_minute=1)
    assert route.app
    await_turn(route, route.app, route.identity, 0)
    for _ in range(3):
        with pytest.raises(MailError) as caught:
            await_turn(route, route.app, route.identity, 10)
        fault = caught.value.fault
        assert (fault.kind, fault.maybe_sent) == (Kind.PACED, False)
        assert fault.retry_after == pytest.approx(60, abs=1)
        assert "robot@example.org comes in 60 seconds" in fault.text
    assert caught.value.explanation.failover is Failover.LATER
    assert "of this minute" in caught.value.explanation.title


def test_n7_load_is_spread_over_the_mailboxes() -> None:
    route = a_route(mailboxes=("second@example.org", "third@example.org"), messages_per_minute=30)
    assert sorted(choose_mailbox(route) for _ in range(6)) == sorted(route.identities * 2)
    turns(route)
    turns(route, "third@example.org")
    assert {choose_mailbox(route) for _ in range(6)} == {"second@example.org"}
    assert choose_mailbox(replace(route, mailboxes=())) == "robot@example.org"


def test_a_mailbox_that_must_pause_is_not_chosen() -> None:
    route = a_route(mailboxes=("second@example.org",), messages_per_minute=0)
    assert route.app
    hold_back(route.app, "second@example.org", 60)
    assert {choose_mailbox(route) for _ in range(4)} == {"robot@example.org"}


def test_choosing_a_mailbox_loads_neither_msal_nor_requests() -> None:
    program = (
        "import sys, mailadmin.transports.graph.manners as m; print(m.__name__, {'msal', 'requests'} & {*sys.modules})"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["mailadmin.transports.graph.manners", "set()"]


# -- what Microsoft asks for ------------------------------------------------------------------------------


def test_g9_throttled_message_waits_as_asked_and_goes_once_more() -> None:
    with Microsoft(Says(429, THROTTLED, {"Retry-After": "0"}), Says(202)) as server:
        assert send(route_to(server), patience=5).answer == "202 Accepted"
        assert len(server.asked("graph")) == 2


def test_g9_throttled_twice_is_a_failure_and_not_tried_for_ever() -> None:
    with Microsoft(Says(429, THROTTLED, {"Retry-After": "0"})) as server:
        with pytest.raises(MailError) as caught:
            send(route_to(server), patience=5)
        assert len(server.asked("graph")) == 2
    assert caught.value.fault.http_status == 429


@pytest.mark.parametrize(
    ("headers", "pause"),
    [({"Retry-After": "20"}, 20), ({}, limits.GRAPH_PAUSE_SECONDS), ({"Retry-After": "999999"}, 600)],
)
def test_g9_everybody_keeps_the_pause_that_was_asked_for(headers: dict[str, str], pause: float) -> None:
    with Microsoft(Says(429, THROTTLED, headers)) as server:
        route = route_to(server)
        with pytest.raises(MailError) as caught:
            send(route, patience=10)
        assert caught.value.fault.graph_code == "ApplicationThrottled"
        another = replace(route, identity="other@example.org")
        with pytest.raises(MailError) as caught:
            send(another, patience=10)
        assert len(server.asked("graph")) == 1
    assert caught.value.fault.kind is Kind.PACED
    assert caught.value.fault.retry_after == pytest.approx(pause, abs=1)
    assert "Microsoft asked for a pause" in caught.value.fault.text
    assert caught.value.explanation.title.startswith("Microsoft asked for a pause")


def test_g10_busy_service_is_asked_once_more_where_it_refused_for_sure() -> None:
    with Microsoft(Says(503, graph_error("ErrorServerBusy"), {"Retry-After": "0"}), Says(202)) as server:
        send(route_to(server), patience=5)
        assert len(server.asked("graph")) == 2
        assert server.connections == 4  # configuration, token, and a new one after the 503


def test_g15_503_of_nobody_knows_whom_is_unsure_and_asks_for_no_pause() -> None:
    with Microsoft(Says(503, b""), Says(202)) as server:
        route = route_to(server)
        with pytest.raises(DeliveryUnsure):
            send(route, patience=60)
        assert len(server.asked("graph")) == 1
        send(route)


def test_g14_accepted_with_retry_after_is_sent_and_slows_the_next_one_down() -> None:
    with Microsoft(Says(202, headers={"Retry-After": "15"})) as server:
        route = route_to(server)
        assert send(route).answer == "202 Accepted"
        with pytest.raises(MailError) as caught:
            send(route)
        assert len(server.asked("graph")) == 1
    assert caught.value.fault.kind is Kind.PACED


def test_a_pause_that_begins_while_a_message_waits_for_its_turn_is_kept() -> None:
    with Microsoft(Says(202)) as server:
        route = route_to(server)
        assert route.app
        client = GraphClient(route, OPEN)
        hold_back(route.app, "", 30)
        with pytest.raises(MailError) as caught:
            client.request("GET", "/messages", mailbox="robot@example.org", patience=1)
        assert caught.value.fault.kind is Kind.PACED
        client.request("DELETE", "/messages/1", mailbox="robot@example.org", patience=0)
        assert [request.line.split()[0] for request in server.asked("graph")] == ["DELETE"]


def test_a_short_pause_is_waited_for() -> None:
    with Microsoft(Says(202)) as server:
        route = route_to(server)
        assert route.app
        hold_back(route.app, route.identity, 0.1)
        send(route, patience=1)
        assert len(server.asked("graph")) == 1
