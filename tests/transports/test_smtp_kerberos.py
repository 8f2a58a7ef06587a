"""S20: signing in with the process's own Kerberos ticket (RFC 4752), with a scripted ticket and server."""

from __future__ import annotations

import sys

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.settings import SmtpAuth
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.mechanisms import kerberos
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes.smtp_routes import smtp_route
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.smtp_sign_in import Handler, TicketContext, fault_of, gssapi, says


def with_ticket(server: SmtpServer, context: TicketContext, asked: list[str] | None = None) -> str:
    """Walk a session to its sign-in, and sign in with `context`."""
    session = SmtpSession(smtp_route(server.port, auth=SmtpAuth.GSSAPI), NetworkPolicy())

    def new_context(host: str) -> TicketContext:
        (asked if asked is not None else []).append(host)
        return context

    try:
        session.resolve()
        session.connect()
        session.greet()
        return kerberos.sign_in(session, tuple(session.features["auth"].split()), new_context)
    finally:
        session.quit()


def ticket_fault(server: SmtpServer, context: TicketContext) -> MailError:
    with pytest.raises(MailError) as caught:
        with_ticket(server, context)
    return caught.value


def kerberos_server(handler: Handler | None = None) -> SmtpServer:
    return SmtpServer(features=["AUTH PLAIN GSSAPI"], sign_in={"GSSAPI": handler or gssapi()})


def test_s20_the_process_signs_in_with_its_own_ticket() -> None:
    """RFC 4752: tokens by turns, then the choice of no security layer, with nobody's name but the ticket's."""
    context, asked = TicketContext(), []
    with kerberos_server() as server:
        assert with_ticket(server, context, asked) == "GSSAPI"
        assert server.lines[1] == "AUTH GSSAPI", "no token on the command line, which it would overrun"
    assert (context.seen, asked) == ([None, b"server-1"], ["localhost"])


def test_s20_a_context_that_ends_with_nothing_to_say_sends_an_empty_line() -> None:
    context = TicketContext([b"client-1", None])
    with kerberos_server(says(b"", b"server-1", b"[\x01\0\0\0]", finally_="235 2.7.0 Welcome")) as server:
        assert with_ticket(server, context) == "GSSAPI"
        assert "" in server.lines


def test_s20_without_a_ticket_the_library_says_why() -> None:
    with kerberos_server() as server:
        error = ticket_fault(server, TicketContext([ValueError("No Kerberos credentials available")]))
        assert "AUTH" not in server.sessions[0].verbs()
    assert (error.fault.kind, error.fault.text) == (Kind.TICKET_MISSING, "No Kerberos credentials available")
    assert error.explanation.health is Health.TRIP, "a ticket is renewed without anybody changing a setting"


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (says(b"", b"wrong"), Kind.REPLY),
        (gssapi(b"unsigned"), Kind.SERVER_PROOF),
        (gssapi(b"[\x06\0\x10\0]"), Kind.MECHANISM_MISSING),
        (gssapi(b"[]"), Kind.OUT_OF_STEP),
    ],
)
def test_s20_a_kerberos_exchange_that_fails(handler: Handler, kind: Kind) -> None:
    with kerberos_server(handler) as server:
        assert ticket_fault(server, TicketContext()).fault.kind is kind


def test_s20_a_server_with_another_ticket_is_left_at_once() -> None:
    with kerberos_server() as server:
        error = ticket_fault(server, TicketContext([b"client-1", ValueError("mutual authentication failed")]))
        assert server.sessions[0].ended.wait(5)
    assert error.fault.kind is Kind.SERVER_PROOF


def test_s20_kerberos_that_is_not_offered() -> None:
    with SmtpServer(features=["AUTH PLAIN"]) as server:
        assert ticket_fault(server, TicketContext()).fault.kind is Kind.MECHANISM_MISSING


def test_s20_without_the_kerberos_library_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with kerberos_server() as server:
        fault = fault_of(smtp_route(server.port, auth=SmtpAuth.GSSAPI))
    assert (fault.phase, fault.kind) == (Phase.SETTINGS, Kind.LIBRARY_MISSING)
    assert 'pip install "mailadmin[kerberos]"' in fault.text
