"""N10: the pages of sender domains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from mailadmin.core import limits
from mailadmin.models import AuditEntry, SenderDomain, Settings, SmtpConnection
from mailadmin.net import resolver
from tests.fakes.dns_server import DnsServer, Fault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(settings) -> SmtpConnection:
    settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL = "webmaster@localhost", "root@localhost"
    return SmtpConnection.objects.create(
        name="Relay", host="smtp.relay.example", from_address="a@shop.example", sender_policy="force"
    )


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A resolver that the settings name."""
    records = {
        ("shop.example", "MX"): ["10 mx.shop.example."],
        ("mx.shop.example", "A"): ["203.0.113.1"],
        ("shop.example", "TXT"): ["v=spf1 include:_spf.shop.example a:gone.shop.example -all"],
        ("_spf.shop.example", "TXT"): ["v=spf1 ip4:203.0.113.0/24 -all"],
        ("smtp.relay.example", "A"): ["8.8.4.4"],
    }
    with DnsServer(records) as server:
        row = Settings.load()
        row.resolvers = f"127.0.0.1:{server.address[1]}"
        row.save()
        yield server


def url(page: str, domain: str = "shop.example") -> str:
    return reverse(f"mailadmin:{page}", args=[] if page in ("domain-list", "domain-add") else [domain])


def told(response: object) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


def test_n10_a_domain_is_read_by_a_button_and_shown_with_advice(operator_client: Client, dns: DnsServer) -> None:
    """N10."""
    assert "Not read yet" in operator_client.get(url("domain")).text
    response = operator_client.post(url("domain-read"))
    assert response.status_code == 302
    assert told(response) == ["The DNS of shop.example was read."]
    page = operator_client.get(url("domain")).text
    assert "“Relay”: smtp.relay.example is not named." in page
    assert "v=spf1 include:_spf.shop.example a:gone.shop.example a:smtp.relay.example -all" in page
    assert "include:_spf.shop.example</code> <span" in page
    assert "2 of 10 lookups" in page
    assert "gone.shop.example has no such record." in page
    assert "v=DMARC1; p=none; rua=mailto:dmarc@shop.example" in page
    assert "Whose job: Whoever runs the DNS of shop.example" in page
    listing = operator_client.get(url("domain-list")).text
    for words in ("shop.example", "Relay", "warning", "not proven", "just now"):
        assert words in listing
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_name) == ("read the DNS", "shop.example")


def test_n10_reading_again_at_once_asks_nobody(operator_client: Client, dns: DnsServer) -> None:
    operator_client.post(url("domain-read"))
    asked = len(dns.questions)
    assert told(operator_client.post(url("domain-read")))[-1].startswith("The DNS was read a moment ago")
    assert len(dns.questions) == asked
    row = SenderDomain.objects.get()
    SenderDomain.objects.update(read_at=row.read_at - timedelta(seconds=limits.DNS_READ_AGAIN_SECONDS))
    operator_client.post(url("domain-read"))
    assert len(dns.questions) == 2 * asked


def test_n10_when_nothing_answers_the_last_reading_stays(operator_client: Client, dns: DnsServer) -> None:
    operator_client.post(url("domain-read"))
    before = SenderDomain.objects.get().reading
    SenderDomain.objects.update(read_at=None)
    dns.fault = Fault.SERVFAIL
    (message,) = told(operator_client.post(url("domain-read")))[-1:]
    assert message.startswith("The DNS of shop.example could not be read. The DNS could not answer")
    assert SenderDomain.objects.get().reading == before
    assert AuditEntry.objects.count() == 2, "that somebody asked is written down whatever was answered"


def test_n10_nobody_asks_a_dns_that_does_not_answer_again_and_again(operator_client: Client, dns: DnsServer) -> None:
    """N10: each try may hold a process of the server for limits.DNS_ADVICE_SECONDS."""
    dns.fault = Fault.SERVFAIL
    for _ in range(limits.TESTS_PER_MINUTE):
        operator_client.post(url("domain-read"))
    asked = len(dns.questions)
    assert "which is the limit. Wait" in told(operator_client.post(url("domain-read")))[-1]
    assert len(dns.questions) == asked
    entries = AuditEntry.objects.filter(action="read the DNS", object_name="shop.example", object_id="")
    assert entries.count() == limits.TESTS_PER_MINUTE


