"""S9, S10, S16, P12: what goes wrong in the encryption of a whole sending, as an administrator reads it."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from mailadmin.core.errors import MailError
from mailadmin.core.settings import Security, SmtpRoute, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes import certificates
from tests.fakes.certificates import point
from tests.fakes.graph_server import ScriptedServer, says
from tests.fakes.smtp_routes import mail, smtp_route
from tests.fakes.smtp_server import SmtpServer

CA = certificates.authority()
BOTH = pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])


def failure(route: SmtpRoute) -> MailError:
    transport = SmtpTransport(route, NetworkPolicy())
    with pytest.raises(MailError) as caught:
        transport.send(mail())
    transport.close()
    return caught.value


@BOTH
@pytest.mark.parametrize("sent_along", [True, False])
def test_s9_a_scanner_that_opens_the_encryption_is_named(security: Security, sent_along: bool) -> None:
    scanner = certificates.authority("Avast Web/Mail Shield Root")
    identity = scanner.issue("localhost")
    if sent_along:
        identity = replace(identity, certificate=identity.certificate + scanner.pem)
    with SmtpServer(identity=identity, implicit=security is Security.TLS) as server:
        error = failure(smtp_route(server.port, security=security))
        assert server.messages == []
    assert error.code == "cert-intercepted"
    assert "by Avast Web/Mail Shield Root" in str(error)


@BOTH
def test_p12_a_message_is_sent_with_our_certificate_and_not_without(security: Security) -> None:
    with SmtpServer(identity=certificates.good(), implicit=security is Security.TLS) as server:
        assert server.context
        server.context.verify_mode = ssl.CERT_REQUIRED
        server.context.load_verify_locations(cadata=CA.pem)
        route = smtp_route(server.port, security=security)
        assert failure(route).code == "client-certificate-refused"
        transport = SmtpTransport(replace(route, client=CA.issue("client.example.org").client), NetworkPolicy())
        transport.send(mail())
        transport.close()
        assert len(server.messages) == 1


@BOTH
def test_s16_a_revoked_certificate_gets_no_message_where_the_check_is_on(security: Security) -> None:
    body: list[bytes] = []
    with ScriptedServer(lambda exchange: says(200, body[0])(exchange), tls=False) as lists:
        identity = CA.issue("localhost", points=[point(f"http://localhost:{lists.port}/{security}.crl")])
        body.append(CA.revocation_list(identity))
        with SmtpServer(identity=identity, implicit=security is Security.TLS) as server:
            route = smtp_route(server.port, security=security)
            checked = replace(route, tls=TlsSettings(ca_pem=CA.pem, check_revocation=True))
            assert failure(checked).code == "cert-revoked"
            assert server.messages == []
            transport = SmtpTransport(route, NetworkPolicy())
            transport.send(mail())
            transport.close()
            assert len(server.messages) == 1


def test_s16_a_certificate_without_a_list_gets_no_message_where_the_check_is_on() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        checked = TlsSettings(ca_pem=CA.pem, check_revocation=True)
        assert failure(smtp_route(server.port, security=Security.TLS, tls=checked)).code == "crl-missing"


def test_p12_a_size_that_was_offered_before_the_wanted_encryption_teaches_nothing() -> None:
    with SmtpServer(features=["SIZE 10"]) as server:
        error = failure(smtp_route(server.port, security=Security.STARTTLS))
    assert (error.code, error.fault.size_limit) == ("starttls-missing", 0)
