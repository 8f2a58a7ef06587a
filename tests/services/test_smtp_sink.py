"""Postfix's smtp-sink, which the benchmark measures against, takes exactly what was sent."""

from __future__ import annotations

from collections import Counter

import pytest

from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.settings import SessionRules
from tests.services.mails import BEN, CARLA, as_stored, message, opened, route
from tests.services.processes import require, wait_for
from tests.services.smtp_sink import Sink, running_sink

pytestmark = [pytest.mark.service("smtp-sink")]


def test_a_message_reaches_the_sink_byte_for_byte(sink: Sink) -> None:
    mail = message(BEN, CARLA)
    with opened(route(sink.port)) as transport:
        transport.send(mail)
    assert wait_for(lambda: len(sink.messages()) == 1)
    (stored,) = sink.messages()
    assert stored.rstrip(b"\n").endswith(as_stored(mail).rstrip(b"\n"))
    assert f"X-Rcpt-Args: <{BEN}>\nX-Rcpt-Args: <{CARLA}>\n".encode() in stored


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_list_reaches_the_sink_once(sink: Sink, parallel: int) -> None:
    mails = {ticket: message() for ticket in range(200)}
    with opened(route(sink.port, sessions=SessionRules(parallel=parallel))) as transport:
        handed = list(transport.send_many(mails.items()))
    assert [one.error for one in handed] == [None] * 200
    assert wait_for(lambda: len(sink.messages()) == 200)
    found = Counter(next(line for line in text.splitlines() if b"Message-ID" in line) for text in sink.messages())
    assert found == {f"Message-ID: {mail.message_id}".encode(): 1 for mail in mails.values()}


def test_a_sink_without_pipelining_is_served_in_step() -> None:
    require("smtp-sink")
    with running_sink("-p", keep=True) as sink, opened(route(sink.port)) as transport:
        for _ in range(3):
            transport.send(message())
        assert wait_for(lambda: len(sink.messages()) == 3)


@pytest.mark.parametrize(
    ("option", "unsure"),
    [
        pytest.param(("-q", "mail"), False, id="hangs-up-at-mail"),
        pytest.param(("-q", "rcpt"), False, id="hangs-up-at-rcpt"),
        pytest.param(("-q", "data"), False, id="hangs-up-at-data"),
        pytest.param(("-q", "."), True, id="hangs-up-after-the-dot"),
        pytest.param(("-Q", "mail"), False, id="421-at-mail"),
        pytest.param(("-Q", "data"), False, id="421-at-data"),
        pytest.param(("-Q", "."), False, id="421-after-the-dot"),
        pytest.param(("-f", "."), False, id="refuses-after-the-dot"),
        pytest.param(("-r", "rcpt"), False, id="not-now-at-rcpt"),
    ],
)
def test_a_sink_that_fails_leaves_doubt_only_after_the_dot(option: tuple[str, str], unsure: bool) -> None:
    require("smtp-sink")
    with running_sink(*option) as sink, opened(route(sink.port)) as transport, pytest.raises(MailError) as caught:
        transport.send(message())
    assert (isinstance(caught.value, DeliveryUnsure), caught.value.fault.maybe_sent) == (unsure, unsure)
