"""S16: the opt-in check of the issuer's revocation list, and each reason for not having it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import Proxy, ProxyKind, TlsSettings
from mailadmin.net import revocation, tls
from mailadmin.net.dialler import dial
from mailadmin.net.policy import NetworkPolicy
from tests.fakes import certificates
from tests.fakes.certificates import Identity, point
from tests.fakes.graph_server import ScriptedServer, free_port, says, silent_server
from tests.fakes.proxies import FakeProxy
from tests.fakes.smtp_server import SmtpServer

OPEN = NetworkPolicy()
DAY = datetime.timedelta(days=1)
CA = certificates.authority()
SCOPE = {
    "full_name": None,
    "relative_name": None,
    "only_contains_user_certs": False,
    "only_contains_ca_certs": False,
    "only_some_reasons": None,
    "indirect_crl": False,
    "only_contains_attribute_certs": False,
}


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    revocation._kept = {}
    yield
    revocation._kept = {}


def check(
    identity: Identity,
    policy: NetworkPolicy = OPEN,
    proxy: Proxy | None = None,
    seconds: float = 5,
    ca_pem: str = CA.pem,
) -> None:
    """Connect to a server with `identity` and check its certificate."""
    with SmtpServer(identity=identity, implicit=True) as server:
        sock = dial("127.0.0.1", server.port, OPEN, 5)
        with tls.secure(sock, "localhost", TlsSettings(ca_pem=ca_pem), 5) as secured:
            try:
                revocation.check(secured, "localhost", policy, proxy, seconds, server.port)
            except MailError:
                assert secured.fileno() == -1
                raise


def fault_of(identity: Identity, policy: NetworkPolicy = OPEN, **more: object) -> Fault:
    with pytest.raises(MailError) as caught:
        check(identity, policy, **more)  # type: ignore[arg-type]  # passed on
    fault = caught.value.fault
    assert (fault.phase, fault.host) == (Phase.TLS, "localhost")
    return fault


def listed_at(*urls: str) -> Identity:
    return CA.issue("localhost", points=[point(*urls)])


class Lists(ScriptedServer):
    """A web server that has one revocation list at every path."""

    def __init__(self, body: bytes = b"", status: int = 200, tls: bool = False, **headers: str) -> None:
        super().__init__(lambda exchange: says(self.status, self.body, **headers)(exchange), tls=tls)
        self.body, self.status = body, status
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/ca.crl"


def test_s16_a_certificate_that_is_not_on_the_list_is_accepted_and_the_list_is_kept() -> None:
    with Lists() as lists:
        lists.body = CA.revocation_list(certificates.good())
        identity = listed_at(lists.url)
        check(identity)
        check(identity)
        check(listed_at(lists.url))
        assert lists.paths() == ["/ca.crl"]


def test_s16_a_list_in_pem_is_read_and_one_at_an_https_address_is_fetched_by_verified_tls() -> None:
    listed = x509.load_der_x509_crl(CA.revocation_list())
    with Lists(listed.public_bytes(Encoding.PEM)) as lists:
        check(listed_at(lists.url))
    with Lists(CA.revocation_list(), tls=True) as lists:
        # The list's web server is judged by the system's authorities, and the tests' is none of them.
        fault = fault_of(listed_at(lists.url))
        assert fault.kind is Kind.CRL_UNAVAILABLE
        assert "not to be had" in fault.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [(x509.ReasonFlags.key_compromise, "key compromise"), (x509.ReasonFlags.superseded, "superseded"), (None, "")],
)
def test_s16_a_revoked_certificate_is_refused_with_date_and_reason(reason: x509.ReasonFlags | None, words: str) -> None:
    with Lists() as lists:
        identity = listed_at(lists.url)
        lists.body = CA.revocation_list(identity, reason=reason)
        fault = fault_of(identity)
    assert fault.kind is Kind.CERT_REVOKED
    yesterday = datetime.datetime.now(datetime.UTC) - DAY
    assert f"{yesterday:%b %Y}" in fault.text
    assert words in fault.text


def test_s16_the_second_list_is_asked_when_the_first_is_not_to_be_had() -> None:
    with Lists() as lists:
        identity = listed_at(f"http://127.0.0.1:{free_port()}/gone.crl", lists.url)
        lists.body = CA.revocation_list(identity)
        assert fault_of(identity).kind is Kind.CERT_REVOKED


def test_s16_a_list_on_a_server_that_is_not_there_is_its_own_error() -> None:
    url = f"http://127.0.0.1:{free_port()}/gone.crl"
    fault = fault_of(listed_at(url))
    assert fault.kind is Kind.CRL_UNAVAILABLE
    assert url in fault.text
    assert "refused" in fault.text


@pytest.mark.parametrize("points", [[], [point("ldap://ldap.example.org/cn=ca")]])
def test_s16_a_certificate_that_names_no_list_is_told(points: list[x509.DistributionPoint]) -> None:
    fault = fault_of(CA.issue("localhost", points=points))
    assert fault.kind is Kind.CRL_UNAVAILABLE
    assert "names no revocation list" in fault.text


def partly(**scope: object) -> list[tuple[x509.ExtensionType, bool]]:
    return [(x509.IssuingDistributionPoint(**{**SCOPE, **scope}), True)]  # type: ignore[arg-type]  # checked there


OTHER_PLACE = [x509.UniformResourceIdentifier("http://crl.example.org/another-part.crl")]
UNUSABLE = {
    "expired": (CA.revocation_list(ends=-DAY), "was to be renewed by"),
    "signed by somebody else": (CA.revocation_list(signed_by=certificates.authority("Other CA")), "not signed"),
    "of another issuer": (certificates.authority("Other CA").revocation_list(), "not signed"),
    "no list": (b"<html>Sign in</html>", "cannot be read"),
    "empty": (b"", "cannot be read"),
    "cut off": (CA.revocation_list()[:-5], "cannot be read"),
    "of a version that does not exist": (
        CA.revocation_list().replace(b"\x02\x01\x01\x30", b"\x02\x01\x07\x30", 1),
        "cannot be read",
    ),
    "another part": (CA.revocation_list(extensions=partly(full_name=OTHER_PLACE)), "not for certificates"),
    "authorities only": (CA.revocation_list(extensions=partly(only_contains_ca_certs=True)), "not for certificates"),
    "of others": (CA.revocation_list(extensions=partly(indirect_crl=True)), "not for certificates"),
    "for some reasons": (
        CA.revocation_list(extensions=partly(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))),
        "not for certificates",
    ),
    "changes only": (CA.revocation_list(extensions=[(x509.DeltaCRLIndicator(1), True)]), "not understood"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_s16_a_list_that_says_nothing_about_the_certificate_is_not_to_be_had(what: str) -> None:
    body, words = UNUSABLE[what]
    with Lists(body) as lists:
        fault = fault_of(listed_at(lists.url))
    assert fault.kind is Kind.CRL_UNAVAILABLE
    assert words in fault.text


def test_a_list_for_exactly_this_distribution_point_decides() -> None:
    with Lists() as lists:
        identity = listed_at(lists.url)
        here = [x509.UniformResourceIdentifier(lists.url)]
        lists.body = CA.revocation_list(identity, extensions=partly(full_name=here, only_contains_user_certs=True))
        assert fault_of(identity).kind is Kind.CERT_REVOKED


def test_a_list_that_covers_some_reasons_only_is_not_asked() -> None:
    with Lists(CA.revocation_list()) as lists:
        some = point(lists.url, reasons=frozenset([x509.ReasonFlags.key_compromise]))
        assert fault_of(CA.issue("localhost", points=[some])).kind is Kind.CRL_UNAVAILABLE
        assert lists.requests == []


@pytest.mark.parametrize("status", [301, 404, 503])
def test_a_redirect_or_an_error_is_no_list(status: int) -> None:
    with Lists(CA.revocation_list(), status, Location="http://169.254.169.254/") as lists:
        fault = fault_of(listed_at(lists.url))
        assert f"HTTP {status}" in fault.text
        assert len(lists.requests) == 1


def test_s16_the_list_is_fetched_by_the_guarded_dialler() -> None:
    assert "may not be dialled" in fault_of(listed_at("http://169.254.169.254/ca.crl")).text
    with Lists(CA.revocation_list()) as lists:
        closed = fault_of(listed_at(lists.url), NetworkPolicy(allow_loopback=False))
        assert "may not be dialled" in closed.text
        assert f"Port {lists.port}" in fault_of(listed_at(lists.url), NetworkPolicy(ports=(25, 587))).text
        assert lists.requests == []


def test_lists_are_found_on_the_ports_of_the_web_whatever_the_mail_servers_have() -> None:
    fault = fault_of(listed_at("http://[::ffff:169.254.169.254]/ca.crl"), NetworkPolicy(ports=(587,)))
    assert "may not be dialled" in fault.text  # the address is what is refused, not port 80


def test_s11_the_list_is_fetched_through_the_proxy_of_the_connection() -> None:
    with Lists() as lists, FakeProxy(ProxyKind.SOCKS5, {"crl.example.org": lists.port}, sign_in=True) as proxy:
        identity = listed_at("http://crl.example.org/ca.crl")
        lists.body = CA.revocation_list(identity)
        assert fault_of(identity, proxy=proxy.settings).kind is Kind.CERT_REVOKED
        assert proxy.asked == [("crl.example.org", 80)]
        assert lists.requests[0].headers["host"] == "crl.example.org"


def test_a_list_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CRL_BYTES", 100)
    with Lists(CA.revocation_list()) as lists:
        assert "is larger than" in fault_of(listed_at(lists.url)).text


def test_a_server_that_keeps_the_list_back_is_given_up() -> None:
    with silent_server(tls=False) as server:
        fault = fault_of(listed_at(f"http://localhost:{server.port}/ca.crl"), seconds=0.4)
    assert "No whole answer came" in fault.text


def test_a_list_is_asked_for_again_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with Lists() as lists:
        identity = listed_at(lists.url)
        lists.body = CA.revocation_list()
        check(identity)
        late = x509.load_der_x509_crl(CA.revocation_list(ends=-DAY))
        revocation._kept = dict.fromkeys(revocation._kept, late)
        lists.body = CA.revocation_list(identity)
        assert fault_of(identity).kind is Kind.CERT_REVOKED


def test_only_so_many_lists_are_kept() -> None:
    with Lists(CA.revocation_list()) as lists:
        for number in range(limits.CRL_LISTS + 2):
            check(listed_at(f"{lists.url}?{number}"))
    assert len(revocation._kept) == limits.CRL_LISTS


def test_the_list_of_one_authority_says_nothing_about_anothers_certificate() -> None:
    """Two authorities of the same name, and one address: the second must not be served by what the first kept."""
    twin = certificates.Authority("Example Test CA")
    with Lists(CA.revocation_list()) as lists:
        check(listed_at(lists.url))
        identity = twin.issue("localhost", points=[point(lists.url)])
        fault = fault_of(identity, ca_pem=twin.pem)
    assert "not signed" in fault.text


def test_a_server_whose_very_certificate_is_trusted_has_no_issuer_to_ask() -> None:
    with Lists(CA.revocation_list()) as lists:
        identity = listed_at(lists.url)
        alone = replace(identity, issuer="")
        fault = fault_of(alone, ca_pem=identity.certificate)
    assert fault.kind is Kind.CRL_UNAVAILABLE
