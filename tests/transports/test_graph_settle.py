"""A look into the mailbox after an unclear answer: only a message that was found there, and is no draft, was sent."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure
from mailadmin.core.knowledge import Failover
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Accepted
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import Exchange, Microsoft, Says, closes_after_request, graph_error
from tests.fakes.routes import a_mail, entra_app, oauth_route

LOST = Says(504, graph_error("UnknownError", ""))
SENT = {"id": "1", "isDraft": False, "parentFolderId": "sent"}
DRAFT = {"id": "2", "isDraft": True, "parentFolderId": "drafts"}


def found(*items: object) -> Says:
    return Says(200, {"value": list(items)})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRAPH_SETTLE_SECONDS", (0.01, 0.01, 0.01))


def send(server: Microsoft, message_id: str = "<1@example.org>", **changes: object) -> Accepted:
    route = oauth_route(entra_app(server.host, server.ca_pem), **{"settle": True, **changes})
    return GraphTransport(route, NetworkPolicy()).send(a_mail(message_id=message_id))


def unsure(server: Microsoft, **changes: object) -> DeliveryUnsure:
    with pytest.raises(DeliveryUnsure) as caught:
        send(server, **changes)
    assert caught.value.explanation.failover is Failover.UNSURE
    assert caught.value.fault.maybe_sent
    return caught.value


@pytest.mark.parametrize("lost", [LOST, Says(200, b""), closes_after_request])
def test_a_message_that_is_found_was_sent(lost: Says) -> None:
    with Microsoft(lost, found(), found(DRAFT, SENT)) as server:
        answer = send(server).answer
        assert len(server.asked("graph")) == 3
    assert "found in the mailbox robot@example.org" in answer


def test_it_is_looked_for_by_its_message_id_alone() -> None:
    with Microsoft(LOST, found(SENT)) as server:
        send(server, message_id="<o'neill+1&x#@example.org>", identity="post box@example.org")
        asked = server.asked("graph")[1]
    assert asked.line.startswith("GET /v1.0/users/post%20box@example.org/messages?$filter=")
    assert asked.body == b""
    query = asked.path.partition("?")[2].split("&")
    assert unquote(query[0]) == "$filter=internetMessageId eq '<o''neill+1&x#@example.org>'"
    assert query[1:] == ["$select=id,isDraft,parentFolderId"]


@pytest.mark.parametrize("items", [(), (DRAFT,), ({"id": "3"},), ("nonsense",)])
def test_not_to_find_it_proves_nothing(items: tuple[object, ...]) -> None:
    with Microsoft(LOST, found(*items)) as server:
        error = unsure(server)
        assert len(server.asked("graph")) == 1 + len(limits.GRAPH_SETTLE_SECONDS)
    assert "was not found among those that were sent" in error.fault.text
    assert error.fault.http_status == 504


def test_missing_permission_is_named_and_not_tried_again() -> None:
    with Microsoft(LOST, Says(403, graph_error("ErrorAccessDenied"))) as server:
        error = unsure(server)
        assert len(server.asked("graph")) == 2
    assert "lacks the permission Mail.Read" in error.fault.text


@pytest.mark.parametrize("body", [b"", b"[]", b'{"value": null}', b"<html>"])
def test_a_look_that_brings_nonsense_settles_nothing(body: bytes) -> None:
    with Microsoft(LOST, Says(200, body)) as server:
        unsure(server)


def test_a_look_that_fails_is_tried_again_and_hides_nothing() -> None:
    def cut(exchange: Exchange) -> None:
        exchange.read()

    with Microsoft(LOST, Says(500, b""), cut, found(SENT)) as server:
        assert "found in the mailbox" in send(server).answer
    with Microsoft(LOST, Says(503, graph_error("ErrorServerBusy"))) as server:
        assert "could not be looked into" in unsure(server).fault.text


def test_nobody_looks_unless_the_service_allows_it_and_there_can_be_a_copy() -> None:
    with Microsoft(LOST) as server:
        unsure(server, settle=False)
        unsure(server, save_to_sent=False)
        assert all("sendMail" in request.line for request in server.asked("graph"))
        assert "no Message-ID" in unsure(server, message_id="").fault.text
        assert len(server.asked("graph")) == 3


def test_a_clear_refusal_is_not_looked_into() -> None:
    with Microsoft(Says(400, graph_error("ErrorInvalidRecipients"))) as server:
        with pytest.raises(OSError, match="recipient"):
            send(server)
        assert len(server.asked("graph")) == 1
