"""P4: which servers may take the mail of an address, and in which order (nothing is asked or dialled here)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import discovery, limits, validation
from mailadmin.core.discovery import Candidate, Mailbox, Source, Standing
from mailadmin.core.settings import Security
from mailadmin.core.srv import Srv

ANNA = Mailbox("anna@example.org", "example.org")
TLS, STARTTLS = discovery.SERVICES


def candidate(host: str = "smtp.example.org", source: Source = Source.SRV, port: int = 465) -> Candidate:
    return Candidate(host, port, Security.TLS, source, "because")


class TestAddress:
    def test_an_address_gives_its_domain_in_ascii(self) -> None:
        assert discovery.read_address(" Anna <Anna@Bücher.Example> ").domain == "xn--bcher-kva.example"
        assert discovery.read_address("anna@EXAMPLE.org").address == "anna@EXAMPLE.org"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "anna",
            "anna@",
            "@example.org",
            "anna@localhost",
            "anna@[192.0.2.1]",
            "anna@192.0.2.1",
            "a@b.org, c@d.org",
        ],
    )
    def test_what_has_no_domain_in_the_dns_is_refused_in_a_sentence(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"[.;]"):
            discovery.read_address(text)

    @given(text=st.one_of(st.text(max_size=60), st.emails(), st.text("a@.[]-_<> ", max_size=20)))
    def test_any_text_is_refused_or_gives_a_domain_that_can_be_asked_for(self, text: str) -> None:
        try:
            found = discovery.read_address(text)
        except ValueError:
            return
        assert validation.domain(found.domain) == found.domain
        assert "\n" not in found.address


class TestProviders:
    def test_p4_a_provider_is_known_by_the_domain_of_the_address(self) -> None:
        found = discovery.of_providers(Mailbox("a@gmail.com", "gmail.com"), ["mx.example.net"], [])
        assert {one.host for one in found} == {"smtp.gmail.com", "smtp-relay.gmail.com"}
        assert {one.source for one in found} == {Source.DOMAIN}
        assert found[0].user == "a@gmail.com"
        assert found[0].why == "Addresses at gmail.com are at Google Workspace and Gmail."

    def test_p4_a_provider_is_known_by_who_takes_the_mail(self) -> None:
        found = discovery.of_providers(ANNA, ["mx.example.net", "in1-smtp.messagingengine.com"], [])
        assert [str(one.port) for one in found] == ["465", "587"]
        assert found[0].why == "Mail for example.org goes to in1-smtp.messagingengine.com, which is Fastmail."

    def test_a_sending_service_is_known_by_the_spf_record(self) -> None:
        found = discovery.of_providers(ANNA, [], ["sendgrid.net", "spf.example.net"])
        assert {one.host for one in found} == {"smtp.sendgrid.net"}
        assert found[0].user == "apikey"
        assert found[0].why == "The SPF record of example.org lets SendGrid (Twilio) send."
        assert not any(one.worth_a_try for one in found)

    def test_one_who_takes_the_mail_is_not_named_again_for_its_spf(self) -> None:
        found = discovery.of_providers(ANNA, ["aspmx.l.google.com"], ["_spf.google.com"])
        assert {one.source for one in found} == {Source.MX}

    def test_one_that_takes_oauth_only_is_not_dialled(self) -> None:
        found = discovery.of_providers(ANNA, ["example-org.mail.protection.outlook.com"], [])
        assert [one.host for one in found] == ["smtp.office365.com"]
        assert not found[0].worth_a_try

    def test_of_a_stranger_nothing_is_known(self) -> None:
        assert discovery.of_providers(ANNA, ["mail.example.org"], ["spf.example.net"]) == []


class TestServices:
    def test_p4_the_domain_names_its_servers(self) -> None:
        """RFC 8314 section 5.1 and RFC 6186 section 3.1."""
        found = discovery.of_services(
            ANNA,
            [
                (*TLS, [Srv(0, 0, 465, "smtp.example.org"), Srv(9, 0, 2465, "spare.example.org")]),
                (*STARTTLS, [Srv(0, 0, 587, "smtp.example.org")]),
            ],
        )
        assert [(one.host, one.port, one.security) for one in found] == [
            ("smtp.example.org", 465, Security.TLS),
            ("spare.example.org", 2465, Security.TLS),
            ("smtp.example.org", 587, Security.STARTTLS),
        ]
        assert found[0].why == "The DNS record _submissions._tcp.example.org names it."
        assert found[0].user == "anna@example.org"

    @pytest.mark.parametrize("host", [".", "", "a b.example", "192.0.2.1", "2001:db8::1", "x/y", "1.2.3"])
    def test_a_target_that_is_no_host_name_is_left_out(self, host: str) -> None:
        assert discovery.of_services(ANNA, [(*TLS, [Srv(0, 0, 465, host)])]) == []

    def test_of_many_only_the_first_few_are_taken(self) -> None:
        many = [Srv(0, 0, 465, f"s{place}.example.org") for place in range(40)]
        assert len(discovery.of_services(ANNA, [(*TLS, many)])) == limits.DISCOVERY_NAMED

    def test_a_known_provider_behind_it_brings_its_rules(self) -> None:
        (found,) = discovery.of_services(ANNA, [(*TLS, [Srv(0, 0, 465, "smtp.fastmail.com")])])
        assert found.provider and found.provider.id == "fastmail"
        assert not found.foreign_to(ANNA)

    @pytest.mark.parametrize(
        ("host", "foreign"),
        [
            ("smtp.example.org", False),
            ("example.org", False),
            ("smtp.example.net", True),
            ("badexample.org", True),
            ("example.org.example.net", True),
        ],
    )
    def test_a_stranger_s_server_needs_a_person_who_knows_it(self, host: str, foreign: bool) -> None:
        """RFC 6186 section 6: the DNS is not signed."""
        assert candidate(host).foreign_to(ANNA) is foreign
        assert candidate(host, Source.GUESS).foreign_to(ANNA) is foreign


class TestGuesses:
    def test_p4_the_usual_names_are_guessed_on_both_ports(self) -> None:
        found = discovery.guesses(ANNA, ["mx1.example.net", "mx2.example.net"])
        assert [f"{one.host}:{one.port}" for one in found] == [
            "smtp.example.org:465",
            "smtp.example.org:587",
            "mail.example.org:465",
            "mail.example.org:587",
            "mx1.example.net:465",
            "mx1.example.net:587",
            "example.org:465",
            "example.org:587",
        ]
        assert len(found) <= limits.DISCOVERY_AT_ONCE
        assert all(one.standing is Standing.UNTRIED and one.source is Source.GUESS for one in found)

    def test_a_domain_that_takes_no_mail_gives_no_name(self) -> None:
        assert "." not in {one.host for one in discovery.guesses(ANNA, ["."])}

    def test_p4_a_guess_that_was_not_seen_to_be_good_is_never_proposed(self) -> None:
        guess = candidate(source=Source.GUESS)
        assert discovery.best_first([guess, discovery.told(guess, Standing.BAD, "no")]) == []
        good = discovery.told(guess, Standing.GOOD, "yes", ["PLAIN"])
        assert discovery.best_first([guess, good]) == [good]


class TestOrder:
    def test_good_ones_come_first_then_as_they_were_come_by(self) -> None:
        named = candidate("named.example.org")
        known = candidate("known.example.org", Source.MX)
        good = replace(candidate("good.example.org", Source.GUESS), standing=Standing.GOOD)
        assert discovery.best_first([named, good, known]) == [good, known, named]

    def test_of_one_host_the_better_port_is_shown(self) -> None:
        closed = discovery.told(candidate(port=465), Standing.BAD, "closed")
        open_one = discovery.told(candidate(port=587), Standing.GOOD, "open")
        assert discovery.best_first([closed, open_one]) == [open_one]

    @given(
        st.lists(
            st.builds(
                Candidate,
                host=st.sampled_from(["a.example.org", "b.example.org"]),
                port=st.sampled_from([465, 587]),
                security=st.just(Security.TLS),
                source=st.sampled_from(Source),
                why=st.just("because"),
                standing=st.sampled_from(Standing),
            )
        )
    )
    def test_whatever_is_found_nothing_bad_stands_before_something_good(self, many: list[Candidate]) -> None:
        ordered = discovery.best_first(many)
        assert [one.good for one in ordered] == sorted((one.good for one in ordered), reverse=True)
        assert len({(one.host, one.label) for one in ordered}) == len(ordered)
        assert any(one.good for one in ordered) == any(one.good for one in many)


class TestSpf:
    def test_what_the_record_includes_or_redirects_to_is_read(self) -> None:
        texts = [
            "google-site-verification=x",
            "v=spf1 mx include:_SPF.Google.com. ~include:b.example redirect=c.example",
        ]
        assert discovery.spf_targets(texts) == ["_spf.google.com", "b.example", "c.example"]

    def test_another_text_is_no_spf_record(self) -> None:
        assert discovery.spf_targets(["v=spf10 include:a.example", "include:a.example", ""]) == []

    @given(texts=st.lists(st.text(max_size=200)))
    def test_any_text_is_read_without_an_error(self, texts: list[str]) -> None:
        assert all(isinstance(target, str) for target in discovery.spf_targets(texts))
