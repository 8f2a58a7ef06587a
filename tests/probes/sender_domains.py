"""A sound sender domain for tests, and the advice on it when some of its records are changed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailadmin.core.dns_advice import advise
from mailadmin.core.dns_finding import Finding, SendsAs, Topic
from mailadmin.core.dns_reading import Reading
from mailadmin.net.resolver import Resolver
from mailadmin.probes.sender_domain import read
from tests.fakes.dns_server import Answer, DnsServer

D = "contoso.example"
Records = Mapping[tuple[str, str], Answer]
SOUND: Records = {
    (D, "MX"): ["10 mx.contoso.example."],
    ("mx.contoso.example", "A"): ["203.0.113.25"],
    (D, "TXT"): ["v=spf1 include:spf.relay.example ~all", "another-text=1"],
    ("spf.relay.example", "TXT"): ["v=spf1 ip4:8.8.0.0/16 -all"],
    ("smtp.relay.example", "A"): ["8.8.4.4"],
    (f"_dmarc.{D}", "TXT"): [f"v=DMARC1; p=reject; rua=mailto:dmarc@{D}"],
}
RELAY = SendsAs("Relay", "smtp.relay.example", D)
KNOWN = SendsAs("Known", "smtp.relay.example", D, "Relay Inc", ("spf.relay.example",), ("r1", "r2"))


@cache
def rsa(bits: int) -> str:
    key = generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def reading_of(server: DnsServer, *routes: SendsAs, selectors: Sequence[str] = (), seconds: float = 5) -> Reading:
    return read(
        D,
        Resolver([server.address], seconds=min(seconds, 1), total=seconds),
        selectors=[*selectors, *(name for route in routes for name in route.selectors)],
        hosts=[route.host for route in routes if route.host],
        envelopes=[route.envelope for route in routes if route.envelope],
    )


def advice(changed: Records, *routes: SendsAs, selectors: Sequence[str] = ()) -> list[Finding]:
    """Return the findings for the sound domain with `changed` records; an empty list takes one away."""
    records = {key: answer for key, answer in {**SOUND, **changed}.items() if answer != []}
    with DnsServer(records) as server:
        return advise(reading_of(server, *routes, selectors=selectors), routes, selectors)


def about(findings: Sequence[Finding], topic: Topic) -> list[Finding]:
    return [finding for finding in findings if finding.topic is topic]


def the(findings: Sequence[Finding], words: str) -> Finding:
    found = [finding for finding in findings if words in finding.title]
    assert len(found) == 1, [finding.title for finding in findings]
    return found[0]
