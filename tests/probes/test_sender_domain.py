"""N10: what is said about a sender domain, from real answers of a DNS server on loopback."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mailadmin.core import limits
from mailadmin.core.dns_advice import advise
from mailadmin.core.dns_finding import SendsAs, State, Topic
from mailadmin.net.resolver import Resolver
from mailadmin.probes.sender_domain import read
from tests.fakes.dns_server import Answer, DnsServer, Fault
from tests.probes.sender_domains import KNOWN, RELAY, SOUND, D, Records, about, advice, reading_of, rsa, the


def test_n10_a_sound_domain_has_nothing_to_mend() -> None:
    """N10."""
    findings = advice({("r1._domainkey.contoso.example", "TXT"): [f"v=DKIM1; p={rsa(2048)}"]}, KNOWN)
    assert {finding.state for finding in findings} == {State.OK, State.NONE}
    assert "2 lookups" not in " ".join(finding.title for finding in findings)
    assert the(findings, "one SPF record").title.endswith("1 of 10 lookups.")
    assert "include:spf.relay.example" in the(findings, "Relay Inc is named").title
    assert the(findings, "r1: RSA 2048 key.").state is State.OK


@pytest.mark.parametrize(
    ("changed", "words", "state"),
    [
        ({(D, "MX"): ["0 ."]}, "takes no mail", State.WARNING),
        ({(D, "MX"): []}, "No server takes mail", State.WARNING),
        ({(D, "MX"): [], (D, "A"): ["203.0.113.9"]}, "no MX record", State.WARNING),
        ({("mx.contoso.example", "A"): []}, "no address of mx.contoso.example", State.ERROR),
        ({(D, "MX"): ["10 mx.contoso.example.", "20 b.contoso.example."]}, "no address of b.contoso", State.WARNING),
        ({(D, "MX"): Fault.SERVFAIL}, "mail servers could not be read", State.NOT_PROVEN),
    ],
)
def test_n10_mail_servers(changed: Records, words: str, state: State) -> None:
    assert the(about(advice(changed), Topic.MX), words).state is state


def test_n10_a_domain_that_does_not_exist() -> None:
    nothing: dict[tuple[str, str], Any] = {key: [] for key in SOUND}
    findings = advice({**nothing, ("other.example", "TXT"): ["hello"]}, RELAY)
    assert the(findings, "does not know this domain").state is State.ERROR
    assert the(findings, "no SPF record").state is State.ERROR
    assert not any(finding.publish for finding in findings), "nothing can be published in it"


@pytest.mark.parametrize(
    ("record", "words", "state"),
    [
        ([], "There is no SPF record", State.ERROR),
        (["v=spf10 -all"], "There is no SPF record", State.ERROR),
        (["v=spf1 mx -all", "v=spf1 a ~all"], "There are 2 SPF records", State.ERROR),
        (["v=spf1 mx +all"], "ends in +all", State.ERROR),
        (["v=spf1 mx all"], "ends in all", State.ERROR),
        (["v=spf1 mx ?all"], "ends in ?all", State.WARNING),
        (["v=spf1 mx"], "no “all” at its end", State.WARNING),
        (["v=spf1 mx ~all"], "ends in ~all", State.OK),
        (["v=spf1 mx -all"], "ends in -all", State.OK),
        (["v=spf1 redirect=spf.relay.example"], "said by spf.relay.example", State.OK),
        (["v=spf1 ptr mx -all"], "uses ptr", State.WARNING),
        (["v=spf1 a:gone.example mx -all"], "does not know what it names: gone.example", State.WARNING),
        (["v=spf1 ipv4:192.0.2.1 -all"], "broken", State.ERROR),
        (["v=spf1 ip4:300.0.0.1 -all"], "broken", State.ERROR),
        (["v=spf1 include:gone.example -all"], "broken", State.ERROR),
        (["v=spf1 include:contoso.example -all"], "broken", State.ERROR),
        ([f"v=spf1 {'a:mx.contoso.example ' * 11}-all"], "broken", State.ERROR),
        ([f"v=spf1 {'a:mx.contoso.example ' * 9}-all"], "hardly any lookup left", State.WARNING),
        (["v=spf1 a:g1.example a:g2.example a:g3.example -all"], "broken", State.ERROR),
        (Fault.SERVFAIL, "could not be read", State.NOT_PROVEN),
        (["v=spf1 include:silent.example mx -all"], "one SPF record", State.NOT_PROVEN),
    ],
)
def test_n10_spf_records(record: Answer, words: str, state: State) -> None:
    changed: dict[tuple[str, str], Answer] = {(D, "TXT"): record, ("silent.example", "TXT"): Fault.SERVFAIL}
    assert the(about(advice(changed, RELAY), Topic.SPF), words).state is state


def test_n10_what_breaks_a_record_is_said_in_sentences() -> None:
    eleven = the(advice({(D, "TXT"): [f"v=spf1 {'mx ' * 11}-all"]}), "SPF record is broken")
    assert "It needs 11 lookups; receivers stop at 10" in eleven.text
    gone = the(advice({(D, "TXT"): ["v=spf1 include:gone.example -all"]}), "SPF record is broken")
    assert "gone.example has no SPF record" in gone.text
    syntax = the(advice({(D, "TXT"): ["v=spf1 ipv4:192.0.2.1 -all"]}), "SPF record is broken")
    assert syntax.text.startswith("The parser says:")
    assert "ipv4" in syntax.text


def test_n10_to_be_named_in_a_broken_record_is_nothing() -> None:
    findings = advice({(D, "TXT"): ["v=spf1 include:spf.relay.example redirect=a.example redirect=b.example"]}, KNOWN)
    assert the(findings, "SPF record is broken").state is State.ERROR
    assert not [finding for finding in about(findings, Topic.SPF) if "is named" in finding.title]
    assert the(about(findings, Topic.DMARC), "rests on DKIM alone").state is State.WARNING


def test_n10_the_record_to_publish_names_the_provider_of_the_route() -> None:
    missing = the(advice({(D, "TXT"): []}, KNOWN, RELAY), "no SPF record")
    assert missing.publish
    assert (missing.publish.name, missing.publish.value) == (
        D,
        "v=spf1 include:spf.relay.example a:smtp.relay.example ~all",
    )
    assert missing.owner == "whoever runs the DNS of contoso.example"
    unnamed = the(advice({(D, "TXT"): ["v=spf1 mx -all"]}, KNOWN), "Relay Inc is not named")
    assert unnamed.state is State.ERROR
    assert unnamed.publish
    assert unnamed.publish.value == "v=spf1 mx include:spf.relay.example -all"
    two = the(advice({(D, "TXT"): ["v=spf1 mx -all", "v=spf1 a ~all"]}), "2 SPF records")
    assert two.publish
    assert two.publish.value in ("v=spf1 mx a -all", "v=spf1 a mx -all")


@pytest.mark.parametrize(
    ("record", "route", "words", "state"),
    [
        ("v=spf1 ip4:8.8.0.0/16 -all", RELAY, "the address of smtp.relay.example is named", State.OK),
        ("v=spf1 ip4:8.8.0.0/16 -all", KNOWN, "the address of smtp.relay.example is named", State.OK),
        ("v=spf1 mx ~all", RELAY, "smtp.relay.example is not named", State.WARNING),
        ("v=spf1 mx -all", RELAY, "smtp.relay.example is not named", State.WARNING),
        ("v=spf1 mx ~all", KNOWN, "Relay Inc is not named", State.WARNING),
        ("v=spf1 exists:%{i}.x.example ~all", RELAY, "not to be seen from here", State.NOT_PROVEN),
        ("v=spf1 mx ~all", SendsAs("Inner", "inner.example", D), "not to be seen from here", State.NOT_PROVEN),
        ("v=spf1 mx ~all", SendsAs("Gone", "gone.example", D), "not to be seen from here", State.NOT_PROVEN),
        ("v=spf1 mx ~all", SendsAs("Cloud", "", D, "Microsoft 365"), "not to be seen from here", State.NOT_PROVEN),
        ("v=spf1 mx ~all", SendsAs("Graph", "", D, "M365", ("spf.relay.example",)), "M365 is not named", State.WARNING),
    ],
)
def test_n10_whether_the_server_of_a_route_is_named(record: str, route: SendsAs, words: str, state: State) -> None:
    changed: Records = {(D, "TXT"): [record], ("inner.example", "A"): ["10.1.2.3"]}
    assert the(about(advice(changed, route), Topic.SPF), words).state is state


def test_a_route_that_came_after_the_reading_asks_to_read_again() -> None:
    with DnsServer(SOUND) as server:
        reading = reading_of(server)
    finding = the(advise(reading, [RELAY]), "not to be seen from here")
    assert "read again" in finding.text


def test_mail_with_another_envelope_sender_is_not_judged_by_this_spf_record() -> None:
    findings = advice({(D, "TXT"): ["v=spf1 -all"]}, SendsAs("Bounces", "smtp.relay.example", "bounces.example"))
    assert not [finding for finding in about(findings, Topic.SPF) if "Bounces" in finding.title]
    assert the(findings, "SPF does not count").state is State.WARNING
    envelope_only = SendsAs("Bounces", "smtp.relay.example", D, in_from=False)
    assert not about(advice({}, envelope_only), Topic.DKIM)


def keyed(record: str) -> str:
    """Put real keys in: each process of a test run makes its own, and the names of tests must not differ."""
    for bits in (1024, 2048):
        record = record.replace(f"<{bits}>", rsa(bits)).replace(f"<{bits} cut>", rsa(bits)[:200])
    return record


@pytest.mark.parametrize(
    ("record", "words", "state"),
    [
        (["v=DKIM1; k=rsa; p=<2048>"], "RSA 2048 key", State.OK),
        (["v=DKIM1; k=rsa; p=<1024>"], "the key is short (RSA 1024)", State.WARNING),
        (["v=DKIM1; k=rsa; t=y; p=<2048>"], "RSA 2048, only for testing", State.WARNING),
        (["v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(range(32))).decode()], "Ed25519 key", State.OK),
        (["v=DKIM1; p="], "the key was taken back", State.WARNING),
        (["v=DKIM1; p=AAAA"], "no usable key", State.ERROR),
        (["v=DKIM1; k=rsa; p=<2048 cut>"], "no usable key", State.ERROR),
        (Fault.SERVFAIL, "could not be read", State.NOT_PROVEN),
        ([], "no key", State.WARNING),
        (["v=spf1 -all"], "no key", State.WARNING),
        (["v=DKIM1; p=<2048>", "v=DKIM1; p=<1024>"], "several records", State.ERROR),
    ],
)
def test_n10_dkim_keys(record: Answer, words: str, state: State) -> None:
    changed: Records = {(f"s1._domainkey.{D}", "TXT"): record if isinstance(record, Fault) else [*map(keyed, record)]}
    assert the(about(advice(changed, selectors=["s1"]), Topic.DKIM), f"s1: {words}").state is state


def test_a_key_below_what_receivers_take_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DKIM_BITS", 1536)  # the library makes no key of 512 bits any more
    findings = advice({(f"s1._domainkey.{D}", "TXT"): [f"v=DKIM1; p={rsa(1024)}"]}, selectors=["s1"])
    assert the(findings, "too short (RSA 1024)").state is State.ERROR


def test_n10_unknown_selectors_are_not_proven_never_missing() -> None:
    assert the(advice({}), "No selector is known").state is State.NOT_PROVEN
    finding = the(advice({}, KNOWN), "Relay Inc: no key under its usual names (r1, r2)")
    assert finding.state is State.NOT_PROVEN


def test_the_name_that_a_key_stands_at_is_shown() -> None:
    changed: Records = {
        (f"r1._domainkey.{D}", "CNAME"): ["r1.relay.example."],
        ("r1.relay.example", "TXT"): [f"v=DKIM1; p={rsa(2048)}"],
    }
    assert "r1.relay.example (CNAME)" in the(advice(changed, KNOWN), "r1: RSA 2048 key").text


@pytest.mark.parametrize(
    ("record", "words", "state"),
    [
        ([], "There is no DMARC record", State.WARNING),
        (["hello"], "There is no DMARC record", State.WARNING),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "There are 2 DMARC records", State.ERROR),
        (["v=DMARC1; p=maybe"], "DMARC record is broken", State.ERROR),
        (["v=DMARC1; p=none; p=reject"], "DMARC record is broken", State.ERROR),
        (["v=DMARC1; p=none"], "The policy is “none”", State.WARNING),
        (["v=DMARC1; p=quarantine"], "The policy is “quarantine”", State.OK),
        (["v=DMARC1; p=reject"], "The policy is “reject”", State.OK),
        (["v=DMARC1; p=reject"], "Nobody gets the reports", State.WARNING),
        (["v=DMARC1; p=reject; pct=20"], "pct=20", State.WARNING),
        (["v=DMARC1; p=reject; t=y"], "only being tested", State.WARNING),
        (["v=DMARC1; p=reject; rua=mailto:x@elsewhere.example"], "Reports may not arrive", State.WARNING),
        (Fault.SERVFAIL, "could not be read", State.NOT_PROVEN),
    ],
)
def test_n10_dmarc_records(record: Answer, words: str, state: State) -> None:
    assert the(about(advice({(f"_dmarc.{D}", "TXT"): record}), Topic.DMARC), words).state is state


def test_n10_a_record_to_start_dmarc_with_is_given() -> None:
    publish = the(advice({(f"_dmarc.{D}", "TXT"): []}), "no DMARC record").publish
    assert publish
    assert (publish.name, publish.value) == (f"_dmarc.{D}", f"v=DMARC1; p=none; rua=mailto:dmarc@{D}")


def test_n10_the_record_of_the_organisation_holds_for_its_sub_domains() -> None:
    records: Records = {
        ("mail.contoso.example", "TXT"): ["v=spf1 -all"],
        (f"_dmarc.{D}", "TXT"): [f"v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@{D}"],
    }
    with DnsServer(records) as server:
        reading = read("mail.contoso.example", Resolver([server.address], total=5))
    assert (reading.organisation, reading.dmarc_at) == (D, D)
    findings = advise(reading, [])
    assert "the one of contoso.example holds" in the(findings, "The record of the organisation holds").text
    assert the(findings, "The policy is “none”").state is State.WARNING


@pytest.mark.parametrize(
    ("aspf", "envelope", "spf_record", "words", "state"),
    [
        ("r", D, "v=spf1 include:spf.relay.example -all", "SPF passes and counts", State.OK),
        ("s", D, "v=spf1 include:spf.relay.example -all", "SPF passes and counts", State.OK),
        ("r", f"bounce.{D}", "v=spf1 -all", f"SPF of bounce.{D} counts", State.NOT_PROVEN),
        ("s", f"bounce.{D}", "v=spf1 -all", "SPF does not count", State.WARNING),
        ("r", "other.example", "v=spf1 -all", "SPF does not count", State.WARNING),
        ("r", D, "v=spf1 -all", "rests on DKIM alone", State.WARNING),
    ],
)
def test_n10_alignment_of_the_envelope_sender(
    aspf: str, envelope: str, spf_record: str, words: str, state: State
) -> None:
    changed: Records = {
        (D, "TXT"): [spf_record],
        (f"_dmarc.{D}", "TXT"): [f"v=DMARC1; p=reject; aspf={aspf}; rua=mailto:a@{D}"],
    }
    route = SendsAs("Known", "smtp.relay.example", envelope, "Relay Inc", ("spf.relay.example",))
    finding = the(about(advice(changed, route), Topic.DMARC), words)
    assert finding.state is state
    assert "only a message shows" in finding.text


def test_n10_mta_sts_and_tls_rpt_are_told_in_a_line() -> None:
    findings = advice({(f"_mta-sts.{D}", "TXT"): ["v=STSv1; id=1"], (f"_smtp._tls.{D}", "TXT"): Fault.SERVFAIL})
    assert the(findings, "MTA-STS is announced").state is State.OK
    assert the(findings, "TLS-RPT could not be read").state is State.NOT_PROVEN
    assert the(advice({}), "There is no TLS-RPT record").state is State.NONE
