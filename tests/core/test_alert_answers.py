"""What the answer of a webhook means (P8): taken, worth another try, or wrong for good, each with its remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.core.alert_answers import of_fault, of_status
from mailadmin.core.alerts import ChannelKind
from mailadmin.core.fault import Fault, Kind, Phase

HOST = "hooks.example.org"
WEBHOOKS = [kind for kind in ChannelKind if kind is not ChannelKind.EMAIL]


@pytest.mark.parametrize(
    ("status", "ok", "again", "says"),
    [
        (200, True, False, "took it"),
        (202, True, False, "took it"),
        (204, True, False, "took it"),
        (301, False, False, "redirect is never followed"),
        (308, False, False, "redirect is never followed"),
        (400, False, False, "does not take this kind"),
        (401, False, False, "does not exist any more"),
        (403, False, False, "does not exist any more"),
        (404, False, False, "does not exist any more"),
        (408, False, True, "out of order"),
        (410, False, False, "does not exist any more"),
        (413, False, False, "does not take this kind"),
        (429, False, True, "too many"),
        (500, False, True, "out of order"),
        (503, False, True, "out of order"),
    ],
)
@pytest.mark.parametrize("kind", WEBHOOKS)
def test_each_status_has_its_meaning(kind: ChannelKind, status: int, ok: bool, again: bool, says: str) -> None:
    answered = of_status(kind, HOST, status)
    assert (answered.ok, answered.again) == (ok, again)
    assert says in answered.text
    assert HOST in answered.text


def test_the_wait_that_the_other_side_asks_for_is_kept_up_to_a_bound() -> None:
    assert of_status(ChannelKind.SLACK, HOST, 429, 90.0).seconds == 90
    assert of_status(ChannelKind.SLACK, HOST, 429, 1e9).seconds == limits.ALERT_RETRY_SECONDS[-1]


@given(st.integers(100, 999), st.sampled_from(WEBHOOKS))
def test_whatever_the_status_is_there_is_a_remedy_unless_it_was_taken(status: int, kind: ChannelKind) -> None:
    answered = of_status(kind, HOST, status)
    assert answered.ok or (answered.problem and all(answered.remedy))
    assert not (answered.ok and answered.again)


@given(st.sampled_from(Phase), st.sampled_from(Kind))
def test_whatever_broke_there_is_a_problem_and_a_remedy(phase: Phase, kind: Kind) -> None:
    answered = of_fault(Fault(phase, kind, text="It is so.", host=HOST))
    assert not answered.ok
    assert answered.problem
    assert all(answered.remedy)


@pytest.mark.parametrize(
    ("fault", "again", "says"),
    [
        (Fault(Phase.DNS, Kind.DNS_NOT_FOUND, host=HOST), True, "Check the host"),
        (Fault(Phase.TCP, Kind.TCP_TIMEOUT, host=HOST, port=443), True, "No answer came from hooks.example.org:443"),
        (Fault(Phase.TLS, Kind.CERT_EXPIRED, host=HOST), True, "certificate of hooks.example.org has expired"),
        (Fault(Phase.GRAPH, Kind.TIMEOUT, host=HOST), True, "did not answer within 10 seconds"),
        (Fault(Phase.GRAPH, Kind.CLOSED, host=HOST), True, "closed the connection"),
        (Fault(Phase.GRAPH, Kind.HTTP_ANSWER, host=HOST), True, "not HTTP"),
        (Fault(Phase.TCP, Kind.ADDRESS_REFUSED, "10.0.0.1 is private.", host=HOST), False, "MAILADMIN"),
        (Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, "The address is gone."), False, "The address is gone."),
    ],
)
def test_what_broke_is_told_in_words_for_a_webhook(fault: Fault, again: bool, says: str) -> None:
    answered = of_fault(fault)
    assert answered.again is again
    assert says in answered.text
    assert "mail server" not in answered.text
    assert "password" not in answered.text
