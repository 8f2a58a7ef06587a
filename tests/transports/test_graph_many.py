"""Lists over several requests at once (N7)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterator
from typing import cast

import pytest

from mailadmin.core.fault import Kind
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.base import Handed, Mail
from mailadmin.transports.graph.manners import hold_back
from mailadmin.transports.graph.transport import GraphTransport
from tests.fakes.graph_server import Crowd, Microsoft, Request, Says, graph_error
from tests.fakes.routes import a_mail, entra_app, oauth_route

PATIENT = 5


def transport_to(server: Microsoft, at_once: int = 4, **changes: object) -> GraphTransport:
    app = entra_app(server.host, server.ca_pem, requests_at_once=at_once)
    return GraphTransport(oauth_route(app, **{"messages_per_minute": 0, **changes}), NetworkPolicy())


def numbered(count: int, **changes: object) -> Iterator[tuple[int, Mail]]:
    return ((number, a_mail(message_id=f"<{number}@example.org>", **changes)) for number in range(count))


def tickets(results: list[Handed]) -> list[int]:
    return sorted(handed.ticket for handed in results)


def test_n7_a_list_uses_as_many_requests_at_once_as_the_app_may() -> None:
    crowd = Crowd()
    with Microsoft(Says(202, headers={"request-id": "r-1"}, meanwhile=crowd)) as server:
        results = list(transport_to(server).send_many(numbered(30)))
        assert server.connections == 2 + 4
        assert len(server.asked("token")) == 1
    assert tickets(results) == list(range(30))
    assert {handed.accepted.answer for handed in results if handed.accepted} == {"202 Accepted, request-id r-1"}
    assert all(handed.error is None and handed.seconds > 0 for handed in results)
    assert crowd.most == 4


def test_a_failure_of_one_message_ends_nothing() -> None:
    refused = Says(400, graph_error("ErrorInvalidRecipients"))
    with Microsoft(Says(202), refused, Says(202)) as server:
        mails = list(numbered(8))
        mails.append((8, a_mail(recipients=())))
        results = list(transport_to(server).send_many(mails))
    kinds = [handed.error.fault.kind for handed in results if handed.error]
    assert sorted(kinds) == sorted([Kind.HTTP_STATUS, Kind.NO_RECIPIENTS])
    assert tickets(results) == list(range(9))


def test_messages_are_read_in_the_callers_thread_and_only_a_few_ahead() -> None:
    threads: set[int] = set()
    read: list[int] = []

    def source() -> Iterator[tuple[int, Mail]]:
        for item in numbered(40):
            threads.add(threading.get_ident())
            read.append(item[0])
            yield item

    with Microsoft(Says(202)) as server:
        taken = 0
        for _ in transport_to(server, at_once=2).send_many(source()):
            taken += 1
            assert len(read) <= taken + 4
    assert threads == {threading.get_ident()}
    assert taken == 40


def test_a_message_leaves_however_long_the_next_one_takes_to_be_made() -> None:
    arrived = threading.Event()

    def source() -> Iterator[tuple[int, Mail]]:
        yield from numbered(1)
        assert arrived.wait(10)

    with Microsoft(Says(202, meanwhile=lambda request: arrived.set())) as server:
        assert len(list(transport_to(server).send_many(source()))) == 1


def test_a_source_that_fails_ends_the_list_after_what_was_read() -> None:
    def source() -> Iterator[tuple[int, Mail]]:
        yield from numbered(3)
        raise LookupError("no more")

    with Microsoft(Says(202)) as server:
        results = []
        with pytest.raises(LookupError, match="no more"):
            results.extend(transport_to(server).send_many(source()))
        assert len(server.asked("graph")) == 3


def test_closed_early_what_is_under_way_comes_to_its_end() -> None:
    arrived: list[Request] = []

    def slow(request: Request) -> None:
        arrived.append(request)
        time.sleep(0.05)

    with Microsoft(Says(202, meanwhile=slow)) as server:
        results = cast("Generator[Handed]", transport_to(server).send_many(numbered(100)))
        next(results)
        results.close()
        count = len(arrived)
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-graph-list"]
        assert len(list(results)) == 0
    assert len(arrived) == count < 20


def test_closed_early_nobody_waits_for_a_turn() -> None:
    with Microsoft(Says(202)) as server:
        transport = transport_to(server, messages_per_minute=1)
        results = cast("Generator[Handed]", transport.send_many(numbered(10, patience=1000)))
        next(results)
        results.close()  # the other ones would wait for minutes
        assert len(server.asked("graph")) == 1


def test_closed_early_nobody_waits_for_the_end_of_a_pause_and_then_sends() -> None:
    throttled = threading.Event()
    refusal = Says(429, headers={"Retry-After": "60"}, meanwhile=lambda request: throttled.set())
    with Microsoft(Says(202), refusal) as server:
        results = cast("Generator[Handed]", transport_to(server, at_once=1).send_many(numbered(9, patience=1000)))
        next(results)
        assert throttled.wait(10)
        started = time.monotonic()
        results.close()
        assert time.monotonic() - started < 30
        assert len(server.asked("graph")) == 2


def test_a_pause_that_is_longer_than_the_patience_fails_each_message_unsent() -> None:
    with Microsoft(Says(202)) as server:
        transport = transport_to(server)
        assert transport._route.app
        hold_back(transport._route.app, "", 300)
        results = list(transport.send_many(numbered(5)))
        assert server.asked("graph") == []
    assert {handed.error.fault.kind for handed in results if handed.error} == {Kind.PACED}
    assert tickets(results) == list(range(5))


def test_without_threads_the_list_is_sent_by_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def no_worker(thread: threading.Thread) -> None:
        if thread.name == "mailadmin-graph-list":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_worker)
    with Microsoft(Says(202)) as server:
        assert tickets(list(transport_to(server).send_many(numbered(6)))) == list(range(6))


def test_a_fault_of_the_program_is_raised_and_not_lost() -> None:
    with Microsoft(Says(202)) as server:
        with pytest.raises(TypeError):
            list(transport_to(server).send_many(numbered(3, patience="soon")))
        assert not [thread for thread in threading.enumerate() if thread.name == "mailadmin-graph-list"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_in_the_middle_has_an_ended_list_and_the_parent_goes_on() -> None:
    with Microsoft(Says(202)) as server:
        results = transport_to(server).send_many(numbered(20))
        first = next(results)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = len(list(results))
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert tickets([first, *results]) == list(range(20))
        assert len(server.asked("graph")) == 20
