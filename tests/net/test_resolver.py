"""Questions to the DNS, asked of a server on loopback (the ground of rows P4 and N10)."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import limits
from mailadmin.net import resolver
from mailadmin.net.resolver import DnsUnavailable, NameUnknown, Resolver, Srv
from tests.fakes.dns_server import DnsServer, Fault, Slow, Truncated

RECORDS = {
    ("example.org", "MX"): ["20 MX2.example.org.", "10 mx1.Example.ORG."],
    ("example.org", "TXT"): ["v=spf1 include:spf.example.net -all", "ä" * 200],
    ("no-mail.example.org", "MX"): ["0 ."],
    ("_submissions._tcp.example.org", "SRV"): ["0 5 465 Smtp.example.org."],
    ("_submission._tcp.example.org", "SRV"): ["0 0 0 ."],
    ("smtp.example.org", "A"): ["192.0.2.1", "192.0.2.2"],
    ("smtp.example.org", "AAAA"): ["2001:db8::1"],
    ("k1._domainkey.example.org", "CNAME"): ["k1.dkim.example.net."],
    ("k1.dkim.example.net", "TXT"): ["v=DKIM1; p=" + "A" * 700],
}


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(RECORDS) as server:
        yield server


@pytest.fixture
def ask(server: DnsServer) -> Resolver:
    return Resolver([server.address])


class TestAnswers:
    def test_mail_exchangers_come_in_their_order_and_in_lower_case(self, ask: Resolver) -> None:
        assert ask.mx("example.org") == [(10, "mx1.example.org"), (20, "mx2.example.org")]

    def test_a_domain_that_takes_no_mail_says_so(self, ask: Resolver) -> None:
        """RFC 7505."""
        assert ask.mx("no-mail.example.org") == [(0, ".")]

    def test_texts_are_joined_from_their_parts(self, ask: Resolver) -> None:
        assert sorted(ask.txt("example.org")) == ["v=spf1 include:spf.example.net -all", "ä" * 200]

    def test_service_records_say_host_and_port_or_that_there_is_no_service(self, ask: Resolver) -> None:
        assert ask.srv("_submissions._tcp.example.org") == [Srv(0, 5, 465, "smtp.example.org")]
        assert ask.srv("_submission._tcp.example.org") == [Srv(0, 0, 0, ".")]

    def test_addresses_are_those_of_both_families(self, ask: Resolver) -> None:
        assert sorted(ask.addresses("smtp.example.org")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]

    def test_an_alias_is_followed_and_can_be_asked_for(self, ask: Resolver) -> None:
        assert ask.cname("k1._domainkey.example.org") == "k1.dkim.example.net"
        assert ask.txt("k1._domainkey.example.org")[0].startswith("v=DKIM1; p=AAA")
        assert ask.cname("smtp.example.org") == ""

    def test_a_name_without_such_a_record_has_an_empty_answer(self, ask: Resolver) -> None:
        assert ask.mx("smtp.example.org") == []
        assert ask.txt("_tcp.example.org") == []  # it has only names below it

    def test_a_name_beyond_ascii_is_asked_for_in_its_ascii_form(self, server: DnsServer, ask: Resolver) -> None:
        with pytest.raises(NameUnknown):
            ask.mx("bücher.example")
        assert server.questions == [("xn--bcher-kva.example", "MX", "udp")]

    def test_the_search_list_of_the_machine_is_not_used(self, server: DnsServer, ask: Resolver) -> None:
        ask.dnspython.search = [__import__("dns.name").name.from_text("corp.example")]
        with pytest.raises(NameUnknown):
            ask.mx("unknown")
        assert [name for name, _, _ in server.questions] == ["unknown"]


class TestTexts:
    def test_what_a_text_holds_is_made_fit_to_be_shown(self) -> None:
        with DnsServer({("example.org", "TXT"): ["one\r\ntwo\u202e three", "x" * 9000]}) as server:
            found = sorted(Resolver([server.address]).txt("example.org"))
        assert found[0] == "one two  three"
        assert len(found[1]) == limits.DNS_TEXT_CHARS

    @given(text=st.text(max_size=600).filter(lambda text: len(text.encode()) < 4000))
    def test_any_text_comes_back_on_one_printable_line(self, text: str) -> None:
        with DnsServer({("example.org", "TXT"): [text]}) as server:
            (found,) = Resolver([server.address]).txt("example.org")
        assert "\n" not in found and "\x1b" not in found
        if text.isascii() and text.isprintable():
            assert found == text.strip()

    def test_no_more_records_are_read_than_anybody_needs(self) -> None:
        with DnsServer({("example.org", "MX"): [f"{place} m{place}.example.org." for place in range(300)]}) as server:
            assert len(Resolver([server.address]).mx("example.org")) == limits.DNS_RECORDS


class TestFailures:
    def test_an_unknown_name_is_told_apart_from_no_answer(self, ask: Resolver) -> None:
        with pytest.raises(NameUnknown, match="has no name “example"):
            ask.mx("example.com")

    @pytest.mark.parametrize("name", ["", "a..b", ".a", "a b.example", "x" * 300, "2001:db8::1", "[::1]"])
    def test_what_is_no_name_is_not_asked_for(self, server: DnsServer, ask: Resolver, name: str) -> None:
        with pytest.raises(NameUnknown):
            ask.txt(name)
        assert server.questions == []

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Fault.SERVFAIL, "SERVFAIL"),
            (Fault.REFUSED, "REFUSED"),
        ],
    )
    def test_a_server_that_cannot_answer_is_quoted(self, fault: Fault, words: str) -> None:
        with DnsServer(fault=fault) as server, pytest.raises(DnsUnavailable, match=words) as caught:
            Resolver([server.address], seconds=2).mx("example.org")
        assert "MX of “example.org”" in str(caught.value)

    def test_silence_ends_within_the_time_of_a_question(self) -> None:
        with DnsServer(fault=Fault.SILENCE) as server:
            began = time.monotonic()
            with pytest.raises(DnsUnavailable, match="No DNS resolver answered in time"):
                Resolver([server.address], seconds=0.4).addresses("example.org")
            assert time.monotonic() - began < 5
            assert len(server.questions) == 2  # a lost packet is sent again

    def test_what_is_no_dns_message_is_passed_over(self) -> None:
        with DnsServer(fault=Fault.GARBAGE) as server, pytest.raises(DnsUnavailable, match="in time"):
            Resolver([server.address], seconds=0.2).mx("example.org")

    def test_an_answer_that_comes_late_is_no_answer(self) -> None:
        with (
            DnsServer({("example.org", "MX"): Slow(30, ("10 mx.example.org.",))}) as server,
            pytest.raises(DnsUnavailable),
        ):
            Resolver([server.address], seconds=0.2).mx("example.org")

    def test_all_questions_together_have_an_end_too(self) -> None:
        with DnsServer({("example.org", "MX"): ["10 mx.example.org."]}) as server:
            ask = Resolver([server.address], total=0)
            with pytest.raises(DnsUnavailable, match="in time"):
                ask.mx("example.org")
            assert server.questions == []

    def test_a_port_where_nobody_listens_is_told(self) -> None:
        with contextlib.closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(DnsUnavailable):
                Resolver([taken.getsockname()], seconds=0.3).mx("example.org")


class TestWays:
    def test_an_answer_that_is_cut_off_is_asked_for_again_by_tcp(self) -> None:
        """RFC 7766 section 5."""
        with DnsServer({("example.org", "TXT"): Truncated("v=spf1 -all")}) as server:
            assert Resolver([server.address]).txt("example.org") == ["v=spf1 -all"]
        assert [way for _, _, way in server.questions] == ["udp", "tcp"]

    @pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.SILENCE, Fault.REFUSED])
    def test_the_next_server_is_asked_when_the_first_one_fails(self, fault: Fault) -> None:
        with DnsServer(fault=fault) as first, DnsServer(RECORDS) as second:
            found = Resolver([first.address, second.address], seconds=2).mx("example.org")
        assert len(found) == 2
        assert first.questions and second.questions

    def test_a_name_that_the_first_server_denies_is_not_asked_for_again(self) -> None:
        with DnsServer({}) as first, DnsServer(RECORDS) as second:
            with pytest.raises(NameUnknown):
                Resolver([first.address, second.address]).mx("example.org")
            assert second.questions == []

    def test_without_named_servers_those_of_the_system_are_asked(self) -> None:
        import dns.resolver

        try:
            expected = dns.resolver.Resolver().nameservers
        except dns.resolver.NoResolverConfiguration:
            with pytest.raises(DnsUnavailable, match="has no configured DNS resolver"):
                Resolver().mx("example.org")
        else:
            assert Resolver().dnspython.nameservers == expected

    def test_the_parsers_get_a_resolver_that_remembers_nothing(self, server: DnsServer, ask: Resolver) -> None:
        assert ask.dnspython.cache is None
        ask.mx("example.org")
        ask.mx("example.org")
        assert len(server.questions) == 2


def test_the_library_is_loaded_with_the_first_question() -> None:
    program = "import sys; from mailadmin.net.resolver import Resolver; Resolver(); print('dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_the_library_a_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['dns'] = None\n"
        "from mailadmin.net import resolver\n"
        "print(resolver.available())\n"
        "try: resolver.Resolver().mx('example.org')\n"
        "except resolver.DnsUnavailable as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", resolver.MISSING]
