"""N17, N7: the limits of the simulated Graph, and what it counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from mailadmin.sandbox.manners import Limits, Manners
from mailadmin.sandbox.refusal import Refused
from tests.fakes.sandbox import running_sandbox

from .asking import Client

MIME = b"From: robot@example.org\r\nTo: a@example.org\r\n\r\nHello"


def test_n7_the_fifth_request_at_once_is_throttled_and_then_it_goes_on() -> None:
    """N7."""
    manners = Manners(Limits())
    held = [manners.under_way() for _ in range(4)]
    for one in held:
        one.__enter__()
    with pytest.raises(Refused, match="MailboxConcurrency") as caught, manners.under_way():
        pass
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "2"})
    held[0].__exit__(None, None, None)
    with manners.under_way():
        pass
    seen = manners.statistics()
    assert (seen.most_at_once, seen.throttled) == (5, 1)
    manners.forget()
    assert manners.statistics().most_at_once == 3


def test_n7_messages_beyond_those_of_the_minute_wait_for_the_next_ones() -> None:
    now = 0.0
    manners = Manners(Limits(messages_per_minute=30), lambda: now)
    for _ in range(30):
        manners.message("a")
    manners.message("b")
    with pytest.raises(Refused) as caught:
        manners.message("a")
    assert caught.value.headers == {"Retry-After": "3"}
    now = 2.0
    manners.message("a")
    with pytest.raises(Refused):
        manners.message("a")
    assert manners.statistics().throttled == 2


def test_without_limits_nothing_is_refused() -> None:
    manners = Manners(Limits(requests_at_once=0))
    with manners.under_way(), manners.under_way(), manners.under_way(), manners.under_way(), manners.under_way():
        for _ in range(100):
            manners.message("a")
    assert manners.statistics().throttled == 0


def test_n7_many_connections_at_once_see_the_limit_of_the_application() -> None:
    """The latency is long enough for all of them to be under way."""
    with running_sandbox(Limits(latency=0.3)) as (box, memory):
        together = Barrier(8)
        with Client(box) as first:
            token = first.token_for().json["access_token"]

        def send(_: int) -> str:
            with Client(box) as client:
                client.token = token
                client.graph("GET", "")  # the connection stands
                together.wait(20)
                said = client.mime("/sendMail", MIME)
                assert said.status == 202 or said.headers["Retry-After"] == "2"
                return said.code

        with ThreadPoolExecutor(8) as pool:
            codes = sorted(pool.map(send, range(8)))
        assert set(codes) == {"202", "429 ApplicationThrottled"}
        assert codes.count("202") == len(memory.kept) >= 4
        seen = box.statistics
        assert seen.requests["sendMail"] == seen.requests["directory"] == 8
        assert (seen.requests["token"], seen.tokens_issued) == (1, 1)
        assert seen.most_at_once > 4
        box.forget()
        assert dict(box.statistics.requests) == {}


def test_one_connection_takes_many_messages_and_one_after_the_other_is_never_too_many() -> None:
    with running_sandbox(Limits(requests_at_once=1)) as (box, memory), Client(box) as client:
        assert {client.mime("/sendMail", MIME).status for _ in range(200)} == {202}
        assert (len(memory.kept), box.statistics.most_at_once) == (200, 1)
