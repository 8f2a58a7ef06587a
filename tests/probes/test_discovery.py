"""P4: the search for the server of an address, against a DNS server and scripted mail servers on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from mailadmin.core import discovery as rules
from mailadmin.core.discovery import Source
from mailadmin.core.settings import Security, TlsSettings
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.net.resolver import Resolver
from mailadmin.probes.discovery import Found, ask, discover
from tests.fakes import certificates
from tests.fakes.certificates import Identity
from tests.fakes.dns_server import Answer, DnsServer, Fault
from tests.fakes.smtp_actions import silent
from tests.fakes.smtp_server import SmtpServer

ADDRESS = "anna@example.org"
TRUSTED = TlsSettings(ca_pem=certificates.authority().pem)
Records = Mapping[tuple[str, str], Answer]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Let the operating system know these names, all of them of this machine, and no other."""
    known: set[str] = set()
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **named: Any) -> Any:
        if host in known:
            return real("127.0.0.1", *more, **named)
        if host.replace(".", "").isdigit():
            return real(host, *more, **named)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def identity(*hosts: str) -> Identity:
    return certificates.authority().issue(*hosts)


def search(
    records: Records,
    *,
    fault: Fault | None = None,
    policy: NetworkPolicy | None = None,
    ports: Sequence[tuple[int, Security]] = (),
    seconds: float = 10,
) -> Found:
    with DnsServer(records, fault) as dns:
        resolver = Resolver([dns.address], seconds=0.5)
        mailbox = rules.read_address(ADDRESS)
        return discover(mailbox, resolver, policy or NetworkPolicy(), tls=TRUSTED, ports=ports, seconds=seconds)


def test_p4_a_server_that_the_domain_names_is_tried_and_good(servers: ExitStack, names: set[str]) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer(identity=identity("smtp.example.org"), implicit=True))
    found = search({("_submissions._tcp.example.org", "SRV"): [f"0 0 {server.port} smtp.example.org."]})
    (best,) = found.candidates
    assert (best.host, best.port, best.security) == ("smtp.example.org", server.port, Security.TLS)
    assert best.good and found.good
    assert best.mechanisms == ("PLAIN", "LOGIN")
    assert best.seen == "It answers with a valid certificate for smtp.example.org and takes a sign-in."
    assert best.source is Source.SRV and not best.foreign_to(found.mailbox)


def test_p4_nobody_signs_in_and_nothing_is_sent(servers: ExitStack, names: set[str]) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer(identity=identity("smtp.example.org")))
    found = search({("_submission._tcp.example.org", "SRV"): [f"0 0 {server.port} smtp.example.org."]})
    assert found.good
    server.sessions[0].ended.wait(5)
    assert set(server.sessions[0].verbs()) <= {"EHLO", "STARTTLS", "QUIT"}


def test_p4_a_guess_is_proposed_only_when_it_is_a_submission_server(servers: ExitStack, names: set[str]) -> None:
    names |= {"smtp.example.org", "mail.example.org"}
    server = servers.enter_context(SmtpServer(identity=identity("mail.example.org")))
    found = search({("example.org", "MX"): ["10 mx.example.net."]}, ports=[(server.port, Security.STARTTLS)])
    assert [one.host for one in found.candidates] == ["mail.example.org"]
    assert found.candidates[0].source is Source.GUESS
    # The certificate is not for this one, and the others have no address.
    assert {one.host for one in found.in_vain} == {"smtp.example.org", "mx.example.net", "example.org"}


@pytest.mark.parametrize(
    ("hosts", "options", "words"),
    [
        (["other.example.net"], {}, "certificate"),
        (["smtp.example.org"], {"features": ("SIZE 1000",)}, "offers no sign-in"),
        (["smtp.example.org"], {"script": {"GREETING": ["554 5.3.2 not here"]}}, "."),
    ],
)
def test_p4_a_guess_that_is_not_verified_is_only_told_as_tried(
    servers: ExitStack, names: set[str], hosts: list[str], options: dict[str, Any], words: str
) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer(identity=identity(*hosts), **options))
    found = search({}, ports=[(server.port, Security.STARTTLS)])
    assert found.candidates == () and not found.good
    (tried,) = [one for one in found.in_vain if one.host == "smtp.example.org"]
    assert words in tried.seen


