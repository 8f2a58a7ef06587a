"""Sessions that stay open between messages (S14): kept, shared, and ended for every reason there is."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey, RouteKind, SessionRules, Timeouts
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.registry import open_transport
from mailadmin.transports.smtp.pool import POOL
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.smtp_actions import Action, close, good_then_close, raw, reset, silent
from tests.fakes.smtp_routes import mail, with_password
from tests.fakes.smtp_server import SmtpServer
from tests.transports.smtp_lists import Unreadable
from tests.transports.smtp_saved import KEY, POLICY, Gate, ended_with_quit, saved, send


def test_s14_a_session_stays_open_for_the_next_transport() -> None:
    with SmtpServer() as server:
        route = replace(with_password(server.port), key=KEY)
        for _ in range(3):
            assert send(route)
        assert len(server.sessions) == 1
        assert server.sessions[0].verbs().count("AUTH") == 1
        assert len(server.messages) == 3


def test_s14_another_thread_gets_the_session() -> None:
    with SmtpServer() as server, ThreadPoolExecutor(1) as other:
        send(saved(server.port))
        assert other.submit(send, saved(server.port)).result()
        assert len(server.sessions) == 1


def test_s14_two_threads_never_share_a_session_at_the_same_time() -> None:
    gate = Gate()
    with SmtpServer({"MAIL": [gate]}) as server, ThreadPoolExecutor(1) as other:
        first = other.submit(send, saved(server.port))
        assert gate.reached.wait(5)
        send(saved(server.port))
        gate.opened.set()
        assert first.result()
        assert len(server.sessions) == 2
        send(saved(server.port))
        assert len(server.sessions) == 2


def test_s14_a_session_ends_after_its_idle_seconds() -> None:
    with SmtpServer() as server:
        send(saved(server.port, sessions=SessionRules(idle_seconds=0.05)))
        assert ended_with_quit(server, 0)


def test_a_shorter_idle_time_of_another_connection_is_kept_too() -> None:
    with SmtpServer() as server, SmtpServer() as other:
        send(saved(server.port))
        send(replace(saved(other.port, sessions=SessionRules(idle_seconds=0.05)), key=RouteKey(RouteKind.SMTP, "2")))
        assert ended_with_quit(other, 0)
        assert not server.sessions[0].ended.is_set()


def test_s14_a_session_that_rested_too_long_is_not_used_even_where_nobody_ended_it_yet() -> None:
    with SmtpServer() as server:
        route = saved(server.port, sessions=SessionRules(idle_seconds=0))
        assert send(route)
        assert send(route)
        assert len(server.sessions) == 2


def test_s14_a_session_ends_after_its_messages() -> None:
    with SmtpServer() as server:
        for _ in range(5):
            send(saved(server.port, sessions=SessionRules(messages=2)))
        assert [len(session.messages) for session in server.sessions] == [2, 2, 1]
        assert ended_with_quit(server, 0)
        assert ended_with_quit(server, 1)


def test_s14_close_session_ends_it_after_the_message() -> None:
    with SmtpServer() as server:
        for place in range(2):
            send(saved(server.port, sessions=SessionRules(keep_open=False)))
            assert ended_with_quit(server, place)


def test_s14_a_change_of_the_settings_ends_the_sessions_that_rest() -> None:
    with SmtpServer() as server:
        send(saved(server.port), "1")
        send(saved(server.port), "2")
        assert len(server.sessions) == 2
        assert ended_with_quit(server, 0)


def test_s14_a_change_of_the_settings_ends_a_busy_session_when_it_comes_back() -> None:
    gate = Gate()
    with SmtpServer({"MAIL": [gate]}) as server, ThreadPoolExecutor(1) as other:
        first = other.submit(send, saved(server.port), "1")
        assert gate.reached.wait(5)
        send(saved(server.port), "2")
        gate.opened.set()
        assert first.result()
        assert ended_with_quit(server, 0)
        assert not server.sessions[1].ended.is_set()


def test_another_network_policy_gets_a_session_of_its_own() -> None:
    with SmtpServer() as server:
        send(saved(server.port))
        SmtpTransport(saved(server.port), NetworkPolicy(ports=(server.port,)), "1").send(mail())
        assert len(server.sessions) == 2


def test_no_more_sessions_rest_than_the_connection_uses_at_once() -> None:
    gates = [Gate(), Gate()]
    with SmtpServer({"MAIL": gates}) as server, ThreadPoolExecutor(2) as others:
        route = saved(server.port, sessions=SessionRules(parallel=1))
        sending = [others.submit(send, route) for _ in gates]
        for gate in gates:
            assert gate.reached.wait(5)
            gate.opened.set()
        assert all(future.result() for future in sending)
        assert any(session.ended.wait(0.2) for _ in range(25) for session in server.sessions)
        assert send(route)
        assert sum(session.ended.is_set() for session in server.sessions) == 1
        assert len(server.sessions) == 2


@pytest.mark.parametrize("key", [RouteKey(RouteKind.SMTP, ""), KEY])
def test_values_that_were_never_saved_touch_no_pool(key: RouteKey) -> None:
    with SmtpServer() as server:
        send(saved(server.port))
        transport = open_transport(replace(saved(server.port), key=key), POLICY)
        transport.send(mail())
        transport.send(mail())
        transport.close()
        assert len(server.sessions) == 2
        assert ended_with_quit(server, 1)


def test_s14_open_and_close_hold_one_session_from_the_pool_and_end_it() -> None:
    """Django's meaning of `with get_connection()`, also where sessions are closed after the message."""
    for keep_open in (True, False):
        with SmtpServer() as server:
            route = saved(server.port, sessions=SessionRules(keep_open=keep_open))
            send(saved(server.port))
            transport = open_transport(route, POLICY, "1", hold=True)
            for _ in range(3):
                assert transport.send(mail())
            assert len(server.sessions) == 1
            transport.close()
            transport.close()
            assert ended_with_quit(server, 0)
            assert transport.send(mail())
            transport.close()
            assert len(server.sessions) == 2


