"""What follows a failure, for the recipients and for the route (N3)."""

from __future__ import annotations

import pytest

from mailadmin.core.errors import MailError, RecipientsRefused, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.policy import (
    DNS_FAILURES_BEFORE_STOP,
    Haste,
    RouteHealth,
    Step,
    after_failure,
    after_refusals,
    may_succeed_later,
    route_health,
)

from .failures.make import graph, line, ours, smtp

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"
UNKNOWN = MailError(smtp(Phase.RECIPIENT, "550 5.1.1 User unknown"))
RELAY = MailError(smtp(Phase.RECIPIENT, "554 5.7.1 Relay access denied"))
GREY = MailError(smtp(Phase.RECIPIENT, "450 4.2.0 Greylisted"))


@pytest.mark.parametrize(
    "fault",
    [
        line(Kind.TCP_REFUSED),
        smtp(Phase.AUTH, "535 5.7.8 no"),
        smtp(Phase.SENDER, "553 5.7.1 not you"),
        graph(403, "ErrorAccessDenied"),
        graph(429, retry_after=30),  # "later" means the next route while the caller waits
    ],
)
def test_what_was_surely_not_taken_goes_to_the_next_route(fault: Fault) -> None:
    assert after_failure(mail_error(fault), (ADA, BOB)) == Step((ADA, BOB), ())


@pytest.mark.parametrize(
    "fault", [ours(Kind.BAD_HEADER), smtp(Phase.DATA, "554 5.7.1 spam"), graph(400, "ErrorInvalidRecipients")]
)
def test_what_no_route_would_take_is_over(fault: Fault) -> None:
    assert after_failure(mail_error(fault), (ADA,)) == Step((), (ADA,))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Phase.DATA, Kind.CLOSED, maybe_sent=True),
        Fault(Phase.DATA, Kind.TIMEOUT, maybe_sent=True),
        Fault(Phase.GRAPH, Kind.TIMEOUT, maybe_sent=True),
        graph(200),
        graph(500),
        graph(503),
        graph(504, "UnknownError"),
    ],
)
def test_n3_an_unclear_answer_is_never_followed_by_another_route(fault: Fault) -> None:
    assert after_failure(mail_error(fault), (ADA, BOB)) == Step((), (ADA, BOB), unsure=True)


def test_refused_recipients_are_followed_one_by_one() -> None:
    step = after_refusals({ADA: UNKNOWN, BOB: RELAY, EVE: GREY})
    assert step == Step((BOB, EVE), (ADA,))


def test_when_all_are_refused_each_is_followed_by_its_own_reason() -> None:
    error = RecipientsRefused(RELAY.fault, {ADA: UNKNOWN, BOB: RELAY})
    assert after_failure(error, (ADA, BOB)) == Step((BOB,), (ADA,))


@pytest.mark.parametrize(
    "fault", [graph(429, retry_after=30), smtp(Phase.RECIPIENT, "450 4.2.0 Greylisted"), ours(Kind.CLAIM_LOST)]
)
def test_a_queued_message_waits_for_what_passes_and_an_urgent_one_takes_the_next_route(fault: Fault) -> None:
    error = mail_error(fault)
    assert after_failure(error, (ADA,), Haste.PATIENT) == Step((), (), later=(ADA,))
    assert after_failure(error, (ADA,), Haste.URGENT) == Step((ADA,), ())


@pytest.mark.parametrize("haste", list(Haste))
def test_no_haste_serves_again_who_may_have_been_served(haste: Haste) -> None:
    unsure = mail_error(Fault(Phase.DATA, Kind.CLOSED, maybe_sent=True))
    assert after_refusals({ADA: unsure, BOB: UNKNOWN}, haste) == Step((), (BOB, ADA), unsure=True)


def test_queued_refusals_are_followed_one_by_one() -> None:
    step = after_refusals({ADA: UNKNOWN, BOB: RELAY, EVE: GREY}, Haste.PATIENT)
    assert step == Step((BOB,), (ADA,), later=(EVE,))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (line(Kind.TCP_REFUSED), True),  # the route may come back
        (smtp(Phase.AUTH, "535 5.7.8 no"), True),  # somebody may mend it
        (smtp(Phase.SENDER, "451 4.3.0 try later"), True),
        (smtp(Phase.RECIPIENT, "450 4.2.0 Greylisted"), True),
        (smtp(Phase.RECIPIENT, "554 5.7.1 Relay access denied"), False),
        (smtp(Phase.RECIPIENT, "550 5.1.1 User unknown"), False),
        (ours(Kind.BAD_HEADER), False),
    ],
)
def test_whether_a_message_without_a_further_route_waits(fault: Fault, expected: bool) -> None:
    assert may_succeed_later(mail_error(fault)) is expected


def test_a_success_makes_a_route_healthy() -> None:
    assert route_health(None, 5) == RouteHealth()


def test_a_wrong_password_stops_the_route_at_once() -> None:
    """Further tries would lock the account."""
    error = MailError(smtp(Phase.AUTH, "535 5.7.8 no"))
    assert route_health(error, 0) == RouteHealth(stopped=True, failing=True, failures=1)


def test_a_broken_line_makes_the_route_fail_for_now_however_often() -> None:
    error = MailError(line(Kind.TCP_TIMEOUT))
    assert route_health(error, 50) == RouteHealth(failing=True, failures=51)


@pytest.mark.parametrize("before", range(4))
def test_a_name_that_does_not_exist_three_times_running_is_a_wrong_setting(before: int) -> None:
    health = route_health(MailError(line(Kind.DNS_NOT_FOUND, Phase.DNS)), before)
    assert health is not None
    assert health.stopped is (before + 1 >= DNS_FAILURES_BEFORE_STOP)
    assert health.failing


@pytest.mark.parametrize(
    "fault",
    [
        smtp(Phase.SENDER, "553 5.7.1 Sender address rejected: not owned by user"),
        smtp(Phase.DATA, "554 5.2.252 SendAsDenied"),
        graph(403, "ErrorSendAsDenied"),
        smtp(Phase.RECIPIENT, "550 5.1.1 User unknown"),
        ours(Kind.BAD_ADDRESS),
    ],
)
def test_a_refusal_of_one_sender_recipient_or_message_says_nothing_of_the_route(fault: Fault) -> None:
    assert route_health(MailError(fault), 2) is None
