"""The line itself: groups of commands, goodbyes, and what it does without the platform's help."""

from __future__ import annotations

import socket
import time

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Proxy, ProxyKind
from mailadmin.transports.smtp import wire as wire_module
from mailadmin.transports.smtp.dialogue import Dialogue
from mailadmin.transports.smtp.wire import Wire, WireError
from tests.fakes.smtp_actions import Action, close, drip, reset, silent
from tests.fakes.smtp_routes import mail
from tests.fakes.smtp_server import SmtpServer
from tests.transports.smtp_ways import sent, session_to


@pytest.mark.parametrize("action", [silent, close, reset, "500 what?", drip(b"2", 0.05)])
def test_row_28_nobody_waits_for_the_answer_to_a_goodbye(action: str | Action) -> None:
    with SmtpServer({"QUIT": [action]}) as server:
        with session_to(server) as session:
            sent(session)
            started = time.monotonic()
            session.quit()
            assert time.monotonic() - started < 1  # the fake would hold it for 20 s
            assert not session.open
        if action != reset:
            server.stopping.set()
            assert server.sessions[0].ended.wait(5)
            assert server.sessions[0].verbs()[-1] == "QUIT"


@pytest.mark.parametrize("action", [None, silent, close, reset, "500 what?", drip(b"2", 0.02)])
def test_row_28_who_has_time_may_wait_for_it_a_little(action: str | Action | None) -> None:
    with SmtpServer({"QUIT": [action]}) as server, session_to(server) as session:
        session.say_goodbye()
        assert session.open
        session.await_goodbye(0.2)
        assert not session.open
        assert session.dialogue.lines[-1] == {None: "S: 221 2.0.0 Bye", "500 what?": "S: 500 what?"}.get(
            action if not callable(action) else "", "C: QUIT"
        )


def test_a_closed_session_says_no_goodbye() -> None:
    with SmtpServer() as server, session_to(server) as session:
        session.close()
        session.say_goodbye()
        session.await_goodbye(0.1)
        session.quit()
        assert session.dialogue.lines[-1] != "C: QUIT"


@pytest.mark.parametrize("line", ["RCPT TO:<a@b>\r\nDATA", "x\ny"])
def test_no_command_of_a_group_can_bring_another(line: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Wire(Dialogue()).group(["RSET", line])


def test_a_platform_without_quick_acknowledgements_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "_QUICK_ACK", None)
    with SmtpServer() as server, session_to(server) as session:
        assert sent(session).answer


def test_the_whole_message_has_one_deadline() -> None:
    """A server that answers every command just in time cannot hold a caller."""
    with SmtpServer({"RCPT": [drip(b"250-wait\r\n", 0.02)]}) as server, session_to(server) as session:
        session.wire.allow_total(0.3)
        started = time.monotonic()
        with pytest.raises(MailError) as caught:
            sent(session)
        assert time.monotonic() - started < 4  # the command alone might take 5 s
        assert (caught.value.fault.phase, caught.value.fault.kind) == (Phase.RECIPIENT, Kind.TIMEOUT)


def test_a_proxy_on_this_machine_is_not_the_server_on_this_machine() -> None:
    with SmtpServer() as server, session_to(server) as session:
        assert not session.exposed
        session.route = type(session.route)(
            session.route.key, "x", host="mail.example.org", proxy=Proxy(ProxyKind.HTTP, "localhost", 3128)
        )
        assert session.exposed


def test_a_dialogue_that_nobody_shows_is_not_kept() -> None:
    with SmtpServer() as server, session_to(server) as session:
        session.dialogue = session.wire.dialogue = Dialogue(kept=False)
        sent(session, mail("a@example.net", "b@example.net"))
        assert session.dialogue.lines == []


def test_a_line_that_is_not_connected_says_so() -> None:
    wire = Wire(Dialogue())
    wire.allow(1)
    for act in (lambda: wire.command("NOOP"), lambda: wire.write(b"x"), wire.read_reply, wire.detach):
        with pytest.raises(WireError) as caught:
            act()
        assert caught.value.kind is Kind.CLOSED


def test_replies_are_confirmed_at_once_where_the_platform_can() -> None:
    """Linux has it; the benchmark shows what it brings."""
    assert (wire_module._QUICK_ACK is None) is not hasattr(socket, "TCP_QUICKACK")