def test_a_held_session_has_its_messages_and_idle_seconds_too() -> None:
    with SmtpServer() as server:
        transport = open_transport(saved(server.port, sessions=SessionRules(messages=2)), POLICY, "1", hold=True)
        for _ in range(3):
            transport.send(mail())
        transport.close()
        assert [len(session.messages) for session in server.sessions] == [2, 1]


@pytest.mark.parametrize(
    "script",
    [
        {"DOT": [good_then_close("250 Ok")]},
        {"DOT": [raw(b"250 Ok\r\n421 4.4.2 idle for too long\r\n", then_close=True)]},
        {"DOT": [raw(b"250 Ok\r\n421 4.4.2 idle for too long\r\n")]},
        {"DOT": [raw(b"250 Ok\r\n250 one too many\r\n")]},
        {"MAIL": [None, close]},
        {"MAIL": [None, reset]},
        {"MAIL": [None, silent]},
        {"MAIL": [None, "421 4.7.0 too many messages"]},
        {"RCPT": [None, "421 4.7.0 too many recipients"]},
        {"RCPT": [None, close]},
        {"DATA": [None, close]},
    ],
)
def test_row_29_a_kept_session_found_dead_costs_one_silent_reconnect(script: dict[str, list[str | Action]]) -> None:
    with SmtpServer(script) as server:
        route = saved(server.port, timeouts=Timeouts(connect=5, command=0.4, message=10))
        assert send(route)
        server.sessions[0].ended.wait(0.2)
        assert send(route)
        assert len(server.sessions) == 2
        assert len(server.messages) == 2
        assert send(route)
        assert len(server.sessions) == 2


def test_row_29_the_second_try_is_on_a_new_session_not_on_another_kept_one() -> None:
    gates = [Gate(), Gate()]
    with SmtpServer({"MAIL": [*gates, close, None, close]}) as server, ThreadPoolExecutor(2) as others:
        sending = [others.submit(send, saved(server.port)) for _ in gates]
        for gate in gates:
            assert gate.reached.wait(5)
            gate.opened.set()
        assert all(future.result() for future in sending)
        assert len(server.sessions) == 2
        assert send(saved(server.port))
        assert len(server.sessions) == 3


def test_row_29_a_new_session_that_fails_is_not_tried_again() -> None:
    with SmtpServer({"MAIL": [None, close, close]}) as server:
        send(saved(server.port))
        with pytest.raises(MailError):
            send(saved(server.port))
        assert len(server.sessions) == 2


def test_what_went_wrong_in_the_middle_of_a_call_leaves_nothing_in_the_pool() -> None:
    with SmtpServer() as server:
        transport = open_transport(saved(server.port), POLICY, "1")
        with pytest.raises(RuntimeError, match="no content"):
            transport.send(replace(mail(), content=Unreadable(b"Subject: x\r\n\r\n")))
        assert send(saved(server.port))
        assert len(server.messages) == 1


def test_the_housekeeper_stays_while_one_session_serves_many_messages() -> None:
    with SmtpServer() as server:
        keepers = set()
        for _ in range(20):
            send(saved(server.port))
            keepers |= {thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-sessions"}
        assert len(keepers) == 1


def test_the_housekeeper_goes_when_nothing_is_left_to_do_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOUSEKEEPER_SECONDS", 0.05)
    with SmtpServer() as server:
        for _ in range(2):
            send(saved(server.port))
            keepers = [thread for thread in threading.enumerate() if thread.name == "mailadmin-smtp-sessions"]
            assert len(keepers) == 1
            POOL.clear()
            keepers[0].join(5)
            assert not keepers[0].is_alive()


@pytest.mark.timeout(20)
def test_a_signal_handler_may_send_while_its_own_thread_is_in_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Played by the clock, which the pool asks while it holds its lock."""
    with SmtpServer() as server:
        route = saved(server.port)
        send(route)
        now, handled = time.monotonic, []

        def clock() -> float:
            inside = sys._getframe(1).f_code.co_name == "fit" and sys._getframe(2).f_code.co_name == "take"
            if inside and not handled:
                handled.append("signal")
                handled.append(send(route))
            return now()

        monkeypatch.setattr(time, "monotonic", clock)
        assert send(route).startswith("250")
        assert handled[0] == "signal" and handled[1].startswith("250")
        assert len(server.messages) == 3
