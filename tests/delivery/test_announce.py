"""What the application is told of messages and routes (S18)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.dispatch import Signal

from mailadmin import signals
from mailadmin.core.outcome import DeliveryState, RecipientOutcome, RecipientState, SendResult
from mailadmin.core.settings import RouteKey, RouteKind
from mailadmin.delivery import announce
from mailadmin.models import Delivery, RouteState

ALL = {
    "sent": signals.message_sent,
    "failed": signals.message_failed,
    "unsure": signals.message_unsure,
    "route": signals.route_changed,
}
KEY = RouteKey(RouteKind.SMTP, str(uuid4()))
Told = list[tuple[str, dict[str, Any]]]


@contextmanager
def receiving(signal: Signal, receiver: Callable[..., object]) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@pytest.fixture
def told() -> Iterator[Told]:
    """Everything that is told, with the name of its signal."""
    heard: Told = []
    with ExitStack() as stack:
        for name, signal in ALL.items():
            stack.enter_context(receiving(signal, hearer(heard, name)))
        yield heard


def hearer(heard: Told, heading: str) -> Callable[..., object]:
    def receiver(**named: Any) -> None:
        heard.append((heading, named))

    return receiver


def result(state: DeliveryState, *recipients: RecipientState) -> SendResult:
    outcomes = {f"p{number}@example.net": RecipientOutcome(state) for number, state in enumerate(recipients)}
    return SendResult(state=state, recipients=outcomes, message_id="<1@example.org>")


SENT, REFUSED, UNSURE, PENDING = (
    RecipientState.SENT,
    RecipientState.REFUSED,
    RecipientState.UNSURE,
    RecipientState.PENDING,
)


@pytest.mark.parametrize(
    ("state", "recipients", "names"),
    [
        (DeliveryState.SENT, [SENT], ["sent"]),
        (DeliveryState.FALLBACK, [SENT], ["sent"]),
        (DeliveryState.FAILED, [REFUSED], ["failed"]),
        (DeliveryState.FAILED, [], ["failed"]),
        (DeliveryState.EXPIRED, [PENDING], ["failed"]),
        (DeliveryState.CANCELLED, [PENDING], ["failed"]),
        (DeliveryState.UNSURE, [SENT, UNSURE], ["unsure"]),
        (DeliveryState.INTERRUPTED, [], ["unsure"]),
        (DeliveryState.PARTLY, [SENT, REFUSED], ["sent", "failed"]),
        (DeliveryState.PARTLY, [SENT, PENDING], ["sent", "failed"]),
        (DeliveryState.PARTLY, [SENT, UNSURE], ["sent", "unsure"]),
        (DeliveryState.PARTLY, [SENT, UNSURE, REFUSED], ["sent", "failed", "unsure"]),
        (DeliveryState.QUEUED, [PENDING], []),
        (DeliveryState.SENDING, [PENDING], []),
        (DeliveryState.HELD, [PENDING], []),
    ],
)
def test_s18_each_end_of_a_message_has_its_signals(
    told: Told, state: DeliveryState, recipients: list[RecipientState], names: list[str]
) -> None:
    announce.message(None, result(state, *recipients))
    assert [name for name, _ in told] == names


def test_every_state_is_told_or_not_over() -> None:
    not_over = {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD}
    silent = {state for state in DeliveryState if not announce.signals_for(result(state))}
    assert silent == not_over


def test_s18_a_signal_names_the_delivery_with_its_result_and_label(told: Told) -> None:
    key, what = uuid4(), result(DeliveryState.SENT, SENT)
    announce.message(key, what, "invoices", "shop")
    (name, named) = told[0]
    assert named.pop("signal") is signals.message_sent
    assert (name, named) == (
        "sent",
        {"sender": Delivery, "delivery_id": str(key), "result": what, "label": "invoices", "client": "shop"},
    )


def test_a_message_without_a_row_has_no_id(told: Told) -> None:
    announce.message(None, result(DeliveryState.FAILED))
    assert told[0][1]["delivery_id"] is None


def test_a_change_of_a_route_is_told_and_none_is_not(told: Told) -> None:
    announce.route(KEY, "Relay", "well", "failing", "It does not answer.")
    announce.route(KEY, "Relay", "failing", "failing", "It does not answer.")
    ((name, named),) = told
    assert name == "route"
    assert named["sender"] is RouteState
    assert (named["route"], named["name"]) == (KEY, "Relay")
    assert (named["before"], named["after"], named["reason"]) == ("well", "failing", "It does not answer.")


def test_a_receiver_that_raises_stops_no_other_and_its_words_are_in_no_log(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**named: Any) -> None:
        raise ValueError("canary-content")

    for signal in (signals.message_sent, signals.message_failed):
        with receiving(signal, broken):
            announce.message(None, result(DeliveryState.PARTLY, SENT, REFUSED))
    assert [name for name, _ in told] == ["sent", "failed"] * 2
    assert "canary" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)
    line = caplog.records[0].getMessage()
    assert line.startswith("The signal receiver test_a_receiver_that_raises")
    assert line.endswith("broken raised ValueError.")
    assert {record.name for record in caplog.records} == {"mailadmin.delivery"}


def test_an_alert_that_fails_as_well_is_told_once_and_no_more() -> None:
    """A receiver that sends a message about each failure, while nothing can be sent."""
    failures: list[int] = []

    def alert(**named: Any) -> None:
        failures.append(len(failures))
        announce.message(None, result(DeliveryState.FAILED))

    with receiving(signals.message_failed, alert):
        announce.message(None, result(DeliveryState.FAILED))
        assert failures == [0, 1]
        announce.message(None, result(DeliveryState.FAILED))
        assert failures == [0, 1, 2, 3]


class _EndlessHandler(logging.Handler):
    """As Django's AdminEmailHandler with mailadmin as its backend: every line makes a message, which fails."""

    def emit(self, record: logging.LogRecord) -> None:
        announce.message(None, result(DeliveryState.FAILED))


def test_a_log_that_sends_mail_makes_no_endless_loop() -> None:
    calls: list[int] = []

    def broken(**named: Any) -> None:
        calls.append(1)
        raise ValueError

    logger, handler = logging.getLogger("mailadmin.delivery"), _EndlessHandler()
    logger.addHandler(handler)
    try:
        with receiving(signals.message_failed, broken):
            announce.message(None, result(DeliveryState.FAILED))
    finally:
        logger.removeHandler(handler)
    assert len(calls) <= 3


@pytest.mark.django_db(transaction=True)
def test_receivers_may_use_the_database_under_an_event_loop() -> None:
    found: list[int] = []

    def counting(**named: Any) -> None:
        found.append(Delivery.objects.count())

    async def view() -> None:
        announce.message(None, result(DeliveryState.SENT, SENT))

    with receiving(signals.message_sent, counting):
        asyncio.run(view())
    assert found == [0]


@pytest.mark.parametrize("in_loop", [True, False])
def test_a_receiver_may_be_a_coroutine(in_loop: bool) -> None:
    found: list[object] = []

    async def waiting(**named: Any) -> None:
        await asyncio.sleep(0)
        found.append(named["result"].state)

    async def view() -> None:
        announce.message(None, result(DeliveryState.SENT, SENT))

    with receiving(signals.message_sent, waiting):
        if in_loop:
            asyncio.run(view())
        else:
            announce.message(None, result(DeliveryState.SENT, SENT))
    assert found == [DeliveryState.SENT]
