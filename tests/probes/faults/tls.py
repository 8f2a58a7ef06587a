"""What can be wrong with the encryption and with certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mailadmin.core.settings import Security, SmtpAuth, TlsSettings, TlsVersion
from mailadmin.core.terms import Owner
from mailadmin.probes.recorder import Recorder
from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.fakes.graph_server import ScriptedServer, free_port, says
from tests.fakes.smtp_actions import Action, close, raw, reset, silent
from tests.fakes.smtp_server import SmtpServer

from .row import NETWORK, NEXT, PATIENT, PROVIDER, QUICK, YOU, Row, Stage
from .stages import served

_CA = certificates.authority()
_OWN_CA = TlsSettings(ca_pem=_CA.pem)
_BOTH = ((Security.STARTTLS, "STARTTLS"), (Security.TLS, "TLS from the start"))
_ISSUED = {
    "comes from a private authority": ("Example Departments", "cert-unknown-issuer", YOU),
    "comes from a public authority, and the certificate in between is missing": (
        "Sectigo RSA Domain Validation Secure Server CA",
        "cert-chain-incomplete",
        PROVIDER,
    ),
    "was made by a virus scanner": ("Avast Web/Mail Shield Root", "cert-intercepted", NETWORK),
}


def rows() -> Iterator[Row]:
    """Yield all of them."""
    for security, word in _BOTH:
        yield from _certificates(security, word)
    yield from _agreements()
    yield from _broken()
    yield from _revoked()


def _encrypted(identity: Identity, security: Security = Security.STARTTLS, **changes: Any) -> Stage:
    server = {"identity": identity, "implicit": security is Security.TLS}
    return served(host="localhost", server=server, security=security, **changes)


def _fails(what: str, entry: str, owner: Owner, stage: Stage, *, retry: bool = False, **more: Any) -> Row:
    return Row(what, "", "tls", entry, owner, NEXT, stage, retry, **more)


def _certificates(security: Security, word: str) -> Iterator[Row]:
    for what, identity, entry, owner in (
        ("has expired", certificates.expired(), "cert-expired", PROVIDER),
        ("is not valid yet", certificates.not_yet_valid(), "cert-not-yet-valid", NETWORK),
        ("is for another name", certificates.wrong_name(), "cert-wrong-name", YOU),
        ("vouches for itself", certificates.self_signed("localhost"), "cert-self-signed", YOU),
    ):
        yield _fails(f"The certificate {what} ({word})", entry, owner, _encrypted(identity, security))
    for what, (issuer, entry, owner) in _ISSUED.items():
        identity = certificates.authority(issuer).issue("localhost")
        yield _fails(f"The certificate {what} ({word})", entry, owner, _encrypted(identity, security))
    scanner = certificates.authority("Some Firewall")
    opened = scanner.issue("localhost")
    opened = replace(opened, certificate=opened.certificate + scanner.pem)
    what = f"The certificate ends in an authority that vouches for itself ({word})"
    yield _fails(what, "cert-intercepted", NETWORK, _encrypted(opened, security))


def _agreements() -> Iterator[Row]:
    yield _fails("No STARTTLS, and encryption is required", "starttls-missing", YOU, served(security=Security.STARTTLS))
    good = {"identity": certificates.good()}
    for said in ("454 4.7.0 TLS not available due to local problem", "502 5.5.1 Command not implemented"):
        stage = served({"STARTTLS": [said]}, host="localhost", server=good, security=Security.STARTTLS)
        yield Row("STARTTLS was offered and is refused", said, "tls", "starttls-refused", PROVIDER, NEXT, stage)
    what = "A port for STARTTLS, spoken to in TLS from the start"
    yield _fails(what, "plain-expected", YOU, served(security=Security.TLS, auth=SmtpAuth.NONE))
    newest = replace(_OWN_CA, minimum=TlsVersion.TLS_1_3)
    at_most = {"identity": certificates.good(), "maximum": ssl.TLSVersion.TLSv1_2}
    stage = served(host="localhost", server=at_most, security=Security.STARTTLS, tls=newest)
    yield _fails("TLS 1.3 is demanded, and the server has 1.2", "tls-too-old", PROVIDER, stage)
    stage = served(host="localhost", server=good, security=Security.STARTTLS, arrange=_old)
    yield _fails("The server has TLS 1.1 only", "tls-too-old", PROVIDER, stage)
    stage = served(host="localhost", server=good, security=Security.STARTTLS, arrange=_weak)
    yield _fails("No cipher in common", "tls-no-cipher", PROVIDER, stage)
    stage = served(host="localhost", server=good, security=Security.STARTTLS, arrange=_asking)
    yield _fails("The server wants a certificate of ours (TLS 1.3)", "client-certificate-refused", PROVIDER, stage)
    stage = served(host="localhost", server=good, security=Security.STARTTLS, arrange=_asking_in_tls_1_2)
    yield _fails("The server wants a certificate of ours (TLS 1.2)", "tls-no-cipher", PROVIDER, stage)


def _broken() -> Iterator[Row]:
    actions: tuple[tuple[str, Action, str, Owner, bool], ...] = (
        ("The server closes during the TLS handshake", close, "tls-lost", NETWORK, True),
        ("The server resets during the TLS handshake", reset, "tls-lost", NETWORK, True),
        ("Words in place of the TLS handshake", raw(b"500 what?\r\n"), "plain-expected", YOU, False),
    )
    for what, action, entry, owner, retry in actions:
        stage = served(
            {"TLS": [action] * 3},
            host="localhost",
            server={"identity": certificates.good()},
            security=Security.STARTTLS,
        )
        yield _fails(what, entry, owner, stage, retry=retry)
    for security, word in _BOTH:
        server = {"identity": certificates.good(), "implicit": security is Security.TLS}
        stage = served({"TLS": [silent] * 3}, host="localhost", server=server, security=security, patient=False)
        what = f"The TLS handshake hangs ({word})"
        yield _fails(what, "tls-lost", NETWORK, stage, retry=True, seconds=QUICK)
    stage = served(
        {"STARTTLS": [silent]},
        host="localhost",
        server={"identity": certificates.good()},
        security=Security.STARTTLS,
        patient=False,
    )
    yield _fails("The answer to STARTTLS never comes", "tls-lost", NETWORK, stage, retry=True, seconds=QUICK)


def _revoked() -> Iterator[Row]:
    checked = replace(_OWN_CA, check_revocation=True)
    yield _fails("The certificate was revoked", "cert-revoked", PROVIDER, _with_list(checked))
    yield _fails("The revocation list is not to be had", "crl-unavailable", NETWORK, _without_list(checked), retry=True)
    what = "The certificate names no revocation list, and the check is on"
    yield _fails(what, "crl-missing", YOU, _encrypted(certificates.good(), tls=checked), seconds=PATIENT)


def _with_list(checked: TlsSettings) -> Stage:
    """Return the stage with a server that publishes the revocation of its own certificate."""

    def play() -> Recorder:
        lists: list[bytes] = []
        with ScriptedServer(lambda exchange: says(200, lists[0])(exchange), tls=False) as crl:
            identity = _CA.issue("localhost", points=[certificates.point(f"http://localhost:{crl.port}/ca.crl")])
            lists.append(_CA.revocation_list(identity))
            return _encrypted(identity, tls=checked)()

    return play


def _without_list(checked: TlsSettings) -> Stage:
    """Return the stage with a server whose revocations nobody publishes."""

    def play() -> Recorder:
        nowhere = certificates.point(f"http://localhost:{free_port()}/ca.crl")
        return _encrypted(_CA.issue("localhost", points=[nowhere]), tls=checked)()

    return play


def _old(server: SmtpServer) -> None:
    assert server.context
    server.context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL would not speak it at all
    server.context.minimum_version = server.context.maximum_version = ssl.TLSVersion.TLSv1_1


def _weak(server: SmtpServer) -> None:
    """Let the server know one cipher alone, with SHA-1, which no client of today offers."""
    assert server.context
    server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    server.context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def _asking_in_tls_1_2(server: SmtpServer) -> None:
    """Let the server take only clients with a certificate; TLS 1.2 has no word for what is missing."""
    assert server.context
    server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    _asking(server)


def _asking(server: SmtpServer) -> None:
    """Let the server take only clients with a certificate."""
    assert server.context
    server.context.verify_mode = ssl.CERT_REQUIRED
    server.context.load_verify_locations(cadata=_CA.pem)