def test_a_server_without_encryption_is_never_good(servers: ExitStack, names: set[str]) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer())
    found = search({("_submission._tcp.example.org", "SRV"): [f"0 0 {server.port} smtp.example.org."]})
    assert not found.good
    assert [one.good for one in found.candidates] == [False]


def test_a_domain_that_denies_a_service_is_believed(servers: ExitStack, names: set[str]) -> None:
    """RFC 6186 section 3.4: the ports of a service that is not offered are not guessed."""
    names.add("smtp.example.org")
    records = {
        ("_submission._tcp.example.org", "SRV"): ["0 0 0 ."],
        ("_submissions._tcp.example.org", "SRV"): ["0 0 0 ."],
    }
    server = servers.enter_context(SmtpServer(identity=identity("smtp.example.org")))
    found = search(records, ports=[(server.port, Security.STARTTLS), (server.port, Security.TLS)])
    assert found.candidates == found.in_vain == ()
    assert server.sessions == []
    assert [one.answer for one in found.asked][1:3] == ["the domain says that it has none"] * 2


def test_a_known_provider_is_told_though_it_cannot_be_reached_and_nothing_is_guessed() -> None:
    found = search({("example.org", "MX"): ["10 in1-smtp.messagingengine.com."]}, ports=[(1, Security.TLS)])
    assert [one.host for one in found.candidates] == ["smtp.fastmail.com"]
    assert found.candidates[0].provider and not found.candidates[0].good
    assert "smtp.fastmail.com" in found.candidates[0].seen
    assert found.in_vain == ()


def test_microsoft_365_is_found_by_the_mail_exchanger_and_not_dialled() -> None:
    found = search({("example.org", "MX"): ["0 example-org.mail.protection.outlook.com."]})
    (best,) = found.candidates
    assert best.provider and best.provider.graph
    assert best.seen == ""


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.SILENCE])
def test_without_an_answer_of_the_dns_each_question_says_so(fault: Fault) -> None:
    found = search({}, fault=fault)
    assert len(found.asked) == 4
    assert all(one.answer.endswith(".") for one in found.asked)
    assert not found.good
    assert found.summary == "The DNS does not answer, so no server could be looked for."
    assert "DNS resolvers on the Settings page" in found.advice


def test_a_domain_that_does_not_exist_is_not_taken_for_a_silent_dns() -> None:
    assert search({}).summary == "No server for example.org was found."


def test_the_questions_are_asked_at_the_same_time() -> None:
    with DnsServer(fault=Fault.SILENCE) as dns:
        began = time.monotonic()
        ask("example.org", Resolver([dns.address], seconds=1))
        assert time.monotonic() - began < 4 * 1


def test_the_search_ends_in_time_though_a_server_says_nothing(servers: ExitStack, names: set[str]) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer({"GREETING": [silent] * 9}, identity=identity("smtp.example.org")))
    began = time.monotonic()
    found = search(
        {("_submission._tcp.example.org", "SRV"): [f"0 0 {server.port} smtp.example.org."]}, seconds=1, ports=[]
    )
    assert time.monotonic() - began < 10
    assert found.candidates[0].seen == "It did not answer in time."


def test_the_network_policy_holds(servers: ExitStack, names: set[str]) -> None:
    names.add("smtp.example.org")
    server = servers.enter_context(SmtpServer(identity=identity("smtp.example.org")))
    found = search(
        {("_submission._tcp.example.org", "SRV"): [f"0 0 {server.port} smtp.example.org."]},
        policy=NetworkPolicy(allow_loopback=False),
        ports=[(server.port, Security.STARTTLS)],
    )
    assert not found.good
    assert server.sessions == []


def test_what_was_asked_is_told_with_the_answer() -> None:
    found = search(
        {
            ("example.org", "MX"): ["10 mx.example.net."],
            ("example.org", "TXT"): ["v=spf1 include:sendgrid.net -all"],
            ("_submissions._tcp.example.org", "SRV"): ["0 0 465 smtp.example.org."],
        }
    )
    assert [(one.question, one.answer) for one in found.asked] == [
        ("MX of example.org", "mx.example.net"),
        ("SRV of _submissions._tcp.example.org", "smtp.example.org:465"),
        ("SRV of _submission._tcp.example.org", "there is no such name"),
        ("SPF of example.org", "sendgrid.net"),
    ]
