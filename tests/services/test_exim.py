"""The SMTP transport against Exim, a second real server with an own reading of the standards."""

from __future__ import annotations

import socket
from collections import Counter

import pytest

from mailadmin.core.errors import RecipientsRefused
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.secret import Secret
from mailadmin.core.settings import ClientCertificate, Security, SessionRules, SmtpAuth, SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.certificates import Authority
from tests.services.exim import Exim
from tests.services.mails import (
    BEN,
    CARLA,
    ELSEWHERE,
    NOBODY,
    USER,
    as_stored,
    error_of,
    message,
    opened,
    route,
    signed_in,
)
from tests.services.processes import wait_for

pytestmark = [pytest.mark.service("exim")]


def way_in(exim: Exim, way: str) -> SmtpRoute:
    """Return a route to one of the ways in; it signs in where the way is encrypted."""
    if way in ("starttls", "tls"):
        return signed_in(exim.ports[way], Security.TLS if way == "tls" else Security.STARTTLS)
    return route(exim.ports[way])


def greets(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        return sock.recv(512).startswith(b"220")


# "plain" offers PIPELINING and CHUNKING, "pipelined" only the first, "bare" neither.
@pytest.mark.parametrize("way", ["plain", "pipelined", "bare", "starttls", "tls"])
def test_s9_s17_a_message_arrives_byte_for_byte(exim: Exim, way: str) -> None:
    mails = [message(BEN, CARLA), message(text=".\n" * 2000), message(text="x" * 900 + "\n" + "y\n" * 100_000)]
    with opened(way_in(exim, way)) as transport:
        for mail in mails:
            transport.send(mail)
    for mail in mails:
        assert exim.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))


@pytest.mark.parametrize("way", ["plain", "pipelined", "bare"])
def test_n6_each_recipient_gets_its_own_fate(exim: Exim, way: str) -> None:
    mail = message(NOBODY, BEN, ELSEWHERE, CARLA)
    with opened(route(exim.ports[way])) as transport:
        accepted = transport.send(mail)
        with pytest.raises(RecipientsRefused):
            transport.send(message(NOBODY))
        transport.send(message(CARLA))
    assert {address: error.fault.enhanced for address, error in accepted.refused.items()} == {
        NOBODY: "5.1.1",
        ELSEWHERE: "5.7.1",
    }
    for mailbox in ("ben", "carla"):
        assert exim.mail.delivered(mailbox, mail.message_id)
    assert exim.mail.ids("ben").count(mail.message_id) == 1


@pytest.mark.parametrize("method", ["CRAM-MD5", "PLAIN", "LOGIN"])
def test_s13_every_method_signs_in_and_a_wrong_password_stops_the_route(exim: Exim, method: str) -> None:
    session = SmtpSession(signed_in(exim.ports["starttls"], mechanism=method), NetworkPolicy())
    session.start()
    session.quit()
    assert session.mechanism == method
    error = error_of(signed_in(exim.ports["starttls"], mechanism=method, password=Secret("falsch-2")))
    assert (error.fault.phase, error.fault.smtp_code) == (Phase.AUTH, 535)
    assert error.explanation.health is Health.CONFIG


def by_certificate(exim: Exim, issuer: Authority | None, user: str = USER) -> SmtpRoute:
    """Return a route that shows a certificate of `issuer`, or none."""
    auth, client = SmtpAuth.NONE, None
    if issuer:
        ours = issuer.issue(USER)
        auth, client = SmtpAuth.CERTIFICATE, ClientCertificate(ours.certificate, Secret(ours.key))
    return route(exim.ports["certificate"], Security.STARTTLS, auth=auth, client=client, user=user)


def test_p12_a_client_certificate_signs_in_by_external(exim: Exim) -> None:
    chosen = by_certificate(exim, certificates.authority())
    session = SmtpSession(chosen, NetworkPolicy())
    session.start()
    session.quit()
    assert session.mechanism == "EXTERNAL"
    mail = message()
    with opened(chosen) as transport:
        transport.send(mail)
    assert b"esmtpsa" in exim.mail.delivered("ben", mail.message_id)


def test_p12_a_client_certificate_for_somebody_else_is_refused(exim: Exim) -> None:
    error = error_of(by_certificate(exim, certificates.authority(), "carla@example.org"))
    assert (error.fault.phase, error.fault.smtp_code) == (Phase.AUTH, 535)
    assert error.explanation.health is Health.CONFIG


@pytest.mark.parametrize("issuer", [None, "Somebody Else"])
def test_p12_a_missing_or_foreign_client_certificate_is_told_as_such(exim: Exim, issuer: str | None) -> None:
    """With TLS 1.3 the server's alert comes after the handshake, in the place of its answer to EHLO."""
    error = error_of(by_certificate(exim, certificates.authority(issuer) if issuer else None))
    assert error.fault.kind is Kind.CLIENT_CERTIFICATE_REFUSED
    assert error.fault.phase in (Phase.TLS, Phase.GREETING)


def test_p12_the_size_that_the_server_takes_is_learned(exim: Exim) -> None:
    with opened(route(exim.ports["plain"])) as transport:
        assert transport.send(message()).size_limit == 30 * 1024 * 1024


def test_an_address_with_letters_beyond_ascii_goes_with_smtputf8(exim: Exim) -> None:
    mail = message("jürgen@example.net", needs_utf8=True)
    with opened(route(exim.ports["plain"])) as transport:
        transport.send(mail)
    assert exim.mail.delivered("jürgen", mail.message_id)
    error = error_of(route(exim.ports["bare"]), message("jürgen@example.net", needs_utf8=True))
    assert error.fault.kind is Kind.UTF8_UNSUPPORTED


@pytest.mark.parametrize("way", ["plain", "bare", "starttls", "two_clients"])
def test_a_list_arrives_once_over_up_to_four_sessions(exim: Exim, way: str) -> None:
    """With "two_clients" Exim takes two sessions of the four, and says 421 to the others."""
    assert wait_for(lambda: greets(exim.ports[way]))  # it has noticed that the sessions of earlier tests ended
    mails = {ticket: message(BEN) for ticket in range(40)}
    mails[11] = message(NOBODY)
    rules = SessionRules(parallel=4)
    chosen = signed_in(exim.ports[way], sessions=rules) if way == "starttls" else route(exim.ports[way], sessions=rules)
    with opened(chosen) as transport:
        handed = {one.ticket: one for one in transport.send_many(mails.items())}
    assert {ticket for ticket, one in handed.items() if one.error} == {11}
    expected = {mail.message_id: 1 for ticket, mail in mails.items() if ticket != 11}

    def arrived() -> dict[str, int]:
        return {one: count for one, count in Counter(exim.mail.ids("ben")).items() if one in expected}

    assert set(handed) == set(mails)
    assert wait_for(lambda: arrived() == expected), arrived()
