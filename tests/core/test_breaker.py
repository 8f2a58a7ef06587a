"""The circuit breaker: how long a route rests after which failure (N3). "Row" means a row of the tables in which the
project decided what follows each failure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mailadmin.core import limits
from mailadmin.core.breaker import Change, Circuit, Rest, change, rest_after
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.policy import RouteHealth

from .failures import FAILURES
from .failures.make import entra, graph, http, line, ours, smtp

WELL = Circuit()
STOPPED, UNTOUCHED = "stopped", "untouched"


def rests(seconds: float, firmly: bool = False) -> Rest:
    return Rest(float(seconds), firmly)


def lost(phase: Phase, kind: Kind = Kind.CLOSED, maybe_sent: bool = False) -> Fault:
    return replace(line(kind, phase), maybe_sent=maybe_sent)


FIRMLY = True
TABLE: list[tuple[str, Fault, Rest | str]] = [
    ("1 no such name", line(Kind.DNS_NOT_FOUND, Phase.DNS), rests(60)),
    ("2 no resolver", line(Kind.DNS_FAILED, Phase.DNS), rests(60, FIRMLY)),
    ("3 refused", line(Kind.TCP_REFUSED), rests(60)),
    ("3 unreachable", line(Kind.TCP_UNREACHABLE), rests(60, FIRMLY)),
    ("4 connect time-out", line(Kind.TCP_TIMEOUT), rests(60, FIRMLY)),
    ("5 greeting 421", smtp(Phase.GREETING, "421 Busy"), rests(60)),
    ("6 greeting 554", smtp(Phase.GREETING, "554 No service for you"), STOPPED),
    ("7 greeting silent", lost(Phase.GREETING, Kind.TIMEOUT), rests(60, FIRMLY)),
    ("7 not SMTP", line(Kind.NOT_SMTP, Phase.GREETING), rests(60)),
    ("8 EHLO refused", smtp(Phase.GREETING, "550 We do not like your name"), STOPPED),
    ("9 STARTTLS absent", line(Kind.STARTTLS_MISSING, Phase.TLS), STOPPED),
    ("10 certificate", line(Kind.CERT_EXPIRED, Phase.TLS), STOPPED),
    ("11 password refused", smtp(Phase.AUTH, "535 5.7.8 Bad credentials"), STOPPED),
    ("12 sign-in refused for now", smtp(Phase.AUTH, "454 4.7.0 Try later"), rests(300, FIRMLY)),
    ("12 lost at sign-in", lost(Phase.AUTH), rests(300, FIRMLY)),
    ("12 silent at sign-in", lost(Phase.AUTH, Kind.TIMEOUT), rests(300, FIRMLY)),
    ("13 sender refused for now", smtp(Phase.SENDER, "451 4.3.0 Try later"), rests(60)),
    ("13 lost at the sender", lost(Phase.SENDER), rests(60)),
    ("13 silent at the sender", lost(Phase.SENDER, Kind.TIMEOUT), rests(60, FIRMLY)),
    ("14 sender not allowed", smtp(Phase.SENDER, "553 5.7.1 Not yours"), UNTOUCHED),
    ("15 too big", smtp(Phase.SENDER, "552 5.3.4 Too big"), UNTOUCHED),
    ("16 greylisted", smtp(Phase.RECIPIENT, "450 4.7.1 Greylisted"), UNTOUCHED),
    ("17 no such mailbox", smtp(Phase.RECIPIENT, "550 5.1.1 User unknown"), UNTOUCHED),
    ("18 relay denied", smtp(Phase.RECIPIENT, "554 5.7.1 Relay access denied"), UNTOUCHED),
    ("20 too many recipients", smtp(Phase.RECIPIENT, "452 4.5.3 Too many recipients"), UNTOUCHED),
    ("21 closing", smtp(Phase.RECIPIENT, "421 4.3.2 Going down"), rests(60)),
    ("21 lost before DATA", lost(Phase.DATA), rests(60)),
    ("22 DATA refused for now", smtp(Phase.DATA, "451 4.3.0 Not now"), rests(60)),
    ("23 lost in the body", lost(Phase.DATA), rests(60)),
    ("24 spam", smtp(Phase.DATA, "554 5.7.1 Rejected as spam"), UNTOUCHED),
    ("24b sender denied", smtp(Phase.DATA, "554 5.2.252 SendAsDenied"), UNTOUCHED),
    ("25 final dot 4xx", smtp(Phase.DATA, "451 4.3.0 Queue full"), rests(60)),
    ("26 silent after the dot", lost(Phase.DATA, Kind.TIMEOUT, maybe_sent=True), rests(60, FIRMLY)),
    ("26 lost after the dot", lost(Phase.DATA, maybe_sent=True), rests(60)),
    ("30 bad address", ours(Kind.BAD_ADDRESS, "x", Phase.MESSAGE), UNTOUCHED),
    ("31 out of step", line(Kind.OUT_OF_STEP, Phase.SENDER), rests(60)),
    ("SMTP asks for less", smtp(Phase.SENDER, "450 4.7.0 Too many messages, slow down"), rests(60, FIRMLY)),
    ("no Kerberos ticket", line(Kind.TICKET_MISSING, Phase.AUTH), rests(60)),
    ("no socket of our own", line(Kind.TCP_LOCAL), rests(60)),
    ("our own rate", ours(Kind.PACED, "Its next turn comes in 40 seconds.", Phase.MESSAGE), UNTOUCHED),
    ("G1 secret expired", entra("7000222", "expired"), STOPPED),
    ("G3 Entra is down", entra("", "Service unavailable", 503), rests(60)),
    ("G3 Entra throttles", replace(entra("", "Slow down", 429), retry_after=20.0), rests(20, FIRMLY)),
    ("G3 Entra silent", line(Kind.TIMEOUT, Phase.TOKEN), rests(60, FIRMLY)),
    ("G5 bad message", graph(400, "ErrorInvalidRecipients"), UNTOUCHED),
    ("G5 too large", graph(413), UNTOUCHED),
    ("G6 token refused again", graph(401, "InvalidAuthenticationToken"), STOPPED),
    ("G7 access denied", graph(403, "ErrorAccessDenied"), STOPPED),
    ("G7 send as denied", graph(403, "ErrorSendAsDenied"), UNTOUCHED),
    ("G8 no mailbox", graph(404, "ErrorInvalidUser"), STOPPED),
    ("G9 throttled, with a time", graph(429, "TooManyRequests", retry_after=90.0), rests(90)),
    ("G9 throttled, without one", graph(429, "TooManyRequests"), rests(60)),
    ("G9 throttled for hours", graph(429, "TooManyRequests", retry_after=90_000.0), rests(900)),
    ("G10 busy", graph(503, "serviceNotAvailable", retry_after=10.0), rests(10)),
    ("G11 not confirmed", graph(504), rests(60)),
    ("G12 silent after the body", replace(line(Kind.TIMEOUT, Phase.GRAPH), maybe_sent=True), rests(60, FIRMLY)),
    ("G13 reset before the body", line(Kind.CLOSED, Phase.GRAPH), rests(60)),
    ("G15 odd success", graph(200), rests(60)),
    ("G15 redirect", http(Phase.GRAPH, Kind.HTTP_REDIRECT, 302), STOPPED),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "expected"), [pytest.param(f, e, id=row) for row, f, e in TABLE])
def test_n3_what_a_failure_does_to_a_route_that_was_well(fault: Fault, expected: Rest | str) -> None:
    found = change(mail_error(fault), WELL)
    if found is None:
        assert expected == UNTOUCHED
    else:
        assert (STOPPED if found.health.stopped else found.rest) == expected
        assert found.health.failing and found.health.failures == 1


def lets_rest(error: MailError) -> bool:
    found = change(error, WELL)
    return found is not None and found.rest is not None


every_trip = some.sampled_from(
    [error for found in FAILURES.values() for fault in found if lets_rest(error := mail_error(fault))]
)


@given(every_trip, some.integers(1, 10**6))
def test_a_rest_is_never_longer_than_allowed_and_never_shorter_after_more_failures(
    error: MailError, failures: int
) -> None:
    rest, longer = rest_after(error, failures), rest_after(error, failures + 1)
    assert 1 <= rest.seconds <= longer.seconds <= limits.MAX_REST_SECONDS
    assert rest.firm == longer.firm


def test_n3_the_rest_doubles_up_to_a_quarter_of_an_hour() -> None:
    refused, silent = MailError(line(Kind.TCP_REFUSED)), MailError(line(Kind.DNS_FAILED, Phase.DNS))
    assert [rest_after(refused, n).seconds for n in range(1, 7)] == [60, 120, 240, 480, 900, 900]
    assert [rest_after(silent, n).seconds for n in range(1, 4)] == [60, 60, 60]
    sign_in = MailError(smtp(Phase.AUTH, "454 4.7.0 Try later"))
    assert [rest_after(sign_in, n).seconds for n in range(1, 4)] == [300, 600, 900]


def test_success_closes_and_says_nothing_of_a_route_that_is_well() -> None:
    assert change(None, WELL) is None
    for before in (Circuit(failing=True, failures=3), Circuit(failing=True, open=True), Circuit(stopped=True)):
        assert change(None, before) == Change(RouteHealth())


def test_a_probe_that_fails_opens_for_longer() -> None:
    found = change(MailError(line(Kind.TCP_REFUSED)), Circuit(failing=True, failures=2))
    assert found == Change(RouteHealth(failing=True, failures=3), rests(240))


class TestWhileItRests:
    """As a last resort a route is tried though it rests."""

    RESTING = Circuit(failing=True, failures=1, open=True)

    def test_the_same_again_is_no_news(self) -> None:
        assert change(MailError(smtp(Phase.GREETING, "421 Busy")), self.RESTING) is None
        firm = replace(self.RESTING, firm=True)
        assert change(MailError(line(Kind.TCP_TIMEOUT)), firm) is None  # a person tried it alone

    def test_what_now_costs_time_is(self) -> None:
        found = change(MailError(line(Kind.TCP_TIMEOUT)), self.RESTING)
        assert found and found.rest == rests(120, FIRMLY)

    def test_a_host_name_that_does_not_exist_stops_it_with_the_third_time(self) -> None:
        error, circuit = MailError(line(Kind.DNS_NOT_FOUND, Phase.DNS)), WELL
        for _ in range(2):
            found = change(error, circuit)
            assert found and not found.health.stopped
            circuit = Circuit(failing=True, failures=found.health.failures, open=True)
        found = change(error, circuit)
        assert found and found.health.stopped

    def test_a_wrong_setting_stops_it(self) -> None:
        found = change(MailError(smtp(Phase.AUTH, "535 5.7.8 Bad credentials")), self.RESTING)
        assert found and found.health.stopped and found.rest is None


@pytest.mark.parametrize("before", [Circuit(failing=True, failures=1), Circuit(failing=True, failures=1, open=True)])
@pytest.mark.parametrize(
    ("fault", "alive"),
    [
        (smtp(Phase.RECIPIENT, "550 5.1.1 User unknown"), True),
        (smtp(Phase.DATA, "554 5.7.1 Rejected as spam"), True),
        (graph(400, "ErrorInvalidRecipients"), True),
        (ours(Kind.PACED, "x", Phase.MESSAGE), False),  # nobody was asked
        (ours(Kind.BAD_ADDRESS, "x", Phase.MESSAGE), False),
    ],
)
def test_a_server_that_refuses_the_message_itself_is_at_work(before: Circuit, fault: Fault, alive: bool) -> None:
    assert change(MailError(fault), before) == (Change(RouteHealth()) if alive else None)


def test_nothing_but_success_lifts_what_stopped_a_route() -> None:
    stopped = Circuit(stopped=True, failing=True, failures=1)
    for found in FAILURES.values():
        for fault in found:
            assert change(mail_error(fault), stopped) is None


def test_half_open_is_when_the_rest_is_over() -> None:
    assert Circuit(failing=True).half_open
    for other in (WELL, Circuit(failing=True, open=True), Circuit(failing=True, stopped=True)):
        assert not other.half_open
