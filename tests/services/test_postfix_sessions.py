"""Sessions that stay open, end, and work side by side, with Postfix."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey, RouteKind, SessionRules, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail
from mailadmin.transports.smtp.pool import POOL
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.services.mails import BEN, CARLA, ELSEWHERE, NOBODY, message, opened, route, signed_in
from tests.services.postfix import NEEDS, Postfix, mails_of, prepared_postfix
from tests.services.processes import require, wait_for

pytestmark = [pytest.mark.service("postfix")]


@pytest.fixture(autouse=True)
def empty_pool() -> Iterator[None]:
    yield
    POOL.clear()


def saved(route: SmtpRoute) -> SmtpRoute:
    """Return `route` as if it were saved: only such a one has kept sessions."""
    return replace(route, key=RouteKey(RouteKind.SMTP, str(uuid4())))


def send(route: SmtpRoute, *mails: Mail) -> None:
    """Send as `send_mail()` does: by a transport of its own for each message."""
    for mail in mails:
        transport = SmtpTransport(route, NetworkPolicy(), version="1")
        transport.send(mail)
        transport.close()


def test_s14_a_session_stays_open_between_messages_and_serves_other_threads(postfix: Postfix) -> None:
    kept = saved(route(postfix.ports["kept"]))
    mails = [message() for _ in range(8)]
    seen = len(postfix.sessions("kept"))
    send(kept, *mails[:4])
    other = threading.Thread(target=send, args=(kept, *mails[4:]))
    other.start()
    other.join()
    POOL.clear()
    for mail in mails:
        postfix.mail.delivered("ben", mail.message_id)
    assert wait_for(lambda: len(postfix.sessions("kept")) > seen)
    (session,) = postfix.sessions("kept")[seen:]
    assert " ehlo=1 mail=8 " in session


def test_s14_a_closed_session_signs_in_for_each_message(postfix: Postfix) -> None:
    closing = saved(signed_in(postfix.ports["scram_sha_1"], sessions=SessionRules(keep_open=False)))
    seen = len(postfix.sessions("scram_sha_1"))
    send(closing, *(message() for _ in range(3)))
    assert wait_for(lambda: len(postfix.sessions("scram_sha_1")) - seen == 3)
    assert all(" auth=1 mail=1 " in session for session in postfix.sessions("scram_sha_1")[seen:])


def test_s14_a_server_that_restarts_between_two_messages_costs_nothing() -> None:
    require(*NEEDS, root=True)
    mails = [message() for _ in range(3)]
    with prepared_postfix() as server:
        kept = saved(signed_in(server.ports["starttls"]))
        with server.running():
            send(kept, *mails[:2])
            assert wait_for(server.settled)
        with server.running():
            send(kept, mails[2])
            for mail in mails:
                server.mail.delivered("ben", mail.message_id)
            assert sum(" client=" in line for line in server.log("starttls")) == 3
            assert Counter(server.mail.ids("ben")) == dict.fromkeys((mail.message_id for mail in mails), 1)


def test_s14_a_server_that_is_gone_is_an_error_of_the_connection() -> None:
    require(*NEEDS, root=True)
    with prepared_postfix() as server:
        kept = saved(route(server.ports["plain"]))
        with server.running():
            send(kept, message())
        with pytest.raises(MailError) as caught:
            send(kept, message())
    assert not caught.value.fault.maybe_sent


@pytest.mark.parametrize("way", ["plain", "pipelined", "bare", "two_clients"])
def test_a_list_arrives_once_and_in_its_own_fates_over_several_sessions(postfix: Postfix, way: str) -> None:
    """With "two_clients" Postfix takes two sessions of the four."""
    mails = {ticket: message(BEN) for ticket in range(50)}
    mails[7] = message(NOBODY)
    mails[23] = message(BEN, ELSEWHERE)
    with opened(route(postfix.ports[way], sessions=SessionRules(parallel=4))) as transport:
        handed = {one.ticket: one for one in transport.send_many(mails.items())}
    assert set(handed) == set(mails)
    assert {ticket for ticket, one in handed.items() if one.error} == {7}
    partly = handed[23].accepted
    assert partly and set(partly.refused) == {ELSEWHERE}
    expected = {mail.message_id: 1 for ticket, mail in mails.items() if ticket != 7}

    def arrived() -> dict[str, int]:
        return {one: count for one, count in Counter(postfix.mail.ids("ben")).items() if one in expected}

    assert wait_for(lambda: arrived() == expected), arrived()


def test_a_list_over_tls_with_sign_in_uses_no_more_sessions_than_it_may(postfix: Postfix) -> None:
    mails = {ticket: message(CARLA) for ticket in range(30)}
    seen = len(postfix.sessions("cram_md5"))
    chosen = signed_in(postfix.ports["cram_md5"], sessions=SessionRules(parallel=3))
    with opened(chosen) as transport:
        handed = list(transport.send_many(mails.items()))
    assert [one.error for one in handed] == [None] * 30
    for mail in mails.values():
        postfix.mail.delivered("carla", mail.message_id)
    assert wait_for(lambda: sum(map(mails_of, postfix.sessions("cram_md5")[seen:])) == 30)
    assert 1 <= len(postfix.sessions("cram_md5")[seen:]) <= 3
