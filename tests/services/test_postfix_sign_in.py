"""Every way to sign in, with Postfix and what checks passwords for it: Dovecot, and Cyrus SASL for NTLM."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from mailadmin.core import clouds
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.knowledge import Health
from mailadmin.core.secret import Secret
from mailadmin.core.settings import (
    ClientCertificate,
    Credential,
    EntraApp,
    Security,
    SmtpAuth,
    SmtpRoute,
)
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes import certificates
from tests.fakes.graph_server import TENANT, Microsoft, Says, token_body
from tests.services import dovecot
from tests.services.mails import USER, as_stored, error_of, message, opened, route, signed_in
from tests.services.postfix import Postfix
from tests.services.processes import wait_for

pytestmark = [pytest.mark.service("postfix")]

WRONG = Secret("falsch-2")
CREDENTIAL = Credential(secret=Secret("client-secret-1"))
# The way in, and the strongest method that it offers.
STRONGEST = [
    ("starttls", "SCRAM-SHA-256"),
    ("tls", "SCRAM-SHA-256"),
    ("scram_sha_1", "SCRAM-SHA-1"),
    ("cram_md5", "CRAM-MD5"),
    ("plain_text", "PLAIN"),
    ("login", "LOGIN"),
    ("cyrus", "SCRAM-SHA-256"),
]
# The server's password check, and a method of it that is asked for by name.
CHOSEN = [
    *(("starttls", method) for method in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")),
    *(("cyrus", method) for method in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "NTLM", "PLAIN", "LOGIN")),
]


def mechanism_of(route: SmtpRoute) -> str:
    """Return the method by which a session signed in."""
    session = SmtpSession(route, NetworkPolicy())
    session.start()
    session.quit()
    return session.mechanism


def assert_arrives(postfix: Postfix, route: SmtpRoute) -> None:
    mail = message()
    with opened(route) as transport:
        transport.send(mail)
    assert postfix.mail.delivered("ben", mail.message_id).endswith(as_stored(mail))


@pytest.mark.parametrize(("way", "method"), STRONGEST)
def test_s13_the_strongest_method_offered_signs_in(postfix: Postfix, way: str, method: str) -> None:
    chosen = signed_in(postfix.ports[way], Security.TLS if way == "tls" else Security.STARTTLS)
    assert mechanism_of(chosen) == method
    assert_arrives(postfix, chosen)


@pytest.mark.parametrize(("way", "method"), CHOSEN)
def test_s13_a_method_that_was_chosen_signs_in_and_a_wrong_password_stops_the_route(
    postfix: Postfix, way: str, method: str
) -> None:
    assert mechanism_of(signed_in(postfix.ports[way], mechanism=method)) == method
    error = error_of(signed_in(postfix.ports[way], mechanism=method, password=WRONG))
    assert (error.fault.phase, error.fault.smtp_code) == (Phase.AUTH, 535)
    assert error.explanation.health is Health.CONFIG
    assert "falsch-2" not in str(error)


@pytest.mark.parametrize("way", ["starttls", "ntlm", "login"])
def test_s13_a_wrong_password_is_tried_twice_at_most(postfix: Postfix, way: str) -> None:
    def refused() -> list[str]:
        return [line for line in postfix.log(way) if "disconnect from" in line and " auth=0/" in line]

    seen = len(refused())
    error = error_of(signed_in(postfix.ports[way], password=WRONG, domain="CONTOSO" if way == "ntlm" else ""))
    assert error.explanation.health is Health.CONFIG
    assert wait_for(lambda: len(refused()) > seen)
    assert {line.partition(" auth=0/")[2].split()[0] for line in refused()} <= {"1", "2"}


def test_s20_a_domain_makes_it_ntlm(postfix: Postfix) -> None:
    """Cyrus SASL looks for no domain of its own: it checks the answer for whatever domain was named in it."""
    with_domain = signed_in(postfix.ports["ntlm"], domain="CONTOSO")
    assert mechanism_of(with_domain) == "NTLM"
    assert_arrives(postfix, with_domain)


def test_s13_a_method_that_is_not_offered_is_named(postfix: Postfix) -> None:
    error = error_of(signed_in(postfix.ports["login"], mechanism="CRAM-MD5"))
    assert error.fault.kind is Kind.MECHANISM_MISSING
    assert "CRAM-MD5" in error.fault.text and "LOGIN" in error.fault.text


# -- by certificate -----------------------------------------------------------------------------------


def by_certificate(postfix: Postfix, client: ClientCertificate | None) -> SmtpRoute:
    auth = SmtpAuth.CERTIFICATE if client else SmtpAuth.NONE
    return route(postfix.ports["certificate"], Security.STARTTLS, auth=auth, client=client)


def test_p12_a_client_certificate_opens_the_door(postfix: Postfix) -> None:
    ours = certificates.authority().issue(USER)
    assert_arrives(postfix, by_certificate(postfix, ClientCertificate(ours.certificate, Secret(ours.key))))


@pytest.mark.parametrize("issuer", ["", "Somebody Else"])
def test_p12_a_missing_or_foreign_client_certificate_is_told_as_such(postfix: Postfix, issuer: str) -> None:
    """Postfix ends the handshake well, and says 421 to what follows it."""
    theirs = certificates.authority(issuer).issue(USER) if issuer else None
    error = error_of(
        by_certificate(postfix, ClientCertificate(theirs.certificate, Secret(theirs.key)) if theirs else None)
    )
    assert "client certificate" in error.fault.text.lower()
    assert error.explanation.id == "client-certificate-refused"
    assert error.explanation.health is Health.CONFIG


# -- by token -----------------------------------------------------------------------------------------

by_token = pytest.mark.skipif(
    bool(dovecot.version()) and "XOAUTH2" not in dovecot.mechanisms(),
    reason="Dovecot 2.4 checks tokens in a way that the tests do not set up",
)


class Entra(Microsoft):
    """A sign-in host that gives the tokens that a test puts into `tokens`."""

    def give(self, *tokens: str) -> None:
        self._answers["token"] = [Says(200, token_body(token)) for token in tokens]


@pytest.fixture
def entra() -> Iterator[Entra]:
    with Entra(Says(202)) as server:
        yield server


def with_token(postfix: Postfix, entra: Entra, way: str) -> SmtpRoute:
    port = postfix.ports[way]
    cloud = clouds.cloud(
        clouds.CUSTOM,
        authority_host=entra.host,
        graph_host=entra.host,
        mail_hosts=(f"localhost:{port}",),
        ca_pem=entra.ca_pem,
    )
    app = EntraApp("1", "Contoso", cloud, TENANT, str(uuid4()), CREDENTIAL)  # its own: tokens are kept
    return route(port, Security.STARTTLS, auth=SmtpAuth.XOAUTH2, user=USER, app=app)


@by_token
@pytest.mark.parametrize(("way", "method"), [("xoauth2", "XOAUTH2"), ("oauthbearer", "OAUTHBEARER")])
def test_s13_a_token_of_the_integrated_service_signs_in(postfix: Postfix, entra: Entra, way: str, method: str) -> None:
    entra.give(postfix.dovecot.token(USER))
    chosen = with_token(postfix, entra, way)
    assert mechanism_of(chosen) == method
    assert_arrives(postfix, chosen)
    assert len(entra.asked("token")) == 1


@by_token
@pytest.mark.parametrize("way", ["xoauth2", "oauthbearer"])
def test_s13_an_ended_token_is_refused_and_asked_for_anew_only_once(postfix: Postfix, entra: Entra, way: str) -> None:
    entra.give(postfix.dovecot.token(USER, seconds=-60))
    error = error_of(with_token(postfix, entra, way))
    assert (error.fault.phase, error.fault.smtp_code) == (Phase.AUTH, 535)
    assert error.explanation.health is Health.CONFIG
    assert len(entra.asked("token")) == 1  # it was fresh: another one would be no better


@by_token
def test_s13_after_a_refused_token_the_next_message_gets_a_fresh_one_and_the_one_after_that_keeps_it(
    postfix: Postfix, entra: Entra
) -> None:
    entra.give(postfix.dovecot.token(USER, seconds=-60), postfix.dovecot.token(USER))
    chosen = with_token(postfix, entra, "xoauth2")
    error_of(chosen)
    assert_arrives(postfix, chosen)
    assert_arrives(postfix, chosen)
    assert len(entra.asked("token")) == 2
