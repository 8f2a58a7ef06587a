"""The SMTP transport and its test against a real Postfix with Dovecot's password check."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mailadmin.core.content import Content
from mailadmin.core.errors import MailError, RecipientsRefused
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Failover, Health
from mailadmin.core.report import StepState, verdict
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from mailadmin.transports.base import Mail
from tests.services.mails import (
    BEN,
    CARLA,
    ELSEWHERE,
    NOBODY,
    PASSWORD,
    USER,
    as_stored,
    error_of,
    message,
    opened,
    route,
    signed_in,
)
from tests.services.postfix import Postfix

pytestmark = [pytest.mark.service("postfix")]


def way_in(postfix: Postfix, way: str, **changes: Any) -> SmtpRoute:
    """Return a route to one of the ways in; it signs in except where the way is plain."""
    if way == "plain":
        return route(postfix.ports[way], **changes)
    return signed_in(
        postfix.ports[way], **({"security": Security.TLS if way == "tls" else Security.STARTTLS} | changes)
    )


def fault_of(route: SmtpRoute) -> Fault:
    return error_of(route).fault


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_s9_s17_s19_a_message_arrives_byte_for_byte(postfix: Postfix, way: str) -> None:
    mail = message()
    with opened(way_in(postfix, way)) as transport:
        accepted = transport.send(mail)
    assert re.match(r"250 2\.0\.0 Ok:( \d+ bytes)? queued as ", accepted.answer)
    assert postfix.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))


def test_s14_many_messages_go_over_one_kept_session(postfix: Postfix) -> None:
    mails = [message(BEN, CARLA) for _ in range(5)]
    with opened(way_in(postfix, "tls")) as transport:
        for mail in mails:
            transport.send(mail)
    for mail in mails:
        assert postfix.mail.delivered("ben", mail.message_id)
        assert postfix.mail.delivered("carla", mail.message_id)


def test_a_message_with_a_very_long_body_arrives_whole(postfix: Postfix) -> None:
    mail = message()
    lines = b"".join(b".%06d " % number + b"x" * 900 + b"\r\n" for number in range(3000))
    big = Mail(mail.sender, mail.recipients, Content.of(bytes(mail.content) + lines), mail.message_id)
    with opened(way_in(postfix, "tls")) as transport:
        transport.send(big)
    assert postfix.mail.delivered("ben", big.message_id).endswith(as_stored(big))


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_s16_a_wrong_password_stops_the_route(postfix: Postfix, way: str) -> None:
    with opened(way_in(postfix, way, password=Secret("falsch-2"))) as transport, pytest.raises(MailError) as caught:
        transport.send(message())
    error = caught.value
    assert (error.fault.phase, error.fault.smtp_code) == (Phase.AUTH, 535)
    assert error.explanation.health is Health.CONFIG
    assert "falsch-2" not in str(error)


@pytest.mark.parametrize(
    ("way", "kind", "said"),
    [
        ("expired", Kind.CERT_EXPIRED, "ended on"),
        ("wrong_name", Kind.CERT_WRONG_NAME, "issued to mail.example.org"),
        ("untrusted", Kind.CERT_UNKNOWN_ISSUER, "by Somebody Else"),
    ],
)
def test_s10_s16_a_bad_certificate_is_refused_and_described(postfix: Postfix, way: str, kind: Kind, said: str) -> None:
    fault = fault_of(way_in(postfix, way))
    assert (fault.phase, fault.kind) == (Phase.TLS, kind)
    assert said in fault.text


def test_s10_a_trusted_host_makes_the_wrong_name_right(postfix: Postfix) -> None:
    mail = message()
    trusting = TlsSettings(ca_pem=postfix.ca_pem, trusted_hosts=("mail.example.org",))
    with opened(way_in(postfix, "wrong_name", tls=trusting)) as transport:
        transport.send(mail)
    assert postfix.mail.delivered("ben", mail.message_id)


def test_s16_starttls_that_is_missing_is_an_error_and_nothing_is_sent(postfix: Postfix) -> None:
    password = {"auth": SmtpAuth.PASSWORD, "user": USER, "password": Secret(PASSWORD)}
    fault = fault_of(way_in(postfix, "plain", security=Security.STARTTLS, **password))
    assert (fault.phase, fault.kind) == (Phase.TLS, Kind.STARTTLS_MISSING)


def test_s16_tls_spoken_to_the_plain_port_is_told(postfix: Postfix) -> None:
    assert fault_of(way_in(postfix, "plain", security=Security.TLS)).kind is Kind.PLAIN_EXPECTED


def test_s15_starttls_if_offered_goes_on_in_clear_where_it_is_not(postfix: Postfix) -> None:
    mail = message()
    with opened(way_in(postfix, "plain", security=Security.STARTTLS_IF_OFFERED)) as transport:
        transport.send(mail)
    assert b"ESMTPS" not in postfix.mail.delivered("ben", mail.message_id)


def test_a_message_refused_for_some_reaches_the_others(postfix: Postfix) -> None:
    mail = message(NOBODY, BEN, ELSEWHERE)
    with opened(way_in(postfix, "plain")) as transport:
        accepted = transport.send(mail)
        assert set(accepted.refused) == {NOBODY, ELSEWHERE}
        with pytest.raises(RecipientsRefused):
            transport.send(message(NOBODY))
        assert transport.send(message(CARLA)).answer
    assert accepted.refused[NOBODY].fault.enhanced == "5.1.1"
    assert accepted.refused[NOBODY].explanation.failover is Failover.FAIL
    assert accepted.refused[ELSEWHERE].fault.enhanced == "5.7.1"
    assert accepted.refused[ELSEWHERE].explanation.failover is Failover.NEXT
    assert postfix.mail.delivered("ben", mail.message_id)


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_n1_the_ladder_ends_with_the_message_accepted(postfix: Postfix, way: str) -> None:
    mail = message()
    tested = way_in(postfix, way)
    steps = probe_smtp(tested, Recorder(smtp_plan(tested)), NetworkPolicy(), sender=USER, recipient=BEN, mail=mail)
    assert {step.state for step in steps} <= {StepState.OK, StepState.NOT_RUN}
    assert verdict(steps).startswith("Everything works: the test message was accepted.")
    assert postfix.mail.delivered("ben", mail.message_id)


def test_p3_a_probe_sends_nothing(postfix: Postfix) -> None:
    tested = way_in(postfix, "tls")
    steps = probe_smtp(tested, Recorder(smtp_plan(tested)), NetworkPolicy(), sender=USER, recipient=BEN)
    assert [step.state for step in steps] == [StepState.OK] * 8 + [StepState.NOT_RUN]
