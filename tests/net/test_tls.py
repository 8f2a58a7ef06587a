"""Handshakes good and bad, against a server with certificates made for the purpose."""

from __future__ import annotations

import contextlib
import datetime
import ssl
import warnings
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import TlsSettings, TlsVersion
from mailadmin.net import tls
from mailadmin.net.certificate import Certificate, _issuer, read_certificate
from mailadmin.net.dialler import NetworkPolicy, dial
from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.fakes.smtp_actions import Action, close, silent
from tests.fakes.smtp_server import SmtpServer

GOOD = certificates.good()
OWN_CA = TlsSettings(ca_pem=certificates.authority().pem)


def handshake(server: SmtpServer, settings: TlsSettings, host: str = "localhost", seconds: float = 5) -> Certificate:
    sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
    with tls.secure(sock, host, settings, seconds, server.port) as secured:
        return tls.certificate(secured)


def fault_of(server: SmtpServer, settings: TlsSettings, host: str = "localhost", seconds: float = 5) -> Fault:
    with pytest.raises(MailError) as caught:
        handshake(server, settings, host, seconds)
    fault = caught.value.fault
    assert (fault.phase, fault.host, fault.port) == (Phase.TLS, host, server.port)
    return fault


def test_s9_s10_a_certificate_by_our_own_ca_is_accepted_and_described() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        shown = handshake(server, OWN_CA)
    assert shown.tls_version == "TLS 1.3"
    assert (shown.subject, shown.issuer) == ("localhost", "Example Test CA")
    assert shown.names == ("localhost", "127.0.0.1")
    assert shown.cipher
    now = datetime.datetime.now(datetime.UTC)
    assert shown.days_left(now) in (89, 90)
    assert shown.words(now).startswith("issued to localhost for localhost, 127.0.0.1 by Example Test CA, ends on")


def test_an_address_is_verified_like_a_name() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        assert handshake(server, OWN_CA, host="127.0.0.1").subject == "localhost"


@pytest.mark.parametrize(
    ("identity", "kind"),
    [
        (certificates.expired, Kind.CERT_EXPIRED),
        (certificates.not_yet_valid, Kind.CERT_NOT_YET_VALID),
        (certificates.wrong_name, Kind.CERT_WRONG_NAME),
        (lambda: certificates.self_signed("localhost"), Kind.CERT_SELF_SIGNED),
        (lambda: certificates.authority("Other CA").issue("localhost"), Kind.CERT_UNKNOWN_ISSUER),
    ],
)
def test_s16_each_fault_of_a_certificate_has_its_own_error(identity: type[Identity], kind: Kind) -> None:
    with SmtpServer(identity=identity(), implicit=True) as server:
        assert fault_of(server, OWN_CA).kind is kind


def test_s10_a_self_signed_certificate_given_as_own_ca_is_accepted() -> None:
    identity = certificates.self_signed("localhost")
    with SmtpServer(identity=identity, implicit=True) as server:
        assert handshake(server, TlsSettings(ca_pem=identity.certificate)).subject == "localhost"


def test_s10_the_own_ca_is_trusted_besides_the_systems() -> None:
    stock = ssl.create_default_context().cert_store_stats()["x509_ca"]
    assert tls.client_context(OWN_CA).cert_store_stats()["x509_ca"] == stock + 1


def test_s10_without_the_identity_check_another_name_is_accepted_but_no_other_issuer() -> None:
    unchecked = replace(OWN_CA, check_identity=False)
    with SmtpServer(identity=certificates.wrong_name(), implicit=True) as server:
        assert handshake(server, unchecked).subject == "mail.example.org"
        assert fault_of(server, replace(unchecked, ca_pem="")).kind is Kind.CERT_UNKNOWN_ISSUER


@pytest.mark.parametrize("trusted", ["mail.example.org", "MAIL.example.org.", "eu.relay.example.org"])
def test_s10_a_trusted_host_is_accepted_although_the_dialled_name_differs(trusted: str) -> None:
    with SmtpServer(identity=certificates.wrong_name(), implicit=True) as server:
        assert handshake(server, replace(OWN_CA, trusted_hosts=("other.example", trusted))).names


@pytest.mark.parametrize("trusted", ["example.org", "a.b.relay.example.org", "relay.example.org", "org"])
def test_s10_a_trusted_host_that_the_certificate_does_not_carry_is_no_help(trusted: str) -> None:
    with SmtpServer(identity=certificates.wrong_name(), implicit=True) as server:
        fault = fault_of(server, replace(OWN_CA, trusted_hosts=(trusted,)))
    assert fault.kind is Kind.CERT_WRONG_NAME
    assert "mail.example.org" in fault.text


