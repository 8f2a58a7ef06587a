"""The watch of a message by Graph: it is told right before the request that sends, and what it forbids does not leave
(P7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind
from mailadmin.core.settings import OAuthRoute
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.manners import hold_back
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_drafts import GraphDrafts
from tests.fakes.graph_server import Microsoft, Says, ScriptedServer, closes_after_request, entra_error, graph_error
from tests.fakes.routes import a_mail, entra_app, oauth_route
from tests.transports.watching import LOOK_SECONDS, Killed, Watcher, claim_lost

PEOPLE = ("a@example.org",)
REFUSED_TOKEN = Says(401, graph_error("InvalidAuthenticationToken"))
BUSY = Says(429, graph_error("TooManyRequests"), {"Retry-After": "0"})


def route_to(server: ScriptedServer, **changes: object) -> OAuthRoute:
    return oauth_route(entra_app(server.host, server.ca_pem), **changes)


def send(route: OAuthRoute, watch: Watcher, mail: Mail | None = None) -> None:
    GraphTransport(route, NetworkPolicy()).send(replace(mail or a_mail(), watch=watch))


def requests(server: Microsoft) -> Callable[[], int]:
    """Return what tells how many requests to Graph the server has had, after a moment."""
    return lambda: (server.released.wait(LOOK_SECONDS), len(server.asked("graph")))[1]


@pytest.mark.parametrize("save_to_sent", [True, False], ids=["MIME", "JSON"])
def test_p7_the_watch_is_told_before_the_one_request(save_to_sent: bool) -> None:
    with Microsoft(Says(202)) as server:
        watch = Watcher(look=requests(server))
        send(route_to(server, save_to_sent=save_to_sent), watch)
        assert len(server.asked("token")) == 1
        assert len(server.asked("graph")) == 1
    assert (watch.told, watch.seen) == ([("leaving", PEOPLE)], [0])


@pytest.mark.parametrize("save_to_sent", [True, False], ids=["MIME", "JSON"])
@pytest.mark.parametrize("objection", [claim_lost(), Killed()])
def test_p7_what_it_forbids_does_not_leave(save_to_sent: bool, objection: BaseException) -> None:
    with Microsoft(Says(202)) as server:
        route = route_to(server, save_to_sent=save_to_sent)
        with pytest.raises(type(objection)) as caught:
            send(route, Watcher(objection))
        assert caught.value is objection
        assert requests(server)() == 0
        send(route, Watcher())  # the session and the place are free again
        assert len(server.asked("graph")) == 1


@pytest.mark.parametrize("first", [REFUSED_TOKEN, BUSY], ids=["token", "throttled"])
def test_p7_a_second_request_is_told_of_again(first: Says) -> None:
    with Microsoft(first, Says(202)) as server:
        watch = Watcher(look=requests(server))
        send(route_to(server), watch)
    assert (watch.told, watch.seen) == ([("leaving", PEOPLE)] * 2, [0, 1])


@pytest.mark.parametrize("first", [REFUSED_TOKEN, BUSY], ids=["token", "throttled"])
def test_p7_a_claim_that_was_lost_meanwhile_forbids_the_second_request(first: Says) -> None:
    with Microsoft(first, Says(202)) as server:
        with pytest.raises(MailError) as caught:
            send(route_to(server), Watcher(None, claim_lost()))
        assert len(server.asked("graph")) == 1
    assert (caught.value.fault.kind, caught.value.fault.maybe_sent) == (Kind.CLAIM_LOST, False)


def test_without_a_token_nothing_is_told() -> None:
    with Microsoft(tokens=(Says(400, entra_error(7000215)),)) as server:
        watch = Watcher()
        with pytest.raises(MailError):
            send(route_to(server), watch)
    assert watch.told == []


def test_without_a_turn_nothing_is_told() -> None:
    with Microsoft(Says(202)) as server:
        route = route_to(server)
        assert route.app is not None
        hold_back(route.app, route.identity, limits.GRAPH_PATIENCE_SECONDS + 100)
        watch = Watcher()
        with pytest.raises(MailError) as caught:
            send(route, watch)
    assert caught.value.fault.kind is Kind.PACED
    assert watch.told == []


def test_p7_in_a_list_each_message_is_told_of_and_what_is_forbidden_stays() -> None:
    watches = [Watcher(claim_lost() if number == 1 else None) for number in range(4)]
    with Microsoft(Says(202)) as server:
        mails = [replace(a_mail(), watch=watch) for watch in watches]
        transport = GraphTransport(route_to(server, messages_per_minute=0), NetworkPolicy())
        failed = [handed.ticket for handed in transport.send_many(enumerate(mails)) if handed.error]
        assert len(server.asked("graph")) == 3
    assert failed == [1]
    assert [len(watch.told) for watch in watches] == [1] * 4


class TestDrafts:
    """A message too large for one request."""

    @pytest.fixture(autouse=True)
    def small_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "GRAPH_REQUEST_BYTES", 3_000)

    def mail(self) -> Mail:
        head = b'From: robot@example.org\r\nTo: a@example.org\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
        text = b"--x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        file = (
            b'--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 500 + b"\r\n"
        )
        return a_mail(content=head + text + file * 2 + b"--x--\r\n")

    def test_p7_only_the_request_that_sends_is_told_of(self) -> None:
        with GraphDrafts() as server:
            watch = Watcher(look=lambda: list(server.asked))
            send(route_to(server, large_messages=True), watch, self.mail())
            assert server.asked == ["POST messages", "POST attachments", "POST attachments", "POST send"]
        assert watch.told == [("leaving", PEOPLE)]
        assert watch.seen == [["POST messages", "POST attachments", "POST attachments"]]

    @pytest.mark.parametrize("objection", [claim_lost(), RuntimeError("broken")])
    def test_p7_a_draft_that_may_not_leave_is_deleted(self, objection: Exception) -> None:
        with GraphDrafts() as server:
            with pytest.raises(type(objection)) as caught:
                send(route_to(server, large_messages=True), Watcher(objection), self.mail())
            assert caught.value is objection
            assert server.asked[-1].startswith("DELETE ")
            assert (server.sent, server.drafts, server.deleted) == ([], {}, 1)


def test_a_break_after_the_request_had_left_is_unsure_and_was_told_of() -> None:
    with Microsoft(closes_after_request) as server:
        watch = Watcher()
        with pytest.raises(MailError) as caught:
            send(route_to(server), watch)
    assert caught.value.fault.maybe_sent
    assert watch.told == [("leaving", PEOPLE)]