def test_n10_an_administrator_adds_a_domain_and_takes_it_out(admin_client: Client, dns: DnsServer) -> None:
    dns.learn({("xn--bcher-kva.example", "TXT"): ["v=spf1 -all"]})
    response = admin_client.post(url("domain-add"), {"domain": " @Bücher.example "})
    assert response.headers["Location"] == url("domain", "xn--bcher-kva.example")
    assert SenderDomain.objects.get().read_at
    assert "Remove this domain" in admin_client.get(url("domain", "xn--bcher-kva.example")).text
    admin_client.post(url("domain-forget", "xn--bcher-kva.example"))
    assert not SenderDomain.objects.exists()
    assert [entry.action for entry in AuditEntry.objects.order_by("at")] == ["created", "deleted"]
    assert admin_client.get(url("domain", "xn--bcher-kva.example")).status_code == 404


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Type a domain."),
        ("localhost", "is not a domain"),
        ("a b.example", "is not a domain"),
        ("<script>.example", "is not a domain"),
        ("127.0.0.1", "is not a domain"),
    ],
)
def test_what_is_no_domain_is_refused_in_a_sentence(admin_client: Client, typed: str, words: str) -> None:
    page = admin_client.post(url("domain-add"), {"domain": typed}).text
    assert words in page
    assert "nothing was saved" in page
    assert not SenderDomain.objects.exists()


def test_a_domain_that_is_there_already_is_refused(admin_client: Client) -> None:
    SenderDomain.objects.create(domain="other.example")
    assert "in the list already" in admin_client.post(url("domain-add"), {"domain": "Other.example"}).text


def test_no_more_domains_than_the_limit(admin_client: Client) -> None:
    SenderDomain.objects.bulk_create(SenderDomain(domain=f"d{place}.example") for place in range(limits.SENDER_DOMAINS))
    assert "There are 50 domains already" in admin_client.post(url("domain-add"), {"domain": "more.example"}).text


def test_n10_selectors_that_a_person_names_are_looked_for(admin_client: Client, dns: DnsServer) -> None:
    admin_client.post(url("domain-selectors"), {"selectors": "Mail2026 gone,gone"})
    assert SenderDomain.objects.get().selectors == "mail2026, gone"
    page = admin_client.get(url("domain")).text
    assert "gone: no key." in page
    assert ("gone._domainkey.shop.example", "TXT", "udp") in dns.questions
    assert AuditEntry.objects.get().changes == {"DKIM selectors": ["", "mail2026, gone"]}
    page = admin_client.post(url("domain-selectors"), {"selectors": "what?"}).text
    assert "is not a selector" in page
    assert SenderDomain.objects.get().selectors == "mail2026, gone"


def test_n10_what_a_stranger_published_is_shown_as_text(operator_client: Client, dns: DnsServer) -> None:
    evil = "<script>alert(1)</script>"
    dns.learn({("shop.example", "TXT"): [f"v=spf1 include:{evil} -all"]})
    operator_client.post(url("domain-read"))
    page = operator_client.get(url("domain")).text
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_viewer_looks_and_cannot_read_or_change(viewer_client: Client) -> None:
    page = viewer_client.get(url("domain")).text
    main = page[page.index("<main") :]
    assert "<form" not in main
    assert "<form" not in viewer_client.get(url("domain-list")).text.split("<main")[1]


def test_an_unknown_domain_is_not_found(operator_client: Client) -> None:
    assert operator_client.get(url("domain", "nobody.example")).status_code == 404
    assert operator_client.post(url("domain-read", "nobody.example")).status_code == 404


def test_an_empty_list_teaches_the_next_step(viewer_client: Client, shop: SmtpConnection) -> None:
    shop.delete()
    assert "No domain yet" in viewer_client.get(url("domain-list")).text


def test_without_the_extra_the_pages_say_how_to_install_it(
    operator_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver.importlib.util, "find_spec", lambda name: None)
    for page in ("domain-list", "domain"):
        text = operator_client.get(url(page)).text
        assert "pip install" in text
        assert "mailadmin[dns]" in text
    assert "pip install" in told(operator_client.post(url("domain-read")))[0]


@pytest.mark.parametrize(
    ("typed", "words"),
    [("dns.example", "is not the IP address of a resolver"), ("1.1.1.1 " * 4, "At most 3 resolvers")],
)
def test_n10_resolvers_are_checked(admin_client: Client, preferences: dict[str, str], typed: str, words: str) -> None:
    page = admin_client.post(reverse("mailadmin:settings"), preferences | {"resolvers": typed}).text
    assert words in page
    assert Settings.load().resolvers == ""


def test_n10_resolvers_are_saved(admin_client: Client, preferences: dict[str, str]) -> None:
    typed = "192.0.2.53, [2001:db8::53]:5353"
    admin_client.post(reverse("mailadmin:settings"), preferences | {"resolvers": typed})
    assert Settings.load().resolvers == typed