def test_s9_the_minimum_version_is_kept() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True, maximum=ssl.TLSVersion.TLSv1_2) as server:
        assert handshake(server, OWN_CA).tls_version == "TLS 1.2"
        fault = fault_of(server, replace(OWN_CA, minimum=TlsVersion.TLS_1_3))
    assert fault.kind is Kind.TLS_TOO_OLD
    assert "1.3" in fault.text


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_s9_a_server_with_an_old_version_only_is_refused_with_its_own_error(version: ssl.TLSVersion) -> None:
    with SmtpServer(identity=certificates.good(), implicit=True, maximum=version) as server:
        assert server.context
        server.context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL would not speak it at all
        server.context.minimum_version = version
        fault = fault_of(server, OWN_CA)
    assert fault.kind is Kind.TLS_TOO_OLD
    assert "TLS 1.2" in fault.text


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("localhost", "localhost"),
        ("localhost.", "localhost"),
        ("mail.bücher.example", "mail.xn--bcher-kva.example"),
        ("127.0.0.1", None),
        ("[::1]", None),
    ],
)
def test_s9_the_server_is_asked_for_by_name_but_not_by_address(host: str, sent: str | None) -> None:
    """SNI holds host names only; RFC 6066 section 3."""
    names = ("localhost", "mail.xn--bcher-kva.example", "127.0.0.1", "::1")
    with SmtpServer(identity=certificates.authority().issue(*names), implicit=True) as server:
        asked: list[str | None] = []
        assert server.context
        server.context.sni_callback = lambda sock, name, context: asked.append(name)
        assert handshake(server, OWN_CA, host).subject == "localhost"
    assert asked == [sent]


def test_s10_the_name_of_a_host_with_letters_beyond_ascii_is_checked() -> None:
    with SmtpServer(identity=certificates.good(), implicit=True) as server:
        assert fault_of(server, OWN_CA, "mail.bücher.example").kind is Kind.CERT_WRONG_NAME


@pytest.mark.parametrize("trusted", ["mail.bücher.example", "mail.xn--bcher-kva.example"])
def test_s10_a_trusted_host_may_have_letters_beyond_ascii(trusted: str) -> None:
    identity = certificates.authority().issue("mail.xn--bcher-kva.example")
    with SmtpServer(identity=identity, implicit=True) as server:
        assert handshake(server, replace(OWN_CA, trusted_hosts=(trusted,))).subject


def test_s9_s10_a_missing_intermediate_certificate_is_an_unknown_issuer() -> None:
    identity = certificates.authority().subordinate("Example Departments").issue("localhost")
    with SmtpServer(identity=identity, implicit=True) as server:
        assert fault_of(server, OWN_CA).kind is Kind.CERT_UNKNOWN_ISSUER


def test_the_organisation_of_an_issuer_is_told() -> None:
    """A firewall calls itself by its number, and its maker by name."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Fortinet"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "FG100D3G12345678"),
        ]
    )
    assert _issuer(name) == "FG100D3G12345678 (Fortinet)"


def test_s16_tls_spoken_to_a_plain_port_is_told() -> None:
    with SmtpServer() as server:
        assert fault_of(server, OWN_CA).kind is Kind.PLAIN_EXPECTED


@pytest.mark.parametrize(("action", "kind"), [(close, Kind.CLOSED), (silent, Kind.TIMEOUT)])
def test_a_peer_that_leaves_or_says_nothing_in_the_handshake(action: Action, kind: Kind) -> None:
    with SmtpServer({"TLS": [action]}, identity=certificates.good(), implicit=True) as server:
        assert fault_of(server, OWN_CA, seconds=0.3).kind is kind


def test_s16_an_own_ca_that_cannot_be_read_is_a_wrong_setting() -> None:
    with pytest.raises(MailError) as caught:
        tls.client_context(TlsSettings(ca_pem="-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"))
    assert caught.value.fault.phase is Phase.SETTINGS


def test_a_refused_certificate_can_be_looked_at_and_nothing_is_sent_over_that_connection() -> None:
    with SmtpServer(identity=certificates.expired(), implicit=True) as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        shown = tls.inspect_certificate(sock, "localhost", 5)
        assert sock.fileno() == -1
        server.sessions[0].ended.wait(5)
        assert server.lines == []
    assert shown is not None
    assert "ended on" in shown.words(datetime.datetime.now(datetime.UTC))


ODD = {
    "a version that does not exist": (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"),
    "a name of X.400": (b"\x82\x09localhost", b"\xa3\x09localhost"),
}


@pytest.mark.parametrize("what", ODD)
def test_a_certificate_that_our_library_cannot_read_is_refused_like_any_other(what: str) -> None:
    """Anybody on the way can show one, and it is looked at although nobody trusts it."""
    good = certificates.good()
    pem = certificates.changed(good.certificate, *ODD[what])
    with SmtpServer(identity=replace(good, certificate=pem), implicit=True) as server:
        assert fault_of(server, OWN_CA).kind is Kind.CERT_INVALID
        shown = tls.inspect_certificate(dial("127.0.0.1", server.port, NetworkPolicy(), 5), "localhost", 5)
    assert shown is None or shown.subject == "localhost"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_whatever_a_certificate_holds_it_is_read_or_not_readable(changes: list[tuple[float, int]]) -> None:
    der = bytearray(GOOD.parsed.public_bytes(Encoding.DER))
    for place, byte in changes:
        der[int(place * len(der))] = byte
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(ValueError):
        assert isinstance(read_certificate(bytes(der), "TLS 1.3", ""), Certificate)


def test_looking_at_what_is_no_tls_finds_nothing() -> None:
    with SmtpServer() as server:
        sock = dial("127.0.0.1", server.port, NetworkPolicy(), 5)
        assert tls.inspect_certificate(sock, "localhost", 5) is None
